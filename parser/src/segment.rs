//! Segments: files of the commit log, as a chain of sections of entries.

mod cdc_index;
pub mod compression;
mod decoder;
mod descriptor;
pub mod encryption;
pub mod entry;
mod error;
mod file_name;
pub mod sync_marker;

pub use self::{
    cdc_index::{CdcIndex, CdcIndexError},
    decoder::{DecoderOptions, FileState, Input, KeyProvider, Poll, SegmentDecoder, SegmentEnd},
    descriptor::{Descriptor, EncryptionParameters, SectionEncoding},
    entry::Entry,
    error::{Damage, DamageKind, SegmentError, SegmentErrorKind},
    file_name::SegmentFileName,
};
