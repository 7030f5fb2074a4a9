//! Every metric: its name, what it counts, and in which unit. Nothing else in the program names one.

mod cluster;

use metrics::Unit;

pub use self::cluster::{CLUSTER, CLUSTER_STATE, ClusterMetric};

/// What kind of number a metric is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// Only grows.
    Counter,
    /// Goes up and down.
    Gauge,
    /// Many values, counted by size.
    Histogram,
}

/// A metric.
#[derive(Debug, Clone, Copy)]
pub struct Metric {
    /// Its name, with the unit in it.
    pub name: &'static str,
    /// What kind of number it is.
    pub kind: Kind,
    /// In which unit.
    pub unit: Unit,
    /// What it tells.
    pub help: &'static str,
}

impl Metric {
    const fn new(kind: Kind, name: &'static str, unit: Unit, help: &'static str) -> Self {
        Self { name, kind, unit, help }
    }
}

/// Makes an enumeration of which every variant is one metric without labels.
macro_rules! metric_names {
    ($(#[$doc:meta])* $kind:ident { $($variant:ident = $name:literal, $unit:ident, $help:literal;)+ }) => {
        $(#[$doc])*
        #[allow(clippy::doc_markdown, reason = "the texts are shown by Prometheus, which knows no Markdown")]
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
        pub enum $kind {
            $(#[doc = $help] $variant),+
        }

        impl $kind {
            /// All of them, in order.
            pub const ALL: &'static [Self] = &[$(Self::$variant),+];
            /// How many there are.
            pub const COUNT: usize = Self::ALL.len();

            /// Returns the metric.
            pub fn metric(self) -> Metric {
                match self {
                    $(Self::$variant => Metric::new(Kind::$kind, $name, Unit::$unit, $help)),+
                }
            }
        }
    };
}

metric_names! {
    /// Numbers that only grow.
    Counter {
        MutationsRead = "ringtap_mutations_read_total", Count, "Mutations read from the log; each has one outcome in ringtap_mutations_total";
        LogBytesRead = "ringtap_log_read_bytes_total", Bytes, "Bytes of segments that were read";
        SegmentsFinished = "ringtap_segments_finished_total", Count, "Segments read to their end";
        SegmentsReleased = "ringtap_segments_released_total", Count, "Segments deleted, archived or left after everything in them was published";
        FilesIgnored = "ringtap_files_ignored_total", Count, "Files in the log's directories that are no segments";
        RecordBytes = "ringtap_record_bytes_total", Bytes, "Bytes of keys and values of published records";
        EarlyRecords = "ringtap_early_records_total", Count, "Records published before the node had them on disk";
        LateChanges = "ringtap_late_changes_total", Count, "Changes older than the dedup window, published without knowing whether they were before";
        Gaps = "ringtap_gaps_total", Count, "Places where a part of the log was deleted before it was read";
        Damages = "ringtap_damages_total", Count, "Damaged places in segments";
        QuarantinedEntries = "ringtap_quarantined_entries_total", Count, "Entries put aside with their bytes";
        QuarantinedBytes = "ringtap_quarantined_bytes_total", Bytes, "Bytes put aside";
        Transactions = "ringtap_transactions_total", Count, "Kafka transactions committed";
        TransactionAborts = "ringtap_transaction_aborts_total", Count, "Kafka transactions aborted";
        TransactionsUnknown = "ringtap_transactions_unknown_total", Count, "Kafka transactions of which the outcome had to be read back";
        SinkRestarts = "ringtap_sink_restarts_total", Count, "Times that a new producer was made";
        SchemaRefreshes = "ringtap_schema_refreshes_total", Count, "Times that the schema was read from the node";
        SchemaRefreshFailures = "ringtap_schema_refresh_failures_total", Count, "Times that the schema could not be read from the node";
        AccountingErrors = "ringtap_accounting_errors_total", Count, "Times that mutations had more outcomes than were read; always 0";
    }
}

metric_names! {
    /// Numbers that go up and down.
    Gauge {
        Ready = "ringtap_ready", Count, "1 if the agent is ready";
        Live = "ringtap_live", Count, "1 if every thread makes progress or waits for something known";
        LagSeconds = "ringtap_lag_seconds", Seconds, "Age of what is read next";
        LagBytes = "ringtap_lag_bytes", Bytes, "Bytes of the log that are there and not read";
        SegmentsPending = "ringtap_segments_pending", Count, "Segments not read to their end";
        ReadSegment = "ringtap_read_segment", Count, "Id of the segment in reading";
        ReadPosition = "ringtap_read_position_bytes", Bytes, "Position in the segment in reading";
        CdcRawBytes = "ringtap_cdc_raw_bytes", Bytes, "Bytes in cdc_raw";
        CdcRawLimitBytes = "ringtap_cdc_raw_limit_bytes", Bytes, "Bytes in cdc_raw at which the node refuses writes to CDC tables";
        CdcRawSegments = "ringtap_cdc_raw_segments", Count, "Segments in cdc_raw";
        CdcRawOldestSeconds = "ringtap_cdc_raw_oldest_seconds", Seconds, "Age of the oldest segment in cdc_raw";
        CdcRawFullSeconds = "ringtap_cdc_raw_full_seconds", Seconds, "Time until cdc_raw is full at the present rate; +Inf if it does not grow";
        MutationsInFlight = "ringtap_mutations_in_flight", Count, "Mutations read that have no outcome yet";
        QueueBatches = "ringtap_queue_batches", Count, "Batches of records between the threads";
        DedupEntries = "ringtap_dedup_entries", Count, "Changes in the dedup index";
        DedupMemoryBytes = "ringtap_dedup_memory_bytes", Bytes, "Memory of the dedup index";
        DedupDiskBytes = "ringtap_dedup_disk_bytes", Bytes, "Disk of the dedup index";
        QuarantineBytes = "ringtap_quarantine_bytes", Bytes, "Bytes that lie in quarantine";
        CheckpointAgeSeconds = "ringtap_checkpoint_age_seconds", Seconds, "Time since the last durable checkpoint";
        MemoryBytes = "ringtap_process_resident_bytes", Bytes, "Resident memory of the agent";
        OpenFiles = "ringtap_process_open_files", Count, "File descriptors of the agent";
        UptimeSeconds = "ringtap_uptime_seconds", Seconds, "Time since the agent started";
    }
}

metric_names! {
    /// Values that are counted by size.
    Histogram {
        CommitSeconds = "ringtap_commit_seconds", Seconds, "Time that a commit to Kafka took";
        EventAgeSeconds = "ringtap_event_age_seconds", Seconds, "Time from a change's write time to the commit of its record";
    }
}

/// Outcomes of mutations; label `outcome`.
pub const MUTATIONS: Metric = Metric::new(
    Kind::Counter,
    "ringtap_mutations_total",
    Unit::Count,
    "Mutations by outcome: published, filtered, foreign, duplicate or quarantined; together ringtap_mutations_read_total",
);

/// Records; labels `table` and `op`.
pub const RECORDS: Metric =
    Metric::new(Kind::Counter, "ringtap_records_total", Unit::Count, "Records published, by table and op");

/// The agent's state; label `state`, 1 for the one that holds.
pub const STATE: Metric = Metric::new(
    Kind::Gauge,
    "ringtap_state",
    Unit::Count,
    "1 for the state that the agent is in, 0 for the others",
);

/// What runs; labels `version`, `cluster` and `host_id`.
pub const BUILD_INFO: Metric = Metric::new(
    Kind::Gauge,
    "ringtap_build_info",
    Unit::Count,
    "1; version, cluster and host id are its labels",
);

/// The bounds of both histograms' buckets, in seconds: from a local commit to hours of backlog.
pub const SECONDS_BUCKETS: [f64; 18] = [
    0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 300.0, 1_800.0,
    21_600.0,
];

/// Returns all metrics. Those of the cluster are only there with `dedup.mode = "cluster"`.
pub fn all() -> Vec<Metric> {
    let mut metrics = vec![MUTATIONS, RECORDS, STATE, BUILD_INFO];
    metrics.extend(Counter::ALL.iter().map(|counter| counter.metric()));
    metrics.extend(Gauge::ALL.iter().map(|gauge| gauge.metric()));
    metrics.extend(Histogram::ALL.iter().map(|histogram| histogram.metric()));
    metrics.push(CLUSTER_STATE);
    metrics.extend(CLUSTER.iter().map(|its| its.metric));
    metrics
}
