//! Password-based key derivation and decryption, as JCEKS and PKCS12 keystores use them.

use aes::{Aes128, Aes192, Aes256};
use cbc::{
    Decryptor,
    cipher::{BlockCipherDecrypt, BlockModeDecrypt, KeyInit, KeyIvInit, block_padding::Pkcs7},
};
use des::TdesEde3;
use hmac::{Hmac, Mac};
use md5::Md5;
use rc2::Rc2;
use sha1::{Digest, Sha1, digest::common::BlockSizeUser};
use sha2::{Sha224, Sha256, Sha384, Sha512};
use zeroize::Zeroizing;

use super::{KeystoreError, error::malformed};

/// Plain text or key material: overwritten when dropped.
pub(super) type Secret = Zeroizing<Vec<u8>>;

/// What one look-up may still spend on key derivation.
pub(super) struct IterationBudget {
    left: u64,
}

impl IterationBudget {
    pub(super) fn new(iterations_max: u64) -> Self {
        Self { left: iterations_max }
    }

    fn spend(&mut self, asked: u32) -> Result<(), KeystoreError> {
        if asked == 0 {
            return Err(malformed("at least one iteration"));
        }
        let asked = u64::from(asked);
        self.left = self
            .left
            .checked_sub(asked)
            .ok_or(KeystoreError::TooManyIterations { asked, left: self.left })?;
        Ok(())
    }
}

/// A hash function that a file may name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Hash {
    Sha1,
    Sha224,
    Sha256,
    Sha384,
    Sha512,
}

/// A block cipher in CBC mode that a file may name, with its key's length in bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Cipher {
    TripleDes,
    Rc2 { key_bytes: usize },
    Aes128,
    Aes192,
    Aes256,
}

impl Cipher {
    pub(super) fn key_bytes(self) -> usize {
        match self {
            Self::TripleDes | Self::Aes192 => 24,
            Self::Rc2 { key_bytes } => key_bytes,
            Self::Aes128 => 16,
            Self::Aes256 => 32,
        }
    }

    /// Returns the plain text, or `None` where key, initialization vector or padding do not fit.
    pub(super) fn decrypt(self, key: &[u8], iv: &[u8], cipher_text: &[u8]) -> Option<Secret> {
        match self {
            Self::TripleDes => decrypt_cbc::<TdesEde3>(key, iv, cipher_text),
            Self::Rc2 { .. } => decrypt_cbc::<Rc2>(key, iv, cipher_text),
            Self::Aes128 => decrypt_cbc::<Aes128>(key, iv, cipher_text),
            Self::Aes192 => decrypt_cbc::<Aes192>(key, iv, cipher_text),
            Self::Aes256 => decrypt_cbc::<Aes256>(key, iv, cipher_text),
        }
    }
}

fn decrypt_cbc<C: BlockCipherDecrypt + KeyInit>(key: &[u8], iv: &[u8], cipher_text: &[u8]) -> Option<Secret> {
    let mut buffer = Zeroizing::new(cipher_text.to_vec());
    let length =
        Decryptor::<C>::new_from_slices(key, iv).ok()?.decrypt_padded::<Pkcs7>(&mut buffer).ok()?.len();
    buffer.truncate(length);
    Some(buffer)
}

/// Decrypts by Java's `PBEWithMD5AndTripleDES` (`com.sun.crypto.provider.PBES1Core`), which is no standard: each half
/// of the salt is hashed with the password on its own, and the two digests are key and initialization vector.
///
/// `None` where the padding does not fit: a wrong password.
pub(super) fn md5_triple_des(
    password: &str,
    salt: [u8; 8],
    iterations: u32,
    cipher_text: &[u8],
    budget: &mut IterationBudget,
) -> Result<Option<Secret>, KeystoreError> {
    // Java refuses such a password when it makes the key, so no entry has one.
    if !password.bytes().all(|byte| (0x20..0x7F).contains(&byte)) {
        return Ok(None);
    }
    budget.spend(iterations)?;
    let [a, b, c, d, second @ ..] = salt;
    // Equal halves would give the same digest twice: Java then reverses the first (checked against Java 8u504; for
    // random salts this is one case in 2^32).
    let first = if [a, b, c, d] == second { [d, c, b, a] } else { [a, b, c, d] };
    let mut material = Zeroizing::new(Vec::with_capacity(32));
    for half in [first, second] {
        let mut digest: [u8; 16] = Md5::new().chain_update(half).chain_update(password).finalize().into();
        for _ in 1..iterations {
            digest = Md5::new().chain_update(digest).chain_update(password).finalize().into();
        }
        material.extend_from_slice(&digest);
    }
    let (key, iv) = material.split_at_checked(24).unwrap_or_default();
    Ok(Cipher::TripleDes.decrypt(key, iv, cipher_text))
}

