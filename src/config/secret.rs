//! Passwords and keys: never shown, never logged, never given on the command line.

use std::{
    fmt, fs, io,
    os::unix::fs::PermissionsExt as _,
    path::{Path, PathBuf},
};

use secrecy::{ExposeSecret as _, SecretString};

/// How every secret is shown.
pub const MASK: &str = "***";

/// The largest file that is read as a secret, in bytes.
const SECRET_BYTES_MAX: u64 = 64 * 1024;

/// A secret and where it came from. Shows itself as `***` wherever it is printed.
#[derive(Clone)]
pub struct Secret {
    value: SecretString,
    file: Option<PathBuf>,
}

impl Secret {
    /// Wraps a secret that came from the environment or from another program's configuration.
    pub fn new(value: String) -> Self {
        Self { value: value.into(), file: None }
    }

    /// Reads the first line of a file.
    pub fn read(path: &Path) -> io::Result<Self> {
        let metadata = fs::metadata(path)?;
        if !metadata.is_file() {
            return Err(io::Error::new(io::ErrorKind::InvalidInput, "not a regular file"));
        }
        if metadata.len() > SECRET_BYTES_MAX {
            return Err(io::Error::new(
                io::ErrorKind::InvalidInput,
                "too large for a secret (more than 64 KiB)",
            ));
        }
        let text = fs::read_to_string(path)?;
        let line = text.lines().next().unwrap_or_default();
        if line.is_empty() {
            return Err(io::Error::new(io::ErrorKind::InvalidData, "its first line is empty"));
        }
        Ok(Self { value: line.to_owned().into(), file: Some(path.to_owned()) })
    }

    /// Returns the secret itself. For the library that needs it, and nobody else.
    pub fn expose(&self) -> &str {
        self.value.expose_secret()
    }

    /// Returns the file that it came from.
    pub fn file(&self) -> Option<&Path> {
        self.file.as_deref()
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(MASK)
    }
}

impl fmt::Display for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(MASK)
    }
}

impl serde::Serialize for Secret {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(MASK)
    }
}

/// Returns the mode of a file if everybody on the machine may read it.
pub(super) fn world_readable(path: &Path) -> Option<u32> {
    let mode = fs::metadata(path).ok()?.permissions().mode() & 0o7777;
    (mode & 0o004 != 0).then_some(mode)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_shows_itself_nowhere() {
        let secret = Secret::new("hunter2".into());
        assert_eq!(format!("{secret} {secret:?} {secret:#?}"), "*** *** ***");
        assert_eq!(serde_json::to_string(&secret).unwrap(), "\"***\"");
        assert_eq!(secret.expose(), "hunter2");
    }

    #[test]
    fn the_first_line_of_a_file_is_the_secret() {
        let directory = tempfile::tempdir().unwrap();
        let file = directory.path().join("password");
        fs::write(&file, "pass word \nsecond\n").unwrap();
        assert_eq!(Secret::read(&file).unwrap().expose(), "pass word ");
        fs::write(&file, "\nsecond\n").unwrap();
        assert_eq!(Secret::read(&file).unwrap_err().to_string(), "its first line is empty");
        assert_eq!(Secret::read(directory.path()).unwrap_err().to_string(), "not a regular file");
    }

    #[test]
    fn a_file_for_all_to_read_is_noticed() {
        let directory = tempfile::tempdir().unwrap();
        let file = directory.path().join("password");
        fs::write(&file, "x").unwrap();
        fs::set_permissions(&file, fs::Permissions::from_mode(0o640)).unwrap();
        assert_eq!(world_readable(&file), None);
        fs::set_permissions(&file, fs::Permissions::from_mode(0o644)).unwrap();
        assert_eq!(world_readable(&file), Some(0o644));
    }
}
