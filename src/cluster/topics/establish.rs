//! Making the topics, or looking at those that are there.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use rdkafka::{
    error::KafkaError,
    producer::{BaseProducer, Producer as _},
    types::RDKafkaErrorCode as Code,
};

use super::{
    ClusterTopicsOptions, TopicsError,
    settings::{Findings, Role, judge},
};
use crate::sink::{
    StopSignal,
    kafka::{
        Admin, Context, Delivery, KafkaOptions, SettingValues, SinkCounters, SinkError, SinkErrorKind, Tools,
        admin_code, open_producer,
    },
};

/// How long a partition that was added may take to be seen.
const APPEAR_TIMEOUT: Duration = Duration::from_secs(30);
const APPEAR_INTERVAL: Duration = Duration::from_millis(50);
/// How long one look at topics may take.
const METADATA_TIMEOUT: Duration = Duration::from_secs(5);

/// A connection that makes topics, looks at them, and writes single plain records.
pub(super) struct Maker {
    options: Arc<KafkaOptions>,
    counters: Arc<SinkCounters>,
    stop: StopSignal,
    context: Context,
    pub(super) producer: BaseProducer<Context>,
}

impl Maker {
    /// Connects. It waits for the brokers for as long as one attempt may take.
    pub(super) fn connect(options: &KafkaOptions, stop: &StopSignal) -> Result<Self, SinkError> {
        let options = Arc::new(plain(options));
        let counters = Arc::default();
        let (context, producer) = open_producer(&options, &counters, stop)?;
        Ok(Self { options, counters, stop: stop.clone(), context, producer })
    }

    /// Makes the topics that are missing, and judges their settings.
    pub(super) fn ensure_topics(&self, options: &ClusterTopicsOptions) -> Result<(), TopicsError> {
        let tools = self.tools();
        let admin = tools.admin()?;
        let wanted = options.wanted();
        let topics = options.topics();
        for (role, name) in &topics {
            if tools.partitions(name)?.is_none() {
                if options.kafka.topics.create {
                    let settings = wanted.of(*role);
                    let settings: Vec<_> =
                        settings.iter().map(|(name, value)| (*name, value.as_str())).collect();
                    let partitions = if *role == Role::Owners { 1 } else { options.ledger_partitions };
                    tools
                        .create(&admin, &[name], Some(partitions), Some(wanted.replication), &settings)
                        .map_err(|error| with_replication(error, wanted.replication))?;
                }
                // Another agent may have made it at the same time: then it has its settings.
                tools.wait_for(name)?;
            }
        }
        let names: Vec<&str> = topics.iter().map(|(_, name)| name.as_str()).collect();
        let values = self.values(&admin, &names)?;
        for ((role, name), values) in topics.iter().zip(&values) {
            let counts = self.counts(name)?;
            let (refused, warned) = judge(*role, values.as_ref(), counts, &wanted);
            if !warned.is_empty() {
                tracing::warn!(topic = name, "{warned}");
            }
            if !refused.is_empty() {
                return Err(TopicsError::Settings { topic: name.clone(), findings: refused });
            }
        }
        Ok(())
    }

    /// Gives the ledger and the relay topic as many partitions as it takes to have this one.
    pub(super) fn ensure_partition(
        &self,
        options: &ClusterTopicsOptions,
        partition: i32,
    ) -> Result<(), TopicsError> {
        let wanted = usize::try_from(partition).unwrap_or(0) + 1;
        for topic in [options.names.ledger(), options.names.relay()] {
            self.grow(&topic, wanted, options.kafka.topics.create)?;
        }
        Ok(())
    }

    fn grow(&self, topic: &str, wanted: usize, may_grow: bool) -> Result<(), TopicsError> {
        let tools = self.tools();
        let since = Instant::now();
        let mut was_asked = false;
        loop {
            let has = self.counts(topic)?.0;
            if has >= wanted {
                return Ok(());
            }
            if !may_grow {
                return Err(TopicsError::Settings {
                    topic: topic.into(),
                    findings: Findings::one(format!(
                        "it has {has} partitions, but {wanted} are needed, and ringtap is told to make none: add them \
                         (`kafka-topics --alter --partitions {wanted}`)"
                    )),
                });
            }
            if !was_asked {
                match tools.admin()?.grow(topic, wanted) {
                    Ok(()) => tracing::info!(topic, partitions = wanted, "partitions added"),
                    // Another agent has added some, of which this broker does not know yet.
                    Err(error) if admin_code(&error) == Some(Code::InvalidPartitions) => {}
                    Err(error) => return Err(self.error(topic, "adding partitions", &error)),
                }
                was_asked = true;
            } else if since.elapsed() > APPEAR_TIMEOUT {
                let reason = format!("{topic}: partition {} got no leader in time", wanted - 1);
                return Err(SinkError::Restart { doing: "adding partitions", reason }.into());
            }
            if self.stop.wait(APPEAR_INTERVAL) {
                return Err(SinkError::Stopped { doing: "adding partitions" }.into());
            }
        }
    }

    /// Returns how many partitions with a leader a topic has, and how many replicas the least of them.
    fn counts(&self, topic: &str) -> Result<(usize, usize), TopicsError> {
        let metadata = self.producer.client().fetch_metadata(Some(topic), METADATA_TIMEOUT);
        let metadata = metadata.map_err(|error| self.error(topic, "looking at topics", &error))?;
        let found = metadata.topics().iter().find(|its| its.name() == topic);
        let partitions = found.map_or(&[][..], |found| found.partitions());
        let led = partitions.iter().filter(|partition| partition.leader() >= 0).count();
        let replicas = partitions.iter().map(|partition| partition.replicas().len()).min();
        Ok((led, replicas.unwrap_or(0)))
    }

    /// Returns what can be seen of settings. What is refused is a warning; anything else might hide what breaks a promise.
    fn values(&self, admin: &Admin, names: &[&str]) -> Result<Vec<Option<SettingValues>>, TopicsError> {
        let unseen = || vec![None; names.len()];
        if !self.options.topics.check {
            return Ok(unseen());
        }
        match admin.values(names) {
            Ok(values) if values.len() == names.len() => Ok(values),
            Ok(_) => Ok(unseen()),
            Err(error) => {
                let error = self.tools().error(None, "looking at topics", &error);
                if error.kind() == SinkErrorKind::Denied { Ok(unseen()) } else { Err(error.into()) }
            }
        }
    }

    /// Returns the error of a call that is about a topic.
    pub(super) fn error(&self, topic: &str, doing: &'static str, error: &KafkaError) -> TopicsError {
        self.tools().error(Some(topic), doing, error).into()
    }

    pub(super) fn context(&self) -> Context {
        self.context.clone()
    }

    fn tools(&self) -> Tools<'_> {
        let Self { options, counters, stop, context, producer } = self;
        Tools { options, producer, context, counters, stop }
    }
}

/// Returns the options of clients that write no transactions.
pub(super) fn plain(options: &KafkaOptions) -> KafkaOptions {
    KafkaOptions { delivery: Delivery::AtLeastOnce, ..options.clone() }
}

fn with_replication(error: SinkError, replication: u16) -> SinkError {
    match error {
        SinkError::Config(reason) => SinkError::Config(format!(
            "{reason} (asked for {replication} replicas: with fewer brokers, set `kafka.replication`)"
        )),
        error => error,
    }
}
