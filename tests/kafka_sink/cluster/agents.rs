//! Small agents: each has a partition of the ledger and writes what it is told to.

use std::{
    collections::BTreeMap,
    sync::Arc,
    time::{Duration, Instant},
};

use rdkafka::{
    ClientConfig, Message as _, Offset, TopicPartitionList,
    admin::AdminClient,
    client::DefaultClientContext,
    consumer::{BaseConsumer, Consumer as _},
};
pub(crate) use ringtap::dedup::IDENTITY_VERSION;
use ringtap::{
    cluster::{
        core::Event,
        names::{HostId, Session},
        record::{LedgerKind, LedgerRecord, OwnersRecord},
        topics::{ClusterTopics, ClusterTopicsOptions, Followed, Heard, Init, new_session},
    },
    sink::{
        StopSignal,
        kafka::{ClusterNames, KafkaOptions, KafkaSink, LedgerPartition},
    },
};
use uuid::Uuid;

/// How long anything may take on a busy machine.
pub(crate) const PATIENCE: Duration = Duration::from_secs(60);

pub(crate) fn host(number: u128) -> HostId {
    HostId(Uuid::from_u128(number))
}

/// Returns the options of the agent of this number in a cluster.
pub(crate) fn options(address: &str, cluster: &str, me: u128) -> ClusterTopicsOptions {
    super::super::run::show_log();
    let names = ClusterNames::new(cluster);
    let mut kafka =
        KafkaOptions::new(address, names.transactional_id(host(me)), names.positions(), host(me).to_string());
    kafka.topics.replication = Some(1);
    ClusterTopicsOptions::new(kafka, names, host(me), IDENTITY_VERSION)
}

pub(crate) fn establish(options: &ClusterTopicsOptions) -> Init {
    ClusterTopics::establish(options, None, &StopSignal::new()).unwrap()
}

pub(crate) fn host_record(of: u128, partition: i32) -> OwnersRecord {
    OwnersRecord::Host { host: host(of), partition, settings: 7, version: "test".into() }
}

pub(crate) fn admin(address: &str) -> AdminClient<DefaultClientContext> {
    ClientConfig::new().set("bootstrap.servers", address).create().unwrap()
}

/// A producer of the ledger.
pub(crate) struct Ledger {
    pub(crate) sink: KafkaSink,
    pub(crate) session: Session,
    pub(crate) to: LedgerPartition,
}

impl Ledger {
    /// Connects, which fences an older one of this host.
    pub(crate) fn connect(options: &ClusterTopicsOptions, partition: i32) -> Self {
        let sink =
            KafkaSink::connect(Arc::new(options.kafka.clone()), Arc::default(), &StopSignal::new()).unwrap();
        let to = LedgerPartition { topic: options.names.ledger(), partition };
        Self { sink, session: new_session().unwrap(), to }
    }

    pub(crate) fn beat(&self, number: u64) -> LedgerRecord {
        LedgerRecord { session: self.session, kind: LedgerKind::Beat { number, done: 0 } }
    }

    /// Sends beats in the open transaction.
    pub(crate) fn send(&mut self, numbers: impl IntoIterator<Item = u64>) {
        let records = numbers.into_iter().map(|number| self.beat(number)).collect();
        self.sink.send_ledger(&self.to, records).unwrap();
    }

    pub(crate) fn commit(&mut self, numbers: impl IntoIterator<Item = u64>) {
        self.send(numbers);
        self.sink.commit_without_position().unwrap();
    }

    /// Sends beats, and sees to it that they are in the log of their partition, in a transaction that is open.
    pub(crate) fn leave_open(&mut self, address: &str, numbers: impl IntoIterator<Item = u64>) -> u64 {
        let before = high_watermark(address, &self.to);
        self.send(numbers);
        let since = Instant::now();
        loop {
            self.sink.poll().unwrap();
            let now = high_watermark(address, &self.to);
            if now > before {
                return now;
            }
            assert!(since.elapsed() < PATIENCE, "nothing arrives");
        }
    }
}

/// Returns the high watermark.
pub(crate) fn high_watermark(address: &str, of: &LedgerPartition) -> u64 {
    watermark(address, of, "read_uncommitted")
}

/// Returns the last stable offset.
pub(crate) fn stable_offset(address: &str, of: &LedgerPartition) -> u64 {
    watermark(address, of, "read_committed")
}

fn watermark(address: &str, of: &LedgerPartition, isolation: &str) -> u64 {
    let consumer: BaseConsumer = ClientConfig::new()
        .set("bootstrap.servers", address)
        .set("group.id", "tests")
        .set("isolation.level", isolation)
        .create()
        .unwrap();
    let (_, end) = consumer.fetch_watermarks(&of.topic, of.partition, Duration::from_secs(10)).unwrap();
    u64::try_from(end).unwrap()
}

