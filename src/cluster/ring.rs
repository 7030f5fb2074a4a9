//! Which nodes hold which tokens: the cluster's nodes and keyspaces as one node tells of them ([`Topology`]), the replicas
//! of each range as Cassandra places them ([`Ring`]), and of these the ones that publish ([`place`]).
//!
//! # What CQL tells, and what it does not
//!
//! Used: `system.local` and `system.peers_v2` (before 4.0: `system.peers`) for nodes and tokens, `system_schema.keyspaces`
//! for the replication, and `system.local.bootstrapped` for whether the node itself has joined. All are kept by each node for
//! itself, so that nothing but the own node is asked, and two agents may see a change some seconds apart.
//!
//! Cassandra's class `StorageService` writes a peer's row when the peer's state becomes `NORMAL`, and takes it away when the
//! peer has left. So in every version a node that *joins* or *replaces* another is not seen until it is done, a node that
//! *leaves* is seen until it is gone, and one that *moves* has its old token until it is done: what is placed here is what
//! reads go to, without the replicas that get writes already while ranges are pending for them (class `TokenMetadata`).
//! They need not be known: their log holds the writes, and when the row comes their agents audit it.
//!
//! * The own node answers CQL only when it has joined, or was started in survey mode or with `join_ring=false`, so
//!   `bootstrapped` is nearly always `COMPLETED` here. If it is not, the tokens in `system.local` are those that the node
//!   will have: they are left out. That a bootstrap began and ended stands in the log, where the same row is written.
//! * 3.11 and 4.0 tell of no pending range over CQL at all; only JMX does.
//! * 4.1 and 5.0 have the virtual table `system_views.gossip_info` (class `GossipInfoTable`): `status_with_port` says `BOOT`,
//!   `BOOT_REPLACE`, `LEAVING`, `MOVING` of other nodes, but the tokens are left out of the table on purpose, and `BOOT`
//!   names one of them only. The ranges of a node that joins with several tokens are thus not known there either. It is
//!   not used: what is pending would be known for some versions and kinds of change, and not for others. (Seen on 4.1.9: a node
//!   with four tokens is in that table with `BOOT` and one of them while it joins, and in `peers_v2` from `NORMAL` on;
//!   it stays there with `LEAVING`, and is gone with `LEFT`.)
//! * A node that is gone for good, and whose row was left over (it happens), cannot be told from one that is down. It keeps its
//!   ranges here; its agent does not answer, and the next rank takes over.
//! * A row that is only half there (gossip has not brought all of it) has no host id, data center, rack or token. It is
//!   passed over, as drivers do, and named in [`Topology::incomplete`].

mod change;
mod error;
#[cfg(feature = "agent")]
mod fetch;
mod natural;
mod placement;
#[cfg(feature = "agent")]
mod stored;
mod strategy;
#[cfg(test)]
mod tests;
#[cfg(feature = "agent")]
mod told;
mod topology;

pub use self::{
    change::TopologyChange,
    error::{PlacementProblem, TopologyError},
    natural::Ring,
    placement::{KeyspacePlacement, Placements, ReplicatedRange, place},
    strategy::{ReplicationFactor, Strategy},
    topology::{Bootstrap, ReplicationOptions, RingNode, Topology},
};
