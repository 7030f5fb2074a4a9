//! Reading the cluster's topics without being an agent.

use std::{
    collections::BTreeMap,
    ops::Range,
    time::{Duration, Instant},
};

use rdkafka::{
    Message as _,
    error::{KafkaError, KafkaResult},
    message::BorrowedMessage,
    metadata::{MetadataPartition, MetadataTopic},
};

use super::{
    ClusterTopicsOptions, Findings, Init, TopicsError,
    ends::Ends,
    reader::{Place, Polled, Reader},
    settings::{Role, judge},
};
use crate::{
    cluster::record::{LedgerRecord, OwnersRecord},
    sink::kafka::{Admin, Context, SinkError, admin_code, lost},
};

const DOING: &str = "reading the cluster's topics";
/// How long is waited for records at a time.
const POLL: Duration = Duration::from_millis(100);
/// How long nothing may come though there is something.
const STALL: Duration = Duration::from_secs(30);

/// Reads what agents say and wrote, and nothing more: it writes no record, makes no topic, and leaves transactional ids alone. It
/// needs the rights to describe and read the topics.
pub struct Onlooker {
    options: ClusterTopicsOptions,
    context: Context,
    timeout: Duration,
}

/// How far a partition goes, in offsets. They count ends of transactions and what was aborted, too.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Extent {
    /// The first that is there.
    pub begin: u64,
    /// Up to where a reader of committed records can read: what is behind it is hidden by a transaction that is open.
    pub stable_end: u64,
    /// Behind the last one.
    pub end: u64,
}

/// A record of the ledger, and where and when it was.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SeenLedgerRecord {
    /// Its partition.
    pub partition: i32,
    /// Its offset.
    pub offset: u64,
    /// When the broker took it, in milliseconds since 1970.
    pub timestamp_ms: u64,
    /// What it says.
    pub record: LedgerRecord,
}

/// What the settings of one of the topics break.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TopicFindings {
    /// The topic.
    pub topic: String,
    /// For how long records are kept, in milliseconds; none if that can't be seen, or they are kept for ever.
    pub retention_ms: Option<u64>,
    /// What keeps agents from starting.
    pub refused: Findings,
    /// What an operator may want.
    pub warned: Findings,
}

/// Whether more of a partition is wanted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Next {
    More,
    Enough,
}

impl Onlooker {
    /// Prepares to read. Each question to Kafka may take this long.
    pub fn new(options: ClusterTopicsOptions, timeout: Duration) -> Self {
        let context = options.context();
        Self { options, context, timeout }
    }

    /// Returns how far the owners topic goes.
    pub fn owners(&self) -> Result<Extent, TopicsError> {
        let extents = self.extents(Role::Owners)?;
        Ok(extents.get(&0).copied().unwrap_or_default())
    }

    /// Returns how far each partition of the ledger goes.
    pub fn ledger(&self) -> Result<BTreeMap<i32, Extent>, TopicsError> {
        self.extents(Role::Ledger)
    }

    /// Returns how far each partition of the relay topic goes.
    pub fn relay(&self) -> Result<BTreeMap<i32, Extent>, TopicsError> {
        self.extents(Role::Relay)
    }

    /// Reads the owners topic from its begin to what is its end now; tells of each record with the time at which the broker took
    /// it, in milliseconds since 1970. Returns what the agents have in common: the first `INIT`.
    pub fn read_owners(&self, mut tell: impl FnMut(&OwnersRecord, u64)) -> Result<Init, TopicsError> {
        let topic = self.options.topic(Role::Owners);
        let extent = self.owners()?;
        if extent.begin > 0 {
            return Err(TopicsError::OwnersCut { topic, begin: extent.begin });
        }
        let mut init = None;
        let ranges = BTreeMap::from([((Role::Owners, 0), 0..extent.stable_end)]);
        self.read(ranges, |(_, partition), message| {
            let offset = message.offset().unsigned_abs();
            let record = OwnersRecord::decode(message.payload().unwrap_or_default())
                .map_err(|source| TopicsError::record(&topic, partition, offset, source))?;
            init = init.or_else(|| Init::of(&record));
            tell(&record, time_of(message));
            Ok::<_, TopicsError>(Next::More)
        })?;
        init.ok_or(TopicsError::NoInit { topic })
    }

