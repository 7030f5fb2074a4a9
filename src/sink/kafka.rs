//! Records to Kafka: each with its position in one transaction.
//!
//! librdkafka knows the first transaction protocol only. There an end that nobody has heard of may still come, and hit
//! the transaction after it. So whenever an outcome is unknown the producer is thrown away; the next one with the same
//! transactional id ends what was open and shuts out what is late, and then the committed position is read back. The way
//! is the same as after a restart of the program.

mod admin;
mod connect;
mod context;
mod counters;
mod error;
mod headers;
mod job;
mod names;
mod options;
mod position;
mod read_back;
mod refused;
mod retry;
mod send;
mod topics;
mod waiting;

use std::{
    sync::{Arc, atomic::Ordering::Relaxed},
    thread,
    time::{Duration, Instant},
};

use rdkafka::{
    error::KafkaError,
    producer::{BaseProducer, Producer as _},
};

pub(crate) use self::refused::reason_against;
/// What else talks to the brokers: the topics of a cluster's agents.
pub(crate) use self::{
    admin::{Admin, SettingValues, admin_code},
    connect::open_producer,
    context::Context,
    error::{Meaning, lost, meaning},
    topics::Tools,
};
pub use self::{
    counters::{COMMIT_LATENCY_BOUNDS_MS, SinkCounters, SinkState},
    error::{SinkError, SinkErrorKind},
    job::JobSink,
    names::ClusterNames,
    options::{Delivery, KafkaOptions, TooLarge, TopicOptions},
    position::{PositionError, StoredPosition},
    refused::{RefusedOption, check_options, is_secret},
    retry::{Backoff, Fences},
    send::{LedgerPartition, TooLargeRecord},
    topics::TopicWarning,
};
use self::{headers::HeaderText, read_back::ReadBack, send::Quarantine, topics::Topics, waiting::Waiting};
use crate::sink::StopSignal;

/// One call into librdkafka that waits; between such calls the stop signal is looked at.
const STEP: Duration = Duration::from_millis(250);
/// How long events of librdkafka's are taken in at a time.
const POLL: Duration = Duration::from_micros(500);
/// Commits that took less were not disturbed: librdkafka waits longer before it connects again.
const DISTURBED_MIN: Duration = Duration::from_millis(50);
/// How long giving up a transaction may take when the sink is closed.
const CLOSE_TIMEOUT: Duration = Duration::from_secs(3);

/// Sends records to Kafka. For one thread; every call may block, until the stop signal at the longest.
///
/// After any error but [`SinkErrorKind::TooLarge`] the sink is of no more use: drop it, and do what the error's kind says.
pub struct KafkaSink {
    options: Arc<KafkaOptions>,
    counters: Arc<SinkCounters>,
    stop: StopSignal,
    context: Context,
    producer: BaseProducer<Context>,
    topics: Topics,
    headers: HeaderText,
    quarantine: Option<Quarantine>,
    position_key: String,
    /// When the open transaction was begun; with at-least-once, when the first record after a commit was sent.
    open_since: Option<Instant>,
    /// The last commit went through trouble: its end may still be repeated on the way, so the next transaction needs a
    /// producer of its own.
    renew: bool,
}

impl KafkaSink {
    /// Connects: makes a producer, which shuts out any older one with the same transactional id and ends what it had
    /// open, and makes the positions topic if it is missing.
    ///
    /// While Kafka is away or refuses us, it is tried again, more and more slowly, until `stop` or
    /// [`connect_timeout`](KafkaOptions::connect_timeout).
    #[expect(clippy::needless_pass_by_value, reason = "the sink keeps both")]
    pub fn connect(
        options: Arc<KafkaOptions>,
        counters: Arc<SinkCounters>,
        stop: &StopSignal,
    ) -> Result<Self, SinkError> {
        const DOING: &str = "connecting";
        options.check()?;
        let started = Instant::now();
        let mut backoff = Backoff::default();
        loop {
            let error = match Self::attempt(&options, &counters, stop) {
                Ok(sink) => return Ok(sink),
                Err(error) => error,
            };
            counters.note_error(&error);
            let may_pass = matches!(
                error.kind(),
                SinkErrorKind::Restart
                    | SinkErrorKind::Denied
                    | SinkErrorKind::Unavailable
                    | SinkErrorKind::Fenced
            );
            let is_late = options.connect_timeout.is_some_and(|limit| started.elapsed() >= limit);
            if !may_pass || is_late {
                return Err(error);
            }
            tracing::warn!(%error, "kafka can't be used yet");
            if stop.wait(backoff.next_wait()) {
                return Err(SinkError::Stopped { doing: DOING });
            }
        }
    }

