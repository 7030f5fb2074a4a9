//! `ringtap run`.

use std::{sync::Arc, time::Duration};

use clap::Args;

use super::{CliError, ExitStatus, config_args::ConfigArgs};
use crate::{
    agent::{self, AcceptPosition, AgentError, Report, Stops},
    config::Config,
    error_text::with_causes,
    telemetry::{AgentState, Exporter, HttpServer, LogHandle, Reporter, ServiceManager},
};

/// How long the agent takes to publish what it has read when it is asked to end.
const PATIENCE: Duration = Duration::from_secs(10);

/// Runs the agent until SIGTERM or SIGINT: reads the node's live log and publishes every change to Kafka.
///
/// SIGTERM lets it publish what it has read and ends within ten seconds; a second one ends it at once. SIGHUP reads the
/// configuration again and takes over the log filter.
#[derive(Debug, Args)]
pub(super) struct RunArgs {
    #[command(flatten)]
    config: ConfigArgs,
    /// Go on from this position once, if the local state and Kafka contradict each other
    #[arg(long, value_name = "WHICH")]
    accept_position: Option<AcceptPosition>,
}

impl RunArgs {
    pub(super) fn run(self) -> Result<ExitStatus, CliError> {
        let config = self.config.load()?;
        let log = LogHandle::set_up(&config.log).map_err(|error| AgentError::Config(error.to_string()))?;
        for warning in &config.warnings {
            tracing::warn!("{}", warning.text(&config.file));
        }
        let stops = Stops::default();
        let again = self.config;
        agent::watch_signals(stops.clone(), PATIENCE, move || reload(&again, &log))
            .map_err(|source| AgentError::System { doing: "watching signals", source })?;
        let served = serve(&config, &stops, self.accept_position);
        if let Err(error) = &served {
            tracing::error!(error = %with_causes(error), "the agent ends");
        }
        served.map(|()| ExitStatus::Ok).map_err(CliError::from)
    }
}

/// Runs the agent with everything around it: metrics, health, systemd.
fn serve(config: &Config, stops: &Stops, accept: Option<AcceptPosition>) -> Result<(), AgentError> {
    let system = |doing| move |source| AgentError::System { doing, source };
    let (exporter, status) = Exporter::new().map_err(|error| AgentError::Config(error.to_string()))?;
    exporter.install();
    let http = match config.http.listen {
        Some(listen) => {
            let started = HttpServer::start(listen, Arc::clone(&status), exporter);
            Some(started.map_err(system("listening at http.listen"))?)
        }
        None => None,
    };
    if let Some(http) = &http {
        tracing::info!(address = %http.address(), "metrics, health and status are served");
    }
    let manager = ServiceManager::from_environment();
    let reporter = Reporter::start(Arc::clone(&status), manager.clone(), &config.source)
        .map_err(system("starting the reporter"))?;
    let report = Report::new(Arc::clone(&status), &config.topic_prefix, manager.clone());
    let ended = agent::run(config, accept, stops, report);
    manager.stopping();
    status.set_state(AgentState::Stopping, "");
    drop((reporter, http));
    if ended.is_ok() {
        tracing::info!("the agent has ended");
    }
    ended
}

/// Takes over what can be changed while the agent runs.
fn reload(config: &ConfigArgs, log: &LogHandle) {
    let manager = ServiceManager::from_environment();
    manager.reloading();
    match config.load() {
        Ok(config) => {
            if let Err(error) = log.set_filter(&config.log.filter) {
                tracing::error!(%error, "the configuration was read again; the log filter stays as it was");
            }
        }
        Err(error) => tracing::error!(%error, "the configuration can't be read again; all stays as it was"),
    }
    manager.ready();
}
