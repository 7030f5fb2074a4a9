//! Where records go.

mod batch;
mod files;
#[cfg(feature = "agent")]
pub mod kafka;
mod stdout;
mod stop;

use std::io;

use crate::checkpoint::Progress;

pub use self::{
    batch::{BatchRecord, RecordBatch, RecordHeaders, RecordMarks, Route, Topic},
    files::FileSink,
    stdout::StdoutSink,
    stop::StopSignal,
};

/// What a record is about: decides its topic or file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Subject<'s> {
    /// A table.
    Table {
        /// Its keyspace.
        keyspace: &'s str,
        /// Its name.
        table: &'s str,
    },
    /// Changes of the schema.
    Schema,
    /// Statements, which only work in their order: all go to one place.
    Statements,
}

/// Takes records in order.
///
/// What was written may be lost in a crash until [`finish`](Sink::finish) returned.
pub trait Sink {
    /// Takes a record. `line` is its value, or one statement, without a line break.
    fn write(&mut self, subject: Subject<'_>, key: &str, line: &str) -> io::Result<()>;

    /// Makes sure that all records are where they belong.
    fn finish(&mut self) -> io::Result<()>;

    /// Returns what is written to, for messages.
    fn name(&self) -> String;
}

/// Takes batches of records, and keeps with them how far a log was read for them.
///
/// What was sent counts only when it was [committed](BatchSink::commit) together with a progress.
pub trait BatchSink {
    /// Says whose log comes next, by the name that the node was given; returns how far it was published before.
    fn resume(&mut self, node: Option<&str>) -> io::Result<Progress>;

    /// Takes records in order.
    fn send(&mut self, batch: &RecordBatch) -> io::Result<()>;

    /// Makes sure that all records are where they belong, and keeps how far the log was read for them.
    fn commit(&mut self, progress: &Progress) -> io::Result<()>;

    /// Returns what is written to, for messages.
    fn name(&self) -> String;
}
