//! Nodes and brokers of a run.

use anyhow::Result;

use super::ClusterOptions;
use crate::stack::{Brokers, Cluster, ClusterNode};

/// As Kafka has it: with three nodes on few processors a broker that the scripts allow two seconds is taken for dead.
const BROKER_SESSION: &str = "broker.session.timeout.ms=9000";

/// Nodes and brokers of a run.
pub(super) struct Servers {
    pub(super) cluster: Cluster,
    pub(super) brokers: Brokers,
}

impl Servers {
    /// Names them, and removes what an earlier run left running or lying about.
    pub(super) fn new(options: &ClusterOptions) -> Result<Self> {
        let name = format!("cluster-{}", options.port);
        let mut settings: Vec<String> = node_settings(&options.version).map(str::to_owned).to_vec();
        settings.extend(options.node_settings.iter().cloned());
        let servers = Self {
            cluster: Cluster::new(
                &name,
                &options.version,
                options.network.as_deref(),
                &options.work.join("nodes"),
                &settings,
            ),
            brokers: Brokers::new(&name, options.port, options.brokers, &[BROKER_SESSION])?,
        };
        servers.remove()?;
        Ok(servers)
    }

    pub(super) fn start(&self, places: &[String]) -> Result<Vec<ClusterNode>> {
        self.brokers.start()?;
        self.cluster.start(places)
    }

    pub(super) fn remove(&self) -> Result<()> {
        let (cluster, brokers) = (self.cluster.remove(), self.brokers.remove());
        cluster.and(brokers)
    }
}

/// A node syncs what it acknowledges, so that what one replica alone has is not forgotten. A dump of whole tables may take
/// longer than a node allows by default.
fn node_settings(version: &str) -> [&'static str; 6] {
    if version.starts_with("3.") || version.starts_with("4.0") {
        [
            "commitlog_sync=batch",
            "commitlog_sync_batch_window_in_ms=2",
            "commitlog_sync_period_in_ms=-",
            "commitlog_segment_size_in_mb=4",
            "range_request_timeout_in_ms=60000",
            "hinted_handoff_throttle_in_kb=10240",
        ]
    } else {
        [
            "commitlog_sync=group",
            "commitlog_sync_group_window=10ms",
            "commitlog_sync_period=-",
            "commitlog_segment_size=4MiB",
            "range_request_timeout=60s",
            "hinted_handoff_throttle=10MiB",
        ]
    }
}