/// What PKCS#12 derives from a password (RFC 7292, B.3).
#[derive(Debug, Clone, Copy)]
pub(super) enum Purpose {
    Key = 1,
    Iv = 2,
    Mac = 3,
}

/// Derives `length` bytes by the PKCS#12 function (RFC 7292, B.2).
pub(super) fn pkcs12_derive(
    hash: Hash,
    password: &str,
    salt: &[u8],
    purpose: Purpose,
    iterations: u32,
    length: usize,
    budget: &mut IterationBudget,
) -> Result<Secret, KeystoreError> {
    let mut derived = Zeroizing::new(Vec::with_capacity(length));
    // One run of iterations for each hash output that is needed.
    let derive = match hash {
        Hash::Sha1 => pkcs12_derive_block::<Sha1>,
        Hash::Sha224 => pkcs12_derive_block::<Sha224>,
        Hash::Sha256 => pkcs12_derive_block::<Sha256>,
        Hash::Sha384 => pkcs12_derive_block::<Sha384>,
        Hash::Sha512 => pkcs12_derive_block::<Sha512>,
    };
    let mut input = None;
    while derived.len() < length {
        budget.spend(iterations)?;
        let block = derive(password, salt, purpose, iterations, &mut input);
        let missing = length - derived.len();
        derived.extend(block.iter().take(missing));
    }
    Ok(derived)
}

/// Returns the next hash output and steps `input` (the standard's `I`, made on first use) on to the one after it.
fn pkcs12_derive_block<D: Digest + BlockSizeUser>(
    password: &str,
    salt: &[u8],
    purpose: Purpose,
    iterations: u32,
    input: &mut Option<Secret>,
) -> Secret {
    let block_bytes = D::block_size();
    let input = input.get_or_insert_with(|| {
        let mut password: Secret =
            Zeroizing::new(password.encode_utf16().flat_map(u16::to_be_bytes).collect());
        password.extend_from_slice(&[0, 0]);
        let mut input = Zeroizing::new(Vec::new());
        for part in [salt, &password] {
            input.extend(part.iter().cycle().take(part.len().next_multiple_of(block_bytes)));
        }
        input
    });
    let mut digest =
        D::new().chain_update(vec![purpose as u8; block_bytes]).chain_update(input.as_slice()).finalize();
    for _ in 1..iterations {
        digest = D::digest(&digest);
    }
    // I_j = I_j + B + 1 for each block of I, where B is the output repeated to a block.
    let addend: Vec<u8> = digest.iter().copied().cycle().take(block_bytes).collect();
    for block in input.chunks_exact_mut(block_bytes) {
        let mut carry = 1_u16;
        for (byte, add) in block.iter_mut().zip(&addend).rev() {
            carry += u16::from(*byte) + u16::from(*add);
            *byte = carry as u8;
            carry >>= 8;
        }
    }
    Zeroizing::new(digest.to_vec())
}

/// Derives `length` bytes by PBKDF2 with HMAC (RFC 8018). `length` is a key's: one to four hash outputs.
pub(super) fn pbkdf2_derive(
    hash: Hash,
    password: &str,
    salt: &[u8],
    iterations: u32,
    length: usize,
    budget: &mut IterationBudget,
) -> Result<Secret, KeystoreError> {
    budget.spend(iterations)?;
    let mut derived = Zeroizing::new(vec![0; length]);
    let password = password.as_bytes();
    match hash {
        Hash::Sha1 => pbkdf2::pbkdf2_hmac::<Sha1>(password, salt, iterations, &mut derived),
        Hash::Sha224 => pbkdf2::pbkdf2_hmac::<Sha224>(password, salt, iterations, &mut derived),
        Hash::Sha256 => pbkdf2::pbkdf2_hmac::<Sha256>(password, salt, iterations, &mut derived),
        Hash::Sha384 => pbkdf2::pbkdf2_hmac::<Sha384>(password, salt, iterations, &mut derived),
        Hash::Sha512 => pbkdf2::pbkdf2_hmac::<Sha512>(password, salt, iterations, &mut derived),
    }
    Ok(derived)
}