    /// Reads partitions of the ledger; tells of each committed record within these offsets. Partitions come in any order, the
    /// records of each in theirs.
    pub fn read_ledger<E: From<TopicsError>>(
        &self,
        ranges: &BTreeMap<i32, Range<u64>>,
        mut tell: impl FnMut(SeenLedgerRecord) -> Result<(), E>,
    ) -> Result<(), E> {
        let topic = self.options.topic(Role::Ledger);
        let ranges = ranges.iter().map(|(partition, range)| ((Role::Ledger, *partition), range.clone()));
        self.read(ranges.collect(), |(_, partition), message| {
            let offset = message.offset().unsigned_abs();
            let record = LedgerRecord::decode(message.payload().unwrap_or_default())
                .map_err(|source| TopicsError::record(&topic, partition, offset, source))?;
            tell(SeenLedgerRecord { partition, offset, timestamp_ms: time_of(message), record })?;
            Ok(Next::More)
        })
    }

    /// Returns when the broker took the first record that each of these partitions of the ledger still has, in milliseconds
    /// since 1970. One that has none is left out.
    pub fn first_of_ledger(&self, of: &BTreeMap<i32, Extent>) -> Result<BTreeMap<i32, u64>, TopicsError> {
        self.first_records(Role::Ledger, of)
    }

    /// The same of the relay topic.
    pub fn first_of_relay(&self, of: &BTreeMap<i32, Extent>) -> Result<BTreeMap<i32, u64>, TopicsError> {
        self.first_records(Role::Relay, of)
    }

    /// Judges the settings of the topics, as agents do when they start.
    pub fn findings(&self) -> Result<Vec<TopicFindings>, TopicsError> {
        let topics = self.options.topics();
        let names: Vec<&str> = topics.iter().map(|(_, name)| name.as_str()).collect();
        let values = Admin::new(&self.options.kafka, self.context.clone())
            .and_then(|admin| admin.values(&names))
            .map_err(|error| self.failed(&error))?;
        let wanted = self.options.wanted();
        let mut findings = Vec::new();
        for (index, (role, topic)) in topics.into_iter().enumerate() {
            let values = values.get(index).and_then(Option::as_ref);
            let counts = self.with_metadata(&topic, |its| {
                let replicas = its.partitions().iter().map(|partition| partition.replicas().len()).min();
                (its.partitions().len(), replicas.unwrap_or(0))
            })?;
            let (refused, warned) = judge(role, values, counts, &wanted);
            let retention = values.and_then(|values| values.get("retention.ms"));
            let retention_ms = retention.and_then(|text| text.parse().ok());
            findings.push(TopicFindings { topic, retention_ms, refused, warned });
        }
        Ok(findings)
    }

    fn extents(&self, role: Role) -> Result<BTreeMap<i32, Extent>, TopicsError> {
        let topic = self.options.topic(role);
        let partitions: Vec<i32> =
            self.with_metadata(&topic, |its| its.partitions().iter().map(MetadataPartition::id).collect())?;
        let places: Vec<Place> = partitions.iter().map(|partition| (role, *partition)).collect();
        let failed = |error: KafkaError| self.failed(&error);
        let uncommitted = Ends::new(&self.options, self.context.clone()).map_err(failed)?;
        let committed = Ends::of_committed(&self.options, self.context.clone()).map_err(failed)?;
        let begins = uncommitted.begins(&places).map_err(failed)?;
        let stable = committed.high_watermarks(&places).map_err(failed)?;
        let ends = uncommitted.high_watermarks(&places).map_err(failed)?;
        let of = |what: &BTreeMap<Place, u64>, partition| what.get(&(role, partition)).copied().unwrap_or(0);
        let extents = partitions.into_iter().map(|partition| {
            let extent = Extent {
                begin: of(&begins, partition),
                stable_end: of(&stable, partition),
                end: of(&ends, partition),
            };
            (partition, extent)
        });
        Ok(extents.collect())
    }

