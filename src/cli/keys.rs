//! Keys of encrypted segments, from a Java key store.

use std::{fs, path::PathBuf, sync::Arc};

use cassandra_commitlog::segment::KeyProvider;
use clap::Args;

use super::{CliError, outcome};
use crate::source::{Keystore, KeystoreKeys};

/// Where the keys of encrypted segments are.
#[derive(Debug, Args)]
pub(super) struct KeyArgs {
    /// Java key store (JCEKS or PKCS12) with the keys of encrypted segments
    #[arg(long, value_name = "FILE", help_heading = "Encryption")]
    keystore: Option<PathBuf>,
    /// File whose first line is the key store's password; else $`RINGTAP_KEYSTORE_PASSWORD`
    #[arg(long, value_name = "FILE", requires = "keystore", help_heading = "Encryption")]
    keystore_password_file: Option<PathBuf>,
    /// File whose first line is the key's password; else $`RINGTAP_KEY_PASSWORD`, else that of the key store
    #[arg(long, value_name = "FILE", requires = "keystore", help_heading = "Encryption")]
    key_password_file: Option<PathBuf>,
}

impl KeyArgs {
    pub(super) fn open(&self) -> Result<Option<Arc<dyn KeyProvider>>, CliError> {
        let Some(path) = &self.keystore else { return Ok(None) };
        let store_password = password(self.keystore_password_file.as_ref(), "RINGTAP_KEYSTORE_PASSWORD")?
            .ok_or_else(|| {
                CliError::Usage(
                    "--keystore needs its password: give --keystore-password-file or set RINGTAP_KEYSTORE_PASSWORD"
                        .into(),
                )
            })?;
        let key_password = password(self.key_password_file.as_ref(), "RINGTAP_KEY_PASSWORD")?;
        let store = Keystore::open(path, store_password, key_password)?;
        Ok(Some(Arc::new(KeystoreKeys::new(store, |path, error| {
            outcome::say(&format!("{}: {error}", path.display()));
        }))))
    }
}

fn password(file: Option<&PathBuf>, variable: &str) -> Result<Option<String>, CliError> {
    match file {
        Some(path) => {
            let text =
                fs::read_to_string(path).map_err(|source| CliError::File { path: path.clone(), source })?;
            Ok(Some(text.lines().next().unwrap_or_default().to_owned()))
        }
        None => Ok(std::env::var(variable).ok()),
    }
}