/// Reads a partition's records from its begin to its end, as a reader of committed ones.
pub(crate) fn values(address: &str, topic: &str, partition: i32) -> Vec<Vec<u8>> {
    let consumer: BaseConsumer = ClientConfig::new()
        .set("bootstrap.servers", address)
        .set("group.id", "tests")
        .set("isolation.level", "read_committed")
        .set("enable.partition.eof", "true")
        .create()
        .unwrap();
    let mut assignment = TopicPartitionList::new();
    assignment.add_partition_offset(topic, partition, Offset::Beginning).unwrap();
    consumer.assign(&assignment).unwrap();
    let mut values = Vec::new();
    let since = Instant::now();
    loop {
        assert!(since.elapsed() < PATIENCE, "{topic} can't be read to its end");
        match consumer.poll(Duration::from_millis(200)) {
            Some(Ok(message)) => values.push(message.payload().unwrap_or_default().to_vec()),
            Some(Err(rdkafka::error::KafkaError::PartitionEOF(_))) => return values,
            _ => {}
        }
    }
}

/// What a follower tells, gathered.
pub(crate) struct Listener {
    pub(crate) topics: ClusterTopics,
    pub(crate) heard: Heard,
    pub(crate) items: Vec<Followed>,
}

impl Listener {
    pub(crate) fn begin(options: &ClusterTopicsOptions, init: Init, ledger: BTreeMap<HostId, u64>) -> Self {
        let (topics, heard) = ClusterTopics::begin(options.clone(), init, ledger).unwrap();
        Self { topics, heard, items: Vec::new() }
    }

    /// Gathers until an item is as it is wanted; returns it as the last of all.
    pub(crate) fn until(&mut self, what: &str, is_it: impl Fn(&Followed) -> bool) -> &Followed {
        let since = Instant::now();
        loop {
            assert!(since.elapsed() < PATIENCE, "not heard: {what}; last of all: {:?}", self.items.last());
            let Some(item) = self.heard.next(Duration::from_millis(100)) else { continue };
            let is_wanted = is_it(&item);
            assert!(is_wanted || !matches!(item, Followed::Failed(_)), "{item:?} instead of {what}");
            self.items.push(item);
            if is_wanted {
                return self.items.last().unwrap();
            }
        }
    }

    pub(crate) fn until_event(&mut self, event: &Event) {
        self.until(&format!("{event:?}"), |item| matches!(item, Followed::Event(it) if it == event));
    }

    /// Gathers until the ledger of these hosts was read to ends that were asked for after this call: the second that is told of
    /// each from now on is one.
    pub(crate) fn until_ledger_is_read(&mut self, hosts: impl IntoIterator<Item = u128>) {
        while let Some(item) = self.heard.next(Duration::ZERO) {
            self.items.push(item);
        }
        let from = self.items.len();
        for of in hosts {
            let at_end = Event::LedgerAtEnd { host: host(of) };
            while self.count(from, &at_end) < 2 {
                self.until_event(&at_end);
            }
        }
    }

    /// Gathers what comes within this time.
    pub(crate) fn gather(&mut self, time: Duration) -> usize {
        let (since, before) = (Instant::now(), self.items.len());
        while since.elapsed() < time {
            self.items.extend(self.heard.next(Duration::from_millis(20)));
        }
        before
    }

    /// Returns the numbers of a host's beats with the positions behind them, in the order in which they were told.
    pub(crate) fn beats(&self, of: HostId) -> Vec<(u64, u64)> {
        self.items
            .iter()
            .filter_map(|item| match item {
                Followed::LedgerRead {
                    host,
                    position,
                    record: LedgerRecord { kind: LedgerKind::Beat { number, .. }, .. },
                    ..
                } if *host == of => Some((*number, *position)),
                _ => None,
            })
            .collect()
    }

    /// Returns up to where a host's ledger is read by what was told.
    pub(crate) fn position(&self, of: HostId) -> u64 {
        let mut told = self.items.iter().filter_map(|item| match item {
            Followed::LedgerRead { host, position, .. }
            | Followed::Event(Event::LedgerPosition { host, position })
                if *host == of =>
            {
                Some(*position)
            }
            _ => None,
        });
        told.next_back().unwrap_or(0)
    }

    pub(crate) fn count(&self, from: usize, event: &Event) -> usize {
        self.items[from..].iter().filter(|item| matches!(item, Followed::Event(it) if it == event)).count()
    }
}
