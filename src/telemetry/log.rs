//! The log on stderr, its filter that can be changed while the agent runs, and warnings that come again and again.

use std::{
    io::{self, IsTerminal as _},
    sync::{Mutex, PoisonError},
    time::{Duration, Instant},
};

use thiserror::Error;
use tracing_subscriber::{
    EnvFilter, Registry, filter::ParseError, layer::SubscriberExt as _, reload, util::SubscriberInitExt as _,
    util::TryInitError,
};

use crate::config::{LogConfig, LogFormat};

/// Why the log could not be set up, or its filter changed.
#[derive(Debug, Error)]
pub enum LogError {
    /// The filter is none.
    #[error("{filter:?} is no log filter")]
    Filter {
        /// What was given.
        filter: String,
        /// Why.
        source: ParseError,
    },
    /// This process has a log already.
    #[error("the log has been set up already")]
    SetUp(#[from] TryInitError),
    /// The log is gone.
    #[error("the log's filter cannot be changed")]
    Reload(#[from] reload::Error),
}

/// The log, to change what is in it.
#[derive(Debug, Clone)]
pub struct LogHandle {
    filter: reload::Handle<EnvFilter, Registry>,
}

/// What the filter is laid over: the driver tells of settings that are meant so, at every connection.
const QUIET: &str = "scylla=error";

fn parse(filter: &str) -> Result<EnvFilter, LogError> {
    EnvFilter::builder()
        .parse(format!("{QUIET},{filter}"))
        .map_err(|source| LogError::Filter { filter: filter.to_owned(), source })
}

impl LogHandle {
    /// Sets up the log of this process.
    pub fn set_up(config: &LogConfig) -> Result<Self, LogError> {
        let (filter, handle) = reload::Layer::new(parse(&config.filter)?);
        let registry = tracing_subscriber::registry().with(filter);
        let layer = tracing_subscriber::fmt::layer().with_writer(io::stderr);
        match config.format {
            LogFormat::Text => {
                let is_colourful = io::stderr().is_terminal() && std::env::var_os("NO_COLOR").is_none();
                registry.with(layer.with_ansi(is_colourful)).try_init()?;
            }
            LogFormat::Json => registry.with(layer.json().flatten_event(true)).try_init()?,
        }
        Ok(Self { filter: handle })
    }

    /// Changes the filter, as on SIGHUP. A filter that is none leaves the old one.
    pub fn set_filter(&self, filter: &str) -> Result<(), LogError> {
        self.filter.reload(parse(filter)?)?;
        tracing::info!(filter, "log filter changed");
        Ok(())
    }
}

/// Lets a warning that recurs through once in a while, and counts the others.
#[derive(Debug)]
pub struct Repeats {
    interval: Duration,
    state: Mutex<(Option<Instant>, u64)>,
}

impl Repeats {
    /// Lets one through in each interval.
    pub const fn new(interval: Duration) -> Self {
        Self { interval, state: Mutex::new((None, 0)) }
    }

    /// Returns how many were held back since the last one that went through, if this one may go through.
    pub fn admit(&self) -> Option<u64> {
        self.admit_at(Instant::now())
    }

    fn admit_at(&self, now: Instant) -> Option<u64> {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        let (last, held) = &mut *state;
        if last.is_some_and(|last| now.saturating_duration_since(last) < self.interval) {
            *held += 1;
            return None;
        }
        *last = Some(now);
        Some(std::mem::take(held))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_warning_that_recurs_is_told_once_in_a_while_with_the_count_of_the_others() {
        let repeats = Repeats::new(Duration::from_secs(60));
        let start = Instant::now();
        let at = |seconds| repeats.admit_at(start + Duration::from_secs(seconds));
        assert_eq!(
            [at(0), at(1), at(59), at(60), at(61), at(200)],
            [Some(0), None, None, Some(2), None, Some(1)]
        );
    }

    #[test]
    fn the_filter_can_be_changed_and_a_bad_one_changes_nothing() {
        let (filter, handle) = reload::Layer::new(parse("warn").unwrap());
        let log = LogHandle { filter: handle };
        let subscriber = tracing_subscriber::registry().with(filter);
        tracing::subscriber::with_default(subscriber, || {
            assert!(!tracing::enabled!(tracing::Level::INFO));
            log.set_filter("info").unwrap();
            assert!(tracing::enabled!(tracing::Level::INFO));
            assert!(log.set_filter("ringtap=loud=x").is_err());
            assert!(tracing::enabled!(tracing::Level::INFO));
        });
    }
}
