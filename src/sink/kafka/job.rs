//! Kafka as the destination of a job: something that is read once, such as a replay.

use std::{io, sync::Arc};

use super::{KafkaOptions, KafkaSink, SinkError, StoredPosition, TopicWarning};
use crate::{
    checkpoint::Progress,
    sink::{BatchSink, RecordBatch, StopSignal},
};

/// Topic that keeps how far jobs are.
const POSITIONS_TOPIC: &str = "__ringtap.jobs.positions";

/// Publishes the records of a named job. A run that was cut off is gone on with by the next one of the same name.
pub struct JobSink {
    sink: KafkaSink,
    job: String,
    brokers: String,
    warnings: Vec<TopicWarning>,
}

impl JobSink {
    /// Returns the options of a job's sink.
    pub fn options(brokers: impl Into<String>, job: &str) -> KafkaOptions {
        KafkaOptions::new(brokers, format!("ringtap.job.{job}"), POSITIONS_TOPIC, format!("job:{job}"))
    }

    /// Connects; a job of this name that runs elsewhere is shut out.
    pub fn connect(options: KafkaOptions, job: &str) -> Result<Self, SinkError> {
        let brokers = options.brokers.clone();
        let sink = KafkaSink::connect(Arc::new(options), Arc::default(), &StopSignal::new())?;
        Ok(Self { sink, job: job.into(), brokers, warnings: Vec::new() })
    }

    /// Ends; returns what was noticed about topics.
    pub fn close(self) -> Vec<TopicWarning> {
        self.sink.close();
        self.warnings
    }
}

impl BatchSink for JobSink {
    fn resume(&mut self, node: Option<&str>) -> io::Result<Progress> {
        self.sink.set_position_key(match node {
            None => format!("job:{}", self.job),
            Some(node) => format!("job:{}:{node}", self.job),
        });
        let committed = self.sink.committed().map_err(io::Error::other)?;
        Ok(committed.map(|position| position.progress).unwrap_or_default())
    }

    fn send(&mut self, batch: &RecordBatch) -> io::Result<()> {
        let sent = self.sink.send(batch);
        self.warnings.append(&mut self.sink.take_warnings());
        sent.map_err(io::Error::other)
    }

    fn commit(&mut self, progress: &Progress) -> io::Result<()> {
        self.sink.commit(&StoredPosition::new(progress.clone())).map_err(io::Error::other)
    }

    fn name(&self) -> String {
        format!("kafka://{}", self.brokers)
    }
}
