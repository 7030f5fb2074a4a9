//! The quarantine, as both threads use it.

use std::{
    io,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::SystemTime,
};

use cassandra_commitlog::{
    Version,
    schema::TableId,
    segment::{Damage, Entry, SegmentFileName},
};

use crate::{
    checkpoint::StateError,
    quarantine::{Quarantine, QuarantineOptions, QuarantineStats, Subject},
    sink::kafka::KafkaSink,
};

/// A quarantine that the reading thread puts entries and damaged bytes into, and the sending thread records that are too
/// large. Clones are the same one.
#[derive(Debug, Clone)]
pub(super) struct SharedQuarantine(Arc<Mutex<Quarantine>>);

impl SharedQuarantine {
    pub(super) fn open(options: QuarantineOptions) -> Result<Self, StateError> {
        Ok(Self(Arc::new(Mutex::new(Quarantine::open(options)?))))
    }

    fn lock(&self) -> MutexGuard<'_, Quarantine> {
        // After a failed fsync the quarantine refuses everything by itself; a panic elsewhere left it whole.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn entry(
        &self,
        segment: SegmentFileName,
        table: Option<TableId>,
        reason: &str,
        entry: &Entry<'_>,
    ) -> Result<bool, StateError> {
        let subject = Subject { segment, table, schema: None, reason, now: SystemTime::now() };
        self.lock().entry(&subject, entry)
    }

    pub(super) fn damage(
        &self,
        segment: SegmentFileName,
        damage: &Damage,
        passed_over: &[u8],
    ) -> Result<bool, StateError> {
        let reason = damage.to_string();
        let subject = Subject { segment, table: None, schema: None, reason: &reason, now: SystemTime::now() };
        self.lock().damage(&subject, damage, passed_over)
    }

    pub(super) fn sync(&self) -> Result<(), StateError> {
        self.lock().sync()
    }

    pub(super) fn stats(&self) -> QuarantineStats {
        self.lock().stats()
    }

    /// Has a sink put records here that Kafka does not take. They are durable before their transaction is committed.
    pub(super) fn take_large_records_of(&self, sink: &mut KafkaSink) {
        let quarantine = self.clone();
        sink.quarantine_with(move |record| {
            // The version decides nothing here but the file's name; all that we read have this form of name.
            let segment =
                SegmentFileName { version: Version::V7.number(), id: record.place.position.segment };
            let reason = format!("too large for {}", record.topic);
            let subject =
                Subject { segment, table: None, schema: None, reason: &reason, now: SystemTime::now() };
            let mut quarantine = quarantine.lock();
            quarantine
                .record(&subject, record.place, record.key, record.value.unwrap_or_default())
                .and_then(|_| quarantine.sync())
                .map_err(io::Error::other)
        });
    }
}
