//! The agents' topics in Kafka: what stands in them becomes the core's events, and what the core wants of Kafka is done.
//!
//! [`ClusterTopics::establish`] makes or checks the topics, and agrees with the other agents on what they have in common.
//! [`ClusterTopics::begin`] starts two threads: `following` reads, `fencing` does what takes a while. What they hear comes out
//! of one queue, in the order in which the core is to be told ([`Heard`]). Records of the ledger are no matter of this module:
//! they go with the sink's transactions ([`send_ledger`](crate::sink::kafka::KafkaSink::send_ledger)).
//!
//! Rights that an agent needs, where Kafka checks them:
//!
//! | on | rights |
//! |---|---|
//! | the owners, ledger and relay topics | Describe, Read, Write; to make them Create, to look at settings DescribeConfigs |
//! | the ledger and relay topics | Alter, to add partitions |
//! | transactional ids `ringtap.<cluster>.*`, its peers' included | Describe, Write |

mod ends;
mod error;
mod establish;
mod fencing;
mod following;
mod handover;
mod init;
mod onlooker;
mod random;
mod reader;
mod relay_limit;
mod settings;
mod spots;
mod writing;

use std::{
    collections::BTreeMap,
    io,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering::Relaxed},
        mpsc,
    },
    thread::{self, JoinHandle},
    time::{Duration, Instant},
};

pub use self::{
    error::TopicsError,
    handover::{Followed, Heard, QUEUE_BYTES_MAX, QUEUE_ITEMS_MAX},
    init::Init,
    onlooker::{Extent, Onlooker, SeenLedgerRecord, TopicFindings},
    random::new_session,
    relay_limit::RelayTooLarge,
    settings::Findings,
    writing::{PlainWriter, WRITER_BYTES_MAX, WRITER_RECORDS_MAX, WriterCounters},
};
use self::{
    establish::Maker,
    fencing::Chore,
    following::{Ask, Start},
    settings::{Role, Wanted},
};
use super::{names::HostId, record::OwnersRecord};
use crate::sink::{
    StopSignal,
    kafka::{Backoff, ClusterNames, Context, KafkaOptions, LedgerPartition, SinkError, SinkErrorKind},
};

/// Replicas of the topics where the configuration names none.
const REPLICATION: u16 = 3;
/// Partitions that the ledger and the relay topic are made with; more are added when hosts need them.
pub const LEDGER_PARTITIONS: u16 = 6;

/// Whose topics they are, and how they are reached.
#[derive(Debug, Clone)]
pub struct ClusterTopicsOptions {
    /// How Kafka is reached; its `topics` say whether topics are made, and with how many replicas.
    pub kafka: KafkaOptions,
    /// The cluster's names.
    pub names: ClusterNames,
    /// Our node.
    pub me: HostId,
    /// How this program makes identities of changes.
    pub identity_version: u16,
    /// How long the ledger is kept.
    pub ledger_retention: Duration,
    /// The time within which copies of a change are recognised: the least that the ledger must be kept.
    pub window: Duration,
    /// Partitions that the ledger and the relay topic are made with.
    pub ledger_partitions: u16,
    /// How often it is looked whether the topics are still those that they were, and begin where they must.
    pub check_interval: Duration,
}

impl ClusterTopicsOptions {
    /// Makes options with a window of 6 hours and a ledger of 24.
    pub fn new(kafka: KafkaOptions, names: ClusterNames, me: HostId, identity_version: u16) -> Self {
        Self {
            kafka,
            names,
            me,
            identity_version,
            ledger_retention: Duration::from_secs(24 * 3_600),
            window: Duration::from_secs(6 * 3_600),
            ledger_partitions: LEDGER_PARTITIONS,
            check_interval: Duration::from_secs(60),
        }
    }

    fn topic(&self, role: Role) -> String {
        match role {
            Role::Owners => self.names.owners(),
            Role::Ledger => self.names.ledger(),
            Role::Relay => self.names.relay(),
        }
    }

    fn topics(&self) -> [(Role, String); 3] {
        [Role::Owners, Role::Ledger, Role::Relay].map(|role| (role, self.topic(role)))
    }

    fn role_of(&self, topic: &str) -> Option<Role> {
        self.topics().into_iter().find(|(_, name)| name == topic).map(|(role, _)| role)
    }

    fn wanted(&self) -> Wanted {
        Wanted {
            replication: self.kafka.topics.replication.unwrap_or(REPLICATION),
            ledger_retention: self.ledger_retention,
            window: self.window,
            record_bytes_max: self.kafka.record_bytes_max as usize,
        }
    }

    /// Returns the callbacks of a client that is not the sink's.
    fn context(&self) -> Context {
        Context::new(Arc::default(), self.kafka.secrets.values().cloned().collect(), "")
    }
}

/// The cluster's topics, as one agent uses them. Dropping it ends its threads.
pub struct ClusterTopics {
    options: Arc<ClusterTopicsOptions>,
    writer: PlainWriter,
    counters: Arc<WriterCounters>,
    chores: mpsc::Sender<Chore>,
    asks: mpsc::Sender<Ask>,
    is_hurried: Arc<AtomicBool>,
    stop: StopSignal,
    threads: Vec<JoinHandle<()>>,
}

