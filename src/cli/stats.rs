//! `ringtap stats`.

use std::{
    collections::BTreeMap,
    io::{self, Write as _},
    sync::Arc,
};

use cassandra_commitlog::{
    decode::{VisitRow, Visitor},
    deletion::DeletionTime,
    mutation::{Cell, CellContent, ColumnIndex, MarkerKind},
    schema::TableSchema,
};
use clap::Args;
use serde::Serialize;

use super::{CliError, ExitStatus, log_args::LogArgs, outcome::Findings, progress::Progress};
use crate::{
    node_log::VisitEvent,
    replay::{Selection, TableArgs, iso_micros},
};

#[derive(Debug, Args)]
pub(super) struct StatsArgs {
    #[command(flatten)]
    log: LogArgs,
    #[command(flatten)]
    tables: TableArgs,
    /// Cassandra's own tables, too
    #[arg(long)]
    system: bool,
    /// Print one JSON line for each table
    #[arg(long)]
    json: bool,
}

/// What was counted of one table.
#[derive(Debug, Default, Clone, Serialize)]
struct TableStats {
    keyspace: String,
    table: String,
    table_id: String,
    cdc: bool,
    updates: u64,
    rows: u64,
    static_rows: u64,
    cells: u64,
    /// Keys, clustering values, paths and values; without the format's own bytes.
    data_bytes: u64,
    cell_tombstones: u64,
    expiring_cells: u64,
    row_deletions: u64,
    range_markers: u64,
    partition_deletions: u64,
    collection_clears: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    first_written_at: Option<i64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    last_written_at: Option<i64>,
}

impl TableStats {
    fn written_at(&mut self, timestamp: i64) {
        self.first_written_at = Some(self.first_written_at.map_or(timestamp, |first| first.min(timestamp)));
        self.last_written_at = Some(self.last_written_at.map_or(timestamp, |last| last.max(timestamp)));
    }

    fn tombstones(&self) -> u64 {
        self.cell_tombstones
            + self.row_deletions
            + self.range_markers
            + self.partition_deletions
            + self.collection_clears
    }
}

impl StatsArgs {
    pub(super) fn run(self) -> Result<ExitStatus, CliError> {
        let selection = Selection::new(&self.tables, true)?;
        let mut log = self.log.open()?;
        let mut progress = Progress::start(log.segments(), false);
        let mut findings = Findings::default();
        let mut counter = Counter::default();
        log.visit(&mut counter, |_, event| {
            match event {
                VisitEvent::Segment { .. } | VisitEvent::Mutation { .. } => {}
                VisitEvent::Undecodable { entry, error } => findings.undecodable(entry, &error),
                VisitEvent::Damage(damage) => findings.damage(damage),
                VisitEvent::SegmentEnd { file, outcome } => {
                    progress.segment_done(file);
                    if let Err(error) = outcome {
                        findings.unreadable(file, &error);
                    }
                }
            }
            Ok::<_, CliError>(())
        })?;
        drop(progress);
        let mut tables: Vec<_> = counter.tables.into_values().collect();
        tables.retain(|(schema, _)| {
            self.system && self.tables.is_empty()
                || selection.takes(schema)
                || schema.is_view() && selection.names(schema)
        });
        tables.sort_by(|(a, _), (b, _)| {
            (a.keyspace(), a.name(), a.id()).cmp(&(b.keyspace(), b.name(), b.id()))
        });
        let mut out = io::stdout().lock();
        if !self.json {
            writeln!(
                out,
                "{:<32} {:>9} {:>9} {:>9} {:>12} {:>10}  written",
                "table", "updates", "rows", "cells", "data bytes", "tombstones"
            )
            .map_err(CliError::stdout)?;
        }
        for (_, stats) in &tables {
            self.print(stats, &mut out).map_err(CliError::stdout)?;
        }
        Ok(findings.conclude())
    }

    fn print(&self, stats: &TableStats, out: &mut impl io::Write) -> io::Result<()> {
        if self.json {
            serde_json::to_writer(&mut *out, stats)?;
            return writeln!(out);
        }
        let name = format!("{}.{}{}", stats.keyspace, stats.table, if stats.cdc { "" } else { " (no cdc)" });
        let time = |time: Option<i64>| time.map_or_else(|| "-".to_owned(), iso_micros);
        writeln!(
            out,
            "{name:<32} {:>9} {:>9} {:>9} {:>12} {:>10}  {} to {}",
            stats.updates,
            stats.rows + stats.static_rows,
            stats.cells,
            stats.data_bytes,
            stats.tombstones(),
            time(stats.first_written_at),
            time(stats.last_written_at),
        )
    }
}

#[derive(Debug, Default)]
struct Counter {
    tables: BTreeMap<uuid::Uuid, (Arc<TableSchema>, TableStats)>,
    current: uuid::Uuid,
}

impl Counter {
    fn with(&mut self, count: impl FnOnce(&mut TableStats)) {
        if let Some((_, stats)) = self.tables.get_mut(&self.current) {
            count(stats);
        }
    }
}

impl<'a> Visitor<'a> for Counter {
    fn update_start(&mut self, table: &Arc<TableSchema>, partition_key: &'a [u8]) {
        self.current = table.id().0;
        let (_, stats) = self.tables.entry(self.current).or_insert_with(|| {
            let stats = TableStats {
                keyspace: table.keyspace().into(),
                table: table.name().into(),
                table_id: table.id().to_string(),
                ..TableStats::default()
            };
            (Arc::clone(table), stats)
        });
        stats.cdc = table.cdc();
        stats.updates += 1;
        stats.data_bytes += partition_key.len() as u64;
    }

    fn partition_deletion(&mut self, deletion: DeletionTime) {
        self.with(|stats| {
            stats.partition_deletions += 1;
            stats.written_at(deletion.timestamp);
        });
    }

    fn row_start(&mut self, is_static: bool) {
        self.with(|stats| if is_static { stats.static_rows += 1 } else { stats.rows += 1 });
    }

    fn clustering_value(&mut self, value: Option<&'a [u8]>) {
        self.with(|stats| stats.data_bytes += value.unwrap_or_default().len() as u64);
    }

    fn row_times(&mut self, row: &VisitRow) {
        self.with(|stats| {
            if let Some(liveness) = row.liveness {
                stats.written_at(liveness.timestamp);
            }
            if let Some(deletion) = row.deletion {
                stats.row_deletions += 1;
                stats.written_at(deletion.time.timestamp);
            }
        });
    }

    fn complex_start(&mut self, _: ColumnIndex, deletion: Option<DeletionTime>) {
        self.with(|stats| stats.collection_clears += u64::from(deletion.is_some()));
    }

    fn cell(&mut self, _: ColumnIndex, cell: &Cell<'a>) {
        self.with(|stats| {
            stats.cells += 1;
            stats.written_at(cell.timestamp);
            stats.data_bytes += cell.path.unwrap_or_default().len() as u64;
            stats.data_bytes += cell.value().unwrap_or_default().len() as u64;
            match cell.content {
                CellContent::Live(_) => {}
                CellContent::Expiring(..) => stats.expiring_cells += 1,
                CellContent::Tombstone(_) => stats.cell_tombstones += 1,
            }
        });
    }

    fn marker_start(&mut self, _: MarkerKind) {
        self.with(|stats| stats.range_markers += 1);
    }

    fn marker_end(&mut self, close: Option<DeletionTime>, open: Option<DeletionTime>) {
        self.with(|stats| {
            for deletion in [close, open].into_iter().flatten() {
                stats.written_at(deletion.timestamp);
            }
        });
    }
}
