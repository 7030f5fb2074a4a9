//! Java keystores.

use cassandra_commitlog::keystore::{Keystore, SecretKey};

/// Real keystores ask for up to 200,000 iterations, of which a fuzzer would do nothing else.
const ITERATIONS_MAX: u64 = 12_000;

/// Looks for a key in the input taken as a keystore, and takes the input as a key in hexadecimal.
pub fn run(input: &[u8]) {
    if let Ok(keystore) = Keystore::parse(input) {
        let keystore = keystore.with_iterations_max(ITERATIONS_MAX);
        for alias in ["testing:1", "aes128"] {
            let found = keystore.find_secret_key(alias, "cassandra", Some("keypassword"));
            if let Ok(key) = found {
                assert!(key.expose_bytes().len() <= input.len());
            }
        }
    }
    if let Ok(text) = std::str::from_utf8(input)
        && let Ok(key) = SecretKey::from_hex(text)
    {
        assert!(matches!(key.expose_bytes().len(), 16 | 24 | 32));
    }
}