impl ClusterTopics {
    /// Makes the topics that are missing, refuses those that break a promise, and returns what the cluster's agents have in
    /// common. `expected` is the uuid that the agent's state remembers: another one, or none at all, is an error.
    ///
    /// While Kafka is away or refuses us, it is tried again, more and more slowly, until the stop signal or
    /// [`connect_timeout`](KafkaOptions::connect_timeout).
    pub fn establish(
        options: &ClusterTopicsOptions,
        expected: Option<u128>,
        stop: &StopSignal,
    ) -> Result<Init, TopicsError> {
        options.kafka.check()?;
        let started = Instant::now();
        let mut backoff = Backoff::default();
        loop {
            let error = match Self::try_to_establish(options, expected, stop) {
                Ok(init) => return Ok(init),
                Err(error) => error,
            };
            let may_pass = matches!(
                error.kind(),
                SinkErrorKind::Restart | SinkErrorKind::Denied | SinkErrorKind::Unavailable
            );
            let is_late = options.kafka.connect_timeout.is_some_and(|limit| started.elapsed() >= limit);
            if !may_pass || is_late {
                return Err(error);
            }
            tracing::warn!(%error, "the cluster's topics can't be used yet");
            if stop.wait(backoff.next_wait()) {
                return Err(SinkError::Stopped { doing: "looking at the cluster's topics" }.into());
            }
        }
    }

    fn try_to_establish(
        options: &ClusterTopicsOptions,
        expected: Option<u128>,
        stop: &StopSignal,
    ) -> Result<Init, TopicsError> {
        let maker = Maker::connect(&options.kafka, stop)?;
        maker.ensure_topics(options)?;
        init::ensure_init(&maker, options, expected, stop)
    }

    /// Begins to follow: the owners topic from its begin, each host's ledger from its position, or from what there is if it is
    /// not named.
    pub fn begin(
        options: ClusterTopicsOptions,
        init: Init,
        ledger: BTreeMap<HostId, u64>,
    ) -> Result<(Self, Heard), TopicsError> {
        let options = Arc::new(options);
        // One of its own: whoever drops this does not end the whole agent.
        let stop = StopSignal::new();
        let counters = Arc::new(WriterCounters::default());
        let writer = PlainWriter::new(Arc::clone(&options), Arc::clone(&counters))?;
        let (sender, heard) = handover::queue(&stop);
        let (chores, chores_to_do) = mpsc::channel();
        let (asks, asked) = mpsc::channel();
        let is_hurried = Arc::new(AtomicBool::new(false));
        let start = Start {
            options: Arc::clone(&options),
            init,
            ledger,
            asks: asked,
            is_hurried: Arc::clone(&is_hurried),
            sender: sender.clone(),
            plain: writer.plain(),
            stop: stop.clone(),
        };
        let following = spawn("following", move || following::follow(&start))?;
        let mut topics =
            Self { options, writer, counters, chores, asks, is_hurried, stop, threads: vec![following] };
        let (options, stop) = (Arc::clone(&topics.options), topics.stop.clone());
        let fencing = spawn("fencing", move || fencing::work(&options, &chores_to_do, &sender, &stop))?;
        topics.threads.push(fencing);
        Ok((topics, heard))
    }

    /// Does [`Effect::Fence`](crate::cluster::core::Effect::Fence); the answer comes out of the queue.
    pub fn fence(&self, attempt: u64, host: HostId) {
        let _ = self.chores.send(Chore::Fence { attempt, host });
    }

    /// Does [`Effect::AskHighWatermarks`](crate::cluster::core::Effect::AskHighWatermarks); the answer comes out of the queue.
    pub fn ask_high_watermarks(&self, attempt: u64, hosts: Vec<HostId>) {
        let _ = self.asks.send(Ask { attempt, hosts });
    }

    /// Does [`Effect::Write`](crate::cluster::core::Effect::Write).
    ///
    /// The partition that a host claims is made meanwhile, if it is missing; before it is there, it is not read.
    pub fn write(&mut self, record: OwnersRecord) {
        if let OwnersRecord::Host { partition, .. } = &record {
            let _ = self.chores.send(Chore::Partition(*partition));
        }
        self.writer.write(record);
    }

    /// Sends the bytes of a [`RelayRecord`](crate::cluster::record::RelayRecord) to the host that has this partition.
    ///
    /// One that is larger than the topic takes is not sent: whoever has it must put it aside, durably, and wait for it no longer.
    /// What the topic takes is learned from what it refuses, so the first such record may be sent, and fail; the core repeats it.
    pub fn relay(&mut self, partition: i32, bytes: &[u8]) -> Result<(), RelayTooLarge> {
        self.writer.relay(partition, bytes)
    }

    /// Forgets what the core asked for and does not want any more: it has a new session.
    pub fn forget_fences(&self) {
        let _ = self.chores.send(Chore::ForgetFences);
    }

    /// Says whether anybody waits for the ends of the topics, as in a take-over: then they are looked for more often.
    pub fn hurry(&self, is_hurried: bool) {
        self.is_hurried.store(is_hurried, Relaxed);
    }

    /// Returns where this agent writes its ledger, with the partition that its `HOST` record claims.
    pub fn ledger_partition(&self, partition: i32) -> LedgerPartition {
        LedgerPartition { topic: self.options.names.ledger(), partition }
    }

    /// Returns what became of plain records.
    pub fn counters(&self) -> &WriterCounters {
        &self.counters
    }
}

impl Drop for ClusterTopics {
    fn drop(&mut self) {
        self.stop.stop();
        for thread in self.threads.drain(..) {
            // A thread that panicked has told so itself.
            let _ = thread.join();
        }
    }
}

fn spawn(name: &'static str, run: impl FnOnce() + Send + 'static) -> Result<JoinHandle<()>, TopicsError> {
    let spawned: io::Result<_> = thread::Builder::new().name(name.into()).spawn(run);
    spawned.map_err(|source| TopicsError::Thread { name, source })
}
