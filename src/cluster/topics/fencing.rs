//! What takes a while, and nobody waits for: fencing other hosts' producers, adding partitions.

use std::{
    collections::VecDeque,
    sync::{
        Arc,
        mpsc::{Receiver, RecvTimeoutError},
    },
    time::{Duration, Instant},
};

use super::{
    ClusterTopicsOptions, TopicsError,
    establish::Maker,
    handover::{Followed, Sender},
};
use crate::{
    cluster::{core::Event, names::HostId},
    sink::{
        StopSignal,
        kafka::{Backoff, Delivery, KafkaOptions, SinkError, SinkErrorKind, open_producer},
    },
};

/// How often the thread looks at the stop signal.
const STEP: Duration = Duration::from_millis(100);
/// How often a chore that fails is told of.
const TELL_INTERVAL: Duration = Duration::from_secs(30);

/// What is to be done.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Chore {
    /// Initialise the transactional id of this host.
    Fence { attempt: u64, host: HostId },
    /// Make sure that the ledger and the relay topic have this partition.
    Partition(i32),
    /// Fence nobody whom the core asked for until now.
    ForgetFences,
}

/// Chores that are not done yet, in turns: one that fails holds up no other. The newest fence comes first.
#[derive(Debug, Default)]
struct Chores {
    waiting: VecDeque<Chore>,
    backoff: Backoff,
    /// After a failure: when the next one is tried.
    not_before: Option<Instant>,
    told: Option<Instant>,
}

/// Does chores until the stop signal; each is tried again until it is done.
pub(super) fn work(
    options: &Arc<ClusterTopicsOptions>,
    chores: &Receiver<Chore>,
    sender: &Sender,
    stop: &StopSignal,
) {
    let mut open = Chores::default();
    while !stop.is_stopped() {
        match chores.recv_timeout(open.wait()) {
            Ok(chore) => {
                open.add(chore);
                continue;
            }
            Err(RecvTimeoutError::Timeout) => {}
            Err(RecvTimeoutError::Disconnected) => return,
        }
        if !open.wait().is_zero() {
            continue;
        }
        let Some(chore) = open.waiting.pop_front() else { continue };
        match do_chore(&chore, options, stop) {
            Ok(()) => {
                open.backoff.reset();
                if let Chore::Fence { attempt, host } = chore
                    && !sender.send(Followed::Event(Event::Fenced { attempt, host }), 0)
                {
                    return;
                }
            }
            Err(error) if error.is_stop() => return,
            Err(error) => {
                open.tell(&chore, options, &error);
                open.waiting.push_back(chore);
                open.not_before = Some(Instant::now() + open.backoff.next_wait());
            }
        }
    }
}

impl Chores {
    /// Returns how long to wait for something new, at most: nothing if there is something to do.
    fn wait(&self) -> Duration {
        let pause = self.not_before.map_or(Duration::ZERO, |at| at.saturating_duration_since(Instant::now()));
        if self.waiting.is_empty() { STEP } else { pause.min(STEP) }
    }

    fn add(&mut self, chore: Chore) {
        match &chore {
            Chore::ForgetFences => self.waiting.retain(|it| !matches!(it, Chore::Fence { .. })),
            Chore::Fence { attempt, .. } => {
                // Of several attempts the newest counts.
                self.waiting.retain(|it| !matches!(it, Chore::Fence { attempt: old, .. } if old != attempt));
                self.waiting.push_front(chore);
                self.not_before = None;
            }
            Chore::Partition(_) if self.waiting.contains(&chore) => {}
            Chore::Partition(_) => self.waiting.push_back(chore),
        }
    }

    fn tell(&mut self, chore: &Chore, options: &ClusterTopicsOptions, error: &TopicsError) {
        if self.told.is_some_and(|at| at.elapsed() < TELL_INTERVAL) {
            return;
        }
        self.told = Some(Instant::now());
        let is_denied = error.kind() == SinkErrorKind::Denied;
        match chore {
            Chore::Fence { host, .. } => {
                let id = options.names.transactional_id(host);
                if is_denied {
                    tracing::error!(
                        %host, transactional_id = id, %error,
                        "a host can't be fenced, so that nobody publishes for it: every agent needs the rights Write and \
                         Describe on the transactional ids of its peers (grant them for the prefix of all)"
                    );
                } else {
                    tracing::warn!(%host, transactional_id = id, %error, "a host can't be fenced yet");
                }
            }
            Chore::Partition(partition) if is_denied => tracing::error!(
                partition, %error,
                "partitions can't be added: the agent needs the right Alter on the ledger and relay topics, or add them yourself"
            ),
            Chore::Partition(partition) => tracing::warn!(partition, %error, "partitions can't be added yet"),
            Chore::ForgetFences => {}
        }
    }
}

fn do_chore(chore: &Chore, options: &ClusterTopicsOptions, stop: &StopSignal) -> Result<(), TopicsError> {
    match chore {
        Chore::Fence { host, .. } => Ok(fence(options, *host, stop)?),
        Chore::Partition(partition) => {
            Maker::connect(&options.kafka, stop)?.ensure_partition(options, *partition)
        }
        Chore::ForgetFences => Ok(()),
    }
}

/// Makes a producer with the transactional id of the host's, and drops it. When it returns without an error, what that had
/// open has ended, and it can commit nothing more. One try, in bounded time.
fn fence(options: &ClusterTopicsOptions, host: HostId, stop: &StopSignal) -> Result<(), SinkError> {
    let kafka = KafkaOptions {
        transactional_id: options.names.transactional_id(host),
        delivery: Delivery::ExactlyOnce,
        ..options.kafka.clone()
    };
    // What is counted and shown is the own sink's alone.
    open_producer(&kafka, &Arc::default(), stop).map(drop)
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::*;

    fn chore(attempt: u64, host: u128) -> Chore {
        Chore::Fence { attempt, host: HostId(Uuid::from_u128(host)) }
    }

    #[test]
    fn a_new_attempt_replaces_the_fences_of_older_ones_alone() {
        let mut chores = Chores::default();
        for it in
            [chore(1, 1), chore(1, 2), Chore::Partition(3), Chore::Partition(3), chore(2, 2), chore(2, 3)]
        {
            chores.add(it);
        }
        assert_eq!(chores.waiting, [chore(2, 3), chore(2, 2), Chore::Partition(3)]);
        chores.add(Chore::ForgetFences);
        assert_eq!(chores.waiting, [Chore::Partition(3)]);
    }
}
