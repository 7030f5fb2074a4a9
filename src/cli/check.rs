//! `ringtap check`: the configuration, and what it points at.

mod cassandra;
mod findings;
mod kafka;
mod node;
mod state;

use std::{
    io::{self, Write as _},
    time::Duration,
};

use clap::Args;
use serde_json::json;

use self::findings::{Area, Findings, Level};
use super::{CliError, ExitStatus, config_args::ConfigArgs};
use crate::config::{Config, MASK};

/// Check a configuration and what it points at.
#[derive(Debug, Args)]
pub(super) struct CheckArgs {
    #[command(flatten)]
    config: ConfigArgs,
    /// Ask neither Cassandra nor Kafka
    #[arg(long)]
    offline: bool,
    /// Exit with 0 though there be warnings (without errors)
    #[arg(long)]
    errors_only: bool,
    /// Print JSON instead of text
    #[arg(long)]
    json: bool,
    /// How long Kafka may take to answer, in ms
    #[arg(long, value_name = "MS", default_value_t = 5000, value_parser = clap::value_parser!(u64).range(1..=600_000))]
    timeout_ms: u64,
}

impl CheckArgs {
    pub(super) fn run(self) -> Result<ExitStatus, CliError> {
        let config = self.config.load()?;
        let mut findings = Findings::default();
        for warning in &config.warnings {
            findings.add(Area::Configuration, Level::Warn, warning.text(&config.file), "");
        }
        node::check(&config, &mut findings);
        let identity = if self.offline { None } else { cassandra::check(&config, &mut findings) };
        state::check(&config, identity.as_ref(), &mut findings);
        if !self.offline {
            kafka::check(&config, Duration::from_millis(self.timeout_ms), &mut findings);
        }
        let mut out = io::stdout().lock();
        let written = if self.json {
            writeln!(out, "{}", as_json(&config, &findings))
        } else {
            write_text(&mut out, &config, &findings)
        };
        written.map_err(CliError::stdout)?;
        Ok(findings.status(self.errors_only))
    }
}

fn as_json(config: &Config, findings: &Findings) -> serde_json::Value {
    json!({
        "file": config.file.display().to_string(),
        "findings": findings.all(),
        "errors": findings.count(Level::Error),
        "warnings": findings.count(Level::Warn),
        "settings": config.effective,
    })
}

fn write_text(out: &mut impl io::Write, config: &Config, findings: &Findings) -> io::Result<()> {
    writeln!(out, "settings of {} (secrets are shown as {MASK})", config.file.display())?;
    for setting in &config.effective {
        match &setting.value {
            Some(value) => writeln!(out, "  {} = {value}  # {}", setting.key, setting.origin)?,
            None => writeln!(out, "  # {} is not set", setting.key)?,
        }
    }
    writeln!(out)?;
    for finding in findings.all() {
        writeln!(out, "{finding}")?;
    }
    let (errors, warnings) = (findings.count(Level::Error), findings.count(Level::Warn));
    writeln!(out, "\n{errors} errors, {warnings} warnings")
}
