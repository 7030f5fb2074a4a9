//! A secret key in memory.

use std::fmt;

use zeroize::Zeroizing;

use super::KeystoreError;

/// The bytes of a secret key. They are overwritten when it is dropped and never shown by `Debug`.
#[derive(Clone)]
pub struct SecretKey {
    algorithm: String,
    bytes: Zeroizing<Vec<u8>>,
}

impl SecretKey {
    /// Returns a key of the given algorithm (Java's name: `AES`) with these bytes.
    pub fn new(algorithm: impl Into<String>, bytes: &[u8]) -> Self {
        Self { algorithm: algorithm.into(), bytes: Zeroizing::new(bytes.to_vec()) }
    }

    /// Returns the AES key that `text` (the contents of a key file) gives in hexadecimal digits of either case.
    /// White space around and between the digits is ignored.
    ///
    /// Fails with [`KeystoreError::NotAHexKey`] unless it is 16, 24 or 32 bytes.
    pub fn from_hex(text: &str) -> Result<Self, KeystoreError> {
        // Room for the longest key, so that no reallocation leaves a copy behind.
        let mut bytes = Zeroizing::new(Vec::with_capacity(32));
        let mut high = None;
        for character in text.chars().filter(|character| !character.is_whitespace()) {
            let digit = character.to_digit(16).ok_or(KeystoreError::NotAHexKey)? as u8;
            match high.take() {
                None => high = Some(digit),
                Some(_) if bytes.len() == 32 => return Err(KeystoreError::NotAHexKey),
                Some(high) => bytes.push(high << 4 | digit),
            }
        }
        if high.is_some() || !matches!(bytes.len(), 16 | 24 | 32) {
            return Err(KeystoreError::NotAHexKey);
        }
        Ok(Self { algorithm: "AES".to_owned(), bytes })
    }

    /// Returns the key's bytes.
    pub fn expose_bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// Returns Java's name of the algorithm (`AES`, `DESede`), or the object identifier where PKCS12 has only that.
    pub fn algorithm(&self) -> &str {
        &self.algorithm
    }
}

impl fmt::Debug for SecretKey {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("SecretKey")
            .field("algorithm", &self.algorithm)
            .field("bits", &(self.bytes.len() * 8))
            .finish_non_exhaustive()
    }
}
