//! What a member does with an entry of its log: what it owns it publishes, and of everything it looks whether the ledger has it.

use std::ops::ControlFlow;

use cassandra_commitlog::{Position, mutation::Mutation, schema::SchemaLookup as _, segment::Entry};

use super::{
    audit_positions::AuditPositions, kept_entries::KeptEntries, log_position::LogPosition,
    membership::Membership, records::Records, standing::Standing, streamed::Streamed,
};
use crate::{
    agent::{
        accounting::Outcome,
        decoding::{Decoding, table_of},
        error::AgentError,
        reading::newest_position,
        report::Report,
    },
    change::{self, Change, Truncation},
    checkpoint::{Progress, SegmentProgress},
    cluster::{
        core::{AuditVerdict, HeadVerdict},
        names::{Keyspace, Token},
    },
    dedup::{Signature, keep_new_parts, schema_change_id, truncation_id},
    record::{Made, RecordError, RecordPlace},
    schema::SchemaChange,
    sink::RecordMarks,
    source::{Gap, LiveEvent},
};

/// Everything that an entry touches.
pub(super) struct MemberWork {
    pub(super) decoding: Decoding,
    pub(super) member: Membership,
    pub(super) records: Records,
    pub(super) log: LogPosition,
    pub(super) positions: AuditPositions,
    pub(super) kept: KeptEntries,
    pub(super) standing: Standing,
    pub(super) streamed: Streamed,
    /// Definitions that the node told, until an owner has published them.
    pub(super) told: Vec<SchemaChange>,
    /// Where reading is to go on, if not where it is.
    pub(super) goes_to: Option<Progress>,
    /// Write time, in microseconds, before which a change is older than the dedup window.
    pub(super) window_start: i64,
    pub(super) pending_bytes_max: u64,
}

/// An entry in hand.
struct InHand<'e> {
    entry: &'e Entry<'e>,
    early: bool,
    aims: Aims,
    /// Audit position of its first change.
    position: u64,
    /// Number of the change in hand.
    index: u32,
    met: Met,
}

/// What an entry is read for.
#[derive(Debug, Clone, Copy)]
struct Aims {
    /// To publish what is ours.
    is_head: bool,
    /// To look for it in the ledger.
    is_audit: bool,
    /// It may hold what was streamed to the node.
    is_streamed: bool,
}

/// What was met in a mutation.
#[derive(Debug)]
struct Met {
    outcome: Outcome,
    unwritable: Option<RecordError>,
    /// Something of it is remembered as unconfirmed.
    is_pending: bool,
    /// There was no room to remember more.
    is_full: bool,
}

impl Default for Met {
    fn default() -> Self {
        Self { outcome: Outcome::Filtered, unwritable: None, is_pending: false, is_full: false }
    }
}

impl Met {
    /// Of several changes the one counts of which the most was made.
    fn note(&mut self, outcome: Outcome) {
        let weight = |outcome| match outcome {
            Outcome::Filtered => 0,
            Outcome::Duplicate => 1,
            Outcome::Foreign => 2,
            Outcome::Published => 3,
            Outcome::Quarantined => 4,
        };
        if weight(outcome) > weight(self.outcome) {
            self.outcome = outcome;
        }
    }
}

/// What has no key is looked for under this token.
pub(super) const NO_KEY: Token = Token(0);

impl InHand<'_> {
    fn place(&self) -> RecordPlace {
        RecordPlace { position: self.entry.position, index: self.index }
    }

    fn audit_position(&self) -> u64 {
        self.position + u64::from(self.index)
    }
}

