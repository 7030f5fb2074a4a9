//! stub
pub struct SecretKey;
