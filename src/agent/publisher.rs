//! Kafka as what publishes.

use super::{
    error::AgentError,
    put_aside::SharedQuarantine,
    report::{Report, SILENCE_MAX},
    runtime::phase_mark,
    sending::Publisher,
};
use crate::{
    cluster::record::LedgerRecord,
    sink::{
        RecordBatch,
        kafka::{KafkaSink, LedgerPartition, SinkError, StoredPosition},
    },
    telemetry::{
        Heartbeat, Waiting,
        phase::{Lane, Phase, PhaseMark},
    },
};

/// A [`KafkaSink`] that notes its steps and that it gets on.
pub(super) struct KafkaPublisher {
    sink: KafkaSink,
    phase: PhaseMark,
    heartbeat: Heartbeat,
}

/// The same, with the ledger's records in each transaction and no position: the agents of a cluster.
pub(super) struct LedgerPublisher {
    kafka: KafkaPublisher,
    to: LedgerPartition,
}

impl LedgerPublisher {
    pub(super) fn new(kafka: KafkaPublisher, to: LedgerPartition) -> Self {
        Self { kafka, to }
    }
}

impl KafkaPublisher {
    /// Takes a connected sink into use: what is too large for it goes to the quarantine, and its heartbeat is watched.
    pub(super) fn new(
        mut sink: KafkaSink,
        quarantine: &SharedQuarantine,
        report: &Report,
    ) -> Result<Self, AgentError> {
        let phase = phase_mark(Lane::Sending)?;
        quarantine.take_large_records_of(&mut sink);
        let heartbeat = report.status().register_thread("sending", SILENCE_MAX);
        Ok(Self { sink, phase, heartbeat })
    }

    fn send_with(
        &mut self,
        send: impl FnOnce(&mut KafkaSink) -> Result<(), SinkError>,
    ) -> Result<(), SinkError> {
        self.phase.set(Phase::Sending);
        self.heartbeat.wait_for(Waiting::Kafka);
        let result = send(&mut self.sink);
        // The sink has logged them; nobody else asks for them here.
        let _ = self.sink.take_warnings();
        self.phase.set(Phase::TransactionOpen);
        self.heartbeat.beat();
        result
    }

    fn commit_with(
        &mut self,
        commit: impl FnOnce(&mut KafkaSink) -> Result<(), SinkError>,
    ) -> Result<(), SinkError> {
        self.phase.set(Phase::Committing);
        self.heartbeat.wait_for(Waiting::Kafka);
        let committed = commit(&mut self.sink);
        self.heartbeat.wait_for(Waiting::Work);
        self.phase.set(Phase::Idle);
        committed
    }
}

impl Publisher for KafkaPublisher {
    type Position = StoredPosition;
    type Error = SinkError;

    fn send(&mut self, batch: &RecordBatch, _: &mut StoredPosition) -> Result<(), SinkError> {
        self.send_with(|sink| sink.send(batch))
    }

    fn look_after(&mut self) -> Result<(), SinkError> {
        self.sink.poll()
    }

    fn commit(&mut self, position: &StoredPosition) -> Result<(), SinkError> {
        self.commit_with(|sink| sink.commit(position))
    }

    fn close(mut self) {
        self.phase.set(Phase::Idle);
        self.sink.close();
        self.heartbeat.finish();
    }
}

impl Publisher for LedgerPublisher {
    type Position = Vec<LedgerRecord>;
    type Error = SinkError;

    fn send(&mut self, batch: &RecordBatch, ledger: &mut Vec<LedgerRecord>) -> Result<(), SinkError> {
        let Self { kafka, to } = self;
        kafka.send_with(|sink| {
            sink.send(batch)?;
            sink.send_ledger(to, std::mem::take(ledger))
        })
    }

    fn look_after(&mut self) -> Result<(), SinkError> {
        self.kafka.sink.poll()
    }

    fn commit(&mut self, _: &Vec<LedgerRecord>) -> Result<(), SinkError> {
        self.kafka.commit_with(KafkaSink::commit_without_position)
    }

    fn close(self) {
        self.kafka.close();
    }
}
