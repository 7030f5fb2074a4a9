//! `ringtap dump`.

use std::io::{self, BufWriter, Write as _};

use cassandra_commitlog::Version;
use clap::Args;

use super::{CliError, ExitStatus, log_args::LogArgs, outcome::Findings, progress::Progress};
use crate::{
    dump::{Place, write_line},
    node_log::LogEvent,
};

#[derive(Debug, Args)]
pub(super) struct DumpArgs {
    #[command(flatten)]
    log: LogArgs,
}

impl DumpArgs {
    pub(super) fn run(self) -> Result<ExitStatus, CliError> {
        let mut log = self.log.open()?;
        log.learn_identity()?;
        let mut progress = Progress::start(log.segments(), true);
        let mut findings = Findings::default();
        let mut out = BufWriter::with_capacity(1 << 16, io::stdout().lock());
        let mut version = Version::V6;
        let mut lines = String::new();
        log.read(|context, event| {
            match event {
                LogEvent::Segment { header, .. } => version = header.version,
                LogEvent::Mutation(logged) => {
                    lines.clear();
                    let place = Place {
                        segment: logged.segment,
                        position: logged.position.offset,
                        size: logged.size,
                        mutation: logged.number,
                        dialect: context.identity.dialect(version),
                    };
                    for update in &logged.mutation.updates {
                        write_line(&place, update, &mut lines);
                        lines.push('\n');
                    }
                    out.write_all(lines.as_bytes()).map_err(CliError::stdout)?;
                    progress.within_segment(logged.position.offset);
                }
                LogEvent::Undecodable { entry, error } => findings.undecodable(entry, &error),
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
        out.flush().map_err(CliError::stdout)?;
        Ok(findings.conclude())
    }
}
