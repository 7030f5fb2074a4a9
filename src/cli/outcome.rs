//! What went wrong while a log was read, said on stderr and counted.

use std::collections::BTreeMap;

use cassandra_commitlog::{
    decode::{MutationError, MutationErrorKind},
    schema::TableId,
    segment::{Damage, Entry, SegmentError},
};

use super::ExitStatus;
use crate::source::SegmentFile;

/// Writes a line to stderr.
#[expect(clippy::print_stderr, reason = "the one place from which commands speak to people")]
pub(super) fn say(line: &str) {
    eprintln!("{line}");
}

/// Counts findings and says the first ones of each kind.
#[derive(Debug, Default)]
pub(super) struct Findings {
    damaged: u64,
    losses: u64,
    unreadable_segments: u64,
    undecodable: u64,
    unknown_tables: BTreeMap<TableId, u64>,
    unwritable: u64,
}

/// Findings of one kind that are said one by one; the others are counted.
const SAID_MAX: u64 = 20;

impl Findings {
    pub(super) fn damage(&mut self, damage: &Damage) {
        self.damaged += 1;
        self.losses += u64::from(damage.is_loss());
        if self.damaged <= SAID_MAX {
            say(&format!("damaged: {damage}"));
        }
    }

    pub(super) fn unreadable(&mut self, file: &SegmentFile, error: &SegmentError) {
        self.unreadable_segments += 1;
        say(&format!("unreadable: {}: {error}", file.path.display()));
    }

    pub(super) fn undecodable(&mut self, entry: &Entry<'_>, error: &MutationError) {
        self.undecodable += 1;
        if let MutationErrorKind::UnknownTable(table) = error.kind() {
            let count = self.unknown_tables.entry(table).or_default();
            *count += 1;
            if *count > 1 {
                return;
            }
        }
        if self.undecodable <= SAID_MAX {
            say(&format!("undecodable: entry {}: {error}", entry.position));
        }
    }

    pub(super) fn unwritable(&mut self, place: impl std::fmt::Display, error: &dyn std::error::Error) {
        self.unwritable += 1;
        if self.unwritable <= SAID_MAX {
            let cause = error.source().map(|cause| format!(": {cause}")).unwrap_or_default();
            say(&format!("no record: entry {place}: {error}{cause}"));
        }
    }

    /// Says the sums, and returns the exit code that they give.
    pub(super) fn conclude(&self) -> ExitStatus {
        let Self { damaged, losses, unreadable_segments, undecodable, unknown_tables, unwritable } = self;
        let counts = [
            (*damaged, "damaged places"),
            (*losses, "of them with loss"),
            (*unreadable_segments, "unreadable segments"),
            (*undecodable, "undecodable entries"),
            (*unwritable, "changes without a record"),
        ];
        let said: Vec<_> = counts
            .iter()
            .filter(|(count, _)| *count > 0)
            .map(|(count, what)| format!("{count} {what}"))
            .collect();
        if said.is_empty() {
            return ExitStatus::Ok;
        }
        say(&format!("findings: {}", said.join(", ")));
        if !unknown_tables.is_empty() {
            say(&format!(
                "{} tables are not in the schema that the log tells; give it with --schema (made by `ringtap schema \
                 export`, or CQL with ids), and commitlog directories beside cdc_raw",
                unknown_tables.len()
            ));
        }
        ExitStatus::Findings
    }
}
