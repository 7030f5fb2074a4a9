//! PKCS#12 stores (RFC 7292) as Java writes them (`sun.security.pkcs12.PKCS12KeyStore`).
//!
//! A PFX holds a MAC over its content and a list of "safes", plain or encrypted; a safe is a list of "bags". A secret
//! key is a secret bag with an encrypted key in the shape of a PKCS#8 private key. Only DER is read, as Java writes
//! it, not the indefinite lengths of BER.

use der::{Decode, SliceReader, Tag, Tagged, asn1::ObjectIdentifier};

use super::{
    EntryKind, KeystoreError, SecretKey,
    der_reader::Der,
    error::malformed,
    is_same_alias,
    password_based::{self, Cipher, Hash, IterationBudget, Purpose, Secret},
};

const fn oid(text: &str) -> ObjectIdentifier {
    ObjectIdentifier::new_unwrap(text)
}

const DATA: ObjectIdentifier = oid("1.2.840.113549.1.7.1");
const ENCRYPTED_DATA: ObjectIdentifier = oid("1.2.840.113549.1.7.6");
const FRIENDLY_NAME: ObjectIdentifier = oid("1.2.840.113549.1.9.20");

const KEY_BAG: ObjectIdentifier = oid("1.2.840.113549.1.12.10.1.1");
const SHROUDED_KEY_BAG: ObjectIdentifier = oid("1.2.840.113549.1.12.10.1.2");
const CERTIFICATE_BAG: ObjectIdentifier = oid("1.2.840.113549.1.12.10.1.3");
const SECRET_BAG: ObjectIdentifier = oid("1.2.840.113549.1.12.10.1.5");

const SHA1_TRIPLE_DES: ObjectIdentifier = oid("1.2.840.113549.1.12.1.3");
const SHA1_RC2_128: ObjectIdentifier = oid("1.2.840.113549.1.12.1.5");
const SHA1_RC2_40: ObjectIdentifier = oid("1.2.840.113549.1.12.1.6");
const PBES2: ObjectIdentifier = oid("1.2.840.113549.1.5.13");
const PBKDF2: ObjectIdentifier = oid("1.2.840.113549.1.5.12");

/// Names that Java gives to key algorithms.
const KEY_ALGORITHMS: &[(ObjectIdentifier, &str)] = &[
    (oid("2.16.840.1.101.3.4.1"), "AES"),
    (oid("2.16.840.1.101.3.4.1.2"), "AES"),
    (oid("2.16.840.1.101.3.4.1.22"), "AES"),
    (oid("2.16.840.1.101.3.4.1.42"), "AES"),
    (oid("1.2.840.113549.3.7"), "DESede"),
];
const MAC_HASHES: &[(ObjectIdentifier, Hash)] = &[
    (oid("1.3.14.3.2.26"), Hash::Sha1),
    (oid("2.16.840.1.101.3.4.2.4"), Hash::Sha224),
    (oid("2.16.840.1.101.3.4.2.1"), Hash::Sha256),
    (oid("2.16.840.1.101.3.4.2.2"), Hash::Sha384),
    (oid("2.16.840.1.101.3.4.2.3"), Hash::Sha512),
];
const HMAC_HASHES: &[(ObjectIdentifier, Hash)] = &[
    (oid("1.2.840.113549.2.7"), Hash::Sha1),
    (oid("1.2.840.113549.2.8"), Hash::Sha224),
    (oid("1.2.840.113549.2.9"), Hash::Sha256),
    (oid("1.2.840.113549.2.10"), Hash::Sha384),
    (oid("1.2.840.113549.2.11"), Hash::Sha512),
];
const PBES2_CIPHERS: &[(ObjectIdentifier, Cipher)] = &[
    (oid("2.16.840.1.101.3.4.1.2"), Cipher::Aes128),
    (oid("2.16.840.1.101.3.4.1.22"), Cipher::Aes192),
    (oid("2.16.840.1.101.3.4.1.42"), Cipher::Aes256),
    (oid("1.2.840.113549.3.7"), Cipher::TripleDes),
];

/// A named bag.
struct Entry {
    alias: String,
    kind: ObjectIdentifier,
    /// The bag's value; kept for secret bags only.
    value: Secret,
}

