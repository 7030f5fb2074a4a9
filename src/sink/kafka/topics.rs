//! The topics that are written to: made when they are missing, looked at again from time to time.

use std::{
    collections::HashMap,
    fmt,
    sync::atomic::Ordering::Relaxed,
    time::{Duration, Instant},
};

use rdkafka::{
    error::KafkaError,
    producer::{BaseProducer, Producer as _},
    types::RDKafkaErrorCode as Code,
};

use super::{
    admin::{Admin, TopicSettings, admin_code},
    context::Context,
    counters::SinkCounters,
    error::{Meaning, SinkError, lost, meaning},
    options::{KafkaOptions, TopicOptions},
};
use crate::{record::KnownNames, sink::StopSignal};

/// How long one look at a topic may take.
const METADATA_TIMEOUT: Duration = Duration::from_secs(5);
/// How long a topic that was made may take to have leaders, and a missing one to appear that we don't make.
const APPEAR_TIMEOUT: Duration = Duration::from_secs(30);
const APPEAR_INTERVAL: Duration = Duration::from_millis(50);

/// Something about a topic that a person should look at.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum TopicWarning {
    /// Records hold changes, not rows: compaction loses columns.
    Compacted {
        /// Name of the topic.
        topic: String,
    },
    /// Keys have moved to other partitions: their order broke here.
    PartitionsChanged {
        /// Name of the topic.
        topic: String,
        /// Partitions before.
        before: i32,
        /// Partitions now.
        now: i32,
    },
}

impl fmt::Display for TopicWarning {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Compacted { topic } => {
                write!(f, "{topic} is compacted: records hold changes, not rows, so it loses columns")
            }
            Self::PartitionsChanged { topic, before, now } => write!(
                f,
                "{topic} has {now} partitions instead of {before}: keys moved, their order breaks here"
            ),
        }
    }
}

/// A topic that records are sent to.
#[derive(Debug, Clone, Copy)]
pub(super) struct KnownTopic {
    pub(super) partitions: i32,
    /// Largest record in bytes.
    pub(super) record_bytes_max: usize,
    checked: Instant,
}

/// All topics that records have been sent to.
#[derive(Debug, Default)]
pub(super) struct Topics {
    known: HashMap<Box<str>, KnownTopic>,
    names: KnownNames,
    warnings: Vec<TopicWarning>,
}

/// What topics are looked at with.
pub(crate) struct Tools<'t> {
    pub(crate) options: &'t KafkaOptions,
    pub(crate) producer: &'t BaseProducer<Context>,
    pub(crate) context: &'t Context,
    pub(crate) counters: &'t SinkCounters,
    pub(crate) stop: &'t StopSignal,
}

impl Topics {
    /// Takes out what was noticed.
    pub(super) fn take_warnings(&mut self) -> Vec<TopicWarning> {
        std::mem::take(&mut self.warnings)
    }

    /// Returns a topic that has been ensured.
    pub(super) fn get(&self, name: &str) -> Option<KnownTopic> {
        self.known.get(name).copied()
    }

    /// Makes sure that topics are there and that their number of partitions is known.
    pub(super) fn ensure(&mut self, names: &[&str], tools: &Tools<'_>) -> Result<(), SinkError> {
        let mut new = Vec::new();
        for name in names {
            match self.known.get(*name) {
                None => {
                    self.names.add(name)?;
                    new.push(*name);
                }
                Some(known) if known.checked.elapsed() >= tools.options.topic_check_interval => {
                    self.check_again(name, tools)?;
                }
                Some(_) => {}
            }
        }
        if new.is_empty() { Ok(()) } else { self.take_up(&new, tools) }
    }

    fn take_up(&mut self, names: &[&str], tools: &Tools<'_>) -> Result<(), SinkError> {
        let TopicOptions { create, partitions, replication, configs, .. } = &tools.options.topics;
        let mut missing = Vec::new();
        let mut counts = HashMap::new();
        for name in names {
            match tools.partitions(name)? {
                Some(count) => drop(counts.insert(*name, count)),
                None => missing.push(*name),
            }
        }
        let admin = tools.admin()?;
        if *create && !missing.is_empty() {
            let mut settings = vec![("cleanup.policy", "delete")];
            settings.retain(|(key, _)| !configs.contains_key(*key));
            settings.extend(configs.iter().map(|(key, value)| (key.as_str(), value.as_str())));
            tools.create(&admin, &missing, *partitions, *replication, &settings)?;
        }
        for name in missing {
            counts.insert(name, tools.wait_for(name)?);
        }
        let settings = tools.settings(&admin, names);
        for (name, settings) in names.iter().zip(settings) {
            if settings.compacts == Some(true) {
                tracing::warn!(topic = name, "topic is compacted: records hold changes, so it loses columns");
                self.warnings.push(TopicWarning::Compacted { topic: (*name).into() });
            }
            let limit = tools.options.record_bytes_max as usize;
            let record_bytes_max = settings.message_bytes_max.map_or(limit, |its| its.min(limit));
            let partitions = counts.get(name).copied().unwrap_or(1);
            self.known
                .insert((*name).into(), KnownTopic { partitions, record_bytes_max, checked: Instant::now() });
        }
        Ok(())
    }

    fn check_again(&mut self, name: &str, tools: &Tools<'_>) -> Result<(), SinkError> {
        let Some(now) = tools.partitions(name)? else {
            tracing::warn!(topic = name, "topic is gone; it is made again if it may be");
            self.known.remove(name);
            return self.take_up(&[name], tools);
        };
        let Some(known) = self.known.get_mut(name) else { return Ok(()) };
        known.checked = Instant::now();
        let before = std::mem::replace(&mut known.partitions, now);
        if before != now {
            tracing::warn!(
                topic = name,
                before,
                now,
                "number of partitions has changed: keys move to other partitions, their order breaks here"
            );
            tools.counters.partition_changes.fetch_add(1, Relaxed);
            self.warnings.push(TopicWarning::PartitionsChanged { topic: name.into(), before, now });
        }
        Ok(())
    }
}

