//! What could not be decoded, read or published, kept with its bytes until somebody takes care of it.
//!
//! A directory has up to three files for each segment that something was kept of:
//!
//! * `CommitLog-<version>-<id>.log`: entries, as a plain segment of the same version and id that every reader of segments
//!   reads. So `ringtap replay` and `dump` take it up once the schema is known;
//! * `CommitLog-<version>-<id>.quarantine.bin`: the bytes of damaged places, and keys and values of records that were not
//!   published;
//! * `CommitLog-<version>-<id>.quarantine.jsonl`: one line for each of these: what it is, why it is here, where its bytes
//!   are, and where it stood in the log. Whoever reads the segment gives entries the positions that stand here, so that
//!   their records are the same ones.
//!
//! Lines are written after their bytes, so the lines say what is there.

mod item;
mod origins;
#[cfg(feature = "agent")]
mod segment_bytes;
#[cfg(feature = "agent")]
mod segment_files;
#[cfg(feature = "agent")]
mod writer;

pub use self::item::{Item, ItemKind, QuarantineError, items};
pub(crate) use self::origins::Origins;
#[cfg(feature = "agent")]
pub use self::writer::{Quarantine, QuarantineOptions, QuarantineStats, Subject};

#[cfg(feature = "agent")]
#[cfg(test)]
mod tests;
