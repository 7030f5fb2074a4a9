//! What was written, and what became of it: a file that is only appended to.
//!
//! One line for each step of a write: `t VALUE…` before it is sent, `a@MICROS VALUE…` when the node confirmed it, with the time
//! of that in microseconds since 1970, `u VALUE…` when it did not. A write of which the file says no end, because the harness was killed, may have been done or not.

use std::{
    collections::HashMap,
    fs::{File, OpenOptions},
    io::{self, BufRead as _, BufReader, Write as _},
    path::{Path, PathBuf},
    str::Split,
    sync::{Mutex, PoisonError},
    time::{SystemTime, UNIX_EPOCH},
};

use anyhow::{Context as _, Result, bail};
use ringtap::checker::{Ledger, Outcome};

/// The journal of a load.
#[derive(Debug)]
pub struct Journal {
    path: PathBuf,
    file: Mutex<File>,
}

impl Journal {
    /// Opens a journal, and appends to what it holds.
    pub fn open(path: &Path) -> Result<Self> {
        let file = OpenOptions::new().create(true).append(true).open(path);
        let file = file.with_context(|| format!("journal {}", path.display()))?;
        Ok(Self { path: path.to_owned(), file: Mutex::new(file) })
    }

    /// Returns its file.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Notes that these values are about to be sent.
    pub fn trying(&self, values: &[String]) -> io::Result<()> {
        self.append("t", values)
    }

    /// Notes what became of them.
    pub fn ended(&self, values: &[String], outcome: Outcome) -> io::Result<()> {
        match outcome {
            Outcome::Acknowledged => self.append(&format!("a@{}", now_micros()), values),
            Outcome::Unknown => self.append("u", values),
        }
    }

    /// One write call for each line, so that a kill leaves whole lines (the last one apart).
    fn append(&self, step: &str, values: &[String]) -> io::Result<()> {
        if values.is_empty() {
            return Ok(());
        }
        let line = format!("{step} {}\n", values.join(" "));
        self.file.lock().unwrap_or_else(PoisonError::into_inner).write_all(line.as_bytes())
    }
}

fn now_micros() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_micros() as u64)
}

/// Reads a journal into a ledger.
pub fn read_journal(path: &Path, ledger: &mut Ledger) -> Result<()> {
    read_steps(path, |values, outcome, _| {
        for value in values {
            ledger.written(value, outcome);
        }
    })
}

/// Returns when each acknowledged value was acknowledged, in microseconds since 1970.
pub fn acknowledged_at(path: &Path) -> Result<HashMap<Box<str>, i64>> {
    let mut times = HashMap::new();
    read_steps(path, |values, _, at| {
        if let Some(at) = at {
            times.extend(values.map(|value| (Box::from(value), at)));
        }
    })?;
    Ok(times)
}

/// Gives the values of each step, what became of them, and when, if they were acknowledged.
fn read_steps(path: &Path, mut each: impl FnMut(Split<'_, char>, Outcome, Option<i64>)) -> Result<()> {
    let file = File::open(path).with_context(|| format!("journal {}", path.display()))?;
    let mut lines = BufReader::new(file);
    let mut line = String::new();
    let mut number = 0_u64;
    loop {
        line.clear();
        number += 1;
        if lines.read_line(&mut line)? == 0 {
            return Ok(());
        }
        // Cut off by a kill: its write was not sent, or its end is not known.
        let Some(whole) = line.strip_suffix('\n') else { return Ok(()) };
        let Some((step, values)) = whole.split_once(' ') else {
            bail!("journal {}, line {number}: {whole:?} is not STEP VALUE…", path.display());
        };
        let (outcome, at) = match step.strip_prefix("a@").map(str::parse) {
            Some(Ok(at)) => (Outcome::Acknowledged, Some(at)),
            None if matches!(step, "t" | "u") => (Outcome::Unknown, None),
            _ => bail!("journal {}, line {number}: unknown step {step:?}", path.display()),
        };
        each(values.split(' '), outcome, at);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn values(texts: &[&str]) -> Vec<String> {
        texts.iter().map(|text| (*text).to_owned()).collect()
    }

    #[test]
    fn a_journal_that_was_cut_off_tells_what_is_sure() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("journal");
        let journal = Journal::open(&path).unwrap();
        journal.trying(&values(&["w-1", "w-1.s"])).unwrap();
        journal.trying(&values(&["w-2"])).unwrap();
        journal.ended(&values(&["w-1", "w-1.s"]), Outcome::Acknowledged).unwrap();
        journal.trying(&values(&["w-3"])).unwrap();
        journal.ended(&values(&["w-3"]), Outcome::Unknown).unwrap();
        drop(journal);
        OpenOptions::new().append(true).open(&path).unwrap().write_all(b"a@17 w-2").unwrap();

        let mut ledger = Ledger::default();
        read_journal(&path, &mut ledger).unwrap();
        for value in ["w-1", "w-1.s", "w-2"] {
            ledger.arrived(value, || "t/0@0".to_owned());
        }
        let report = ledger.report();
        assert!(report.is_clean(), "{report:?}");
        assert_eq!((report.acknowledged, report.unknown, report.unknown_arrived), (2, 2, 1));
    }

    #[test]
    fn a_journal_goes_on_where_it_ended() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("journal");
        for value in ["w-1", "w-2"] {
            Journal::open(&path).unwrap().ended(&values(&[value]), Outcome::Acknowledged).unwrap();
        }
        let mut ledger = Ledger::default();
        read_journal(&path, &mut ledger).unwrap();
        assert_eq!(ledger.report().lost.count, 2);
        let times = acknowledged_at(&path).unwrap();
        assert!(times["w-1"] > 1_700_000_000_000_000 && times["w-1"] <= times["w-2"], "{times:?}");
    }
}
