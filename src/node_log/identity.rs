//! Which node a log is of: `system.local` says it.

use cassandra_commitlog::{
    mutation::{ColumnData, Mutation, PartitionUpdate, Unfiltered},
    types::Dialect,
};

/// What a log says of its node, in the mutations of `system.local`.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct NodeIdentity {
    /// Name of the cluster.
    pub cluster: Option<Box<str>>,
    /// Host id.
    pub host_id: Option<Box<str>>,
    /// Release of Cassandra, such as `5.0.5`.
    pub release: Option<Box<str>>,
    /// How far it has joined the ring, as Cassandra writes it (`SystemKeyspace.BootstrapState`).
    pub bootstrapped: Option<Box<str>>,
}

impl NodeIdentity {
    /// Takes up what a mutation says of the node.
    pub fn follow(&mut self, mutation: &Mutation<'_>) {
        for update in &mutation.updates {
            if update.table.keyspace() == "system" && update.table.name() == "local" {
                self.follow_local(update);
            }
        }
    }

    fn follow_local(&mut self, update: &PartitionUpdate<'_>) {
        for unfiltered in &update.unfiltereds {
            let Unfiltered::Row(row) = unfiltered else { continue };
            for column in &row.columns {
                let ColumnData::Simple(index, cell) = column else { continue };
                let (Some(column), Some(value)) = (update.column(*index), cell.value()) else { continue };
                let text = || std::str::from_utf8(value).ok().map(Box::from);
                match &*column.name {
                    "cluster_name" => self.cluster = text(),
                    "release_version" => self.release = text(),
                    "bootstrapped" => self.bootstrapped = text(),
                    "host_id" => {
                        self.host_id = uuid::Uuid::from_slice(value).ok().map(|id| id.to_string().into());
                    }
                    _ => {}
                }
            }
        }
    }

    /// Returns true once all of it is known.
    pub fn is_complete(&self) -> bool {
        self.cluster.is_some() && self.host_id.is_some() && self.release.is_some()
    }

    /// Returns whose text the node itself writes values in. The commit log's version alone does not tell
    /// Cassandra 4 from 5.
    pub fn dialect(&self, log_version: cassandra_commitlog::Version) -> Dialect {
        let major =
            self.release.as_deref().and_then(|release| release.split('.').next()?.parse::<u32>().ok());
        match major {
            Some(0..=3) => Dialect::Cassandra3,
            Some(4) => Dialect::Cassandra4,
            Some(_) => Dialect::Cassandra5,
            None => match log_version {
                cassandra_commitlog::Version::V6 => Dialect::Cassandra3,
                cassandra_commitlog::Version::V7 => Dialect::Cassandra4,
                _ => Dialect::Cassandra5,
            },
        }
    }
}