impl MemberWork {
    /// Does what an event of the log asks for.
    pub(super) fn event(
        &mut self,
        event: LiveEvent<'_>,
        report: &mut Report,
    ) -> Result<ControlFlow<()>, AgentError> {
        match event {
            LiveEvent::SegmentStarted { file, header } => {
                self.decoding.begin_segment(file.name, header.version);
                report.segment_started(file);
            }
            LiveEvent::Entry { entry, early } => return self.entry(entry, early),
            LiveEvent::Damage(damage) => {
                report.damage(damage);
                self.decoding.damages.push(damage.clone());
            }
            LiveEvent::SegmentFinished { segment, end } => {
                self.log.finish(segment);
                self.standing.has_finished = true;
                report.segment_finished(segment, end);
            }
            LiveEvent::SegmentUnreadable { file, reason } => report.unreadable(file, &reason),
            LiveEvent::Gap(gap) => self.gap_met(gap, report)?,
            LiveEvent::OutOfOrder { segment, newest } => Report::out_of_order(segment, newest),
        }
        Ok(ControlFlow::Continue(()))
    }

    /// What is missing may have held changes of the schema: the node is asked for it.
    fn gap_met(&mut self, gap: Gap, report: &mut Report) -> Result<(), AgentError> {
        if let Gap::Definite { segment, .. } = gap {
            let was_read = self.log.furthest.of(segment) == Some(SegmentProgress::Finished);
            self.log.finish(segment);
            if was_read {
                return Ok(());
            }
        }
        report.gap(gap);
        match self.decoding.schema.gap(newest_position(&self.log.furthest)) {
            Ok(changes) => self.told_by_node(changes),
            Err(error) => {
                tracing::warn!(%error, "the node's schema could not be asked for after a gap; it is asked for again when a table is not known");
                Ok(())
            }
        }
    }

    /// Does all that is to be done with an entry.
    fn entry(&mut self, entry: &Entry<'_>, early: bool) -> Result<ControlFlow<()>, AgentError> {
        let is_new = !self.log.furthest.covers(entry.position);
        let mut hand = InHand {
            entry,
            early,
            aims: Aims {
                is_head: self.log.is_head(entry.position),
                is_audit: self.log.is_audit(entry.position),
                is_streamed: self.streamed.covers(entry.position),
            },
            position: self.positions.of(entry),
            index: 0,
            met: Met::default(),
        };
        let outcome = self.mutation(&mut hand, is_new)?;
        if is_new {
            self.records.counted.read += 1;
            self.records.counted.count(outcome);
            // What is read again from any position begins with the schema of there.
            let Decoding { schema, patience, .. } = &mut self.decoding;
            patience.wait_for_room(|| schema.save(entry.position))?;
        }
        if hand.met.is_full {
            self.goes_to = self.log.stop_audit();
        }
        self.log.read_to(entry.position);
        Ok(if self.goes_to.is_some() { ControlFlow::Break(()) } else { ControlFlow::Continue(()) })
    }

    fn mutation(&mut self, hand: &mut InHand<'_>, is_new: bool) -> Result<Outcome, AgentError> {
        let decoded = self.decoding.decode(hand.entry)?;
        let learned = self.decoding.take_learned();
        if !learned.is_empty() {
            self.told_by_node(learned)?;
        }
        let mutation = match decoded {
            Ok(mutation) => mutation,
            Err(error) => {
                if is_new {
                    self.decoding.put_aside(hand.entry, &error, table_of(&error))?;
                }
                return Ok(Outcome::Quarantined);
            }
        };
        let schema_changes = self.decoding.schema.apply(&mutation, hand.entry.position);
        self.decoding.check_identity(&mutation)?;
        self.streamed.follow(self.decoding.logged_identity(), hand.entry.position, &self.log.furthest);
        let table = mutation.updates.first().map(|update| update.table.id());
        self.changes(hand, mutation, &schema_changes)?;
        if let Some(error) = hand.met.unwritable.take() {
            self.decoding.put_aside(hand.entry, &error, table)?;
            return Ok(Outcome::Quarantined);
        }
        Ok(hand.met.outcome)
    }

