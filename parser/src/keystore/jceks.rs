//! The JCEKS keystore (`com.sun.crypto.provider.JceKeyStore`).
//!
//! magic, version, count, then per entry: tag, alias, date and the tag's content; at the end a SHA-1 digest over the
//! password (UTF-16), a fixed text and everything before it. A secret key is a Java-serialised `SealedObject`, whose
//! plain text is again a serialised key.

use nom::{
    IResult, Parser,
    bytes::complete::take,
    combinator::map_opt,
    multi::length_data,
    number::complete::{be_u32, be_u64},
};
use sha1::{Digest, Sha1};

use super::{
    EntryKind, KeystoreError, SecretKey,
    der_reader::Der,
    error::malformed,
    is_same_alias, java_object,
    password_based::{self, IterationBudget},
};

/// What Sun's keystores put between password and content.
const DIGEST_SALT: &[u8] = b"Mighty Aphrodite";
const DIGEST_BYTES: usize = 20;
const TAG_PRIVATE_KEY: u32 = 1;
const TAG_CERTIFICATE: u32 = 2;
const TAG_SECRET_KEY: u32 = 3;
/// The class of a sealed key entry; only the keystore itself can make one.
const SEALED_CLASS: &str = "com.sun.crypto.provider.SealedObjectForKeyProtector";
const SEAL_ALGORITHM: &str = "PBEWithMD5AndTripleDES";
/// What a key of a provider's own class is serialised as (`DESede` by keytool).
const KEY_REPLACEMENT_CLASS: &str = "java.security.KeyRep";
const KEY_CLASS: &str = "javax.crypto.spec.SecretKeySpec";

type Parsed<'a, T> = IResult<&'a [u8], T>;

enum Content<'a> {
    PrivateKey,
    Certificate,
    Sealed(java_object::Object<'a>),
}

struct Entry<'a> {
    alias: String,
    content: Content<'a>,
}

/// Returns the secret key of that alias: structure first, then the digest, then the entry.
pub(super) fn find(
    bytes: &[u8],
    alias: &str,
    store_password: &str,
    key_password: &str,
    budget: &mut IterationBudget,
) -> Result<SecretKey, KeystoreError> {
    let (rest, mut entries) = entries(bytes).map_err(|_| malformed("a JCEKS entry"))?;
    let content = bytes.get(..bytes.len() - rest.len()).unwrap_or_default();
    let digest = rest.get(..DIGEST_BYTES).ok_or(malformed("the JCEKS digest"))?;
    if store_digest(content, store_password) != digest {
        return Err(KeystoreError::WrongStorePassword);
    }

    // Java keeps the last of equal aliases.
    let Some(position) = entries.iter().rposition(|entry| is_same_alias(&entry.alias, alias)) else {
        let mut present: Vec<_> = entries.into_iter().map(|entry| entry.alias).collect();
        present.sort_unstable();
        return Err(KeystoreError::NoSuchAlias { alias: alias.to_owned(), present });
    };
    let not_a_secret_key = |found| KeystoreError::NotASecretKey { alias: alias.to_owned(), found };
    match entries.swap_remove(position).content {
        Content::PrivateKey => Err(not_a_secret_key(EntryKind::PrivateKey)),
        Content::Certificate => Err(not_a_secret_key(EntryKind::Certificate)),
        Content::Sealed(sealed) => unseal(&sealed, alias, key_password, budget),
    }
}

fn store_digest(content: &[u8], password: &str) -> [u8; DIGEST_BYTES] {
    let mut digest = Sha1::new();
    for unit in password.encode_utf16() {
        digest.update(unit.to_be_bytes());
    }
    digest.update(DIGEST_SALT);
    digest.update(content);
    digest.finalize().into()
}

