//! Small files that are replaced as a whole, and are either the old or the new one after a crash.
//!
//! A line with the kind of file, its version, the CRC-32 of the body in hex and its length, then the body:
//!
//! ```text
//! ringtap identity 1 8d2f11a0 57
//! {"cluster":"Test Cluster","host_id":"…"}
//! ```

use std::{
    fs, io,
    io::Write as _,
    path::{Path, PathBuf},
};

use super::{StateError, StateErrorKind, create_file, sync_directory};

/// Turns the body of one version into that of the next.
pub type Upgrade = fn(Vec<u8>) -> Result<Vec<u8>, String>;

/// A kind of file. Its version is one more than there are upgrades.
#[derive(Debug, Clone, Copy)]
pub struct SealedKind {
    /// Name of the kind; stands in the file.
    pub name: &'static str,
    /// The first one turns version 1 into 2, and so on.
    pub upgrades: &'static [Upgrade],
}

/// A body that is longer is refused: a list of a million segments fits.
const BODY_BYTES_MAX: usize = 64 << 20;

impl SealedKind {
    /// Returns the version that is written.
    pub const fn version(&self) -> u32 {
        self.upgrades.len() as u32 + 1
    }

    /// Replaces a file: when this returns, the new content is durable. On an error it is the old one or the new one.
    pub fn write(&self, path: &Path, body: &[u8]) -> Result<(), StateError> {
        let mut temporary = path.as_os_str().to_owned();
        temporary.push(".tmp");
        let temporary = PathBuf::from(temporary);
        match fs::remove_file(&temporary) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => {
                return Err(StateError::io(&temporary, "cannot be removed", error));
            }
            _ => {}
        }
        let crc = crc32fast::hash(body);
        let head = format!("ringtap {} {} {crc:08x} {}\n", self.name, self.version(), body.len());
        let mut file = create_file(&temporary)?;
        let written = file.write_all(head.as_bytes()).and_then(|()| file.write_all(body));
        if let Err(source) = written {
            let _ = fs::remove_file(&temporary);
            return Err(StateError::io(&temporary, "cannot be written", source));
        }
        file.sync_all().map_err(|source| StateError::sync(&temporary, source))?;
        fs::rename(&temporary, path).map_err(|source| StateError::io(path, "cannot be replaced", source))?;
        sync_directory(path.parent().unwrap_or(Path::new(".")))
    }

    /// Reads a file's body in the newest version; `None` if there is no file.
    pub fn read(&self, path: &Path) -> Result<Option<Vec<u8>>, StateError> {
        let bytes = match fs::read(path) {
            Ok(bytes) => bytes,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(StateError::io(path, "cannot be read", error)),
        };
        let damaged = |what: &str| {
            let advice = "restore it from a backup, or move it away with its whole directory to start anew";
            StateError::corrupt(path, format!("{what}: {advice}"))
        };
        let (version, body) = self.check(&bytes).map_err(damaged)?;
        if version > self.version() {
            let what = format!("has version {version}, and this release knows up to {}", self.version());
            return Err(StateError::new(StateErrorKind::TooNew, path, what));
        }
        let mut body = body.to_vec();
        for upgrade in self.upgrades.iter().skip(version as usize - 1) {
            body = upgrade(body).map_err(|what| damaged(&what))?;
        }
        Ok(Some(body))
    }

    /// Returns version and body of a whole file.
    fn check<'b>(&self, bytes: &'b [u8]) -> Result<(u32, &'b [u8]), &'static str> {
        const NO_HEAD: &str = "its first line is damaged";
        let line_end = bytes.iter().position(|byte| *byte == b'\n').ok_or(NO_HEAD)?;
        let (head, body) = bytes.split_at(line_end);
        let body = body.get(1..).unwrap_or_default();
        let head = str::from_utf8(head).map_err(|_| NO_HEAD)?;
        let mut words = head.split(' ');
        if words.next() != Some("ringtap") || words.next() != Some(self.name) {
            return Err(NO_HEAD);
        }
        let version: u32 = words.next().and_then(|word| word.parse().ok()).ok_or(NO_HEAD)?;
        let crc = words.next().filter(|word| word.len() == 8).ok_or(NO_HEAD)?;
        let crc = u32::from_str_radix(crc, 16).map_err(|_| NO_HEAD)?;
        let length: usize = words.next().and_then(|word| word.parse().ok()).ok_or(NO_HEAD)?;
        if version == 0 || words.next().is_some() || length > BODY_BYTES_MAX {
            return Err(NO_HEAD);
        }
        if body.len() != length {
            return Err("it is longer or shorter than it says");
        }
        // The first line is covered too: what it says must be what would be written.
        let written = format!("ringtap {} {version} {crc:08x} {length}", self.name);
        if crc32fast::hash(body) != crc || written != head {
            return Err("its CRC does not hold");
        }
        Ok((version, body))
    }
}
