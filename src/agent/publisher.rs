//! Kafka as what publishes.

use super::sending::Publisher;
use crate::{
    sink::{
        RecordBatch,
        kafka::{KafkaSink, SinkError, StoredPosition},
    },
    telemetry::phase::{Phase, PhaseMark},
};

/// A [`KafkaSink`] that notes its steps.
pub(super) struct KafkaPublisher {
    sink: KafkaSink,
    phase: PhaseMark,
}

impl KafkaPublisher {
    pub(super) fn new(sink: KafkaSink, phase: PhaseMark) -> Self {
        Self { sink, phase }
    }

    /// Gives up what is not committed, and lets go of Kafka.
    pub(super) fn close(mut self) {
        self.phase.set(Phase::Idle);
        self.sink.close();
    }
}

impl Publisher for KafkaPublisher {
    type Position = StoredPosition;
    type Error = SinkError;

    fn send(&mut self, batch: &RecordBatch) -> Result<(), SinkError> {
        self.phase.set(Phase::Sending);
        let sent = self.sink.send(batch);
        for warning in self.sink.take_warnings() {
            tracing::warn!(%warning, "a topic is not as it should be");
        }
        self.phase.set(Phase::TransactionOpen);
        sent
    }

    fn look_after(&mut self) -> Result<(), SinkError> {
        self.sink.poll()
    }

    fn commit(&mut self, position: &StoredPosition) -> Result<(), SinkError> {
        self.phase.set(Phase::Committing);
        let committed = self.sink.commit(position);
        self.phase.set(Phase::Idle);
        committed
    }
}
