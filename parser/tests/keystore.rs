//! Keystores made by keytool of Java 8, 11 and 17 (`data/keystores/README.md`); the expected keys were read from
//! them by Java.
#![allow(clippy::unwrap_used, reason = "a test stops at the first surprise, in its helping functions too")]

use std::path::PathBuf;

use cassandra_commitlog::keystore::{
    EntryKind, Keystore, KeystoreError, KeystoreKind, SecretKey, find_secret_key,
};

const STORE_PASSWORD: &str = "cassandra";

fn keystore(name: &str) -> Vec<u8> {
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/data/keystores").join(name);
    std::fs::read(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// What Java says of one alias of one file.
struct Expected {
    file: String,
    alias: String,
    password: String,
    algorithm: String,
    key: String,
}

fn expected() -> Vec<Expected> {
    let text = String::from_utf8(keystore("expected.tsv")).unwrap();
    let rows = text.lines().map(|line| {
        let [file, alias, password, algorithm, key] =
            line.split('\t').collect::<Vec<_>>().try_into().unwrap();
        Expected {
            file: file.to_owned(),
            alias: alias.to_owned(),
            password: password.to_owned(),
            algorithm: algorithm.to_owned(),
            key: key.to_owned(),
        }
    });
    rows.collect()
}

fn hex(key: &SecretKey) -> String {
    key.expose_bytes().iter().fold(String::new(), |text, byte| text + &format!("{byte:02x}"))
}

#[test]
fn every_entry_is_what_java_reads() {
    let mut keys = 0;
    for expected in expected() {
        let bytes = keystore(&expected.file);
        let place = format!("{} {}", expected.file, expected.alias);
        for alias in [expected.alias.clone(), expected.alias.to_uppercase()] {
            let found = find_secret_key(&bytes, &alias, STORE_PASSWORD, Some(&expected.password));
            match expected.algorithm.as_str() {
                "-" => assert_eq!(
                    found.unwrap_err(),
                    KeystoreError::NotASecretKey { alias, found: EntryKind::Certificate },
                    "{place}"
                ),
                "private" => assert_eq!(
                    found.unwrap_err(),
                    KeystoreError::NotASecretKey { alias, found: EntryKind::PrivateKey },
                    "{place}"
                ),
                algorithm => {
                    let key = found.unwrap_or_else(|error| panic!("{place}: {error}"));
                    assert_eq!(
                        (hex(&key).as_str(), key.algorithm()),
                        (expected.key.as_str(), algorithm),
                        "{place}"
                    );
                    keys += 1;
                }
            }
        }
    }
    assert_eq!(keys, 2 * 30, "the list has lost entries");
}

#[test]
fn the_kind_is_told_by_the_first_bytes() {
    for (name, kind) in [
        ("java8.jceks", Some(KeystoreKind::Jceks)),
        ("java17-several.jceks", Some(KeystoreKind::Jceks)),
        ("java8.p12", Some(KeystoreKind::Pkcs12)),
        ("java11.p12", Some(KeystoreKind::Pkcs12)),
        ("java17-several.p12", Some(KeystoreKind::Pkcs12)),
        ("plain.jks", Some(KeystoreKind::Jks)),
        ("expected.tsv", None),
    ] {
        assert_eq!(Keystore::detect(&keystore(name)), kind, "{name}");
    }
    assert_eq!(Keystore::detect(&[]), None);
    assert_eq!(Keystore::parse(b"PEM or so").err(), Some(KeystoreError::NotAKeystore));
}

#[test]
fn a_plain_jks_is_refused_with_its_kind() {
    let error = find_secret_key(&keystore("plain.jks"), "pair", STORE_PASSWORD, None).unwrap_err();
    assert_eq!(error, KeystoreError::UnsupportedKind { kind: KeystoreKind::Jks });
}

#[test]
fn wrong_passwords_and_missing_aliases_are_told_apart() {
    for file in ["java8.jceks", "java11.jceks", "java17.jceks", "java8-own-password.p12"] {
        let bytes = keystore(file);
        let alias = if file.ends_with("p12") { "own" } else { "testing:1" };
        let find = |alias, store, key| find_secret_key(&bytes, alias, store, key).unwrap_err();
        assert_eq!(find(alias, "wrong", Some("keypassword")), KeystoreError::WrongStorePassword, "{file}");
        assert_eq!(
            find(alias, STORE_PASSWORD, None),
            KeystoreError::WrongKeyPassword { alias: alias.to_owned() },
            "{file}"
        );
        assert_eq!(
            find("other", STORE_PASSWORD, Some("keypassword")),
            KeystoreError::NoSuchAlias { alias: "other".to_owned(), present: vec![alias.to_owned()] },
            "{file}"
        );
    }
    for version in [8, 11, 17] {
        let bytes = keystore(&format!("java{version}-several.p12"));
        let KeystoreError::NoSuchAlias { present, .. } =
            find_secret_key(&bytes, "other", STORE_PASSWORD, None).unwrap_err()
        else {
            panic!("an alias that is not there was found")
        };
        let expected: &[&str] = match version {
            17 => &["Trusted", "aes128", "aes192", "aes256", "des", "pair"],
            _ => &["Trusted", "aes128", "aes192", "aes256", "pair"],
        };
        assert_eq!(present, expected, "Java {version}");
    }
}

#[test]
fn a_password_never_guessed_right_is_always_a_wrong_password() {
    // One random padding in 256 is right: the structure behind it must then decide.
    let bytes = keystore("java17-several.jceks");
    for guess in 0..300 {
        let error = find_secret_key(&bytes, "aes128", STORE_PASSWORD, Some(&guess.to_string())).unwrap_err();
        assert_eq!(error, KeystoreError::WrongKeyPassword { alias: "aes128".to_owned() });
    }
}

#[test]
fn more_iterations_than_allowed_are_refused() {
    let bytes = keystore("java8.jceks");
    let store = Keystore::parse(&bytes).unwrap().with_iterations_max(199_999);
    let error = store.find_secret_key("testing:1", STORE_PASSWORD, Some("keypassword")).unwrap_err();
    assert_eq!(error, KeystoreError::TooManyIterations { asked: 200_000, left: 199_999 });
    let bytes = keystore("java17.p12");
    let store = Keystore::parse(&bytes).unwrap().with_iterations_max(19_999);
    let error = store.find_secret_key("testing:1", STORE_PASSWORD, None).unwrap_err();
    assert_eq!(error, KeystoreError::TooManyIterations { asked: 10_000, left: 9_999 });
}

#[test]
fn a_key_never_shows_in_debug() {
    let key = SecretKey::from_hex(&"ab".repeat(16)).unwrap();
    assert_eq!(format!("{key:?}"), "SecretKey { algorithm: \"AES\", bits: 128, .. }");
}

#[test]
fn a_hexadecimal_key_file_gives_an_aes_key_or_an_error() {
    let key = SecretKey::from_hex(" 000102030405060708090A0b0c0d0e0f\r\n").unwrap();
    assert_eq!(hex(&key), "000102030405060708090a0b0c0d0e0f");
    for length in [16, 24, 32] {
        assert_eq!(SecretKey::from_hex(&"5a".repeat(length)).unwrap().expose_bytes().len(), length);
    }
    for text in ["", "00", &"0".repeat(33), &"00".repeat(33), &"0g".repeat(16), &"é".repeat(32)] {
        assert_eq!(SecretKey::from_hex(text).unwrap_err(), KeystoreError::NotAHexKey, "{text}");
    }
}

/// Enough for the PKCS12 files of 1,000 iterations, MAC, certificates and key; the others end there.
const FEW_ITERATIONS: u64 = 8_000;
/// Enough for one key of the JCEKS files of 10,000 iterations.
const ONE_JCEKS_KEY: u64 = 10_000;

/// Reads `bytes` with few iterations allowed: whatever the answer, it must come soon and without a panic.
fn read_hostile(bytes: &[u8], iterations_max: u64) -> Result<SecretKey, KeystoreError> {
    Keystore::parse(bytes)?.with_iterations_max(iterations_max).find_secret_key(
        "aes128",
        STORE_PASSWORD,
        None,
    )
}

fn files() -> Vec<String> {
    let mut files: Vec<_> = expected().into_iter().map(|expected| expected.file).collect();
    files.dedup();
    files
}

#[test]
fn every_truncation_is_an_error() {
    for file in files() {
        let bytes = keystore(&file);
        for length in 0..bytes.len() {
            assert!(read_hostile(&bytes[..length], FEW_ITERATIONS).is_err(), "{file} cut to {length}");
        }
    }
}

#[test]
fn a_flipped_byte_never_gives_another_key() {
    for file in files() {
        let mut bytes = keystore(&file);
        let key = expected().into_iter().find(|expected| expected.file == file && expected.alias == "aes128");
        for place in 0..bytes.len() {
            let whole = bytes[place];
            // One of two masks each, as the stores' MACs take time.
            bytes[place] = whole ^ if place % 2 == 0 { 0x01 } else { 0xFF };
            if let Ok(read) = read_hostile(&bytes, FEW_ITERATIONS) {
                // The names of algorithms and the like around a PKCS12 store's content are under no MAC.
                let key = key.as_ref().map(|key| key.key.clone());
                assert_eq!(Some(hex(&read)), key, "{file} at {place}");
            }
            bytes[place] = whole;
        }
    }
}

#[test]
fn every_flipped_byte_behind_a_valid_digest_ends_without_a_panic() {
    use sha1::{Digest, Sha1};
    let whole = keystore("java8-several.jceks");
    let content_length = whole.len() - 20;
    let entry = whole.windows(6).position(|window| window == b"aes128").unwrap();
    let mut keys = 0;
    for place in 0..content_length {
        // Deriving a key takes time: only where its own entry is changed.
        let iterations_max = if (entry..entry + 500).contains(&place) { ONE_JCEKS_KEY } else { 0 };
        for mask in [0x01, 0xFF] {
            let mut bytes = whole.clone();
            bytes[place] ^= mask;
            let digest = STORE_PASSWORD
                .encode_utf16()
                .fold(Sha1::new(), |digest, unit| digest.chain_update(unit.to_be_bytes()))
                .chain_update(b"Mighty Aphrodite")
                .chain_update(&bytes[..content_length])
                .finalize();
            bytes[content_length..].copy_from_slice(&digest);
            keys += u32::from(read_hostile(&bytes, iterations_max).is_ok());
        }
    }
    assert!(keys > 0, "no flip got as far as the key");
}
