//! Making topics and looking at their settings.

use std::{
    collections::HashMap,
    future::Future,
    pin::pin,
    sync::Arc,
    task::{Context as TaskContext, Poll, Wake, Waker},
    thread::{self, Thread},
    time::Duration,
};

use rdkafka::{
    admin::{
        AdminClient, AdminOptions, ConfigResource, NewPartitions, NewTopic, ResourceSpecifier,
        TopicReplication,
    },
    error::{KafkaError, KafkaResult},
    types::RDKafkaErrorCode as Code,
};

use super::{context::Context, options::KafkaOptions};

/// How long a broker may take for one request.
const REQUEST_TIMEOUT: Duration = Duration::from_secs(15);

/// A short-lived client for topics.
pub(crate) struct Admin(AdminClient<Context>);

/// Settings by name.
pub(crate) type SettingValues = HashMap<String, String>;

/// What matters of a topic's settings; `None` where the broker does not tell.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct TopicSettings {
    /// Whether `cleanup.policy` has `compact`, and whether it has `delete`.
    pub(super) compacts: Option<bool>,
    pub(super) deletes: Option<bool>,
    /// `max.message.bytes`.
    pub(super) message_bytes_max: Option<usize>,
}

impl Admin {
    pub(crate) fn new(options: &KafkaOptions, context: Context) -> KafkaResult<Self> {
        options.admin_config().create_with_context(context).map(Self)
    }

    /// Makes topics with their settings; returns whether each was made, false if it was there already.
    pub(super) fn create(
        &self,
        names: &[&str],
        partitions: Option<u16>,
        replication: Option<u16>,
        configs: &[(&str, &str)],
    ) -> Vec<KafkaResult<bool>> {
        let broker_default = -1;
        let partitions = partitions.map_or(broker_default, i32::from);
        let replication = replication.map_or(broker_default, i32::from);
        let topics: Vec<_> = names
            .iter()
            .map(|name| {
                let topic = NewTopic::new(name, partitions, TopicReplication::Fixed(replication));
                configs.iter().fold(topic, |topic, (key, value)| topic.set(key, value))
            })
            .collect();
        match block_on(self.0.create_topics(&topics, &request_options())) {
            Ok(results) => results
                .into_iter()
                .map(|result| match result {
                    Ok(_) => Ok(true),
                    Err((_, Code::TopicAlreadyExists)) => Ok(false),
                    Err((_, code)) => Err(KafkaError::AdminOp(code)),
                })
                .collect(),
            Err(error) => names.iter().map(|_| Err(error.clone())).collect(),
        }
    }

    /// Gives a topic this many partitions. A topic that has as many gives [`Code::InvalidPartitions`].
    pub(crate) fn grow(&self, topic: &str, partitions: usize) -> KafkaResult<()> {
        let more = NewPartitions::new(topic, partitions);
        let results = block_on(self.0.create_partitions([&more], &request_options()))?;
        match results.into_iter().next() {
            Some(Err((_, code))) => Err(KafkaError::AdminOp(code)),
            Some(Ok(_)) | None => Ok(()),
        }
    }

    /// Returns the settings of topics, as far as we may see them.
    pub(super) fn settings(&self, names: &[&str]) -> KafkaResult<Vec<TopicSettings>> {
        let values = self.values(names)?;
        Ok(values.iter().map(|values| values.as_ref().map(settings_of).unwrap_or_default()).collect())
    }

    /// Returns the settings of topics with their values as text, `None` for a topic whose we may not see.
    pub(crate) fn values(&self, names: &[&str]) -> KafkaResult<Vec<Option<SettingValues>>> {
        let topics: Vec<_> = names.iter().map(|name| ResourceSpecifier::Topic(name)).collect();
        let described = block_on(self.0.describe_configs(&topics, &request_options()))?;
        // librdkafka's wrapper passes over the error of a single topic: it gives one without settings.
        let values = described.into_iter().map(|topic| topic.ok().map(values_of));
        Ok(values.map(|values| values.filter(|values| !values.is_empty())).collect())
    }
}

fn request_options() -> AdminOptions {
    AdminOptions::new().request_timeout(Some(REQUEST_TIMEOUT)).operation_timeout(Some(REQUEST_TIMEOUT))
}

fn values_of(topic: ConfigResource) -> SettingValues {
    topic.entries.into_iter().filter_map(|entry| Some((entry.name, entry.value?))).collect()
}

fn settings_of(values: &SettingValues) -> TopicSettings {
    let has_policy = |policy| {
        values.get("cleanup.policy").map(|policies| policies.split(',').any(|its| its.trim() == policy))
    };
    TopicSettings {
        compacts: has_policy("compact"),
        deletes: has_policy("delete"),
        message_bytes_max: values.get("max.message.bytes").and_then(|bytes| bytes.parse().ok()),
    }
}

/// Returns the code in an error of these calls, which librdkafka's wrapper does not give.
pub(crate) fn admin_code(error: &KafkaError) -> Option<Code> {
    match error {
        KafkaError::AdminOp(code) => Some(*code),
        other => other.rdkafka_error_code(),
    }
}

/// Waits for a future on this thread. The client's own thread drives it, so nothing but waiting is needed here.
fn block_on<F: Future>(future: F) -> F::Output {
    struct Unpark(Thread);
    impl Wake for Unpark {
        fn wake(self: Arc<Self>) {
            self.0.unpark();
        }
    }
    let waker = Waker::from(Arc::new(Unpark(thread::current())));
    let mut context = TaskContext::from_waker(&waker);
    let mut future = pin!(future);
    loop {
        match future.as_mut().poll(&mut context) {
            Poll::Ready(output) => return output,
            Poll::Pending => thread::park(),
        }
    }
}
