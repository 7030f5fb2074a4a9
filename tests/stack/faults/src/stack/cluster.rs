//! Several nodes as one cluster, run by the script `cluster`.

use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result};

use super::server::{Server, read_pid, run};

/// A cluster of nodes.
#[derive(Debug, Clone)]
pub struct Cluster {
    name: String,
    version: String,
    network: Option<String>,
    folder: PathBuf,
    settings: Vec<String>,
}

/// One of its nodes.
#[derive(Debug, Clone)]
pub struct ClusterNode {
    cluster: String,
    number: usize,
    address: String,
    state: PathBuf,
}

impl Cluster {
    /// Names a cluster on a network such as `127.0.92`, or the first free one, with its nodes' states in a folder; `settings`
    /// are the script's `KEY=VALUE`.
    pub fn new(name: &str, version: &str, network: Option<&str>, folder: &Path, settings: &[String]) -> Self {
        Self {
            name: name.to_owned(),
            version: version.to_owned(),
            network: network.map(str::to_owned),
            folder: folder.to_owned(),
            settings: settings.to_vec(),
        }
    }

    /// Starts it for the first time, with a node at each place (`DATACENTER:RACK`).
    pub fn start(&self, places: &[String]) -> Result<Vec<ClusterNode>> {
        let mut words = vec!["start".to_owned(), self.name.clone(), self.version.clone()];
        words.extend(self.network.iter().map(|network| format!("network={network}")));
        words.push(format!("nodes={}", places.join(",")));
        words.push(format!("dir={}", self.folder.display()));
        words.extend(self.settings.iter().cloned());
        run("cluster", &words)?;
        self.nodes()
    }

    /// Adds a node, which bootstraps.
    pub fn add(&self, place: &str) -> Result<ClusterNode> {
        run("cluster", &["add".to_owned(), self.name.clone(), place.to_owned()])?;
        self.nodes()?.pop().context("a cluster without nodes")
    }

    /// Kills all nodes, where there are any, and deletes their state.
    pub fn remove(&self) -> Result<()> {
        match run("cluster", &["remove".to_owned(), self.name.clone()]) {
            Err(error) if !error.to_string().contains("there is no cluster") => Err(error),
            _ => Ok(()),
        }
    }

    fn nodes(&self) -> Result<Vec<ClusterNode>> {
        let addresses = run("cluster", &["addresses".to_owned(), self.name.clone()])?;
        let node = |(number, address): (usize, &str)| {
            let state = run("cluster", &["path".to_owned(), self.name.clone(), number.to_string()])?;
            let (cluster, address) = (self.name.clone(), address.to_owned());
            Ok(ClusterNode { cluster, number, address, state: state.into() })
        };
        (1..).zip(addresses.lines()).map(node).collect()
    }
}

impl ClusterNode {
    /// Returns its number in the cluster, from 1.
    pub fn number(&self) -> usize {
        self.number
    }

    /// Returns the address on which it answers clients.
    pub fn address(&self) -> &str {
        &self.address
    }

    /// Returns its state folder: conf, `cdc_raw`, commitlog.
    pub fn state(&self) -> &Path {
        &self.state
    }

    fn action(&self, action: &str, more: &[&str]) -> Result<String> {
        let mut words = vec![action.to_owned(), self.cluster.clone(), self.number.to_string()];
        words.extend(more.iter().map(|word| (*word).to_owned()));
        run("cluster", &words)
    }

    /// Ends it in order: drained, everything flushed.
    pub fn stop(&self) -> Result<()> {
        self.action("stop", &[]).map(drop)
    }

    /// Starts it again with settings that it has until the next start.
    pub fn start_with(&self, settings: &[&str]) -> Result<()> {
        self.action("start", settings).map(drop)
    }

    /// Runs one of nodetool's commands.
    pub fn nodetool(&self, arguments: &[&str]) -> Result<String> {
        self.action("nodetool", arguments)
    }
}

impl Server for ClusterNode {
    fn start(&self) -> Result<()> {
        self.start_with(&[])
    }

    fn pid(&self) -> Result<u32> {
        read_pid(&self.state.join("pid")).with_context(|| format!("node {}", self.address))
    }

    fn name(&self) -> &'static str {
        "node"
    }
}
