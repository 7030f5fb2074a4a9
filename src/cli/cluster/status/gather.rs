//! What is asked for, of Kafka and of the node.

use std::{collections::BTreeMap, time::SystemTime};

use super::ring::RingView;
use crate::{
    cli::{CliError, cluster::access::Access},
    cluster::{
        core::OwnersMap,
        names::Session,
        record::LedgerKind,
        topics::{Extent, Init, Onlooker, SeenLedgerRecord, TopicFindings, TopicsError},
    },
};

/// All that was told.
pub(super) struct Gathered {
    pub(super) cluster: String,
    pub(super) brokers: String,
    /// Milliseconds since 1970, by our clock.
    pub(super) now_ms: u64,
    pub(super) init: Init,
    pub(super) owners_records: u64,
    pub(super) map: OwnersMap,
    pub(super) ledger: BTreeMap<i32, Extent>,
    /// Of each partition, when the broker took the first record that is there.
    pub(super) ledger_first_ms: BTreeMap<i32, u64>,
    pub(super) tails: BTreeMap<i32, Tail>,
    pub(super) relay: BTreeMap<i32, Extent>,
    pub(super) relay_first_ms: BTreeMap<i32, u64>,
    pub(super) topics: Vec<TopicFindings>,
    pub(super) window_ms: u64,
    /// The ring, or why it is not known; none if nobody was asked.
    pub(super) ring: Option<Result<RingView, String>>,
}

/// The end of a partition of the ledger.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Tail {
    /// The session of the last record.
    pub(super) session: Session,
    /// When the broker took it.
    pub(super) newest_ms: u64,
    /// The session's last beat, if it is not too far back.
    pub(super) beat: Option<Beat>,
}

/// What a beat says, and when the broker took it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Beat {
    pub(super) number: u64,
    pub(super) done: u64,
    pub(super) at_ms: u64,
}

/// Offsets that are read from a partition's end to find the last beat: a beat comes about once a second, with a few
/// transactions between two.
const TAIL_OFFSETS: [u64; 3] = [256, 4_096, 65_536];

impl Gathered {
    pub(super) fn from(access: Access) -> Result<Self, CliError> {
        let Access { config, cluster, brokers, topics, node, window } = access;
        let mut map = OwnersMap::default();
        let mut owners_records = 0;
        let init = topics.read_owners(|record, _| {
            map.read(record);
            owners_records += 1;
        })?;
        let ledger = topics.ledger()?;
        let relay = topics.relay()?;
        let ring = node.map(|node| RingView::ask(node, config.as_ref()));
        let now_ms = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
        Ok(Self {
            cluster,
            brokers,
            init,
            owners_records,
            map,
            ledger_first_ms: topics.first_of_ledger(&ledger)?,
            tails: tails(&topics, &ledger)?,
            ledger,
            relay_first_ms: topics.first_of_relay(&relay)?,
            relay,
            topics: topics.findings()?,
            window_ms: u64::try_from(window.as_millis()).unwrap_or(u64::MAX),
            ring,
            now_ms: u64::try_from(now_ms.as_millis()).unwrap_or(u64::MAX),
        })
    }
}

/// Reads the ends of all partitions, further back where no beat was found.
fn tails(topics: &Onlooker, ledger: &BTreeMap<i32, Extent>) -> Result<BTreeMap<i32, Tail>, TopicsError> {
    let mut tails: BTreeMap<i32, Tail> = BTreeMap::new();
    for offsets in TAIL_OFFSETS {
        let wanted = ledger
            .iter()
            .filter(|(partition, _)| tails.get(partition).is_none_or(|tail| tail.beat.is_none()));
        let ranges: BTreeMap<_, _> = wanted
            .map(|(partition, extent)| {
                let from = extent.stable_end.saturating_sub(offsets).max(extent.begin);
                (*partition, from..extent.stable_end)
            })
            .collect();
        tails.retain(|partition, _| !ranges.contains_key(partition));
        topics.read_ledger(&ranges, |seen| {
            note(&mut tails, &seen);
            Ok::<_, TopicsError>(())
        })?;
    }
    Ok(tails)
}

fn note(tails: &mut BTreeMap<i32, Tail>, seen: &SeenLedgerRecord) {
    let session = seen.record.session;
    let new = Tail { session, newest_ms: seen.timestamp_ms, beat: None };
    let tail = tails.entry(seen.partition).or_insert(new);
    if tail.session == session {
        tail.newest_ms = seen.timestamp_ms;
    } else {
        *tail = new;
    }
    if let LedgerKind::Beat { number, done } = seen.record.kind {
        tail.beat = Some(Beat { number, done, at_ms: seen.timestamp_ms });
    }
}
