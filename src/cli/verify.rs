//! `ringtap verify`.

use std::{io, sync::Arc, time::Instant};

use cassandra_commitlog::{
    decode::{VisitRow, Visitor},
    deletion::DeletionTime,
    mutation::{Cell, ColumnIndex, MarkerKind},
    schema::TableSchema,
    segment::{Descriptor, SectionEncoding},
    types::validate,
};
use clap::Args;
use serde::Serialize;

use super::{CliError, ExitStatus, log_args::LogArgs, outcome::Findings, progress::Progress};
use crate::node_log::VisitEvent;

#[derive(Debug, Args)]
pub(super) struct VerifyArgs {
    #[command(flatten)]
    log: LogArgs,
    /// Check that each value is one of its column's type, too
    #[arg(long)]
    values: bool,
    /// Print JSON lines: one for each segment, and one with the sums
    #[arg(long)]
    json: bool,
    /// Read everything this many times, for measurements
    #[arg(long, value_name = "TIMES", default_value_t = 1, hide = true)]
    repeat: u32,
}

/// What was counted, of a segment or of all.
#[derive(Debug, Default, Clone, Copy, Serialize)]
struct Counts {
    mutations: u64,
    mutation_bytes: u64,
    updates: u64,
    rows: u64,
    cells: u64,
    value_bytes: u64,
    markers: u64,
    undecodable: u64,
    damaged: u64,
}

#[derive(Debug, Serialize)]
struct SegmentReport {
    segment: String,
    version: i32,
    encoding: &'static str,
    file_bytes: u64,
    #[serde(flatten)]
    counts: Counts,
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<String>,
}

#[derive(Debug, Serialize)]
struct Totals {
    segments: usize,
    file_bytes: u64,
    #[serde(flatten)]
    counts: Counts,
    seconds: f64,
}

impl VerifyArgs {
    pub(super) fn run(self) -> Result<ExitStatus, CliError> {
        let mut status = ExitStatus::Ok;
        for _ in 0..self.repeat.max(1) {
            status = self.run_once()?;
        }
        Ok(status)
    }

    fn run_once(&self) -> Result<ExitStatus, CliError> {
        let mut log = self.log.open()?;
        let mut progress = Progress::start(log.segments(), true);
        let segments = log.segments().len();
        let file_bytes = log.segments().iter().map(|segment| segment.bytes).sum();
        let mut findings = Findings::default();
        let mut total = Counts::default();
        let mut counter = Counter { values: self.values, ..Counter::default() };
        let mut header: Option<Descriptor> = None;
        let mut out = io::stdout().lock();
        let start = Instant::now();
        log.visit(&mut counter, |counter, event| {
            match event {
                VisitEvent::Segment { header: found, .. } => header = Some(found.clone()),
                VisitEvent::Mutation { size } => {
                    counter.counts.mutations += 1;
                    counter.counts.mutation_bytes += size as u64;
                }
                VisitEvent::Undecodable { entry, error } => {
                    counter.counts.undecodable += 1;
                    findings.undecodable(entry, &error);
                }
                VisitEvent::Damage(damage) => {
                    counter.counts.damaged += 1;
                    findings.damage(damage);
                }
                VisitEvent::SegmentEnd { file, outcome } => {
                    let counts = std::mem::take(&mut counter.counts);
                    total.add(counts);
                    progress.segment_done(file);
                    if let Err(error) = &outcome {
                        findings.unreadable(file, error);
                    }
                    let header = header.take();
                    let report = SegmentReport {
                        segment: file.name.to_string(),
                        version: header.as_ref().map_or(file.name.version, |header| header.version.number()),
                        encoding: header.as_ref().map_or("unknown", encoding_name),
                        file_bytes: file.bytes,
                        counts,
                        error: outcome.err().map(|error| error.to_string()),
                    };
                    self.print_segment(&report, &mut out).map_err(CliError::stdout)?;
                }
            }
            Ok::<_, CliError>(())
        })?;
        drop(progress);
        let totals = Totals { segments, file_bytes, counts: total, seconds: start.elapsed().as_secs_f64() };
        self.print_totals(&totals, &mut out).map_err(CliError::stdout)?;
        if counter.bad_values > 0 {
            super::outcome::say(&format!(
                "findings: {} values are not of their column's type",
                counter.bad_values
            ));
        }
        Ok(match findings.conclude() {
            ExitStatus::Ok if counter.bad_values > 0 => ExitStatus::Findings,
            status => status,
        })
    }

