//! Reading what the agents of the cluster say, as the core wants to be told of it.
//!
//! One reader of committed records reads the owners topic from its begin, each ledger partition from where the index is, and
//! the own relay partition from its end. How far it is behind records that nobody sees, ends of transactions and aborted ones,
//! librdkafka knows: ends of transactions pass through its queue as records do. One reader of uncommitted records asks
//! where partitions end. When all that was there at the time of a question has been read, `…AtEnd` is told.

use std::{
    collections::BTreeMap,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering::Relaxed},
        mpsc::Receiver,
    },
    time::{Duration, Instant},
};

use rdkafka::{Message as _, error::KafkaError, message::BorrowedMessage};

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
        kafka::{Backoff, Context, Meaning, SinkErrorKind, admin_code, lost, meaning},
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
/// How often it is looked whether the begins are still where they must be.
const CHECK_INTERVAL: Duration = Duration::from_secs(60);
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
    /// Up to where the owners topic, and the ledger, are to be read before their end is told.
    owners_goal: Option<BTreeMap<Place, u64>>,
    ledger_goal: Option<BTreeMap<Place, u64>>,
    /// When the ledger's was set, or it was told last that it is not reached.
    ledger_goal_since: Instant,
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
            ledger_goal: None,
            ledger_goal_since: now,
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
            if self.owners_goal.is_some() || self.ledger_goal.is_some() {
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
        let is_awaited = self.is_quick() && (self.owners_goal.is_some() || self.ledger_goal.is_some());
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
                    // What was asked for does not hold all of the ledger any more.
                    self.ledger_goal = None;
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

    /// Asks for the ends, once for all that want to know.
    fn ask(&mut self) -> Step {
        if !self.spots.new_hosts().is_empty() {
            self.take_up_hosts()?;
        }
        let wait_for_ends = self.owners_goal.is_some() && self.ledger_goal.is_some() && self.ask.is_none();
        if !wait_for_ends {
            let places: Vec<Place> =
                self.spots.iter().map(|(place, _)| place).filter(|place| place.0 != Role::Relay).collect();
            match self.ends.high_watermarks(&places) {
                Ok(ends) => self.ends_are(&ends)?,
                Err(error) => self.cannot(&error, "where the topics end can't be asked")?,
            }
        }
        self.ask_due = Instant::now() + if self.is_quick() { QUICK_INTERVAL } else { IDLE_INTERVAL };
        Ok(())
    }

    fn ends_are(&mut self, ends: &BTreeMap<Place, u64>) -> Step {
        self.told = None;
        let positions = self.spots.positions();
        for (place, end) in ends {
            let position = positions.get(place).copied().unwrap_or(0);
            if *end < position {
                return Err(self.shrunk(*place, position, *end));
            }
        }
        let of =
            |role| ends.iter().filter(move |(place, _)| place.0 == role).map(|(place, end)| (*place, *end));
        if self.owners_goal.is_none() {
            self.owners_goal = Some(of(Role::Owners).collect());
        }
        // With records of the owners topic unread, there may be partitions that are not known yet.
        let owners_are_read = positions.get(&OWNERS) >= ends.get(&OWNERS);
        if self.ledger_goal.is_none() && owners_are_read && self.spots.new_hosts().is_empty() {
            self.ledger_goal = Some(of(Role::Ledger).collect());
            self.ledger_goal_since = Instant::now();
        }
        if let Some(answer) = self.ask.as_ref().and_then(|ask| self.answer(ask, ends)) {
            self.ask = None;
            self.send(Followed::Event(answer), 0)?;
        }
        Ok(())
    }

    fn answer(&self, ask: &Ask, ends: &BTreeMap<Place, u64>) -> Option<Event> {
        let end_of = |host: &HostId| {
            let place = (Role::Ledger, self.spots.partition(*host)?);
            ends.get(&place).map(|end| (*host, *end))
        };
        let positions = ask.hosts.iter().map(end_of).collect::<Option<Vec<_>>>()?;
        Some(Event::HighWatermarks { attempt: ask.attempt, positions })
    }

    fn look_for_ends(&mut self) -> Step {
        let positions = match self.reader.positions() {
            Ok(positions) => positions,
            Err(error) => return self.cannot(&error, "how far the topics were read can't be told"),
        };
        self.spots.read_to(&positions);
        for (host, position) in self.spots.untold() {
            self.send(Followed::Event(Event::LedgerPosition { host, position }), 0)?;
        }
        if self.owners_goal.as_ref().is_some_and(|goal| self.spots.have_reached(goal)) {
            self.owners_goal = None;
            self.owners_are_new = false;
            self.send(Followed::Event(Event::OwnersAtEnd), 0)?;
        }
        if self.ledger_goal.as_ref().is_some_and(|goal| self.spots.have_reached(goal)) {
            self.ledger_goal = None;
            self.send(Followed::Event(Event::LedgerAtEnd), 0)?;
        }
        self.tell_of_open_transactions();
        Ok(())
    }

    /// A transaction that its broker forgot to end (Kafka before 3.6) hides what is behind it for ever.
    fn tell_of_open_transactions(&mut self) {
        let Some(goal) = &self.ledger_goal else { return };
        let kafka = &self.start.options.kafka;
        if self.told.is_some() || self.ledger_goal_since.elapsed() < kafka.transaction_timeout + HANGING_GRACE
        {
            return;
        }
        self.ledger_goal_since = Instant::now();
        let topic = self.start.options.topic(Role::Ledger);
        for (place, spot) in self.spots.iter() {
            let (partition, position) = (place.1, spot.position);
            let Some(end) = goal.get(&place).filter(|end| **end > position) else { continue };
            let host = spot.host.map(|host| host.to_string()).unwrap_or_default();
            tracing::error!(
                host,
                end,
                "the ledger of a host can't be read beyond an open transaction that should have ended long ago: nobody can take \
                 over from any host. If it hangs, end it: kafka-transactions.sh --bootstrap-server {} abort --topic {topic} \
                 --partition {partition} --start-offset {position}",
                kafka.brokers
            );
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

    fn check_range(&self, place: Place, host: HostId, position: u64, (begin, end): (u64, u64)) -> Step {
        let topic = self.start.options.topic(place.0);
        if position < begin {
            let partition = place.1;
            return Err(TopicsError::LedgerTooLate { topic, host, partition, position, begin }.into());
        }
        if position > end {
            return Err(TopicsError::Shrunk { topic, partition: place.1, position, end }.into());
        }
        Ok(())
    }

    /// A partition ends before what was read of it. A topic that was made anew says more than one that became shorter.
    fn shrunk(&mut self, place: Place, position: u64, end: u64) -> End {
        if let Err(error) = self.check_first_record() {
            return error;
        }
        let topic = self.start.options.topic(place.0);
        TopicsError::Shrunk { topic, partition: place.1, position, end }.into()
    }

    /// Looks whether what is to be read is there, and the owners topic is the one it was.
    fn check(&mut self) -> Step {
        self.check_due = Instant::now() + CHECK_INTERVAL;
        let places: Vec<Place> = self.spots.iter().map(|(place, _)| place).collect();
        let begins = match self.ends.begins(&places) {
            Ok(begins) => begins,
            Err(error) => {
                self.check_due = Instant::now() + IDLE_INTERVAL;
                return self.cannot(&error, "where the topics begin can't be asked");
            }
        };
        if let Some(begin) = begins.get(&OWNERS).copied().filter(|begin| *begin > 0) {
            return Err(
                TopicsError::OwnersCut { topic: self.start.options.topic(Role::Owners), begin }.into()
            );
        }
        for (place, spot) in self.spots.iter() {
            let begin = begins.get(&place).copied().unwrap_or(0);
            if let (Role::Ledger, Some(host)) = (place.0, spot.host) {
                self.check_range(place, host, spot.position, (begin, u64::MAX))?;
            }
        }
        self.check_first_record()
    }

    fn check_first_record(&mut self) -> Step {
        let Some(known) = &self.first_owners else { return Ok(()) };
        match self.ends.first_of_owners() {
            Ok(Some(first)) if first == *known => Ok(()),
            Ok(found) => {
                let record = found.and_then(|bytes| OwnersRecord::decode(&bytes).ok());
                let found = record.as_ref().and_then(Init::of).map(|init| init.uuid);
                let (topic, expected) = (self.start.options.topic(Role::Owners), self.start.init.uuid);
                Err(TopicsError::OtherOwners { topic, expected, found }.into())
            }
            Err(error) => {
                self.check_due = Instant::now() + IDLE_INTERVAL;
                self.cannot(&error, "the owners topic's first record can't be read")
            }
        }
    }

    /// Something is not where it was to be read from.
    fn gone(&mut self, error: &KafkaError) -> Step {
        tracing::debug!(%error, "something to be read is not there");
        self.check()?;
        // It is: the reader looked at a bad moment.
        self.begin_again(error)
    }

    /// Makes a new reader, that goes on where this one is: nothing is passed over or told twice.
    fn begin_again(&mut self, error: &KafkaError) -> Step {
        self.cannot(error, "the cluster's topics can't be read")?;
        if self.start.stop.wait(self.backoff.next_wait()) {
            return Ok(());
        }
        let made = Reader::new(&self.start.options, self.context.clone());
        let reader = made.map_err(|error| End::from(lost(DOING, &error, "")))?;
        if let Err(error) = reader.add(&self.spots.positions()) {
            return Err(lost(DOING, &error, "").into());
        }
        self.reader = reader;
        Ok(())
    }

    /// Tells of a trouble; ends with one that trying again does not mend.
    fn cannot(&mut self, error: &KafkaError, what: &'static str) -> Step {
        let code = admin_code(error);
        let cause = code.map_or_else(|| error.clone(), KafkaError::MetadataFetch);
        let kafka = lost(DOING, &cause, "");
        let may_pass = code.is_none_or(|code| meaning(code) == Meaning::Passing);
        if kafka.kind() == SinkErrorKind::Config && !may_pass {
            return Err(kafka.into());
        }
        if self.told.is_none_or(|at| at.elapsed() >= TELL_INTERVAL) {
            self.told = Some(Instant::now());
            let silent = self.context.why_silent(DOING);
            if kafka.kind() == SinkErrorKind::Denied || silent.kind() == SinkErrorKind::Denied {
                let topics = "Read, Write and Describe on the owners, ledger and relay topics";
                tracing::error!(error = %kafka, %silent, "{what}; the agent needs the rights {topics}");
            } else {
                tracing::warn!(error = %kafka, "{what}");
            }
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
