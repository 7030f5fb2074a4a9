//! The first record of the owners topic.

use std::{
    collections::BTreeMap,
    fmt,
    time::{Duration, Instant},
};

use rdkafka::{
    Message as _,
    error::KafkaError,
    producer::{BaseRecord, Producer as _},
};
use uuid::Uuid;

use super::{
    ClusterTopicsOptions, TopicsError,
    ends::Ends,
    establish::Maker,
    random::random_bytes,
    reader::{Polled, Reader},
    settings::Role,
};
use crate::{
    cluster::record::OwnersRecord,
    sink::{StopSignal, kafka::SinkError},
};

const DOING: &str = "reading the owners topic";
/// How long is waited for records at a time.
const POLL: Duration = Duration::from_millis(100);
/// How long a written record is waited for before the topic is read again.
const WRITE_TIMEOUT: Duration = Duration::from_secs(10);
/// How long the reading may take.
const READ_TIMEOUT: Duration = Duration::from_secs(60);

/// What the agents of a cluster have in common, told by the first `INIT` of the owners topic.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Init {
    /// Names the topic: one that is made anew has another.
    pub uuid: u128,
    /// How identities of changes are made.
    pub identity_version: u16,
    /// Key of their hash. Who writes to the tables must not know it.
    pub hash_key: u64,
}

impl fmt::Debug for Init {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Init")
            .field("uuid", &Uuid::from_u128(self.uuid))
            .field("identity_version", &self.identity_version)
            .field("hash_key", &"***")
            .finish()
    }
}

impl Init {
    /// Makes what a new cluster begins with.
    fn random(identity_version: u16) -> Result<Self, TopicsError> {
        Ok(Self {
            uuid: uuid::Builder::from_random_bytes(random_bytes()?).into_uuid().as_u128(),
            identity_version,
            hash_key: u64::from_be_bytes(random_bytes()?),
        })
    }

    /// Returns what a record says, if it is an `INIT`.
    pub(super) fn of(record: &OwnersRecord) -> Option<Self> {
        match *record {
            OwnersRecord::Init { uuid, identity_version, hash_key } => {
                Some(Self { uuid, identity_version, hash_key })
            }
            _ => None,
        }
    }

    fn to_record(self) -> OwnersRecord {
        let Self { uuid, identity_version, hash_key } = self;
        OwnersRecord::Init { uuid, identity_version, hash_key }
    }
}

/// Returns the topic's first `INIT`, whoever wrote it; writes one if there is none, unless the agent remembers one.
pub(super) fn ensure_init(
    maker: &Maker,
    options: &ClusterTopicsOptions,
    expected: Option<u128>,
    stop: &StopSignal,
) -> Result<Init, TopicsError> {
    let topic = options.topic(Role::Owners);
    loop {
        let found = first_init(maker, options, stop)?;
        check_uuid(&topic, expected, found.as_ref())?;
        if let Some(found) = found {
            if found.identity_version != options.identity_version {
                let (found, own) = (found.identity_version, options.identity_version);
                return Err(TopicsError::IdentityVersion { topic, found, own });
            }
            return Ok(found);
        }
        write(maker, &topic, Init::random(options.identity_version)?)?;
    }
}

/// Refuses another topic than the one that is remembered.
pub(super) fn check_uuid(
    topic: &str,
    expected: Option<u128>,
    found: Option<&Init>,
) -> Result<(), TopicsError> {
    let found = found.map(|found| found.uuid);
    match expected {
        Some(expected) if found != Some(expected) => {
            Err(TopicsError::OtherOwners { topic: topic.into(), expected, found })
        }
        _ => Ok(()),
    }
}

/// Whether it is there, and the first of its kind, is for the reader to find out.
fn write(maker: &Maker, topic: &str, init: Init) -> Result<(), TopicsError> {
    let mut value = Vec::new();
    init.to_record().encode(&mut value);
    let mut record: BaseRecord<'_, [u8], [u8]> = BaseRecord::to(topic).partition(0);
    record.payload = Some(&value);
    if let Err((error, _)) = maker.producer.send(record) {
        return Err(maker.error(topic, "writing the first record", &error));
    }
    if let Err(error) = maker.producer.flush(WRITE_TIMEOUT) {
        tracing::warn!(topic, %error, "nobody knows whether the first record was written");
    }
    Ok(())
}

/// Reads the owners topic to the first `INIT`, or to its end if there is none.
fn first_init(
    maker: &Maker,
    options: &ClusterTopicsOptions,
    stop: &StopSignal,
) -> Result<Option<Init>, TopicsError> {
    let topic = options.topic(Role::Owners);
    let failed = |error: KafkaError| maker.error(&topic, DOING, &error);
    let place = (Role::Owners, 0);
    let ends = Ends::new(options, maker.context()).map_err(failed)?;
    let begin = ends.begins(&[place]).map_err(failed)?.get(&place).copied().unwrap_or(0);
    if begin > 0 {
        return Err(TopicsError::OwnersCut { topic, begin });
    }
    let end = ends.high_watermarks(&[place]).map_err(failed)?.get(&place).copied().unwrap_or(0);
    let reader = Reader::new(options, maker.context()).map_err(failed)?;
    reader.add(&BTreeMap::from([(place, 0)])).map_err(failed)?;
    let since = Instant::now();
    let mut position = 0;
    while position < end {
        match reader.poll(POLL) {
            Polled::Record(_, message) => {
                let offset = message.offset().unsigned_abs();
                position = offset + 1;
                let record = OwnersRecord::decode(message.payload().unwrap_or_default())
                    .map_err(|source| TopicsError::record(&topic, 0, offset, source))?;
                if let Some(init) = Init::of(&record) {
                    return Ok(Some(init));
                }
            }
            Polled::Nothing => {
                // What is behind the last record is an end of a transaction: anybody may write one.
                let read = reader.positions().map_err(failed)?.get(&place).copied();
                position = position.max(read.unwrap_or(0));
            }
            Polled::Gone(error) | Polled::Broken(error) => return Err(failed(error)),
        }
        if stop.is_stopped() {
            return Err(SinkError::Stopped { doing: DOING }.into());
        }
        if since.elapsed() > READ_TIMEOUT {
            let reason = format!("{topic} can't be read to its end");
            return Err(SinkError::Restart { doing: DOING, reason }.into());
        }
    }
    Ok(None)
}
