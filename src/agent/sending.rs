//! The sending thread: sealed batches in, transactions out.
//!
//! A transaction is begun with the first batch and committed as soon as nothing more waits and the last commit is an
//! interval ago; so a lone write leaves at once, and a stream is cut into one transaction an interval. While batches
//! keep coming (a backlog), transactions grow from one interval to [`Pace::STRETCH_MAX`] or their limit of bytes, whichever
//! comes first: while one commits nothing can be sent, and the first records are not to wait for the longest. The first batch
//! of all is a transaction by itself: whoever waits for an agent that starts sees that it works.

use std::{
    sync::mpsc::{Receiver, RecvTimeoutError, Sender, TryRecvError},
    time::{Duration, Instant},
};

use crate::{dedup::BatchNumber, sink::RecordBatch};

/// What publishes batches: Kafka, but for tests of this module.
pub(super) trait Publisher {
    /// What is committed with a batch: where the log stands behind it, or what the ledger says of it.
    type Position;
    /// Why it failed. Nothing can be published through it any more.
    type Error;

    /// Takes the records of a batch into the transaction in hand, and of its position what belongs to this batch alone.
    fn send(&mut self, batch: &RecordBatch, position: &mut Self::Position) -> Result<(), Self::Error>;

    /// Looks after the connection while there is nothing to send.
    fn look_after(&mut self) -> Result<(), Self::Error>;

    /// Commits the transaction in hand with the position of its last batch.
    fn commit(&mut self, position: &Self::Position) -> Result<(), Self::Error>;

    /// Gives up what is not committed, and lets go of the connection.
    fn close(self);
}

/// A batch that is complete, on its way to the sending thread.
#[derive(Debug)]
pub(super) struct SealedBatch<P> {
    /// Number of the batch in the dedup index.
    pub(super) number: BatchNumber,
    /// Its records; may be none, if only the position moved.
    pub(super) records: RecordBatch,
    /// What is committed with it.
    pub(super) position: P,
}

/// What the sending thread tells.
#[derive(Debug)]
pub(super) struct Committed {
    /// All batches up to this number are published.
    pub(super) up_to: BatchNumber,
    /// The buffers of these batches, empty, to be used again.
    pub(super) buffers: Vec<RecordBatch>,
    /// How long the commit took.
    pub(super) took: Duration,
}

/// When transactions are committed.
#[derive(Debug, Clone, Copy)]
pub(super) struct Pace {
    /// At most one commit in this time.
    pub(super) interval: Duration,
    /// A transaction of this many bytes is committed whatever the time.
    pub(super) bytes_max: usize,
    /// A transaction of this many records is.
    pub(super) records_max: usize,
}

/// How often an idle connection is looked after.
const IDLE: Duration = Duration::from_secs(1);

impl Pace {
    /// How many intervals a transaction may last while batches keep coming.
    pub(super) const STRETCH_MAX: u32 = 10;
}

/// The transaction in hand.
struct Open<P> {
    since: Instant,
    bytes: usize,
    records: usize,
    up_to: BatchNumber,
    position: P,
    buffers: Vec<RecordBatch>,
}

/// Sends what comes until the other end is dropped, then commits the rest and returns.
pub(super) fn send_all<P: Publisher>(
    publisher: &mut P,
    batches: &Receiver<SealedBatch<P::Position>>,
    acks: &Sender<Committed>,
    pace: Pace,
) -> Result<(), P::Error> {
    let mut open: Option<Open<P::Position>> = None;
    let mut commit_from = Instant::now();
    let mut stretch = 1;
    let mut is_first = true;
    loop {
        let wake = if open.is_some() { commit_from } else { Instant::now() + IDLE };
        let (batch, is_last) = next(batches, wake);
        let is_quiet = batch.is_none();
        if is_quiet && open.is_none() && !is_last {
            publisher.look_after()?;
        }
        if let Some(mut batch) = batch {
            publisher.send(&batch.records, &mut batch.position)?;
            open = Some(extend(open, batch));
        }
        let now = Instant::now();
        let is_due = |open: &Open<_>| {
            is_last
                || is_first
                || open.bytes >= pace.bytes_max
                || open.records >= pace.records_max
                || (is_quiet && now >= commit_from)
                || now.duration_since(open.since) >= pace.interval * stretch
        };
        if let Some(due) = open.take_if(|open| is_due(open)) {
            publisher.commit(&due.position)?;
            let committed = Committed { up_to: due.up_to, buffers: due.buffers, took: now.elapsed() };
            // The reading thread may have given up already; what is committed is read back by the next run.
            let _ = acks.send(committed);
            (commit_from, is_first) = (now + pace.interval, false);
            stretch = if is_quiet { 1 } else { Pace::STRETCH_MAX.min(stretch * 2) };
        }
        if is_last {
            return Ok(());
        }
    }
}

/// Returns the next batch if one is there, or comes before it is time to wake; and whether none will come any more.
fn next<P>(batches: &Receiver<SealedBatch<P>>, wake: Instant) -> (Option<SealedBatch<P>>, bool) {
    match batches.try_recv() {
        Ok(batch) => return (Some(batch), false),
        Err(TryRecvError::Disconnected) => return (None, true),
        Err(TryRecvError::Empty) => {}
    }
    match batches.recv_timeout(wake.saturating_duration_since(Instant::now())) {
        Ok(batch) => (Some(batch), false),
        Err(RecvTimeoutError::Timeout) => (None, false),
        Err(RecvTimeoutError::Disconnected) => (None, true),
    }
}

fn extend<P>(open: Option<Open<P>>, batch: SealedBatch<P>) -> Open<P> {
    let SealedBatch { number, mut records, position } = batch;
    let (bytes, count) = (records.bytes(), records.records().len());
    records.clear();
    match open {
        None => Open {
            since: Instant::now(),
            bytes,
            records: count,
            up_to: number,
            position,
            buffers: vec![records],
        },
        Some(mut open) => {
            open.bytes += bytes;
            open.records += count;
            open.up_to = number;
            open.position = position;
            open.buffers.push(records);
            open
        }
    }
}

#[cfg(test)]
mod tests;