/// Returns whether `mac` is the HMAC of `content`.
pub(super) fn is_hmac(hash: Hash, key: &[u8], content: &[u8], mac: &[u8]) -> bool {
    macro_rules! verify {
        ($digest:ty) => {
            <Hmac<$digest> as KeyInit>::new_from_slice(key)
                .is_ok_and(|hmac| hmac.chain_update(content).verify_slice(mac).is_ok())
        };
    }
    match hash {
        Hash::Sha1 => verify!(Sha1),
        Hash::Sha224 => verify!(Sha224),
        Hash::Sha256 => verify!(Sha256),
        Hash::Sha384 => verify!(Sha384),
        Hash::Sha512 => verify!(Sha512),
    }
}

impl Hash {
    /// Returns the length of the hash in bytes, which is that of a PKCS#12 MAC key.
    pub(super) fn output_bytes(self) -> usize {
        match self {
            Self::Sha1 => 20,
            Self::Sha224 => 28,
            Self::Sha256 => 32,
            Self::Sha384 => 48,
            Self::Sha512 => 64,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bytes(hex: &str) -> Vec<u8> {
        (0..hex.len()).step_by(2).map(|at| u8::from_str_radix(&hex[at..at + 2], 16).unwrap()).collect()
    }

    /// Cipher texts made by Java 8's `Cipher.getInstance("PBEWithMD5AndTripleDES")` with password `cassandra` of the
    /// plain text `00112233445566778899aabbccddeeff0123`. The last six have salts of equal halves.
    #[test]
    fn md5_triple_des_decrypts_what_java_encrypted_even_with_equal_salt_halves() {
        for (salt, iterations, cipher_text) in [
            ("0102030405060708", 1, "b4f1c87a46b97c616750833b496c0a72f437b1a9c23856fe"),
            ("0102030405060708", 2, "63e2f5dec9e7aa361f5226c21ffa74060c05792e09d08da9"),
            ("0102030405060708", 1000, "0753b05b69786b96b3179923de7ce187c994f1575b9673af"),
            ("0102030401020304", 1, "2fdead8917b6e8da6f0860260981986da45535a89c81d80e"),
            ("0102030401020304", 2, "9666ccdc0521d7b1511022673daad85cddcc80e1eb545191"),
            ("0102030401020304", 1000, "c877672f3c952a041b5b391577918b87465a41fe5724abc0"),
            ("a0b1c2d3a0b1c2d3", 1, "c84f1381d2af99ee8045bf678be0b80b50e2e88ba6bb0f04"),
            ("a0b1c2d3a0b1c2d3", 2, "a6cb07ca48a58d8bda2585f1e3bc735073750a29c88a7287"),
            ("a0b1c2d3a0b1c2d3", 1000, "788f37eec1c1ea0fddcd1c8755c6cdc503e8e034e3e4b08e"),
        ] {
            let salt = bytes(salt).try_into().unwrap();
            let mut budget = IterationBudget::new(1000);
            let plain =
                md5_triple_des("cassandra", salt, iterations, &bytes(cipher_text), &mut budget).unwrap();
            assert_eq!(
                plain.unwrap().as_slice(),
                bytes("00112233445566778899aabbccddeeff0123"),
                "{salt:02x?}"
            );
        }
    }

    #[test]
    fn the_iteration_budget_ends_over_several_derivations() {
        let mut budget = IterationBudget::new(10);
        assert_eq!(budget.spend(7), Ok(()));
        assert_eq!(budget.spend(4), Err(KeystoreError::TooManyIterations { asked: 4, left: 3 }));
        assert!(budget.spend(0).is_err());
    }
}
