//! From an entry of the log to its mutation; what can't be decoded goes to the quarantine.

use std::time::Duration;

use cassandra_commitlog::{
    Version,
    decode::{MutationDecoder, MutationError, MutationErrorKind},
    mutation::Mutation,
    schema::TableId,
    segment::{Damage, Entry, SegmentFileName},
};

use super::{error::AgentError, patience::Patience, put_aside::SharedQuarantine};
use crate::{
    error_text::with_causes,
    node_log::NodeIdentity,
    schema::{SchemaChange, live::Ask, live::LiveSchema},
    sink::StopSignal,
    telemetry::Repeats,
};

/// Everything that it takes to understand an entry.
pub(super) struct Decoding {
    pub(super) schema: LiveSchema,
    pub(super) quarantine: SharedQuarantine,
    pub(super) patience: Patience,
    /// Our host id.
    pub(super) host_id: Box<str>,
    /// Ends waiting for the node's schema.
    stop: StopSignal,
    /// The segment in reading.
    segment: Option<SegmentFileName>,
    decoder: Option<(Version, MutationDecoder)>,
    /// What the log says of its node.
    logged_identity: NodeIdentity,
    quarantined: Repeats,
    /// Damaged places of the segment in reading whose bytes are not put aside yet.
    pub(super) damages: Vec<Damage>,
    /// Definitions that the node told while an entry was decoded.
    learned: Vec<SchemaChange>,
}

/// How long an entry waits for a node that does not answer before it is put aside. The log is the buffer: waiting loses
/// nothing, but a node that is gone for good must not hold up all other tables.
const UNKNOWN_WAIT_MAX: Duration = Duration::from_secs(60);

impl Decoding {
    pub(super) fn new(
        schema: LiveSchema,
        quarantine: SharedQuarantine,
        patience: Patience,
        host_id: Box<str>,
        stop: StopSignal,
    ) -> Self {
        Self {
            schema,
            quarantine,
            patience,
            host_id,
            stop,
            segment: None,
            decoder: None,
            logged_identity: NodeIdentity::default(),
            quarantined: Repeats::new(super::report::REPEAT_INTERVAL),
            damages: Vec::new(),
            learned: Vec::new(),
        }
    }

    /// Makes ready for a segment of this version.
    pub(super) fn begin_segment(&mut self, name: SegmentFileName, version: Version) {
        self.segment = Some(name);
        if self.decoder.as_ref().is_none_or(|(known, _)| *known != version) {
            self.decoder = Some((version, MutationDecoder::new(version)));
        }
    }

    /// Returns what the log says of its node, as far as it was read.
    pub(super) fn logged_identity(&self) -> &NodeIdentity {
        &self.logged_identity
    }

    /// Returns the version of the segment in reading.
    pub(super) fn version(&self) -> Option<Version> {
        self.decoder.as_ref().map(|(version, _)| *version)
    }

    /// Decodes an entry. What the schema does not explain is asked of the node, and tried once more.
    pub(super) fn decode<'e>(
        &mut self,
        entry: &Entry<'e>,
    ) -> Result<Result<Mutation<'e>, MutationError>, AgentError> {
        let Some((_, decoder)) = &mut self.decoder else {
            return Err(AgentError::Panicked("reading"));
        };
        let error = match decoder.decode(entry.mutation, self.schema.catalogue()) {
            Ok(mutation) => return Ok(Ok(mutation)),
            Err(error) => error,
        };
        if !error.is_schema() {
            return Ok(Err(error));
        }
        let mut waited = Duration::ZERO;
        loop {
            match self.schema.unknown(&error) {
                Ask::Learned => break,
                Ask::StillUnknown => return Ok(Err(error)),
                Ask::Unreachable { retry_after, error: cause } => {
                    if waited >= UNKNOWN_WAIT_MAX || self.stop.is_stopped() {
                        return Ok(Err(error));
                    }
                    if let Some(cause) = cause {
                        tracing::warn!(position = %entry.position, %error, %cause, "an entry's table is not known, and the node does not answer");
                    }
                    self.stop.wait(retry_after);
                    waited += retry_after;
                }
            }
        }
        self.note_learned(&error);
        let Some((_, decoder)) = &mut self.decoder else {
            return Err(AgentError::Panicked("reading"));
        };
        Ok(decoder.decode(entry.mutation, self.schema.catalogue()))
    }

    fn note_learned(&mut self, error: &MutationError) {
        let (MutationErrorKind::UnknownTable(id) | MutationErrorKind::UnknownColumn(id)) = error.kind()
        else {
            return;
        };
        let mut changes = self.schema.creations();
        changes.retain(|change| change.table_id == Some(id));
        self.learned.append(&mut changes);
    }

    /// Takes the definitions that the node told since the last call: readers get a table's before they get its rows.
    pub(super) fn take_learned(&mut self) -> Vec<SchemaChange> {
        std::mem::take(&mut self.learned)
    }

    /// Puts an entry into the quarantine.
    pub(super) fn put_aside(
        &mut self,
        entry: &Entry<'_>,
        reason: &(dyn std::error::Error + 'static),
        table: Option<TableId>,
    ) -> Result<(), AgentError> {
        let Some(segment) = self.segment else { return Ok(()) };
        let reason = with_causes(reason);
        if let Some(repeated) = self.quarantined.admit() {
            tracing::error!(position = %entry.position, bytes = entry.mutation.len(), reason, repeated, "an entry goes to the quarantine");
        }
        let Self { quarantine, patience, .. } = self;
        patience.wait_for_room(|| quarantine.entry(segment, table, &reason, entry))?;
        Ok(())
    }

    /// Puts the bytes of damaged places aside, which `read` reads from the segment's file, but for segments that are done with.
    pub(super) fn put_damages_aside(
        &mut self,
        is_done_with: impl Fn(i64) -> bool,
        read: impl Fn(&Damage) -> std::io::Result<Vec<u8>>,
    ) -> Result<(), AgentError> {
        for damage in std::mem::take(&mut self.damages) {
            let Some(segment) = self.segment.filter(|segment| segment.id == damage.segment) else { continue };
            if !damage.is_loss() || is_done_with(segment.id) {
                continue;
            }
            let bytes = read(&damage).unwrap_or_else(|error| {
                tracing::error!(segment = damage.segment, offset = damage.noticed_at, %error, "the bytes of a damaged place can't be read");
                Vec::new()
            });
            let Self { quarantine, patience, .. } = self;
            patience.wait_for_room(|| quarantine.damage(segment, &damage, &bytes))?;
        }
        Ok(())
    }

    /// Makes sure that the log is of our node: another's records would go under our name.
    pub(super) fn check_identity(&mut self, mutation: &Mutation<'_>) -> Result<(), AgentError> {
        self.logged_identity.follow(mutation);
        match &self.logged_identity.host_id {
            Some(found) if *found != self.host_id => {
                Err(AgentError::OtherNode { found: found.clone(), expected: self.host_id.clone() })
            }
            _ => Ok(()),
        }
    }
}

/// Returns the table that an error is about.
pub(super) fn table_of(error: &MutationError) -> Option<TableId> {
    match error.kind() {
        MutationErrorKind::UnknownTable(id) | MutationErrorKind::UnknownColumn(id) => Some(id),
        _ => None,
    }
}
