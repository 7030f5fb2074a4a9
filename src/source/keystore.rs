//! Keys of encrypted segments, from a Java key store.

use std::{
    fs, io,
    path::{Path, PathBuf},
};

use cassandra_commitlog::{
    keystore::{KeystoreError, SecretKey, find_secret_key},
    segment::KeyProvider,
};

/// A key store and the passwords to it. Its keys are looked for when a segment needs them.
pub struct Keystore {
    path: PathBuf,
    bytes: Vec<u8>,
    store_password: String,
    key_password: Option<String>,
}

/// Why a key store can't be used.
#[derive(Debug, thiserror::Error)]
pub enum OpenKeystoreError {
    /// The file can't be read.
    #[error("{path}: the key store cannot be read")]
    Unreadable {
        /// Which file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// Its content can't be used: damaged, or another password.
    #[error("{path}")]
    Unusable {
        /// Which file.
        path: PathBuf,
        /// Why.
        source: KeystoreError,
    },
}

impl Keystore {
    /// Reads a key store (JCEKS or PKCS12). A wrong password is told now, by the name of the file, not by the first
    /// segment. Without a password of its own, a key has the key store's.
    pub fn open(
        path: &Path,
        store_password: String,
        key_password: Option<String>,
    ) -> Result<Self, OpenKeystoreError> {
        let bytes =
            fs::read(path).map_err(|source| OpenKeystoreError::Unreadable { path: path.into(), source })?;
        let keystore = Self { path: path.into(), bytes, store_password, key_password };
        match keystore.find("") {
            Ok(_) | Err(KeystoreError::NoSuchAlias { .. }) => Ok(keystore),
            Err(source) => Err(OpenKeystoreError::Unusable { path: path.into(), source }),
        }
    }

    /// Returns the key of this alias.
    pub fn find(&self, alias: &str) -> Result<SecretKey, KeystoreError> {
        find_secret_key(&self.bytes, alias, &self.store_password, self.key_password.as_deref())
    }

    /// Returns the file.
    pub fn path(&self) -> &Path {
        &self.path
    }
}

/// Keys of a key store, with what to do when one can't be had: a decoder only asks whether there is one.
pub struct KeystoreKeys<F> {
    keystore: Keystore,
    report: F,
}

impl<F: Fn(&Path, &KeystoreError) + Send + Sync> KeystoreKeys<F> {
    /// Makes a provider that reports what it could not find.
    pub fn new(keystore: Keystore, report: F) -> Self {
        Self { keystore, report }
    }
}

impl<F: Fn(&Path, &KeystoreError) + Send + Sync> KeyProvider for KeystoreKeys<F> {
    fn key(&self, alias: &str) -> Option<SecretKey> {
        self.keystore.find(alias).inspect_err(|error| (self.report)(&self.keystore.path, error)).ok()
    }
}
