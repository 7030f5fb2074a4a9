//! Kafka: whether it answers, and whether the topics are as they should be.

use std::time::Duration;

use rdkafka::{
    ClientConfig, ClientContext,
    admin::{AdminClient, AdminOptions, OwnedResourceSpecifier, ResourceSpecifier},
    config::RDKafkaLogLevel,
    error::{KafkaError, KafkaResult},
    metadata::MetadataTopic,
};
use secrecy::ExposeSecret as _;

use super::findings::{Area, Findings};
use crate::config::Config;

/// The most topics of which the settings are looked at.
const TOPICS_MAX: usize = 500;

/// Keeps librdkafka's own words off stderr: what fails is a finding.
#[derive(Clone)]
struct Silent;

impl ClientContext for Silent {
    fn log(&self, _level: RDKafkaLogLevel, _facility: &str, _message: &str) {}

    fn error(&self, _error: KafkaError, _reason: &str) {}
}

pub(super) fn check(config: &Config, timeout: Duration, findings: &mut Findings) {
    if let Err(error) = ask(config, timeout, findings) {
        findings.error(
            Area::Kafka,
            format!("{}: {error}", config.kafka.brokers),
            "see kafka.brokers, kafka.security_protocol and the login; while Kafka is away the agent waits, and cdc_raw \
             fills",
        );
    }
}

fn client(config: &Config) -> KafkaResult<AdminClient<Silent>> {
    let mut options = ClientConfig::new();
    options.set("client.id", "ringtap-check");
    let (plain, secret) = config.kafka.security_options();
    for (name, value) in config.kafka.options.iter() {
        options.set(name, value);
    }
    for (name, value) in &plain {
        options.set(name, value);
    }
    for (name, value) in &secret {
        options.set(name, value.expose_secret());
    }
    options.set("bootstrap.servers", &config.kafka.brokers);
    options.create_with_context(Silent)
}

fn ask(config: &Config, timeout: Duration, findings: &mut Findings) -> KafkaResult<()> {
    let client = client(config)?;
    let metadata = client.inner().fetch_metadata(None, timeout)?;
    let brokers = metadata.brokers().len();
    findings.ok(Area::Kafka, format!("{}: {brokers} brokers", config.kafka.brokers));
    if let Some(copies) = config.kafka.replication
        && usize::from(copies) > brokers
    {
        findings.error(
            Area::Kafka,
            format!("kafka.replication is {copies}, but there are {brokers} brokers: topics can't be made"),
            "set kafka.replication to as many as there are brokers, at most",
        );
    }
    let prefix = format!("{}.", config.topic_prefix);
    let names = metadata.topics().iter().map(MetadataTopic::name);
    let topics: Vec<&str> = names.filter(|name| name.starts_with(&prefix)).collect();
    findings.ok(Area::Kafka, format!("{} topics begin with {prefix}", topics.len()));
    if topics.is_empty() && !config.kafka.create_topics {
        findings.warn(
            Area::Kafka,
            "no topic is there, and kafka.create_topics is false",
            format!("make {prefix}<keyspace>.<table> for each table, with cleanup.policy=delete"),
        );
    }
    check_policies(&client, &topics, timeout, findings)
}

fn check_policies(
    client: &AdminClient<Silent>,
    topics: &[&str],
    timeout: Duration,
    findings: &mut Findings,
) -> KafkaResult<()> {
    let asked: Vec<ResourceSpecifier<'_>> =
        topics.iter().take(TOPICS_MAX).map(|name| ResourceSpecifier::Topic(name)).collect();
    if asked.is_empty() {
        return Ok(());
    }
    let options = AdminOptions::new().request_timeout(Some(timeout));
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|error| KafkaError::ClientCreation(error.to_string()))?;
    let described = runtime.block_on(client.describe_configs(asked.iter(), &options))?;
    for resource in described {
        let Ok(resource) = resource else { continue };
        let OwnedResourceSpecifier::Topic(name) = &resource.specifier else { continue };
        // librdkafka's wrapper passes over the error of a single topic: it gives one without settings.
        if resource.entries.is_empty() {
            findings.warn(
                Area::Kafka,
                format!("the settings of topic {name} can't be read"),
                "grant DescribeConfigs on the topics, or see by hand that cleanup.policy is delete",
            );
            continue;
        }
        let policy = resource.get("cleanup.policy").and_then(|entry| entry.value.as_deref());
        if policy.is_some_and(|policy| policy.contains("compact")) {
            findings.warn(
                Area::Kafka,
                format!(
                    "topic {name} is compacted: only the last record of a key is kept, but a record holds what a write \
                     changed, not the whole row"
                ),
                "set cleanup.policy=delete, unless rows are always written whole and in order of time",
            );
        }
    }
    Ok(())
}
