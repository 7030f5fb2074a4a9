//! Where the schema is asked for.

use uuid::Uuid;

use super::super::{
    Seed,
    node::{CassandraNode, NodeError, NodeOptions},
};

/// Somebody who knows the node's schema as it stands. Both questions block for a bounded time.
pub trait SchemaSource: Send {
    /// Returns the schema.
    fn schema(&mut self) -> Result<Seed, NodeError>;

    /// Returns the schema's version: another one after every change.
    fn schema_version(&mut self) -> Result<Uuid, NodeError>;
}

/// The live node. It is asked seldom, so each question has a connection of its own: nothing is left open that a
/// restart of the node could break.
#[derive(Debug, Clone)]
pub struct NodeSource {
    options: NodeOptions,
}

impl NodeSource {
    /// Returns the node that answers there.
    pub fn new(options: NodeOptions) -> Self {
        Self { options }
    }
}

impl SchemaSource for NodeSource {
    fn schema(&mut self) -> Result<Seed, NodeError> {
        CassandraNode::connect(&self.options)?.schema()
    }

    fn schema_version(&mut self) -> Result<Uuid, NodeError> {
        CassandraNode::connect(&self.options)?.schema_version()
    }
}
