//! Segments on disk: which there are, and reading them.

mod find;
mod keystore;
mod read;

pub use self::{
    find::{FindError, SegmentFile, find_segments},
    keystore::{Keystore, KeystoreKeys, OpenKeystoreError},
    read::{Event, ReadError, SegmentReader},
};
