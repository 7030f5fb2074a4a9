//! Reading what the agents of the cluster say, as the core wants to be told of it.
//!
//! One reader of committed records reads the owners topic from its begin, each ledger partition from where the index is, and
//! the own relay partition from its end. How far it is behind records that nobody sees, ends of transactions and aborted ones,
//! librdkafka knows: ends of transactions pass through its queue as records do. One reader of uncommitted records asks
//! where partitions end. When what a partition held at the time of a question has been read, `…AtEnd` is told. Where that does
//! not come, as a transaction is open, the first reader asks how far it can read, and `LedgerAtStableEnd` is told.

mod ends_told;
mod troubles;

use std::{
    collections::BTreeMap,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering::Relaxed},
        mpsc::Receiver,
    },
    time::{Duration, Instant},
};

use rdkafka::{Message as _, message::BorrowedMessage};

use self::ends_told::Goal;
use super::{
    ClusterTopicsOptions, TopicsError,
    ends::Ends,
    handover::{Followed, Sender},
    init::{Init, check_uuid},
    reader::{Place, Polled, Reader},
    settings::Role,
    spots::{Spot, Spots},
    writing::Plain,
};
use crate::{
    cluster::{
        core::Event,
        names::HostId,
        record::{LedgerRecord, OwnersRecord},
    },
    sink::{
        StopSignal,
        kafka::{Backoff, Context, lost},
    },
};

const DOING: &str = "following the cluster's topics";
/// How often ends are asked for when nobody waits, and when somebody does.
const IDLE_INTERVAL: Duration = Duration::from_millis(500);
const QUICK_INTERVAL: Duration = Duration::from_millis(20);
/// How long records are waited for at a time.
const POLL: Duration = Duration::from_millis(100);
/// The same, when ends of transactions are waited for: polling does not return for them.
const QUICK_POLL: Duration = Duration::from_millis(5);
/// How long a transaction may be open beyond its time limit before somebody is told: brokers look for such ones every 10 s.
const HANGING_GRACE: Duration = Duration::from_secs(30);
/// How often a trouble that lasts is told.
const TELL_INTERVAL: Duration = Duration::from_secs(30);

const OWNERS: Place = (Role::Owners, 0);

/// What the follower is asked for: the high watermarks of these hosts' ledgers.
#[derive(Debug)]
pub(super) struct Ask {
    pub(super) attempt: u64,
    pub(super) hosts: Vec<HostId>,
}

/// What the follower begins with.
pub(super) struct Start {
    pub(super) options: Arc<ClusterTopicsOptions>,
    pub(super) init: Init,
    pub(super) ledger: BTreeMap<HostId, u64>,
    pub(super) asks: Receiver<Ask>,
    pub(super) is_hurried: Arc<AtomicBool>,
    pub(super) sender: Sender,
    /// What became of plain records is taken in here, too: a thread that only waits for that would cost more.
    pub(super) plain: Plain,
    pub(super) stop: StopSignal,
}

struct Following<'s> {
    start: &'s Start,
    context: Context,
    reader: Reader<'s>,
    ends: Ends<'s>,
    spots: Spots,
    /// The owners topic's record at its begin: the same for as long as it is the same topic.
    first_owners: Option<Vec<u8>>,
    init_was_read: bool,
    /// Up to where the owners topic, and each partition of the ledger, are to be read before their end is told.
    owners_goal: Option<u64>,
    ledger_goals: BTreeMap<Place, Goal>,
    /// A record of the owners topic was told, its end was not: somebody waits for it.
    owners_are_new: bool,
    ask: Option<Ask>,
    ask_due: Instant,
    check_due: Instant,
    backoff: Backoff,
    told: Option<Instant>,
}

/// What ends the thread: nobody listens any more, or it can't go on.
enum End {
    Unheard,
    Failed(TopicsError),
}

impl<E: Into<TopicsError>> From<E> for End {
    fn from(error: E) -> Self {
        Self::Failed(error.into())
    }
}