    fn with_metadata<T>(
        &self,
        topic: &str,
        take: impl FnOnce(&MetadataTopic) -> T,
    ) -> Result<T, TopicsError> {
        let failed = |error: &KafkaError| self.failed(error);
        let reader = Reader::new(&self.options, self.context.clone()).map_err(|error| failed(&error))?;
        let metadata = reader.metadata(topic, self.timeout).map_err(|error| failed(&error))?;
        let found = metadata.topics().iter().find(|its| its.name() == topic);
        let found = found.filter(|its| its.error().is_none() && !its.partitions().is_empty());
        match found {
            Some(found) => Ok(take(found)),
            None => {
                Err(TopicsError::NoTopic { topic: topic.into(), brokers: self.options.kafka.brokers.clone() })
            }
        }
    }

    fn first_records(
        &self,
        role: Role,
        of: &BTreeMap<i32, Extent>,
    ) -> Result<BTreeMap<i32, u64>, TopicsError> {
        let ranges =
            of.iter().map(|(partition, extent)| ((role, *partition), extent.begin..extent.stable_end));
        let mut first = BTreeMap::new();
        self.read(ranges.collect(), |(_, partition), message| {
            first.insert(partition, time_of(message));
            Ok::<_, TopicsError>(Next::Enough)
        })?;
        Ok(first)
    }

    fn read<E: From<TopicsError>>(
        &self,
        mut ranges: BTreeMap<Place, Range<u64>>,
        mut tell: impl FnMut(Place, &BorrowedMessage<'_>) -> Result<Next, E>,
    ) -> Result<(), E> {
        let failed = |error: &KafkaError| E::from(self.failed(error));
        ranges.retain(|_, range| !range.is_empty());
        let reader = Reader::new(&self.options, self.context.clone()).map_err(|error| failed(&error))?;
        let starts = ranges.iter().map(|(place, range)| (*place, range.start)).collect();
        reader.add(&starts).map_err(|error| failed(&error))?;
        let mut heard = Instant::now();
        while !ranges.is_empty() {
            match reader.poll(POLL) {
                Polled::Record(place, message) => {
                    heard = Instant::now();
                    let offset = message.offset().unsigned_abs();
                    let Some(range) = ranges.get(&place) else { continue };
                    let next = if range.contains(&offset) { tell(place, &message)? } else { Next::More };
                    if next == Next::Enough || offset + 1 >= range.end {
                        ranges.remove(&place);
                    }
                }
                Polled::Nothing => {
                    forget_what_is_read(&reader, &mut ranges).map_err(|error| failed(&error))?;
                    if heard.elapsed() > STALL {
                        return Err(TopicsError::from(self.context.why_silent(DOING)).into());
                    }
                }
                Polled::Gone(error) | Polled::Broken(error) => return Err(failed(&error)),
            }
        }
        Ok(())
    }

    /// Where nothing got through, what was refused says more than the silence.
    fn failed(&self, error: &KafkaError) -> TopicsError {
        if let denied @ SinkError::Denied { .. } = self.context.why_silent(DOING) {
            return denied.into();
        }
        let error = admin_code(error).map_or_else(|| error.clone(), KafkaError::MetadataFetch);
        match lost(DOING, &error, "") {
            SinkError::Restart { .. } => self.context.why_silent(DOING).into(),
            other => other.into(),
        }
    }
}

fn time_of(message: &BorrowedMessage<'_>) -> u64 {
    message.timestamp().to_millis().and_then(|time| u64::try_from(time).ok()).unwrap_or(0)
}

/// What is behind the last record are ends of transactions.
fn forget_what_is_read(reader: &Reader<'_>, ranges: &mut BTreeMap<Place, Range<u64>>) -> KafkaResult<()> {
    let positions = reader.positions()?;
    ranges.retain(|place, range| positions.get(place).is_none_or(|position| *position < range.end));
    Ok(())
}