fn unseal(
    sealed: &java_object::Object<'_>,
    alias: &str,
    key_password: &str,
    budget: &mut IterationBudget,
) -> Result<SecretKey, KeystoreError> {
    let not_a_key = || KeystoreError::NotASecretKey { alias: alias.to_owned(), found: EntryKind::Other };
    if sealed.class_name != SEALED_CLASS {
        return Err(not_a_key());
    }
    let algorithm = sealed.string("sealAlg").ok_or(malformed("the algorithm of a sealed key"))?;
    if algorithm != SEAL_ALGORITHM {
        return Err(KeystoreError::UnsupportedAlgorithm { oid_or_name: algorithm.to_owned() });
    }
    let parameters = sealed.bytes("encodedParams").ok_or(malformed("the parameters of a sealed key"))?;
    let cipher_text = sealed.bytes("encryptedContent").ok_or(malformed("the content of a sealed key"))?;
    let mut parameters = Der::new(parameters)?.sequence()?;
    let salt = parameters.octet_string()?.try_into().map_err(|_| malformed("an eight-byte salt"))?;
    let iterations = parameters.unsigned()?;

    let wrong_password = || KeystoreError::WrongKeyPassword { alias: alias.to_owned() };
    let plain = password_based::md5_triple_des(key_password, salt, iterations, cipher_text, budget)?
        .filter(|plain| java_object::is_stream(plain))
        .ok_or_else(wrong_password)?;
    let (_, key) = java_object::read_object(&plain).ok_or_else(not_a_key)?;
    let bytes = match key.class_name {
        KEY_CLASS => key.bytes("key"),
        KEY_REPLACEMENT_CLASS => key.bytes("encoded"),
        _ => None,
    };
    match (key.string("algorithm"), bytes) {
        (Some(algorithm), Some(bytes)) => Ok(SecretKey::new(algorithm, bytes)),
        _ => Err(not_a_key()),
    }
}

fn entries(bytes: &[u8]) -> Parsed<'_, Vec<Entry<'_>>> {
    let (rest, _magic) = be_u32(bytes)?;
    let (rest, version) =
        map_opt(be_u32, |version| (1..=2).contains(&version).then_some(version)).parse(rest)?;
    let (mut rest, count) = be_u32(rest)?;
    let mut entries = Vec::new();
    for _ in 0..count {
        let entry;
        (rest, entry) = self::entry(rest, version)?;
        entries.push(entry);
    }
    Ok((rest, entries))
}

fn entry(input: &[u8], version: u32) -> Parsed<'_, Entry<'_>> {
    let (rest, tag) = be_u32(input)?;
    let (rest, alias) = java_object::modified_utf8(rest)?;
    let (rest, _created_milliseconds) = be_u64(rest)?;
    let (rest, content) = match tag {
        TAG_PRIVATE_KEY => private_key(rest, version)?,
        TAG_CERTIFICATE => {
            let (rest, ()) = certificate(rest, version)?;
            (rest, Content::Certificate)
        }
        TAG_SECRET_KEY => {
            let (rest, object) = java_object::read_object(rest)
                .ok_or(nom::Err::Failure(nom::error::Error::new(rest, nom::error::ErrorKind::Verify)))?;
            (rest, Content::Sealed(object))
        }
        _ => {
            return Err(nom::Err::Failure(nom::error::Error::new(input, nom::error::ErrorKind::Tag)));
        }
    };
    Ok((rest, Entry { alias: alias.to_owned(), content }))
}

fn private_key(input: &[u8], version: u32) -> Parsed<'_, Content<'_>> {
    let (rest, _protected_key) = length_data(be_u32).parse(input)?;
    let (mut rest, certificates) = be_u32(rest)?;
    for _ in 0..certificates {
        (rest, ()) = certificate(rest, version)?;
    }
    Ok((rest, Content::PrivateKey))
}

fn certificate(input: &[u8], version: u32) -> Parsed<'_, ()> {
    let rest = if version == 2 { java_object::modified_utf8(input)?.0 } else { input };
    let (rest, length) = be_u32(rest)?;
    let (rest, _) = take(length)(rest)?;
    Ok((rest, ()))
}
