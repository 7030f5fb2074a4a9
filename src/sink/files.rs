//! Records in files, one for each table.

use std::{
    collections::HashMap,
    fs::{self, File, OpenOptions},
    io::{self, BufWriter, Write as _},
    path::{Path, PathBuf},
};

use super::{Sink, Subject};

/// Files that are open at a time.
const OPEN_MAX: usize = 128;

/// Writes records to `<keyspace>.<table>.jsonl`, changes of the schema to `schema-changes.jsonl`, statements to
/// `statements.cql`. Until all is written the files end in `.partial`, so that a run that was cut off can't be
/// taken for a whole one.
pub struct FileSink {
    directory: PathBuf,
    open: HashMap<String, BufWriter<File>>,
    /// All files of this run.
    written: Vec<String>,
}

impl FileSink {
    /// Makes the directory. Files of an earlier run in it are an error, never mixed with or overwritten.
    pub fn create(directory: &Path) -> io::Result<Self> {
        fs::create_dir_all(directory)?;
        for entry in fs::read_dir(directory)? {
            let name = entry?.file_name();
            let text = name.to_string_lossy();
            if [".jsonl", ".cql", ".partial"].iter().any(|ending| text.ends_with(ending)) {
                let message = format!("the directory already holds {text}; give an empty one");
                return Err(io::Error::new(io::ErrorKind::AlreadyExists, message));
            }
        }
        Ok(Self { directory: directory.into(), open: HashMap::new(), written: Vec::new() })
    }

    fn file(&mut self, name: &str) -> io::Result<&mut BufWriter<File>> {
        if !self.open.contains_key(name) {
            if self.open.len() >= OPEN_MAX {
                // Rare: all are closed, and opened again as they are needed.
                for (_, mut file) in self.open.drain() {
                    file.flush()?;
                }
            }
            if !self.written.iter().any(|known| known == name) {
                self.written.push(name.to_owned());
            }
            let path = self.directory.join(format!("{name}.partial"));
            let file = OpenOptions::new().create(true).append(true).open(path)?;
            self.open.insert(name.to_owned(), BufWriter::with_capacity(1 << 16, file));
        }
        self.open.get_mut(name).ok_or_else(|| io::ErrorKind::NotFound.into())
    }
}

impl Sink for FileSink {
    fn write(&mut self, subject: Subject<'_>, _: &str, line: &str) -> io::Result<()> {
        let file = self.file(&file_name(subject))?;
        file.write_all(line.as_bytes())?;
        file.write_all(b"\n")
    }

    fn finish(&mut self) -> io::Result<()> {
        for (_, mut file) in self.open.drain() {
            file.flush()?;
        }
        for name in self.written.drain(..) {
            let partial = self.directory.join(format!("{name}.partial"));
            File::open(&partial)?.sync_all()?;
            fs::rename(partial, self.directory.join(name))?;
        }
        File::open(&self.directory)?.sync_all()
    }

    fn name(&self) -> String {
        self.directory.display().to_string()
    }
}

/// Names of keyspaces and tables are letters, digits and underscores in all versions read here; anything else
/// must not become a path.
fn file_name(subject: Subject<'_>) -> String {
    let safe =
        |name: &str| name.replace(|character: char| !(character.is_alphanumeric() || character == '_'), "%");
    match subject {
        Subject::Table { keyspace, table } => format!("{}.{}.jsonl", safe(keyspace), safe(table)),
        Subject::Schema => "schema-changes.jsonl".into(),
        Subject::Statements => "statements.cql".into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_appear_whole_and_never_over_others() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("out");
        let mut sink = FileSink::create(&path).unwrap();
        for number in 0..300 {
            let table = format!("t{}", number % 150);
            sink.write(Subject::Table { keyspace: "ks", table: &table }, "{}", &number.to_string()).unwrap();
        }
        sink.write(Subject::Table { keyspace: "..", table: "a/b" }, "{}", "x").unwrap();
        assert!(!path.join("ks.t7.jsonl").exists());
        sink.finish().unwrap();
        assert_eq!(fs::read_to_string(path.join("ks.t7.jsonl")).unwrap(), "7\n157\n");
        assert_eq!(fs::read_to_string(path.join("%%.a%b.jsonl")).unwrap(), "x\n");
        assert_eq!(fs::read_dir(&path).unwrap().count(), 151);
        assert!(FileSink::create(&path).is_err());
    }
}