    fn attempt(
        options: &Arc<KafkaOptions>,
        counters: &Arc<SinkCounters>,
        stop: &StopSignal,
    ) -> Result<Self, SinkError> {
        let (context, producer) = open_producer(options, counters, stop)?;
        let sink = Self {
            options: Arc::clone(options),
            counters: Arc::clone(counters),
            stop: stop.clone(),
            context,
            producer,
            topics: Topics::default(),
            headers: HeaderText::default(),
            quarantine: None,
            position_key: options.position_key.clone(),
            open_since: None,
            renew: false,
        };
        sink.tools().ensure_positions_topic()?;
        Ok(sink)
    }

    /// Returns what was committed last under this sink's key: what is before it stands in Kafka, once, and nothing that
    /// is behind it does.
    pub fn committed(&mut self) -> Result<Option<StoredPosition>, SinkError> {
        let Self { options, context, stop, .. } = self;
        let newest = ReadBack { options, context, stop }.newest(&self.position_key);
        self.noted(newest.map_err(SinkError::or_restart))
    }

    /// Takes in what librdkafka has to tell. To be called about once a second while there is
    /// nothing to send: it logs, and notices when this producer has been shut out.
    pub fn poll(&mut self) -> Result<(), SinkError> {
        self.producer.poll(Duration::ZERO);
        let failed = match self.producer.client().fatal_error() {
            Some((code, _)) => Err(self.lost("waiting", &KafkaError::Global(code))),
            None => self.fail_if_lost(),
        };
        self.noted(failed)
    }

    /// Uses another key for positions from now on.
    pub fn set_position_key(&mut self, key: impl Into<String>) {
        self.position_key = key.into();
    }

