//! Secret keys out of Java keystores (JCEKS, PKCS12), as Cassandra's transparent data encryption uses them.
//!
//! Cassandra takes the key of an encrypted segment from a keystore by the alias in the segment's header
//! (`JKSKeyProvider`). Everything here works on bytes in memory; reading the file is the caller's.

mod der_reader;
mod error;
mod java_object;
mod jceks;
mod password_based;
mod pkcs12;
mod secret_key;

pub use error::{EntryKind, KeystoreError};
pub use secret_key::SecretKey;

/// The most key derivation iterations that one look-up spends, over all derivations that the file asks for.
/// It is the bound of Java's own readers for one derivation (`PKCS12KeyStore`, `KeyProtector`); keytool writes
/// 10,000 to 200,000.
pub const ITERATIONS_MAX: u64 = 5_000_000;

/// The most bytes a keystore may have: far above any real one, and it keeps every loop here short.
pub const KEYSTORE_BYTES_MAX: usize = 4 * 1024 * 1024;

/// Which format a keystore has.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum KeystoreKind {
    /// Sun's JCEKS: the usual one for Cassandra, as the plain Java keystore cannot hold secret keys.
    Jceks,
    /// PKCS#12 (RFC 7292): the default of keytool since Java 9.
    Pkcs12,
    /// The plain Java keystore. It cannot hold secret keys; recognised to say so.
    Jks,
}

/// A keystore whose format is known and supported; its entries are not read yet.
#[derive(Clone, Copy)]
pub struct Keystore<'a> {
    bytes: &'a [u8],
    kind: KeystoreKind,
    iterations_max: u64,
}

impl<'a> Keystore<'a> {
    /// Returns the format that the first bytes tell, or `None` for anything that is not a keystore.
    pub fn detect(bytes: &[u8]) -> Option<KeystoreKind> {
        match bytes {
            [0xCE, 0xCE, 0xCE, 0xCE, ..] => Some(KeystoreKind::Jceks),
            [0xFE, 0xED, 0xFE, 0xED, ..] => Some(KeystoreKind::Jks),
            // A DER sequence that holds INTEGER 3 first; the length between takes one to five bytes.
            [0x30, rest @ ..]
                if rest.iter().take(8).collect::<Vec<_>>().windows(3).any(|w| w == [&2, &1, &3]) =>
            {
                Some(KeystoreKind::Pkcs12)
            }
            _ => None,
        }
    }

    /// Returns the keystore in `bytes` (the whole file).
    ///
    /// Fails with [`KeystoreError::NotAKeystore`] or, for a plain JKS, [`KeystoreError::UnsupportedKind`].
    pub fn parse(bytes: &'a [u8]) -> Result<Self, KeystoreError> {
        if bytes.len() > KEYSTORE_BYTES_MAX {
            return Err(KeystoreError::NotAKeystore);
        }
        match Self::detect(bytes) {
            None => Err(KeystoreError::NotAKeystore),
            Some(kind @ KeystoreKind::Jks) => Err(KeystoreError::UnsupportedKind { kind }),
            Some(kind) => Ok(Self { bytes, kind, iterations_max: ITERATIONS_MAX }),
        }
    }

    /// Returns the same keystore with another bound than [`ITERATIONS_MAX`].
    #[must_use]
    pub fn with_iterations_max(self, iterations_max: u64) -> Self {
        Self { iterations_max, ..self }
    }

    /// Returns the keystore's format.
    pub fn kind(&self) -> KeystoreKind {
        self.kind
    }

    /// Returns the secret key stored under `alias`, compared without regard to case as Java does.
    ///
    /// `key_password` `None` means that the key has the store's password (the fall-back of `JKSKeyProvider`).
    pub fn find_secret_key(
        &self,
        alias: &str,
        store_password: &str,
        key_password: Option<&str>,
    ) -> Result<SecretKey, KeystoreError> {
        let key_password = key_password.unwrap_or(store_password);
        let mut budget = password_based::IterationBudget::new(self.iterations_max);
        match self.kind {
            KeystoreKind::Jceks => jceks::find(self.bytes, alias, store_password, key_password, &mut budget),
            KeystoreKind::Pkcs12 => {
                pkcs12::find(self.bytes, alias, store_password, key_password, &mut budget)
            }
            KeystoreKind::Jks => Err(KeystoreError::UnsupportedKind { kind: self.kind }),
        }
    }
}

/// Returns the secret key stored under `alias` in the keystore `bytes`: [`Keystore::parse`], then
/// [`Keystore::find_secret_key`].
pub fn find_secret_key(
    bytes: &[u8],
    alias: &str,
    store_password: &str,
    key_password: Option<&str>,
) -> Result<SecretKey, KeystoreError> {
    Keystore::parse(bytes)?.find_secret_key(alias, store_password, key_password)
}

/// Whether a stored alias is the one asked for: Java lower-cases both when it stores and when it looks up.
fn is_same_alias(stored: &str, asked: &str) -> bool {
    stored == asked || stored.to_lowercase() == asked.to_lowercase()
}