    fn changes(
        &mut self,
        hand: &mut InHand<'_>,
        mutation: Mutation<'_>,
        schema_changes: &[SchemaChange],
    ) -> Result<(), AgentError> {
        for change in schema_changes {
            self.schema_change(change, hand)?;
            hand.index += 1;
        }
        for truncation in mutation.updates.iter().flat_map(change::truncations) {
            self.truncation(&truncation, hand)?;
            hand.index += 1;
        }
        if !mutation.updates.iter().any(|update| self.records.tables.takes(&update.table)) {
            return Ok(());
        }
        let first_change = hand.index;
        let mut tables = Vec::new();
        for update in &mutation.updates {
            if !tables.iter().any(|known| std::sync::Arc::ptr_eq(known, &update.table)) {
                tables.push(std::sync::Arc::clone(&update.table));
            }
        }
        for change in change::into_changes(mutation) {
            self.change(change, hand)?;
            hand.index += 1;
        }
        if hand.met.is_pending
            && let Some(version) = self.decoding.version()
        {
            self.kept.keep(hand.position, hand.entry, version, || tables, first_change);
        }
        Ok(())
    }

    fn change(&mut self, mut change: Change<'_>, hand: &mut InHand<'_>) -> Result<(), AgentError> {
        if !self.records.tables.takes(&change.table) {
            return Ok(());
        }
        let keyspace = self.member.keyspace(change.table.keyspace());
        let token = Token::of_key(change.partition_key);
        let Membership { core, signatures, .. } = &mut self.member;
        let signature = signatures.of(&change);
        let mut is_new = None;
        if hand.aims.is_head {
            match core.head(&keyspace, token, signature)? {
                HeadVerdict::Publish { parts } => is_new = Some(parts),
                HeadVerdict::Known => {
                    self.records.counted.duplicate_changes += 1;
                    hand.met.note(Outcome::Duplicate);
                }
                HeadVerdict::NotOwned => hand.met.note(Outcome::Foreign),
            }
        }
        let written_at = change.timestamp;
        let is_late = written_at < self.window_start;
        if hand.aims.is_audit && hand.aims.is_streamed && is_late {
            self.member.counts.streamed_copies += 1;
        } else if hand.aims.is_audit {
            match is_new {
                Some(_) if !hand.met.is_full => core.audit_published(hand.audit_position()),
                _ => self.audit(&keyspace, token, None, hand)?,
            }
        }
        let Some(is_new) = is_new else { return Ok(()) };
        if is_new.contains(&false) {
            self.records.counted.duplicate_changes += 1;
            keep_new_parts(&mut change, &is_new);
        }
        let Records { own, batch, counted, .. } = &mut self.records;
        counted.late_changes += u64::from(is_late);
        self.member.counts.late_changes += u64::from(is_late);
        match own.write(&change, hand.place(), RecordMarks { early: hand.early, late: is_late }, batch) {
            Ok(Made::Records) => self.count_record(written_at, hand),
            Ok(Made::Nothing) => {}
            Err(error) => hand.met.unwritable = Some(error),
        }
        Ok(())
    }

    /// Looks for a change in the ledger: the one whose signature was made last, or this.
    fn audit(
        &mut self,
        keyspace: &Keyspace,
        token: Token,
        signature: Option<&Signature>,
        hand: &mut InHand<'_>,
    ) -> Result<(), AgentError> {
        if hand.met.is_full {
            return Ok(());
        }
        if self.kept.bytes() >= self.pending_bytes_max {
            hand.met.is_full = true;
            return Ok(());
        }
        let Membership { core, signatures, .. } = &mut self.member;
        let signature = signature.unwrap_or_else(|| signatures.last());
        match core.audit(hand.audit_position(), keyspace, token, signature)? {
            AuditVerdict::Confirmed | AuditVerdict::OnItsWay => {}
            AuditVerdict::Pending => hand.met.is_pending = true,
            AuditVerdict::Full => hand.met.is_full = true,
        }
        Ok(())
    }

