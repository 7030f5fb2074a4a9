//! How the agent gets on, for people, for Prometheus and for systemd.
//!
//! The threads write into one [`AgentStatus`]. The metrics page, `/status`, the health pages and systemd's status line
//! all read it, so they never disagree.

mod accounting;
mod cluster;
mod exporter;
mod http;
mod log;
pub mod metrics;
mod page;
pub mod phase;
mod process;
mod reporter;
mod service_manager;
mod space;
mod state;
mod status;
mod tables;
mod threads;

pub use self::{
    accounting::{Accounting, Outcome},
    cluster::{AgentView, ClusterState, ClusterView, LedgerIndexView},
    exporter::Exporter,
    http::HttpServer,
    log::{LogError, LogHandle, Repeats},
    metrics::{Counter, Gauge, Histogram},
    page::{Degradation, SpacePage, StatusPage, TablePage, duration_text},
    process::{open_files, resident_bytes},
    reporter::Reporter,
    service_manager::ServiceManager,
    space::{SpaceForecast, SpaceLevel, SpaceUse, SpaceWatch, bytes_per_second, time_to_full},
    state::{AgentState, Identity, Milestone},
    status::AgentStatus,
    tables::{OPS, OTHER_TABLES, TABLES_MAX, TableRecords},
    threads::{Heartbeat, ThreadHealth, Waiting},
};
