//! Watching the local node: whether it answers, and what it says of the ring.

use std::{
    io,
    path::PathBuf,
    sync::mpsc::{self, Receiver},
    thread,
    time::Duration,
};

use crate::{
    cluster::ring::{Topology, TopologyError},
    error_text::with_causes,
    schema::node::{CassandraNode, NodeOptions},
    sink::StopSignal,
};

/// How often the node is asked.
const INTERVAL: Duration = Duration::from_secs(5);

/// What became of a question.
#[derive(Debug)]
pub(super) enum NodeTold {
    /// It answers.
    Up(Box<Topology>),
    /// It does not, for this reason.
    Down(String),
}

/// Asks the node at intervals, in a thread of its own, until the signal. A topology that is new is stored in `file`.
pub(super) fn watch(
    options: NodeOptions,
    file: PathBuf,
    known: Option<Topology>,
    stop: StopSignal,
) -> io::Result<Receiver<NodeTold>> {
    let (tell, told) = mpsc::channel();
    thread::Builder::new().name("node-watch".into()).spawn(move || {
        let mut node = None;
        let mut known = known;
        loop {
            match ask(&mut node, &options) {
                Ok(topology) => {
                    if known.as_ref() != Some(&topology) {
                        say_what_changed(known.as_ref(), &topology);
                        if let Err(error) = topology.store(&file) {
                            tracing::warn!(error = %with_causes(&error), "the cluster's topology can't be stored; without it an agent can't start while its node is down");
                        }
                        known = Some(topology.clone());
                    }
                    if tell.send(NodeTold::Up(Box::new(topology))).is_err() {
                        return;
                    }
                }
                // It changed while it was asked: the next answer is whole.
                Err(error) if error.is_transient() && !matches!(error, TopologyError::Node(_)) => {}
                Err(error) => {
                    node = None;
                    if tell.send(NodeTold::Down(with_causes(&error))).is_err() {
                        return;
                    }
                }
            }
            if stop.wait(INTERVAL) {
                return;
            }
        }
    })?;
    Ok(told)
}

fn ask(node: &mut Option<CassandraNode>, options: &NodeOptions) -> Result<Topology, TopologyError> {
    let connected = match node.take() {
        Some(connected) => connected,
        None => CassandraNode::connect(options)?,
    };
    let topology = Topology::fetch(&connected);
    *node = Some(connected);
    topology
}

fn say_what_changed(before: Option<&Topology>, after: &Topology) {
    let Some(before) = before else {
        tracing::info!(nodes = after.nodes.len(), keyspaces = after.keyspaces.len(), "the ring is known");
        return;
    };
    for change in after.changes_since(before) {
        tracing::info!(%change, "the ring changed");
    }
}
