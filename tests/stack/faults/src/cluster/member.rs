//! A node with its agent.

use std::{
    path::{Path, PathBuf},
    sync::Arc,
};

use anyhow::{Context as _, Result};
use scylla::client::session::Session;
use tokio::runtime::Handle;
use uuid::Uuid;

use crate::{
    faults::SegmentKeeper,
    load::connect,
    stack::{Agent, AgentSettings, ClusterNode, open_to_agent},
};

/// Port of each agent's HTTP server, at its node's address.
const HTTP_PORT: u16 = 9187;

/// What all agents of a run are told alike.
#[derive(Debug, Clone)]
pub(super) struct AgentTemplate {
    pub(super) binary: PathBuf,
    pub(super) brokers: String,
    pub(super) topic_prefix: String,
    pub(super) lines: Vec<String>,
    /// True where each agent works for itself: then everything comes as often as it was logged, and the checks must say so.
    pub(super) is_alone: bool,
}

/// A node with its agent.
pub(super) struct Member {
    pub(super) node: ClusterNode,
    pub(super) agent: Agent,
    pub(super) host_id: String,
    pub(super) session: Arc<Session>,
    /// False once it has left the cluster.
    pub(super) is_in: bool,
    /// True if its agent knows nothing of the others.
    pub(super) is_alone: bool,
    keeper: SegmentKeeper,
}

impl Member {
    /// Puts an agent beside a node that runs. It is not started.
    pub(super) fn new(
        node: ClusterNode,
        template: &AgentTemplate,
        work: &Path,
        runtime: &Handle,
    ) -> Result<Self> {
        // Hard links: on the node's own file system.
        let keeper = SegmentKeeper::start(node.state(), &node.state().join("kept"))?;
        open_to_agent(&node.state().join("cdc_raw"))?;
        let session = Arc::new(runtime.block_on(connect(node.address()))?);
        let asked = session.query_unpaged("SELECT host_id FROM system.local", ());
        let (host_id,) = runtime.block_on(asked)?.into_rows_result()?.single_row::<(Uuid,)>()?;
        let agent = Agent::new(AgentSettings {
            binary: template.binary.clone(),
            cassandra_yaml: node.state().join("conf/cassandra.yaml"),
            topic_prefix: template.topic_prefix.clone(),
            brokers: template.brokers.clone(),
            http: format!("{}:{HTTP_PORT}", node.address()),
            folder: work.join(format!("agent-{}", node.number())),
            lines: template.lines.clone(),
        })?;
        let (host_id, is_alone) = (host_id.to_string(), template.is_alone);
        Ok(Self { node, agent, host_id, session, is_in: true, is_alone, keeper })
    }

    /// Returns the folder with every segment that its node ever wrote.
    pub(super) fn segments(&self) -> &Path {
        self.keeper.folder()
    }

    /// Returns what its agent says of the cluster; an error while it says nothing.
    pub(super) fn cluster_status(&self) -> Result<serde_json::Value> {
        let status = self.agent.status()?;
        let cluster = status.get("cluster").filter(|cluster| !cluster.is_null());
        cluster
            .cloned()
            .with_context(|| format!("no `cluster` in the status of agent {}", self.node.number()))
    }

    /// Returns one of the numbers of that; none while it says nothing.
    pub(super) fn cluster_number(&self, name: &str) -> Option<u64> {
        self.cluster_status().ok()?.get(name)?.as_u64()
    }
}
