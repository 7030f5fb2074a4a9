//! How a command reaches a cluster's topics, and the cluster itself.

use std::time::Duration;

use clap::Args;
use uuid::Uuid;

use crate::{
    agent::options::kafka,
    checkpoint::StateOwner,
    cli::{CliError, config_args::ConfigArgs, kafka_args::KafkaLoginArgs},
    cluster::{
        names::HostId,
        topics::{ClusterTopicsOptions, Onlooker},
    },
    config::Config,
    dedup::IDENTITY_VERSION,
    schema::node::{CassandraNode, NodeError},
    sink::kafka::{ClusterNames, KafkaOptions},
};

#[derive(Debug, Args)]
pub(super) struct AccessArgs {
    #[command(flatten)]
    config: ConfigArgs,
    /// Brokers to begin with, `HOST:PORT[,HOST:PORT…]`: no configuration is read then
    #[arg(long, value_name = "BROKERS", requires = "cluster", help_heading = "Kafka")]
    brokers: Option<String>,
    /// Name of the Cassandra cluster, if neither the configuration nor its node shall tell it
    #[arg(long, value_name = "NAME")]
    cluster: Option<String>,
    /// How long Kafka may take for an answer, in ms
    #[arg(long, value_name = "MS", default_value_t = 10_000, value_parser = clap::value_parser!(u64).range(1..=600_000))]
    timeout_ms: u64,
    #[command(flatten)]
    login: KafkaLoginArgs,
}

/// A cluster that can be looked at.
pub(super) struct Access {
    /// The configuration, if one was read.
    pub(super) config: Option<Config>,
    /// Name of the cluster.
    pub(super) cluster: String,
    /// Where Kafka is.
    pub(super) brokers: String,
    /// The topics.
    pub(super) topics: Onlooker,
    /// The configuration's node, or why it does not answer; none without a configuration.
    pub(super) node: Option<Result<CassandraNode, NodeError>>,
    /// For how long copies are recognised.
    pub(super) window: Duration,
}

impl AccessArgs {
    pub(super) fn open(&self) -> Result<Access, CliError> {
        let Some(brokers) = &self.brokers else { return self.open_with(self.config.load()?) };
        let cluster = self.cluster.clone().unwrap_or_default();
        let names = ClusterNames::new(&cluster);
        let mut kafka = KafkaOptions::new(brokers, names.transactional_id("none"), names.positions(), "none");
        self.login.apply(&mut kafka)?;
        Ok(self.access(None, cluster, kafka, None))
    }

    fn open_with(&self, config: Config) -> Result<Access, CliError> {
        let node = CassandraNode::connect(&config.cassandra.node_options());
        let yaml = config.cassandra_yaml.as_ref().and_then(|yaml| yaml.cluster_name.clone());
        let given = self.cluster.clone().or_else(|| config.cassandra.cluster.clone()).or(yaml);
        let cluster = match (given, &node) {
            (Some(given), _) => given,
            (None, Ok(node)) => node.identity()?.cluster.into(),
            (None, Err(error)) => {
                return Err(CliError::Usage(format!(
                    "the cluster's name is not known: give --cluster, or set cassandra.cluster ({error})"
                )));
            }
        };
        let owner = StateOwner { cluster: cluster.as_str().into(), host_id: "none".into() };
        let mut kafka = kafka(&config, &owner);
        let mut given = kafka.clone();
        self.login.apply(&mut given)?;
        kafka.librdkafka.extend(given.librdkafka);
        kafka.secrets.extend(given.secrets);
        Ok(self.access(Some(config), cluster, kafka, Some(node)))
    }

    fn access(
        &self,
        config: Option<Config>,
        cluster: String,
        kafka: KafkaOptions,
        node: Option<Result<CassandraNode, NodeError>>,
    ) -> Access {
        let brokers = kafka.brokers.clone();
        // Nothing is written: it does not matter whose options they are.
        let nobody = HostId(Uuid::nil());
        let mut options =
            ClusterTopicsOptions::new(kafka, ClusterNames::new(&cluster), nobody, IDENTITY_VERSION);
        if let Some(config) = &config {
            options.window = Duration::from_millis(config.dedup.window_ms);
            options.ledger_retention = Duration::from_millis(config.dedup.cluster.ledger_retention_ms);
        }
        let window = options.window;
        let topics = Onlooker::new(options, Duration::from_millis(self.timeout_ms));
        Access { config, cluster, brokers, topics, node, window }
    }
}
