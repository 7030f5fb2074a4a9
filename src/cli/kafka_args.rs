//! Kafka as a destination, on the command line.

use std::{collections::BTreeMap, fs};

use clap::{Args, ValueEnum};
use secrecy::SecretString;

use super::CliError;
use crate::{
    record::{BatchWriter, Deletes, Node, PartitionBy, TopicNames},
    sink::kafka::{JobSink, KafkaOptions, SinkError, TooLarge, is_secret},
};

/// How long a job tries to reach Kafka.
const CONNECT_TIMEOUT: std::time::Duration = std::time::Duration::from_secs(60);
/// Prefix of topics where none is given.
const TOPIC_PREFIX: &str = "ringtap";

#[derive(Debug, Args)]
#[command(next_help_heading = "Kafka")]
pub(super) struct KafkaArgs {
    /// Names the run: one that was cut off is gone on with by the next of the same name
    #[arg(long, value_name = "NAME")]
    job: Option<String>,
    #[command(flatten)]
    login: KafkaLoginArgs,
    /// What the deletion of a row gives: a record, a Kafka tombstone, or both
    #[arg(long, value_enum, default_value_t = DeletesArg::EventAndTombstone)]
    deletes: DeletesArg,
    /// What is done with a record that is larger than its topic takes
    #[arg(long, value_enum, default_value_t = TooLargeArg::Fail)]
    too_large: TooLargeArg,
}

/// How Kafka is reached besides its address.
#[derive(Debug, Args)]
#[command(next_help_heading = "Kafka")]
pub(super) struct KafkaLoginArgs {
    /// Option of librdkafka, such as `security.protocol=SASL_SSL`; may be repeated
    #[arg(long, value_name = "KEY=VALUE", value_parser = parse_option)]
    kafka_option: Vec<(String, String)>,
    /// Secret option of librdkafka, from a file or an environment variable; may be repeated
    #[arg(long, value_name = "KEY=file:PATH|env:NAME", value_parser = parse_secret)]
    kafka_secret: Vec<(String, SecretPlace)>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum DeletesArg {
    #[value(name = "event+tombstone")]
    EventAndTombstone,
    Event,
    Tombstone,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum TooLargeArg {
    Fail,
    KeyOnly,
}

/// Where a secret is.
#[derive(Debug, Clone)]
enum SecretPlace {
    File(String),
    Variable(String),
}

/// Brokers, and the prefix of topics.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct KafkaAddress {
    brokers: String,
    prefix: String,
}

impl KafkaAddress {
    /// Reads what stands behind `kafka://`: `BROKERS[/PREFIX]`.
    pub(super) fn parse(text: &str) -> Result<Self, String> {
        let (brokers, prefix) = text.split_once('/').unwrap_or((text, TOPIC_PREFIX));
        if brokers.is_empty() || prefix.is_empty() {
            return Err("expected kafka://HOST:PORT[,HOST:PORT…][/TOPIC_PREFIX]".into());
        }
        Ok(Self { brokers: brokers.into(), prefix: prefix.into() })
    }
}

impl KafkaArgs {
    pub(super) fn writer(&self, address: &KafkaAddress) -> BatchWriter {
        let deletes = match self.deletes {
            DeletesArg::EventAndTombstone => Deletes::EventAndTombstone,
            DeletesArg::Event => Deletes::Event,
            DeletesArg::Tombstone => Deletes::Tombstone,
        };
        let names = TopicNames::new(&address.prefix);
        BatchWriter::new(Node::default(), names, deletes, PartitionBy::PartitionKey)
    }

    pub(super) fn connect(&self, address: &KafkaAddress) -> Result<JobSink, CliError> {
        let Some(job) = &self.job else {
            return Err(CliError::Usage(
                "--to kafka://… needs --job NAME: by it the next run knows how far this one came".into(),
            ));
        };
        let options = self.options(address, job)?;
        JobSink::connect(options, job).map_err(|error| sink_error(address, error))
    }

    fn options(&self, address: &KafkaAddress, job: &str) -> Result<KafkaOptions, CliError> {
        let mut options = JobSink::options(&address.brokers, job);
        options.connect_timeout = Some(CONNECT_TIMEOUT);
        self.login.apply(&mut options)?;
        options.too_large = match self.too_large {
            TooLargeArg::Fail => TooLarge::Fail,
            TooLargeArg::KeyOnly => TooLarge::KeyOnly,
        };
        Ok(options)
    }
}

impl KafkaLoginArgs {
    /// Puts what was given into the options.
    pub(super) fn apply(&self, options: &mut KafkaOptions) -> Result<(), CliError> {
        options.librdkafka = self.kafka_option.iter().cloned().collect();
        options.secrets = self.secrets()?;
        Ok(())
    }

    fn secrets(&self) -> Result<BTreeMap<String, SecretString>, CliError> {
        let mut secrets = BTreeMap::new();
        for (option, place) in &self.kafka_secret {
            let text = match place {
                SecretPlace::File(path) => {
                    fs::read_to_string(path).map_err(|source| CliError::File { path: path.into(), source })?
                }
                SecretPlace::Variable(name) => std::env::var(name).map_err(|_| {
                    CliError::Usage(format!("environment variable {name} is not set, or no text"))
                })?,
            };
            // An editor's line break is no part of a password.
            let text = text.strip_suffix('\n').unwrap_or(&text);
            secrets.insert(option.clone(), SecretString::from(text.strip_suffix('\r').unwrap_or(text)));
        }
        Ok(secrets)
    }
}

fn sink_error(address: &KafkaAddress, error: SinkError) -> CliError {
    CliError::Sink {
        destination: format!("kafka://{}", address.brokers),
        source: std::io::Error::other(error),
    }
}

fn parse_option(text: &str) -> Result<(String, String), String> {
    match text.split_once('=') {
        Some((key, _)) if is_secret(key) => Err(format!("{key} is a secret: give it with --kafka-secret")),
        Some((key, value)) if !key.is_empty() => Ok((key.into(), value.into())),
        _ => Err("expected KEY=VALUE".into()),
    }
}

fn parse_secret(text: &str) -> Result<(String, SecretPlace), String> {
    const EXPECTED: &str = "expected KEY=file:PATH or KEY=env:NAME";
    let (key, place) = text.split_once('=').filter(|(key, _)| !key.is_empty()).ok_or(EXPECTED)?;
    match place.split_once(':') {
        Some(("file", path)) if !path.is_empty() => Ok((key.into(), SecretPlace::File(path.into()))),
        Some(("env", name)) if !name.is_empty() => Ok((key.into(), SecretPlace::Variable(name.into()))),
        _ => Err(EXPECTED.into()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_have_brokers_and_a_prefix() {
        let parse = |text| KafkaAddress::parse(text).map(|address| (address.brokers, address.prefix));
        assert_eq!(parse("a:1,b:2/cdc"), Ok(("a:1,b:2".into(), "cdc".into())));
        assert_eq!(parse("a:1"), Ok(("a:1".into(), "ringtap".into())));
        assert!(parse("").is_err() && parse("/x").is_err() && parse("a:1/").is_err());
    }

    #[test]
    fn a_secret_on_the_command_line_is_refused_and_not_repeated() {
        let error = parse_option("sasl.password=hunter2").unwrap_err();
        assert!(error.contains("--kafka-secret") && !error.contains("hunter2"), "{error}");
        assert!(parse_secret("sasl.password=hunter2").is_err_and(|error| !error.contains("hunter2")));
        assert!(parse_secret("sasl.password=env:PASSWORD").is_ok());
    }
}
