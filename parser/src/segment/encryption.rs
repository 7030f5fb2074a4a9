//! stub
use crate::keystore::SecretKey;
pub struct SectionCipher;
pub struct CipherError;
impl CipherError {
    pub fn is_unsupported_cipher(&self) -> bool {
        true
    }
}
impl SectionCipher {
    pub fn new(_c: &str, _k: &SecretKey, _iv: &[u8]) -> Result<Self, CipherError> {
        Err(CipherError)
    }
    pub fn decrypt_section(&mut self, _b: &[u8], _t: usize, _m: usize, _o: &mut Vec<u8>) -> Result<(), ()> {
        Err(())
    }
}
