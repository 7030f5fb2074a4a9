//! What a check found.

use std::fmt;

use serde::Serialize;

use crate::cli::ExitStatus;

/// How bad it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum Level {
    Ok,
    Warn,
    Error,
}

/// What it is about; decides the exit code of an error.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum Area {
    Configuration,
    Source,
    Cassandra,
    State,
    Kafka,
    Agent,
}

impl Area {
    fn name(self) -> &'static str {
        match self {
            Self::Configuration => "configuration",
            Self::Source => "source",
            Self::Cassandra => "cassandra",
            Self::State => "state",
            Self::Kafka => "kafka",
            Self::Agent => "agent",
        }
    }

    fn status(self) -> ExitStatus {
        match self {
            Self::Configuration | Self::Agent => ExitStatus::Usage,
            Self::Source | Self::Cassandra => ExitStatus::Source,
            Self::State => ExitStatus::State,
            Self::Kafka => ExitStatus::Sink,
        }
    }
}

/// One finding.
#[derive(Debug, Serialize)]
pub(super) struct Finding {
    level: Level,
    area: Area,
    what: String,
    /// What to do; empty if nothing.
    #[serde(skip_serializing_if = "String::is_empty")]
    fix: String,
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let level = match self.level {
            Level::Ok => "ok",
            Level::Warn => "warn",
            Level::Error => "error",
        };
        write!(f, "{level:<5} {}: {}", self.area.name(), self.what)?;
        if !self.fix.is_empty() {
            write!(f, "\n      fix: {}", self.fix)?;
        }
        Ok(())
    }
}

/// All that was found, in the order of the checks.
#[derive(Debug, Default)]
pub(super) struct Findings(Vec<Finding>);

impl Findings {
    pub(super) fn add(&mut self, area: Area, level: Level, what: impl Into<String>, fix: impl Into<String>) {
        self.0.push(Finding { level, area, what: what.into(), fix: fix.into() });
    }

    pub(super) fn ok(&mut self, area: Area, what: impl Into<String>) {
        self.add(area, Level::Ok, what, "");
    }

    pub(super) fn warn(&mut self, area: Area, what: impl Into<String>, fix: impl Into<String>) {
        self.add(area, Level::Warn, what, fix);
    }

    pub(super) fn error(&mut self, area: Area, what: impl Into<String>, fix: impl Into<String>) {
        self.add(area, Level::Error, what, fix);
    }

    pub(super) fn all(&self) -> &[Finding] {
        &self.0
    }

    pub(super) fn count(&self, level: Level) -> usize {
        self.0.iter().filter(|finding| finding.level == level).count()
    }

    /// Returns the exit code: that of the first error, else 1 for warnings.
    pub(super) fn status(&self, errors_only: bool) -> ExitStatus {
        if let Some(error) = self.0.iter().find(|finding| finding.level == Level::Error) {
            return error.area.status();
        }
        if self.count(Level::Warn) > 0 && !errors_only { ExitStatus::Findings } else { ExitStatus::Ok }
    }
}
