//! Segments on disk: which there are, and reading them.

mod find;
mod read;

pub use self::{
    find::{FindError, SegmentFile, find_segments},
    read::{Event, ReadError, SegmentReader},
};