/// Returns the secret key of that alias: MAC first, then the safes' bags, then the entry.
pub(super) fn find(
    bytes: &[u8],
    alias: &str,
    store_password: &str,
    key_password: &str,
    budget: &mut IterationBudget,
) -> Result<SecretKey, KeystoreError> {
    let mut pfx = Der::new(bytes)?.sequence()?;
    if pfx.unsigned()? != 3 {
        return Err(malformed("PKCS#12 version 3"));
    }
    let mut content_info = pfx.sequence()?;
    if content_info.object_identifier()? != DATA {
        return Err(malformed("PKCS#12 content protected by a password"));
    }
    let content = content_info.explicit_zero()?.octet_string()?;
    let has_mac = !pfx.is_finished();
    if has_mac {
        verify_mac(&mut pfx.sequence()?, content, store_password, budget)?;
    }

    let mut entries = Vec::new();
    let mut unreadable_safe = None;
    let mut safes = Der::new(content)?.sequence()?;
    while !safes.is_finished() {
        match read_safe(&mut safes.sequence()?, store_password, budget, &mut entries) {
            // Certificates may be in there, keys of Java never are; it counts only if the alias is nowhere else.
            Err(error @ KeystoreError::UnsupportedAlgorithm { .. }) => unreadable_safe = Some(error),
            // Without a MAC this is where a wrong password shows.
            Err(KeystoreError::WrongStorePassword) if has_mac => return Err(malformed("a decryptable safe")),
            result => result?,
        }
    }
    match choose_entry(entries, alias) {
        Err(KeystoreError::NoSuchAlias { .. }) if unreadable_safe.is_some() => {
            Err(unreadable_safe.unwrap_or(malformed("a safe")))
        }
        Err(error) => Err(error),
        Ok(entry) => read_secret_bag(&entry.value, alias, key_password, budget),
    }
}

fn choose_entry(entries: Vec<Entry>, alias: &str) -> Result<Entry, KeystoreError> {
    let mut present: Vec<String> = Vec::new();
    let mut other_kind = None;
    // The last of equal aliases, as in Java; the certificates of a private key may bear its name.
    for entry in entries.into_iter().rev() {
        if !is_same_alias(&entry.alias, alias) {
            present.push(entry.alias);
        } else if entry.kind == SECRET_BAG {
            return Ok(entry);
        } else if other_kind != Some(EntryKind::PrivateKey) {
            other_kind = Some(match entry.kind {
                KEY_BAG | SHROUDED_KEY_BAG => EntryKind::PrivateKey,
                CERTIFICATE_BAG => EntryKind::Certificate,
                _ => EntryKind::Other,
            });
        }
    }
    present.sort_unstable();
    present.dedup();
    let alias = alias.to_owned();
    Err(match other_kind {
        Some(found) => KeystoreError::NotASecretKey { alias, found },
        None => KeystoreError::NoSuchAlias { alias, present },
    })
}

fn verify_mac(
    mac_data: &mut Der<'_>,
    content: &[u8],
    password: &str,
    budget: &mut IterationBudget,
) -> Result<(), KeystoreError> {
    let mut digest_info = mac_data.sequence()?;
    let algorithm = digest_info.sequence()?.object_identifier()?;
    let mac = digest_info.octet_string()?;
    let salt = mac_data.octet_string()?;
    // The iterations are 1 where they are left out (RFC 7292, 4).
    let iterations = if mac_data.is_finished() { 1 } else { mac_data.unsigned()? };
    let hash = look_up(MAC_HASHES, algorithm)?;
    let length = hash.output_bytes();
    let key = password_based::pkcs12_derive(hash, password, salt, Purpose::Mac, iterations, length, budget)?;
    if password_based::is_hmac(hash, &key, content, mac) {
        Ok(())
    } else {
        Err(KeystoreError::WrongStorePassword)
    }
}

fn read_safe(
    safe: &mut Der<'_>,
    password: &str,
    budget: &mut IterationBudget,
    entries: &mut Vec<Entry>,
) -> Result<(), KeystoreError> {
    let kind = safe.object_identifier()?;
    let mut content = safe.explicit_zero()?;
    if kind == DATA {
        return read_bags(content.octet_string()?, entries);
    }
    if kind != ENCRYPTED_DATA {
        return Err(KeystoreError::UnsupportedAlgorithm { oid_or_name: kind.to_string() });
    }
    let mut encrypted_data = content.sequence()?;
    encrypted_data.unsigned()?;
    let mut encrypted_content = encrypted_data.sequence()?;
    encrypted_content.object_identifier()?;
    let mut algorithm = encrypted_content.sequence()?;
    let cipher_text = encrypted_content.implicit_zero_octets()?;
    let plain =
        decrypt(&mut algorithm, cipher_text, password, budget)?.ok_or(KeystoreError::WrongStorePassword)?;
    read_bags(&plain, entries)
}

fn read_bags(safe_contents: &[u8], entries: &mut Vec<Entry>) -> Result<(), KeystoreError> {
    let mut bags = Der::new(safe_contents)?.sequence()?;
    while !bags.is_finished() {
        let mut bag = bags.sequence()?;
        let kind = bag.object_identifier()?;
        let value = bag.any()?;
        if bag.is_finished() {
            continue;
        }
        let Some(alias) = friendly_name(bag.set()?)? else {
            continue;
        };
        let value = if kind == SECRET_BAG { value.value().to_vec() } else { Vec::new() };
        entries.push(Entry { alias, kind, value: value.into() });
    }
    Ok(())
}

/// Returns the alias among a bag's attributes.
fn friendly_name(mut attributes: Der<'_>) -> Result<Option<String>, KeystoreError> {
    while !attributes.is_finished() {
        let mut attribute = attributes.sequence()?;
        if attribute.object_identifier()? != FRIENDLY_NAME {
            continue;
        }
        let name = attribute.set()?.any()?;
        if name.tag() != Tag::BmpString {
            return Err(malformed("a friendly name of two-byte characters"));
        }
        let (pairs, _) = name.value().as_chunks::<2>();
        let units: Vec<u16> = pairs.iter().map(|pair| u16::from_be_bytes(*pair)).collect();
        return Ok(Some(String::from_utf16_lossy(&units)));
    }
    Ok(None)
}

