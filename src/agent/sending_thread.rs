//! The sending thread beside the reading thread: started for each producer, and joined when either of the two ends.

use std::{
    sync::mpsc::{self, Receiver, RecvTimeoutError, SyncSender, TryRecvError, TrySendError},
    thread,
    time::Duration,
};

use super::{
    error::AgentError,
    options,
    sending::{self, Committed, Publisher, SealedBatch},
};
use crate::config::Config;

/// The reading side: makes batches, and is told which of them are committed.
pub(super) trait BatchSource {
    /// What is committed with a batch.
    type Position: Send + 'static;

    /// Reads, and hands over batches, until there is a reason to end.
    fn read(&mut self, sender: &ToSender<Self::Position>) -> Result<ReadingEnd, AgentError>;

    /// Takes in that batches are published.
    fn committed(&mut self, committed: Committed) -> Result<(), AgentError>;

    /// Makes durable what was published: no more will be by this producer.
    fn finish(&mut self) -> Result<(), AgentError>;

    /// Takes in what is committed so far. Returns false if the sending thread has ended.
    fn take_acks(&mut self, sender: &ToSender<Self::Position>) -> Result<bool, AgentError> {
        loop {
            match sender.acks.try_recv() {
                Ok(committed) => self.committed(committed)?,
                Err(TryRecvError::Empty) => return Ok(true),
                Err(TryRecvError::Disconnected) => return Ok(false),
            }
        }
    }
}

/// Why reading came to an end without an error.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum ReadingEnd {
    /// It was asked for; everything that is to be sent is handed over.
    Stopped,
    /// A new producer is needed.
    WantsProducer,
    /// The sending thread has ended.
    SenderEnded,
}

/// The reading thread's ends of the queues to and from the sending thread.
pub(super) struct ToSender<P> {
    batches: SyncSender<SealedBatch<P>>,
    acks: Receiver<Committed>,
}

/// What became of a batch that was offered to the sending thread.
pub(super) enum Offered<P> {
    /// It will be sent.
    Taken,
    /// The queue has no room: the batch comes back.
    NoRoom(SealedBatch<P>),
    /// The sending thread has ended.
    SenderEnded,
}

impl<P> ToSender<P> {
    /// Hands a batch over, if there is room for it.
    pub(super) fn offer(&self, batch: SealedBatch<P>) -> Offered<P> {
        match self.batches.try_send(batch) {
            Ok(()) => Offered::Taken,
            Err(TrySendError::Full(back)) => Offered::NoRoom(back),
            Err(TrySendError::Disconnected(_)) => Offered::SenderEnded,
        }
    }

    /// Waits for a commit, as while there is no room. `Ok(None)` if none came in this time; `Err` if the sending thread has ended.
    pub(super) fn wait_for_ack(&self, timeout: Duration) -> Result<Option<Committed>, RecvTimeoutError> {
        match self.acks.recv_timeout(timeout) {
            Ok(committed) => Ok(Some(committed)),
            Err(RecvTimeoutError::Timeout) => Ok(None),
            Err(ended @ RecvTimeoutError::Disconnected) => Err(ended),
        }
    }
}

/// Reads and sends until either ends. The inner result is the sending thread's: a producer that is lost fails nothing else.
pub(super) fn read_and_send<R, P>(
    reading: &mut R,
    mut publisher: P,
    config: &Config,
) -> Result<Result<ReadingEnd, P::Error>, AgentError>
where
    R: BatchSource,
    P: Publisher<Position = R::Position> + Send + 'static,
    P::Error: Send + 'static,
{
    let (batches, sealed) = mpsc::sync_channel(usize::try_from(config.limits.queue_batches_max).unwrap_or(1));
    let (acked, acks) = mpsc::channel();
    let pace = options::pace(config);
    let sending = thread::Builder::new().name("sending".into()).spawn(move || {
        let ended = sending::send_all(&mut publisher, &sealed, &acked, pace);
        publisher.close();
        ended
    });
    let sending =
        sending.map_err(|source| AgentError::System { doing: "starting the sending thread", source })?;
    let sender = ToSender { batches, acks };
    let ended = reading.read(&sender);
    let ToSender { batches, acks } = sender;
    // With its queue closed, the sending thread commits what it has and ends.
    drop(batches);
    let finished = match &ended {
        Ok(_) => take_the_rest(reading, &acks),
        Err(_) => Ok(()),
    };
    drop(acks);
    let sent = sending.join().map_err(|_| AgentError::Panicked("sending"))?;
    match (ended?, sent) {
        (ReadingEnd::SenderEnded, Ok(())) => Err(AgentError::Panicked("sending")),
        (end, sent) => finished.map(|()| sent.map(|()| end)),
    }
}

/// Takes in what is committed until the sending thread has ended.
fn take_the_rest(reading: &mut impl BatchSource, acks: &Receiver<Committed>) -> Result<(), AgentError> {
    while let Ok(committed) = acks.recv() {
        reading.committed(committed)?;
    }
    reading.finish()
}