type Step<T = ()> = Result<T, End>;

/// Follows until the stop signal, or until it can't go on, which is the last thing that it tells.
pub(super) fn follow(start: &Start) {
    let failed = match Following::new(start).and_then(Following::run) {
        Ok(()) | Err(End::Unheard) => return,
        Err(End::Failed(error)) if error.is_stop() => return,
        Err(End::Failed(error)) => error,
    };
    tracing::debug!(error = %failed, "following ends");
    let _ = start.sender.send(Followed::Failed(failed), 0);
}

impl<'s> Following<'s> {
    fn new(start: &'s Start) -> Step<Self> {
        let options = &*start.options;
        let context = options.context();
        let made = |error| End::from(lost(DOING, &error, ""));
        let reader = Reader::new(options, context.clone()).map_err(made)?;
        let ends = Ends::new(options, context.clone()).map_err(made)?;
        let mut spots = Spots::default();
        spots.add(OWNERS, Spot { host: None, position: 0, told: 0 });
        reader.add(&spots.positions()).map_err(made)?;
        let now = Instant::now();
        Ok(Self {
            start,
            context,
            reader,
            ends,
            spots,
            first_owners: None,
            init_was_read: false,
            owners_goal: None,
            ledger_goals: BTreeMap::new(),
            owners_are_new: true,
            ask: None,
            ask_due: now,
            check_due: now,
            backoff: Backoff::default(),
            told: None,
        })
    }

    fn run(mut self) -> Step {
        while !self.start.stop.is_stopped() {
            self.start.plain.poll();
            self.take_asks();
            if Instant::now() >= self.ask_due {
                self.ask()?;
            }
            if Instant::now() >= self.check_due {
                self.check()?;
            }
            if self.waits_for_ends() {
                self.look_for_ends()?;
            }
            self.read()?;
        }
        Ok(())
    }

    /// Takes in what there is, for a short while.
    fn read(&mut self) -> Step {
        let now = Instant::now();
        let until = now + POLL;
        let is_awaited = self.is_quick() && self.waits_for_ends();
        let most = if is_awaited { QUICK_POLL } else { POLL };
        let mut wait = most.min(self.ask_due.saturating_duration_since(now));
        loop {
            let heard = match self.reader.poll(wait) {
                Polled::Record(place, message) => {
                    Ok(self.spots.get_mut(place).and_then(|spot| take(spot, place, &message)))
                }
                Polled::Nothing => return Ok(()),
                Polled::Gone(error) => Err((error, true)),
                Polled::Broken(error) => Err((error, false)),
            };
            match heard {
                Ok(heard) => {
                    self.backoff.reset();
                    if let Some(heard) = heard {
                        self.tell_record(heard)?;
                    }
                }
                Err((error, true)) => return self.gone(&error),
                Err((error, false)) => return self.begin_again(&error),
            }
            if Instant::now() >= until {
                return Ok(());
            }
            wait = Duration::ZERO;
        }
    }

    /// Returns true if somebody waits for what is asked for.
    fn is_quick(&self) -> bool {
        self.owners_are_new || self.ask.is_some() || self.start.is_hurried.load(Relaxed)
    }

    fn tell_record(&mut self, heard: HeardRecord) -> Step {
        let HeardRecord { place: (role, partition), host, offset, bytes, timestamp_ms } = heard;
        let options = &self.start.options;
        let failed =
            |source| End::Failed(TopicsError::record(&options.topic(role), partition, offset, source));
        let length = bytes.len();
        match (role, host) {
            (Role::Owners, _) => {
                let record = OwnersRecord::decode(&bytes).map_err(failed)?;
                if offset == 0 {
                    self.first_owners = Some(bytes);
                }
                self.owners_read(&record)?;
                if !self.owners_are_new {
                    self.owners_are_new = true;
                    self.ask_due = Instant::now();
                }
                self.send(Followed::Event(Event::OwnersRead(record)), length)
            }
            (Role::Ledger, Some(host)) => {
                let record = LedgerRecord::decode(&bytes).map_err(failed)?;
                self.send(Followed::LedgerRead { host, position: offset + 1, record, timestamp_ms }, length)
            }
            (Role::Relay, _) => self.send(Followed::Relay { offset, bytes, timestamp_ms }, length),
            (Role::Ledger, None) => Ok(()),
        }
    }

