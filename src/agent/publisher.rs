//! Kafka as what publishes.

use super::sending::Publisher;
use crate::{
    sink::{
        RecordBatch,
        kafka::{KafkaSink, SinkError, StoredPosition},
    },
    telemetry::{
        Heartbeat, Waiting,
        phase::{Phase, PhaseMark},
    },
};

/// A [`KafkaSink`] that notes its steps and that it gets on.
pub(super) struct KafkaPublisher {
    sink: KafkaSink,
    phase: PhaseMark,
    heartbeat: Heartbeat,
}

impl KafkaPublisher {
    pub(super) fn new(sink: KafkaSink, phase: PhaseMark, heartbeat: Heartbeat) -> Self {
        Self { sink, phase, heartbeat }
    }

    /// Gives up what is not committed, and lets go of Kafka.
    pub(super) fn close(mut self) {
        self.phase.set(Phase::Idle);
        self.sink.close();
        self.heartbeat.finish();
    }
}

impl Publisher for KafkaPublisher {
    type Position = StoredPosition;
    type Error = SinkError;

    fn send(&mut self, batch: &RecordBatch) -> Result<(), SinkError> {
        self.phase.set(Phase::Sending);
        self.heartbeat.wait_for(Waiting::Kafka);
        let sent = self.sink.send(batch);
        // The sink has logged them; nobody else asks for them here.
        let _ = self.sink.take_warnings();
        self.phase.set(Phase::TransactionOpen);
        self.heartbeat.beat();
        sent
    }

    fn look_after(&mut self) -> Result<(), SinkError> {
        self.sink.poll()
    }

    fn commit(&mut self, position: &StoredPosition) -> Result<(), SinkError> {
        self.phase.set(Phase::Committing);
        self.heartbeat.wait_for(Waiting::Kafka);
        let committed = self.sink.commit(position);
        self.heartbeat.wait_for(Waiting::Work);
        self.phase.set(Phase::Idle);
        committed
    }
}
