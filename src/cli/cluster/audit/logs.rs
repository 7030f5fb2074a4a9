//! The logs, and each change in them.

use super::output::{Missing, Output};
use crate::{
    agent::tables::TableFilter,
    change,
    cli::{
        CliError, ExitStatus,
        cluster::access::Access,
        log_args::{KnownArgs, NamedLog},
        outcome::{Findings, say},
        progress::Progress,
    },
    cluster::{
        audit::{FoundChange, Judgement, LedgerAudit},
        names::Token,
    },
    dedup::{schema_change_id, truncation_id},
    node_log::{LogEvent, LoggedMutation, NodeLog},
    record::RecordPlace,
    schema::{Catalogue, is_system_keyspace},
};

/// The nodes' logs.
pub(super) struct Logs {
    nodes: Vec<(Box<str>, NodeLog)>,
}

/// What was met in the logs besides changes.
pub(super) struct JudgedLogs {
    /// Segments that were read.
    pub(super) segments: usize,
    /// Mutations that could not be decoded: damaged, or of tables that nobody knows.
    pub(super) not_judged: u64,
    /// What the logs themselves give.
    pub(super) status: ExitStatus,
}

impl Logs {
    pub(super) fn open(known: &KnownArgs, named: &[NamedLog], access: &Access) -> Result<Self, CliError> {
        let own = if named.is_empty() { access.own_log() } else { None };
        let named = own.as_ref().map_or(named, std::slice::from_ref);
        if named.is_empty() {
            return Err(CliError::Usage("whose logs? Give --node NAME=DIR, or a configuration".into()));
        }
        let catalogue = catalogue(known, access)?;
        let mut nodes = Vec::new();
        for NamedLog { name, paths } in named {
            let mut log = known.open_with(paths, catalogue.clone())?;
            log.pass_over_gone();
            nodes.push((name.clone(), log));
        }
        Ok(Self { nodes })
    }

    /// Looks for every change in the ledger.
    pub(super) fn judge(
        mut self,
        audit: &mut LedgerAudit,
        access: &Access,
        output: &mut Output,
    ) -> Result<JudgedLogs, CliError> {
        let filter = access.config.as_ref().map(|config| TableFilter::new(config.tables.clone()));
        let segments: Vec<_> = self.nodes.iter().flat_map(|(_, log)| log.segments().to_vec()).collect();
        let mut progress = Progress::start(&segments, false);
        let mut findings = Findings::default();
        let mut not_judged = 0;
        for (name, log) in &mut self.nodes {
            let mut judging = Judging { filter: filter.as_ref(), node: name, audit, output };
            log.read(|_, event| {
                match event {
                    LogEvent::Segment { .. } => {}
                    LogEvent::Mutation(logged) => {
                        progress.within_segment(logged.position.offset);
                        judging.mutation(logged)?;
                    }
                    LogEvent::Undecodable { entry, error } => {
                        not_judged += 1;
                        findings.undecodable(entry, &error);
                    }
                    LogEvent::Damage(damage) => findings.damage(damage),
                    LogEvent::SegmentEnd { file, outcome } => {
                        progress.segment_done(file);
                        if let Err(error) = outcome {
                            findings.unreadable(file, &error);
                        }
                    }
                }
                Ok::<_, CliError>(())
            })?;
            if log.gone() > 0 {
                say(&format!("{name}: {} segments were deleted before they could be read", log.gone()));
            }
        }
        drop(progress);
        Ok(JudgedLogs { segments: segments.len(), not_judged, status: findings.conclude() })
    }
}

/// What is known of the schema before the logs: what was given, else what the node tells.
fn catalogue(known: &KnownArgs, access: &Access) -> Result<Catalogue, CliError> {
    let mut catalogue = known.catalogue()?;
    match &access.node {
        Some(Ok(node)) if !known.has_schema() => catalogue.seed(&node.schema()?),
        Some(Err(error)) if !known.has_schema() => {
            say(&format!("the node's schema is not known, only what the logs tell of it: {error}"));
        }
        _ => {}
    }
    Ok(catalogue)
}

/// One node's log in reading.
struct Judging<'j> {
    filter: Option<&'j TableFilter>,
    node: &'j str,
    audit: &'j mut LedgerAudit,
    output: &'j mut Output,
}

impl Judging<'_> {
    fn mutation(&mut self, logged: &LoggedMutation<'_>) -> Result<(), CliError> {
        self.name_events(logged);
        if !logged.mutation.updates.iter().any(|update| self.counts(&update.table)) {
            return Ok(());
        }
        // As agents number what a mutation gives.
        let truncations = logged.mutation.updates.iter().flat_map(change::truncations).count();
        let before = logged.schema_changes.len() + truncations;
        for (index, change) in change::changes(&logged.mutation).iter().enumerate() {
            if !self.counts(&change.table) {
                continue;
            }
            let index = u32::try_from(before + index).unwrap_or(u32::MAX);
            let found = || FoundChange {
                table: format!("{}.{}", change.table.keyspace(), change.table.name()),
                token: Some(Token::of_key(change.partition_key).0),
                written_at: change.timestamp,
                node: self.node.to_owned(),
                place: RecordPlace { position: logged.position, index },
            };
            match self.audit.judge(change, found)? {
                Judgement::Missing { parts, of, is_first: true } => {
                    self.output.missing(&Missing { change: found(), parts, of })?;
                }
                Judgement::Missing { .. } | Judgement::Confirmed | Judgement::Outside => {}
            }
        }
        Ok(())
    }

    /// Changes of the schema and truncations are not looked for, but can be told of.
    fn name_events(&mut self, logged: &LoggedMutation<'_>) {
        let found = |what: String, written_at| FoundChange {
            table: what,
            token: None,
            written_at,
            node: self.node.to_owned(),
            place: RecordPlace { position: logged.position, index: 0 },
        };
        for change in &logged.schema_changes {
            let what = || format!("schema of {} {}", change.keyspace, change.name);
            let written_at = change.written_at;
            self.audit.name_event(schema_change_id(change), || found(what(), written_at));
        }
        for truncation in logged.mutation.updates.iter().flat_map(change::truncations) {
            let what = || format!("truncation of table {}", truncation.table);
            self.audit.name_event(truncation_id(&truncation), || found(what(), truncation.timestamp));
        }
    }

    fn counts(&self, table: &cassandra_commitlog::schema::TableSchema) -> bool {
        match self.filter {
            Some(filter) => filter.takes(table),
            None => table.cdc() && !table.is_view() && !is_system_keyspace(table.keyspace()),
        }
    }
}