fn read_secret_bag(
    value: &[u8],
    alias: &str,
    key_password: &str,
    budget: &mut IterationBudget,
) -> Result<SecretKey, KeystoreError> {
    let mut secret = Der::new(value)?.sequence()?;
    if secret.object_identifier()? != SHROUDED_KEY_BAG {
        return Err(KeystoreError::NotASecretKey { alias: alias.to_owned(), found: EntryKind::Other });
    }
    let mut encrypted_key = Der::new(secret.explicit_zero()?.octet_string()?)?.sequence()?;
    let mut algorithm = encrypted_key.sequence()?;
    let cipher_text = encrypted_key.octet_string()?;
    let wrong_password = || KeystoreError::WrongKeyPassword { alias: alias.to_owned() };
    let plain = decrypt(&mut algorithm, cipher_text, key_password, budget)?.ok_or_else(wrong_password)?;
    // One padding in 256 fits by chance: then the structure does not.
    read_key_info(&plain).map_err(|_| wrong_password())
}

fn read_key_info(plain: &[u8]) -> Result<SecretKey, KeystoreError> {
    let mut key_info = Der::new(plain)?.sequence()?;
    key_info.unsigned()?;
    let algorithm = key_info.sequence()?.object_identifier()?;
    let bytes = key_info.octet_string()?;
    let name = KEY_ALGORITHMS.iter().find(|(oid, _)| *oid == algorithm);
    Ok(match name {
        Some((_, name)) => SecretKey::new(*name, bytes),
        None => SecretKey::new(algorithm.to_string(), bytes),
    })
}

/// Decrypts by the algorithm identifier whose inside is `algorithm`. `None` where the padding does not fit.
fn decrypt(
    algorithm: &mut Der<'_>,
    cipher_text: &[u8],
    password: &str,
    budget: &mut IterationBudget,
) -> Result<Option<Secret>, KeystoreError> {
    let scheme = algorithm.object_identifier()?;
    let cipher = match scheme {
        SHA1_TRIPLE_DES => Cipher::TripleDes,
        SHA1_RC2_128 => Cipher::Rc2 { key_bytes: 16 },
        SHA1_RC2_40 => Cipher::Rc2 { key_bytes: 5 },
        PBES2 => return decrypt_pbes2(&mut algorithm.sequence()?, cipher_text, password, budget),
        _ => {
            return Err(KeystoreError::UnsupportedAlgorithm { oid_or_name: scheme.to_string() });
        }
    };
    let mut parameters = algorithm.sequence()?;
    let salt = parameters.octet_string()?;
    let iterations = parameters.unsigned()?;
    let mut derive = |purpose, length| {
        password_based::pkcs12_derive(Hash::Sha1, password, salt, purpose, iterations, length, budget)
    };
    let key = derive(Purpose::Key, cipher.key_bytes())?;
    let iv = derive(Purpose::Iv, 8)?;
    Ok(cipher.decrypt(&key, &iv, cipher_text))
}

fn decrypt_pbes2(
    parameters: &mut Der<'_>,
    cipher_text: &[u8],
    password: &str,
    budget: &mut IterationBudget,
) -> Result<Option<Secret>, KeystoreError> {
    let mut derivation = parameters.sequence()?;
    let function = derivation.object_identifier()?;
    if function != PBKDF2 {
        return Err(KeystoreError::UnsupportedAlgorithm { oid_or_name: function.to_string() });
    }
    let mut encryption = parameters.sequence()?;
    let cipher = look_up(PBES2_CIPHERS, encryption.object_identifier()?)?;
    let iv = encryption.octet_string()?;

    let mut derivation = derivation.sequence()?;
    let salt = derivation.octet_string()?;
    let iterations = derivation.unsigned()?;
    // RFC 8018, A.2: an optional key length, which the cipher gives anyway, and a hash that is SHA-1 if left out.
    let mut hash = Hash::Sha1;
    while !derivation.is_finished() {
        let value = derivation.any()?;
        if value.tag() == Tag::Sequence {
            let mut reader = SliceReader::new(value.value()).map_err(|_| malformed("a hash identifier"))?;
            let oid = ObjectIdentifier::decode(&mut reader).map_err(|_| malformed("a hash identifier"))?;
            hash = look_up(HMAC_HASHES, oid)?;
        }
    }
    let key = password_based::pbkdf2_derive(hash, password, salt, iterations, cipher.key_bytes(), budget)?;
    Ok(cipher.decrypt(&key, iv, cipher_text))
}

fn look_up<T: Copy>(table: &[(ObjectIdentifier, T)], oid: ObjectIdentifier) -> Result<T, KeystoreError> {
    match table.iter().find(|(known, _)| *known == oid) {
        Some((_, value)) => Ok(*value),
        None => Err(KeystoreError::UnsupportedAlgorithm { oid_or_name: oid.to_string() }),
    }
}
