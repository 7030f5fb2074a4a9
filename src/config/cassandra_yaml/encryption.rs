//! `transparent_data_encryption_options`: whether the log is encrypted, and where its keys are.

use std::path::PathBuf;

use serde::Deserialize;

use crate::config::Secret;

/// The keys of an encrypted log, as `cassandra.yaml` names them.
#[derive(Debug, Clone)]
pub struct EncryptionKeys {
    /// The key store, as written; Cassandra takes a relative path from its own working directory.
    pub keystore_file: Option<PathBuf>,
    /// Its password.
    pub keystore_password: Option<Secret>,
    /// The password of the keys in it.
    pub key_password: Option<Secret>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct EncryptionOptions {
    enabled: Option<bool>,
    key_provider: Option<Vec<Provider>>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Provider {
    parameters: Option<Vec<Parameters>>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Parameters {
    keystore: Option<PathBuf>,
    keystore_password: Option<String>,
    key_password: Option<String>,
}

impl std::fmt::Debug for Parameters {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Parameters").field("keystore", &self.keystore).finish_non_exhaustive()
    }
}

impl EncryptionOptions {
    pub(super) fn into_keys(self) -> Option<EncryptionKeys> {
        if self.enabled != Some(true) {
            return None;
        }
        let providers = self.key_provider.unwrap_or_default();
        let parameters = providers
            .into_iter()
            .filter_map(|provider| provider.parameters)
            .flatten()
            .next()
            .unwrap_or_default();
        Some(EncryptionKeys {
            keystore_file: parameters.keystore,
            keystore_password: parameters.keystore_password.map(Secret::new),
            key_password: parameters.key_password.map(Secret::new),
        })
    }
}
