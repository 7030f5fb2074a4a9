//! `ringtap consume`.

use std::{
    io::{self, BufWriter, Write as _},
    ops::ControlFlow,
    sync::Arc,
    time::Duration,
};

use clap::Args;
use rdkafka::Offset;

use super::{CliError, ExitStatus, outcome::say};
use crate::checker::{ConsumedRecord, ReadTopicsError, TopicReader};

/// How long a transaction that is open at the end may stay so: Kafka's own default limit, and some.
const STABLE_WITHIN: Duration = Duration::from_secs(90);

/// Prints what is committed in ringtap's topics, one line of JSON for each record.
#[derive(Debug, Args)]
pub(super) struct ConsumeArgs {
    /// Brokers to begin with, `HOST:PORT[,HOST:PORT…]`
    #[arg(long, value_name = "BROKERS")]
    brokers: String,
    /// Prefix of the topics, as in the agent's configuration
    #[arg(long, value_name = "PREFIX")]
    topic_prefix: String,
    /// Only this topic of them; may be repeated
    #[arg(long, value_name = "TOPIC")]
    topic: Vec<String>,
    /// Read up to what the topics hold now, and end; waits for transactions that are open
    #[arg(long)]
    until_end: bool,
    /// Only records that come from now on
    #[arg(long, conflicts_with = "until_end")]
    new: bool,
    /// Topic, partition, offset, key and headers around each value; Kafka tombstones, too
    #[arg(long)]
    envelope: bool,
    /// How often new topics are looked for, in milliseconds
    #[arg(long, value_name = "MS", default_value_t = 1000, conflicts_with = "until_end")]
    topics_interval_ms: u64,
    /// An option of librdkafka, for TLS and SASL; may be repeated
    #[arg(short = 'X', long = "option", value_name = "NAME=VALUE", value_parser = parse_option)]
    option: Vec<(String, String)>,
}

impl ConsumeArgs {
    pub(super) fn run(self) -> Result<ExitStatus, CliError> {
        let reader = TopicReader::new(&self.brokers, &self.option)
            .with_topics_interval(Duration::from_millis(self.topics_interval_ms));
        let mut out =
            Printer { out: BufWriter::new(io::stdout().lock()), envelope: self.envelope, failed: None };
        let result =
            if self.until_end { self.read(&reader, &mut out) } else { self.follow(&reader, &mut out) };
        if let Some(source) = out.failed {
            return Err(CliError::Sink { destination: "stdout".to_owned(), source });
        }
        match result {
            Ok(()) => Ok(ExitStatus::Ok),
            Err(error) => Err(CliError::Topics(error)),
        }
    }

    fn is_wanted(&self, topic: &str) -> bool {
        self.topic.is_empty() || self.topic.iter().any(|wanted| wanted == topic)
    }

    fn read(&self, reader: &TopicReader, out: &mut Printer<'_>) -> Result<(), ReadTopicsError> {
        let topics = reader.topics(&self.topic_prefix)?;
        if topics.is_empty() {
            say(&format!("no topic begins with {}.", self.topic_prefix));
        }
        for (topic, partitions) in topics.iter().filter(|(topic, _)| self.is_wanted(topic)) {
            reader.read_to_end(&Arc::clone(topic), *partitions, STABLE_WITHIN, &mut |record| {
                out.print(&record)
            })?;
            if out.flush().is_break() {
                break;
            }
        }
        Ok(())
    }

    fn follow(&self, reader: &TopicReader, out: &mut Printer<'_>) -> Result<(), ReadTopicsError> {
        let from = if self.new { Offset::End } else { Offset::Beginning };
        reader.follow(&self.topic_prefix, from, &mut |record| match record {
            Some(record) if self.is_wanted(&record.topic) => out.print(&record),
            Some(_) => ControlFlow::Continue(()),
            None => out.flush(),
        })
    }
}

struct Printer<'o> {
    out: BufWriter<io::StdoutLock<'o>>,
    envelope: bool,
    failed: Option<io::Error>,
}

impl Printer<'_> {
    fn print(&mut self, record: &ConsumedRecord) -> ControlFlow<()> {
        let written = if self.envelope {
            writeln!(self.out, "{}", record.envelope())
        } else if let Some(value) = &record.value {
            self.out.write_all(value).and_then(|()| self.out.write_all(b"\n"))
        } else {
            Ok(())
        };
        self.noted(written)
    }

    fn flush(&mut self) -> ControlFlow<()> {
        let flushed = self.out.flush();
        self.noted(flushed)
    }

    fn noted(&mut self, result: io::Result<()>) -> ControlFlow<()> {
        match result {
            Ok(()) => ControlFlow::Continue(()),
            Err(error) => {
                self.failed = Some(error);
                ControlFlow::Break(())
            }
        }
    }
}

fn parse_option(text: &str) -> Result<(String, String), String> {
    match text.split_once('=') {
        Some((name, value)) if !name.is_empty() => Ok((name.to_owned(), value.to_owned())),
        _ => Err("expected NAME=VALUE".into()),
    }
}