impl Tools<'_> {
    /// Makes the positions topic if it is missing, and refuses one that would forget positions.
    pub(super) fn ensure_positions_topic(&self) -> Result<(), SinkError> {
        let name = self.options.positions_topic.as_str();
        if !self.options.keeps_positions {
            return Ok(());
        }
        let admin = self.admin()?;
        if self.partitions(name)?.is_none() {
            let TopicOptions { create, replication, .. } = &self.options.topics;
            if *create {
                // Small segments: the broker compacts none but closed ones, and all of it is read at a start.
                let mut settings = vec![
                    ("cleanup.policy", "compact"),
                    ("segment.bytes", "4194304"),
                    ("min.cleanable.dirty.ratio", "0.1"),
                    ("unclean.leader.election.enable", "false"),
                ];
                if replication.is_some_and(|replicas| replicas >= 3) {
                    settings.push(("min.insync.replicas", "2"));
                }
                self.create(&admin, &[name], Some(1), *replication, &settings)?;
            }
            self.wait_for(name)?;
        }
        let settings = self.settings(&admin, &[name]).into_iter().next().unwrap_or_default();
        if settings.compacts == Some(false) || settings.deletes == Some(true) {
            return Err(SinkError::Config(format!(
                "{name}: positions need `cleanup.policy=compact`: with any other, Kafka forgets them"
            )));
        }
        Ok(())
    }

    pub(crate) fn admin(&self) -> Result<Admin, SinkError> {
        Admin::new(self.options, self.context.clone())
            .map_err(|error| self.error(None, "looking at topics", &error))
    }

    /// Returns the number of a topic's partitions, `None` if it does not exist.
    pub(crate) fn partitions(&self, name: &str) -> Result<Option<i32>, SinkError> {
        const DOING: &str = "looking at topics";
        let metadata = self.producer.client().fetch_metadata(Some(name), METADATA_TIMEOUT);
        let metadata = metadata.map_err(|error| self.error(None, DOING, &error))?;
        let Some(topic) = metadata.topics().iter().find(|topic| topic.name() == name) else {
            return Ok(None);
        };
        match topic.error().map(Code::from) {
            None => Ok(i32::try_from(topic.partitions().len()).ok().filter(|count| *count > 0)),
            Some(code) if meaning(code) == Meaning::Passing => Ok(None),
            Some(code) => Err(self.error(Some(name), DOING, &KafkaError::MetadataFetch(code))),
        }
    }

    /// Waits until a topic has partitions.
    pub(crate) fn wait_for(&self, name: &str) -> Result<i32, SinkError> {
        let since = Instant::now();
        loop {
            if let Some(count) = self.partitions(name)? {
                return Ok(count);
            }
            if since.elapsed() > APPEAR_TIMEOUT {
                return Err(if self.options.topics.create {
                    SinkError::Restart {
                        doing: "making topics",
                        reason: format!("{name} got no leader in time"),
                    }
                } else {
                    SinkError::Config(format!("topic {name} is missing, and ringtap is told to make none"))
                });
            }
            if self.stop.wait(APPEAR_INTERVAL) {
                return Err(SinkError::Stopped { doing: "waiting for topics" });
            }
        }
    }

    pub(crate) fn create(
        &self,
        admin: &Admin,
        names: &[&str],
        partitions: Option<u16>,
        replication: Option<u16>,
        settings: &[(&str, &str)],
    ) -> Result<(), SinkError> {
        for (name, made) in names.iter().zip(admin.create(names, partitions, replication, settings)) {
            match made {
                Ok(true) => {
                    tracing::info!(topic = name, "topic made");
                    self.counters.topics_created.fetch_add(1, Relaxed);
                }
                Ok(false) => {}
                Err(error) => return Err(self.error(Some(name), "making topics", &error)),
            }
        }
        Ok(())
    }

    /// Returns the error of a call. Where nothing got through, what was refused says more than the silence.
    pub(crate) fn error(&self, topic: Option<&str>, doing: &'static str, error: &KafkaError) -> SinkError {
        let code = admin_code(error);
        if code.is_some_and(|code| meaning(code) == Meaning::Passing)
            && let denied @ SinkError::Denied { .. } = self.context.why_silent(doing)
        {
            return denied;
        }
        let error = code.map_or_else(|| error.clone(), KafkaError::MetadataFetch);
        match (lost(doing, &error, &self.options.transactional_id), topic) {
            (SinkError::Config(reason), Some(topic)) => SinkError::Config(format!("{topic}: {reason}")),
            (SinkError::Denied { doing, reason }, Some(topic)) => {
                SinkError::Denied { doing, reason: format!("{topic}: {reason}") }
            }
            (error, _) => error,
        }
    }

    /// Returns what may be seen of topics' settings: seeing them takes a right of its own, and is only for warnings.
    fn settings(&self, admin: &Admin, names: &[&str]) -> Vec<TopicSettings> {
        if !self.options.topics.check {
            return vec![TopicSettings::default(); names.len()];
        }
        match admin.settings(names) {
            Ok(settings) if settings.len() == names.len() => settings,
            Ok(_) => vec![TopicSettings::default(); names.len()],
            Err(error) => {
                tracing::info!(%error, "settings of topics can't be seen, so they are not checked");
                vec![TopicSettings::default(); names.len()]
            }
        }
    }
}