    fn owners_read(&mut self, record: &OwnersRecord) -> Step {
        match record {
            OwnersRecord::Host { host, partition, .. } => {
                self.spots.claim(*host, *partition);
                if !self.spots.new_hosts().is_empty() {
                    self.ask_due = Instant::now();
                }
            }
            OwnersRecord::Init { .. } if !self.init_was_read => {
                self.init_was_read = true;
                let topic = self.start.options.topic(Role::Owners);
                check_uuid(&topic, Some(self.start.init.uuid), Init::of(record).as_ref())?;
            }
            _ => {}
        }
        Ok(())
    }

    fn take_asks(&mut self) {
        // Of several attempts only the newest is waited for.
        while let Ok(ask) = self.start.asks.try_recv() {
            self.ask = Some(ask);
            self.ask_due = Instant::now();
        }
    }

    /// Begins to read what hosts claimed.
    fn take_up_hosts(&mut self) -> Step {
        let options = &self.start.options;
        let hosts = self.spots.new_hosts();
        let own = self.spots.partition(options.me).filter(|_| hosts.contains(&options.me));
        let ledgers: Vec<(HostId, Place)> = hosts
            .iter()
            .filter_map(|host| Some((*host, (Role::Ledger, self.spots.partition(*host)?))))
            .collect();
        let mut places: Vec<Place> = ledgers.iter().map(|(_, place)| *place).collect();
        places.extend(own.map(|partition| (Role::Relay, partition)));
        let asked =
            self.ends.begins(&places).and_then(|begins| Ok((begins, self.ends.high_watermarks(&places)?)));
        let (begins, ends) = match asked {
            Ok(asked) => asked,
            Err(error) => {
                return self.cannot(&error, "a partition that an agent claims can't be read: is it missing?");
            }
        };
        let at = |of: &BTreeMap<Place, u64>, place| of.get(&place).copied().unwrap_or(0);
        let mut from = BTreeMap::new();
        for (host, place) in ledgers {
            let (begin, end) = (at(&begins, place), at(&ends, place));
            let known = self.start.ledger.get(&host).copied();
            let position = known.unwrap_or(begin);
            self.check_range(place, host, position, (begin, end))?;
            self.spots.add(place, Spot { host: Some(host), position, told: known.unwrap_or(0) });
            from.insert(place, position);
        }
        if let Some(partition) = own {
            let place = (Role::Relay, partition);
            let position = at(&ends, place);
            self.spots.add(place, Spot { host: Some(options.me), position, told: position });
            from.insert(place, position);
        }
        for host in hosts {
            self.spots.begun(host);
        }
        if let Err(error) = self.reader.add(&from) {
            return self.begin_again(&error);
        }
        Ok(())
    }

    fn send(&self, item: Followed, bytes: usize) -> Step {
        if self.start.sender.send(item, bytes) { Ok(()) } else { Err(End::Unheard) }
    }
}

/// A record as it is to be told.
struct HeardRecord {
    place: Place,
    host: Option<HostId>,
    offset: u64,
    bytes: Vec<u8>,
    timestamp_ms: i64,
}

/// Takes a record that was not told yet.
fn take(spot: &mut Spot, place: Place, message: &BorrowedMessage<'_>) -> Option<HeardRecord> {
    let offset = message.offset().unsigned_abs();
    if offset < spot.position {
        return None;
    }
    (spot.position, spot.told) = (offset + 1, offset + 1);
    Some(HeardRecord {
        place,
        host: spot.host,
        offset,
        bytes: message.payload().unwrap_or_default().to_vec(),
        timestamp_ms: message.timestamp().to_millis().unwrap_or(0),
    })
}
