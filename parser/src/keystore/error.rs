//! Why a key could not be had.

use super::KeystoreKind;

/// What an alias names, where it is not a secret key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum EntryKind {
    /// A private key with its certificates.
    PrivateKey,
    /// A trusted certificate.
    Certificate,
    /// A serialised Java object or bag of a type that holds no raw secret key.
    Other,
}

/// Why a key could not be had from a keystore. Never holds a password or key bytes.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum KeystoreError {
    /// The bytes begin like none of the known keystores (or are longer than one can be).
    #[error("not a Java keystore (neither JCEKS nor PKCS12)")]
    NotAKeystore,
    /// A keystore of a kind that cannot hold the key.
    #[error("a {kind:?} keystore cannot hold secret keys; convert it to JCEKS or PKCS12 with keytool")]
    UnsupportedKind {
        /// The kind that was found.
        kind: KeystoreKind,
    },
    /// The digest (JCEKS) or MAC (PKCS12) over the store does not fit the password. Damaged bytes look the same.
    #[error("wrong keystore password (or a damaged keystore)")]
    WrongStorePassword,
    /// The store has no entry of that name.
    #[error("no alias {alias:?} in the keystore; it has {present:?}")]
    NoSuchAlias {
        /// The alias asked for.
        alias: String,
        /// The aliases that are there, sorted.
        present: Vec<String>,
    },
    /// The entry is there, but does not decrypt with the key password.
    #[error("wrong key password for alias {alias:?}")]
    WrongKeyPassword {
        /// The alias asked for.
        alias: String,
    },
    /// The entry is there, but is something else.
    #[error("alias {alias:?} is not a secret key but {found:?}")]
    NotASecretKey {
        /// The alias asked for.
        alias: String,
        /// What it is.
        found: EntryKind,
    },
    /// The store is protected by an algorithm that this reader does not know.
    #[error("unsupported keystore algorithm {oid_or_name}")]
    UnsupportedAlgorithm {
        /// The object identifier or Java name of the algorithm.
        oid_or_name: String,
    },
    /// The file asks for more key derivation work than is allowed.
    #[error("the keystore asks for {asked} iterations, more than the {left} still allowed")]
    TooManyIterations {
        /// Iterations that the file declares for this derivation.
        asked: u64,
        /// What is left of the bound.
        left: u64,
    },
    /// The structure is broken, truncated or beyond the limits of this reader.
    #[error("broken keystore structure: {expected}")]
    Malformed {
        /// What should have been there.
        expected: &'static str,
    },
    /// A raw key text is not an even number of hexadecimal digits, or not an AES key's length.
    #[error("not a hexadecimal AES key of 16, 24 or 32 bytes")]
    NotAHexKey,
}

/// Returns the error for a structure in which `expected` was not found.
pub(super) fn malformed(expected: &'static str) -> KeystoreError {
    KeystoreError::Malformed { expected }
}
