//! `ringtap cluster audit`.

mod ledger;
mod logs;
mod output;
mod work_directory;

use std::{path::PathBuf, time::Duration};

use clap::Args;

use self::{ledger::Ledger, logs::Logs, output::Output, work_directory::WorkDirectory};
use super::access::{Access, AccessArgs};
use crate::{
    cli::{
        CliError, ExitStatus,
        log_args::{KnownArgs, NamedLog, parse_named_log},
        outcome::say,
    },
    cluster::{
        audit::{AuditOptions, LedgerAudit, Totals, WriteSpan},
        topics::TopicsError,
    },
    dedup::IDENTITY_VERSION,
    replay::{iso_micros, parse_micros},
};

/// What was written later than this before the command began may still be on its way into the ledger, in microseconds.
const UNDER_WAY_MICROS: i64 = 60_000_000;

/// Looks in the cluster's ledger for each change that nodes have logged, of a span of write times.
///
/// It says which changes are missing, which came late, and which were published twice: table, token, write time and place in the
/// log, never keys or values. Changes of tables without CDC, and of those that the configuration excludes, do not count. What
/// one log does not tell of its schema is asked of the configuration's node. The ledger of the span is kept in an index on disk
/// while this runs: about 30 bytes for each change.
#[derive(Debug, Args)]
pub(super) struct AuditArgs {
    #[command(flatten)]
    access: AccessArgs,
    /// One node's log: its name and directories; may be repeated. By default the directories of the configuration
    #[arg(long, value_name = "NAME=DIR[:DIR…]", value_parser = parse_named_log)]
    node: Vec<NamedLog>,
    /// Only what was written at this time or later (ISO 8601, or microseconds since 1970). By default as far back as the ledger
    /// has all that was published, and not before the first agent
    #[arg(long, value_name = "TIME", value_parser = parse_micros, allow_hyphen_values = true)]
    since: Option<i64>,
    /// Only what was written before this time. By default a minute ago
    #[arg(long, value_name = "TIME", value_parser = parse_micros, allow_hyphen_values = true)]
    until: Option<i64>,
    /// A change is late that came into the ledger this long after the minute in which it was written, in ms
    #[arg(long, value_name = "MS", default_value_t = 600_000)]
    late_after_ms: u64,
    /// How many changes of each kind are told one by one; all are counted
    #[arg(long, value_name = "COUNT", default_value_t = 100)]
    list: usize,
    /// Where the index is kept while this runs; the system's directory for temporary files by default
    #[arg(long, value_name = "DIR")]
    work_directory: Option<PathBuf>,
    /// The most memory of the index, in bytes
    #[arg(long, value_name = "BYTES", default_value_t = 256 << 20, value_parser = clap::value_parser!(u64).range(1 << 20..))]
    memory_bytes_max: u64,
    /// Print JSON lines: one for each change that is told of, and one with the totals
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    known: KnownArgs,
}

impl AuditArgs {
    pub(super) fn run(self) -> Result<ExitStatus, CliError> {
        let access = self.access.open()?;
        let now = jiff::Timestamp::now().as_microsecond();
        let ledger = Ledger::open(&access)?;
        if ledger.init.identity_version != IDENTITY_VERSION {
            let (found, own) = (ledger.init.identity_version, IDENTITY_VERSION);
            return Err(TopicsError::IdentityVersion { topic: access.cluster, found, own }.into());
        }
        let span = self.span(&ledger, now)?;
        let logs = Logs::open(&self.known, &self.node, &access)?;
        let work = WorkDirectory::create(self.work_directory.as_deref())?;
        let options = AuditOptions {
            span,
            late_after: Duration::from_millis(self.late_after_ms),
            directory: work.path().to_owned(),
            memory_bytes_max: self.memory_bytes_max,
            noted_max: self.list,
        };
        let mut audit = LedgerAudit::new(options, ledger.init.hash_key)?;
        ledger.file(&access.topics, &mut audit)?;
        let mut output = Output::new(self.json, self.list);
        let judged = logs.judge(&mut audit, &access, &mut output)?;
        output.noted(&audit)?;
        output.totals(&audit.totals(), span, &judged)?;
        Ok(status(&audit.totals(), judged.status))
    }

    fn span(&self, ledger: &Ledger, now: i64) -> Result<WriteSpan, CliError> {
        let whole_since = ledger.whole_since();
        let since = self.since.unwrap_or(whole_since);
        let until = self.until.unwrap_or(now - UNDER_WAY_MICROS);
        if since >= until {
            return Err(CliError::Usage(format!(
                "nothing was written from {} to before {}",
                iso_micros(since),
                iso_micros(until)
            )));
        }
        if since < whole_since {
            say(&format!(
                "the ledger has all that was published since {} only: of what was written before, some may be told as missing that was \
                 published",
                iso_micros(whole_since)
            ));
        }
        Ok(WriteSpan { since, until })
    }
}

fn status(totals: &Totals, of_logs: ExitStatus) -> ExitStatus {
    if totals.missing_copies + totals.late + totals.twice > 0 { ExitStatus::Findings } else { of_logs }
}

impl Access {
    /// Returns what stands for the configuration's own log.
    fn own_log(&self) -> Option<NamedLog> {
        let source = &self.config.as_ref()?.source;
        let paths = [&source.cdc_raw_directory, &source.commitlog_directory];
        let paths = paths.into_iter().filter(|path| path.is_dir()).cloned().collect();
        Some(NamedLog { name: "local".into(), paths })
    }
}