    fn truncation(&mut self, truncation: &Truncation, hand: &mut InHand<'_>) -> Result<(), AgentError> {
        let Some(table) = self.decoding.schema.catalogue().table(truncation.table).cloned() else {
            return Ok(());
        };
        if !self.records.tables.takes(&table) {
            return Ok(());
        }
        let keyspace = self.member.placing.own_log();
        let signature = Signature::of_event(truncation_id(truncation), truncation.timestamp);
        if self.is_to_publish(&keyspace, &signature, hand)? {
            let place = hand.place();
            self.records.own.write_truncation(
                &table,
                truncation,
                place,
                RecordMarks::early(hand.early),
                &mut self.records.batch,
            );
            self.count_record(truncation.timestamp, hand);
        }
        Ok(())
    }

    fn schema_change(&mut self, change: &SchemaChange, hand: &mut InHand<'_>) -> Result<(), AgentError> {
        if !self.records.tables.wants(&change.keyspace, change.table.as_deref()) {
            return Ok(());
        }
        let keyspace = self.member.placing.schema();
        let signature = Signature::of_event(schema_change_id(change), change.written_at);
        if self.is_to_publish(&keyspace, &signature, hand)? {
            let place = hand.place();
            self.records.own.write_schema_change(
                change,
                place,
                RecordMarks::early(hand.early),
                &mut self.records.batch,
            );
            self.count_record(change.written_at, hand);
        }
        Ok(())
    }

    /// Asks the core about what is no change of a row.
    fn is_to_publish(
        &mut self,
        keyspace: &Keyspace,
        signature: &Signature,
        hand: &mut InHand<'_>,
    ) -> Result<bool, AgentError> {
        let mut is_new = false;
        if hand.aims.is_head {
            match self.member.core.head(keyspace, NO_KEY, signature)? {
                HeadVerdict::Publish { .. } => is_new = true,
                HeadVerdict::Known => hand.met.note(Outcome::Duplicate),
                HeadVerdict::NotOwned => hand.met.note(Outcome::Foreign),
            }
        }
        if hand.aims.is_audit {
            self.audit(keyspace, NO_KEY, Some(signature), hand)?;
        }
        Ok(is_new)
    }

    fn count_record(&mut self, written_at: i64, hand: &mut InHand<'_>) {
        hand.met.note(Outcome::Published);
        let counted = &mut self.records.counted;
        counted.early_records += u64::from(hand.early);
        counted.newest_write = counted.newest_write.max(Some(written_at));
    }

    /// Remembers changes of the schema that the node told, as the log does not have them, and publishes them if that is this
    /// agent's to do.
    pub(super) fn told_by_node(&mut self, changes: Vec<SchemaChange>) -> Result<(), AgentError> {
        let tables = &self.records.tables;
        let wanted = changes
            .into_iter()
            .filter(|it| !it.is_system() && tables.wants(&it.keyspace, it.table.as_deref()));
        self.told.extend(wanted);
        self.publish_told()
    }

    /// Publishes what the node told, once it is known who publishes changes of the schema. Others are told by their own nodes.
    pub(super) fn publish_told(&mut self) -> Result<(), AgentError> {
        if self.told.is_empty() {
            return Ok(());
        }
        let keyspace = self.member.placing.schema();
        let is_owner = self.member.core.owns(&keyspace, NO_KEY);
        let owner = self.member.core.owner_of(&keyspace, NO_KEY);
        if !is_owner && owner.is_none_or(|(host, ..)| host == self.member.me) {
            return Ok(());
        }
        let told = std::mem::take(&mut self.told);
        if !is_owner {
            return Ok(());
        }
        let position: Position = crate::agent::work::told_at(&self.log.furthest);
        let mut place = RecordPlace { position, index: RecordPlace::TOLD_BY_NODE };
        for change in &told {
            let signature = Signature::of_event(schema_change_id(change), change.written_at);
            let verdict = self.member.core.head(&keyspace, NO_KEY, &signature)?;
            if matches!(verdict, HeadVerdict::Publish { .. }) {
                self.records.own.write_schema_change(
                    change,
                    place,
                    RecordMarks::default(),
                    &mut self.records.batch,
                );
            }
            place.index += 1;
        }
        Ok(())
    }
}
