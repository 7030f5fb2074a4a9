//! Buffers of batches that were sent, kept for the next ones.

use crate::sink::RecordBatch;

/// How many are kept.
const SPARE_BATCHES_MAX: usize = 16;

/// Empty batches whose memory is used again.
#[derive(Debug)]
pub(super) struct SpareBatches {
    batches: Vec<RecordBatch>,
    capacity_max: usize,
}

impl SpareBatches {
    /// `batch_bytes_max`: the size, in bytes, at which a batch is complete; buffers that one row made much larger are let go.
    pub(super) fn new(batch_bytes_max: usize) -> Self {
        Self { batches: Vec::new(), capacity_max: batch_bytes_max.saturating_mul(2) }
    }

    /// Returns an empty batch.
    pub(super) fn take(&mut self) -> RecordBatch {
        self.batches.pop().unwrap_or_default()
    }

    /// Takes back what was sent.
    pub(super) fn give_back(&mut self, buffers: Vec<RecordBatch>) {
        let usual = buffers.into_iter().filter(|buffer| (1..=self.capacity_max).contains(&buffer.capacity()));
        let room = SPARE_BATCHES_MAX - self.batches.len();
        self.batches.extend(usual.take(room));
    }
}
