//! Several brokers as one Kafka cluster.

use std::{path::PathBuf, thread};

use anyhow::{Context as _, Result, bail};

use super::server::{Broker, Server as _};

/// Ports that a broker takes: for clients, for controllers, and one more.
const PORTS: u16 = 3;
/// Id of the cluster: all brokers must have the same one.
const CLUSTER_ID: &str = "RingtapFaultsCluster0A";
/// More would not all have everything, and what a run reads is one broker's folder.
const BROKERS_MAX: usize = 3;

/// The brokers of a Kafka cluster, three at most; each of them has everything, and is a controller, too.
#[derive(Debug, Clone)]
pub struct Brokers(Vec<Broker>);

impl Brokers {
    /// Names so many brokers, on ports from this one on; `options` are those of all of them, `KEY=VALUE`.
    pub fn new(name: &str, port: u16, count: usize, options: &[&str]) -> Result<Self> {
        let ports: Vec<u16> = (0..count).map(|at| port + PORTS * at as u16).collect();
        let voters: Vec<String> =
            (1..).zip(&ports).map(|(id, port)| format!("{id}@127.0.0.1:{}", port + 1)).collect();
        if !(1..=BROKERS_MAX).contains(&count) {
            bail!("{count} brokers: 1 to {BROKERS_MAX} can be one cluster");
        }
        let in_sync = if count < BROKERS_MAX { 1 } else { 2 };
        let brokers: Result<_> = (1..)
            .zip(&ports)
            .map(|(id, port)| {
                let own = [
                    format!("cluster_id={CLUSTER_ID}"),
                    format!("node.id={id}"),
                    format!("controller.quorum.voters={}", voters.join(",")),
                    format!("offsets.topic.replication.factor={count}"),
                    format!("transaction.state.log.replication.factor={count}"),
                    format!("transaction.state.log.min.isr={in_sync}"),
                    format!("min.insync.replicas={in_sync}"),
                ];
                let all: Vec<&str> = own.iter().map(String::as_str).chain(options.iter().copied()).collect();
                let name = if id == 1 { name.to_owned() } else { format!("{name}-{id}") };
                Broker::new(&name, *port, &all)
            })
            .collect();
        Ok(Self(brokers?))
    }

    /// Starts all of them at once: none of several answers before most of them are there.
    pub fn start(&self) -> Result<()> {
        thread::scope(|scope| {
            let starting: Vec<_> = self.0.iter().map(|broker| scope.spawn(|| broker.start())).collect();
            starting.into_iter().try_for_each(|it| it.join().unwrap_or_else(|_| bail!("starting a broker")))
        })
    }

    /// Kills them where they run, and deletes their state.
    pub fn remove(&self) -> Result<()> {
        self.0.iter().map(Broker::remove).fold(Ok(()), Result::and)
    }

    /// Returns the addresses for clients.
    pub fn addresses(&self) -> String {
        let addresses: Vec<String> = self.0.iter().map(Broker::address).collect();
        addresses.join(",")
    }

    /// Returns how many copies of each record are kept.
    pub fn replication(&self) -> usize {
        self.0.len()
    }

    /// Returns the folder with the partitions' logs of one broker.
    pub fn data(&self) -> Result<PathBuf> {
        self.0.first().map(Broker::data).context("no broker")
    }

    /// Returns a broker; numbers go round.
    pub fn one(&self, at: usize) -> Result<&Broker> {
        self.0.get(at % self.0.len().max(1)).context("no broker")
    }
}
