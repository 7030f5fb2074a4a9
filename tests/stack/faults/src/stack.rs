//! The real node, broker and agent, as processes that can be killed.

mod agent;
mod brokers;
mod cluster;
mod http;
mod server;

use std::path::{Path, PathBuf};

pub(crate) use self::server::run as script;
pub use self::{
    agent::{Agent, AgentSettings, open_to_agent},
    brokers::Brokers,
    cluster::{Cluster, ClusterNode},
    http::get,
    server::{Broker, Node, Server},
};

/// Returns the folder of the scripts, `tests/stack`.
pub fn scripts() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().map(Path::to_owned).unwrap_or_default()
}
