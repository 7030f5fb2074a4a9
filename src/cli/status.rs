//! `ringtap status`: asks a running agent how it gets on.

mod client;

use std::{
    io::{self, Write as _},
    net::SocketAddr,
    path::PathBuf,
    time::Duration,
};

use clap::Args;

use super::{CliError, ExitStatus};
use crate::{
    config::{Config, Overrides},
    telemetry::StatusPage,
};

/// Where an agent listens if nobody says otherwise.
const ADDRESS_DEFAULT: SocketAddr =
    SocketAddr::new(std::net::IpAddr::V4(std::net::Ipv4Addr::LOCALHOST), 9187);

#[derive(Debug, Args)]
pub(super) struct StatusArgs {
    /// Address of the agent's `http.listen`; else that of --config, else 127.0.0.1:9187
    #[arg(long, value_name = "ADDRESS:PORT")]
    address: Option<SocketAddr>,
    /// Configuration of the agent
    #[arg(long, value_name = "FILE", env = "RINGTAP_CONFIG", conflicts_with = "address")]
    config: Option<PathBuf>,
    /// Print the agent's own JSON instead of text
    #[arg(long)]
    json: bool,
    /// How long the agent may take to answer, in ms
    #[arg(long, value_name = "MS", default_value_t = 3000, value_parser = clap::value_parser!(u64).range(1..=600_000))]
    timeout_ms: u64,
}

impl StatusArgs {
    pub(super) fn run(self) -> Result<ExitStatus, CliError> {
        let address = self.address()?;
        let body = client::get(address, "/status", Duration::from_millis(self.timeout_ms))
            .map_err(|source| CliError::Agent { address, source })?;
        let page: StatusPage = serde_json::from_str(&body).map_err(|error| CliError::Agent {
            address,
            source: io::Error::new(
                io::ErrorKind::InvalidData,
                format!("its answer is none of an agent: {error}"),
            ),
        })?;
        let text = if self.json { format!("{}\n", body.trim_end()) } else { page.to_string() };
        io::stdout().write_all(text.as_bytes()).map_err(CliError::stdout)?;
        Ok(if page.is_ready { ExitStatus::Ok } else { ExitStatus::Findings })
    }

    fn address(&self) -> Result<SocketAddr, CliError> {
        if let Some(address) = self.address {
            return Ok(address);
        }
        let Some(file) = &self.config else { return Ok(ADDRESS_DEFAULT) };
        let config = Config::load(file, &Overrides::from_environment()?)?;
        config
            .http
            .listen
            .ok_or_else(|| CliError::Usage("http.listen is \"off\": there is nothing to ask".into()))
    }
}