    fn print_segment(&self, report: &SegmentReport, out: &mut impl io::Write) -> io::Result<()> {
        if self.json {
            serde_json::to_writer(&mut *out, report)?;
            return writeln!(out);
        }
        let Counts { mutations, rows, cells, undecodable, damaged, .. } = report.counts;
        let verdict = match (&report.error, undecodable, damaged) {
            (Some(_), ..) => "UNREADABLE".to_owned(),
            (None, 0, 0) => "ok".to_owned(),
            (None, undecodable, 0) => format!("{undecodable} UNDECODABLE"),
            (None, 0, damaged) => format!("{damaged} DAMAGED"),
            (None, undecodable, damaged) => format!("{damaged} DAMAGED, {undecodable} UNDECODABLE"),
        };
        writeln!(
            out,
            "{}  {}  {mutations} mutations  {rows} rows  {cells} cells  {verdict}",
            report.segment, report.encoding
        )
    }

    fn print_totals(&self, totals: &Totals, out: &mut impl io::Write) -> io::Result<()> {
        if self.json {
            serde_json::to_writer(&mut *out, totals)?;
            return writeln!(out);
        }
        let Counts { mutations, mutation_bytes, rows, cells, .. } = totals.counts;
        let rate = |number: u64| number as f64 / totals.seconds.max(1e-9) / 1e6;
        writeln!(
            out,
            "total: {} segments, {:.1} MB, {mutations} mutations, {rows} rows, {cells} cells, \
             in {:.3} s: {:.2} million mutations/s, {:.0} MB/s",
            totals.segments,
            totals.file_bytes as f64 / 1e6,
            totals.seconds,
            rate(mutations),
            rate(mutation_bytes),
        )
    }
}

fn encoding_name(header: &Descriptor) -> &'static str {
    use cassandra_commitlog::segment::compression::Compressor;
    match &header.encoding {
        SectionEncoding::Plain => "plain",
        SectionEncoding::Encrypted(_) => "encrypted",
        SectionEncoding::Compressed(compressor) => match compressor {
            Compressor::Lz4 => "lz4",
            Compressor::Snappy => "snappy",
            Compressor::Deflate => "deflate",
            Compressor::Zstd => "zstd",
            Compressor::Noop => "noop",
            _ => "compressed",
        },
    }
}

impl Counts {
    fn add(&mut self, other: Self) {
        self.mutations += other.mutations;
        self.mutation_bytes += other.mutation_bytes;
        self.updates += other.updates;
        self.rows += other.rows;
        self.cells += other.cells;
        self.value_bytes += other.value_bytes;
        self.markers += other.markers;
        self.undecodable += other.undecodable;
        self.damaged += other.damaged;
    }
}

/// Visits every field of every cell, and counts.
#[derive(Debug, Default)]
struct Counter {
    counts: Counts,
    values: bool,
    bad_values: u64,
    table: Option<Arc<TableSchema>>,
}

impl<'a> Visitor<'a> for Counter {
    fn update_start(&mut self, table: &Arc<TableSchema>, partition_key: &'a [u8]) {
        self.counts.updates += 1;
        self.counts.value_bytes += partition_key.len() as u64;
        if self.values {
            self.table = Some(Arc::clone(table));
        }
    }

    fn row_start(&mut self, _: bool) {
        self.counts.rows += 1;
    }

    #[inline]
    fn clustering_value(&mut self, value: Option<&'a [u8]>) {
        self.counts.value_bytes += value.unwrap_or_default().len() as u64;
    }

    fn row_times(&mut self, _: &VisitRow) {}

    #[inline]
    fn cell(&mut self, column: ColumnIndex, cell: &Cell<'a>) {
        self.counts.cells += 1;
        let value = cell.value().unwrap_or_default();
        self.counts.value_bytes += (value.len() + cell.path.unwrap_or_default().len()) as u64;
        if self.values {
            self.check_value(column, cell);
        }
    }

    fn marker_start(&mut self, _: MarkerKind) {
        self.counts.markers += 1;
    }

    fn partition_deletion(&mut self, _: DeletionTime) {}
}

impl Counter {
    #[cold]
    fn check_value(&mut self, column: ColumnIndex, cell: &Cell<'_>) {
        let (Some(table), Some(value), None) = (&self.table, cell.value(), cell.path) else { return };
        let column = match column {
            ColumnIndex::Current(at) => table.values().get(at as usize),
            ColumnIndex::Dropped(at) => table.dropped().get(at as usize).map(|dropped| &dropped.column),
        };
        if column.is_some_and(|column| !table.flags().counter && validate(&column.ty, value).is_err()) {
            self.bad_values += 1;
        }
    }
}