    /// Sets where records go that are too large, with [`TooLarge::Quarantine`].
    pub fn quarantine_with(
        &mut self,
        put_aside: impl FnMut(TooLargeRecord<'_>) -> std::io::Result<()> + Send + 'static,
    ) {
        self.quarantine = Some(Box::new(put_aside));
    }

    /// Takes out what was noticed about topics.
    pub fn take_warnings(&mut self) -> Vec<TopicWarning> {
        self.topics.take_warnings()
    }

    /// Returns for how long records have waited for a commit, if any do.
    pub fn open_for(&self) -> Option<Duration> {
        self.open_since.map(|since| since.elapsed())
    }

    /// Commits what was sent since the last commit together with the position. When it returns without an error, both
    /// are there; with an error, nobody knows.
    pub fn commit(&mut self, position: &StoredPosition) -> Result<(), SinkError> {
        self.commit_with(Some(position))
    }

    /// Commits what was sent since the last commit. The same, but for those who keep their position elsewhere: each
    /// partition that a transaction touches makes it longer.
    pub fn commit_without_position(&mut self) -> Result<(), SinkError> {
        self.commit_with(None)
    }

    fn commit_with(&mut self, position: Option<&StoredPosition>) -> Result<(), SinkError> {
        let started = Instant::now();
        let disturbances = self.context.disturbances();
        let committed = self.try_commit(position);
        self.noted(committed)?;
        let took = started.elapsed();
        self.open_since = None;
        self.context.forget_refusal();
        self.counters.note_commit(took);
        if took >= DISTURBED_MIN && self.options.delivery == Delivery::ExactlyOnce {
            self.serve();
            self.producer.poll(Duration::ZERO);
            self.renew = self.context.disturbances() != disturbances;
        }
        Ok(())
    }

    fn try_commit(&mut self, position: Option<&StoredPosition>) -> Result<(), SinkError> {
        self.begin()?;
        if self.options.delivery == Delivery::AtLeastOnce {
            self.drain()?;
        }
        if let Some(position) = position {
            self.send_position(position)?;
        }
        self.drain()?;
        if self.options.delivery == Delivery::AtLeastOnce {
            return Ok(());
        }
        let mut waiting = Waiting::new(&self.stop, self.options.transaction_timeout);
        loop {
            // A call that timed out is continued by the next one.
            match self.producer.commit_transaction(STEP) {
                Ok(()) => return Ok(()),
                Err(KafkaError::Transaction(error))
                    if error.is_retriable() && !error.txn_requires_abort() => {}
                Err(error) => return Err(self.lost("committing", &error)),
            }
            self.producer.poll(Duration::ZERO);
            waiting.check("committing")?;
        }
    }

    /// Gives up what was not committed, and lets go of Kafka in a bounded time.
    pub fn close(self) {
        if self.options.delivery == Delivery::ExactlyOnce && self.open_since.is_some() {
            // So that readers need not wait for the transaction's time limit.
            let since = Instant::now();
            while since.elapsed() < CLOSE_TIMEOUT {
                match self.producer.abort_transaction(STEP) {
                    Err(KafkaError::Transaction(error)) if error.is_retriable() => {
                        self.producer.poll(Duration::ZERO);
                    }
                    Ok(()) | Err(_) => break,
                }
            }
            self.counters.aborts.fetch_add(1, Relaxed);
        }
        self.counters.set_state(SinkState::Stopped, None);
    }

    /// Begins a transaction if none is open.
    fn begin(&mut self) -> Result<(), SinkError> {
        if self.open_since.is_some() {
            return Ok(());
        }
        if std::mem::take(&mut self.renew) {
            tracing::info!("the last commit was disturbed: the next transaction gets a new producer");
            let opened = open_producer(&self.options, &self.counters, &self.stop);
            let (context, producer) = opened.map_err(SinkError::or_restart)?;
            (self.context, self.producer) = (context, producer);
        }
        if self.options.delivery == Delivery::ExactlyOnce {
            self.producer
                .begin_transaction()
                .map_err(|error| self.lost("beginning a transaction", &error))?;
        }
        self.open_since = Some(Instant::now());
        Ok(())
    }

    /// Takes in what librdkafka has to tell, then rests a little. The library's own waiting would not do: the last millisecond
    /// of each is spent turning in circles, and a poll waits its whole time whatever comes.
    fn serve(&self) {
        self.producer.poll(Duration::ZERO);
        thread::sleep(POLL);
    }

    /// Waits until no record is on its way any more.
    fn drain(&mut self) -> Result<(), SinkError> {
        const DOING: &str = "waiting for records to arrive";
        let mut waiting = Waiting::new(&self.stop, self.transaction_left());
        while self.producer.in_flight_count() > 0 {
            self.serve();
            self.fail_if_lost()?;
            waiting.check(DOING)?;
        }
        self.counters.in_flight.store(0, Relaxed);
        self.fail_if_lost()
    }

    /// Returns how long the transaction may still live by the broker's rules; for ever without one.
    fn transaction_left(&self) -> Duration {
        match (self.options.delivery, self.open_since) {
            (Delivery::ExactlyOnce, Some(since)) => {
                self.options.transaction_timeout.saturating_sub(since.elapsed())
            }
            _ => Duration::MAX,
        }
    }

    fn fail_if_lost(&self) -> Result<(), SinkError> {
        match self.context.take_failure() {
            Some(error) => Err(self.explained(error)),
            None => Ok(()),
        }
    }

    /// Returns why a record failed: when the whole producer has failed, its records only follow.
    fn explained(&self, failure: SinkError) -> SinkError {
        let error = match self.producer.client().fatal_error() {
            Some((code, _)) => lost("sending", &KafkaError::Global(code), &self.options.transactional_id),
            None => failure,
        };
        self.unless_timed_out(error)
    }

    /// Returns the error of a call after which the transaction is lost.
    fn lost(&self, doing: &'static str, error: &KafkaError) -> SinkError {
        // The first thing that went wrong says more than what follows from it.
        if let Some(failure) = self.context.take_failure() {
            return self.explained(failure);
        }
        let fatal = self.producer.client().fatal_error();
        let cause = fatal.map_or_else(|| error.clone(), |(code, _)| KafkaError::Global(code));
        self.unless_timed_out(lost(doing, &cause, &self.options.transactional_id))
    }

    /// When a transaction lasts too long, the coordinator shuts its producer out as if another one had come.
    fn unless_timed_out(&self, error: SinkError) -> SinkError {
        match (error, self.open_for()) {
            (SinkError::Fenced { doing, .. }, Some(age)) if age >= self.options.transaction_timeout => {
                let reason = "the transaction lasted longer than its time limit".into();
                SinkError::Restart { doing, reason }
            }
            (error, _) => error,
        }
    }

    /// Counts an error on its way out.
    fn noted<T>(&self, result: Result<T, SinkError>) -> Result<T, SinkError> {
        if let Err(error) = &result {
            self.counters.note_error(error);
            if self.open_since.is_some() && error.kind() != SinkErrorKind::TooLarge {
                self.counters.aborts.fetch_add(1, Relaxed);
            }
        }
        result
    }

    fn tools(&self) -> Tools<'_> {
        let Self { options, producer, context, counters, stop, .. } = self;
        Tools { options, producer, context, counters, stop }
    }
}
