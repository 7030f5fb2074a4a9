//! What librdkafka tells besides the answers to calls: its log, its errors, records that failed.

use std::{
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicBool, AtomicU64, Ordering::Relaxed},
    },
    time::{Duration, Instant},
};

use rdkafka::{
    ClientContext, Message as _,
    config::RDKafkaLogLevel,
    consumer::ConsumerContext,
    error::KafkaError,
    message::{DeliveryResult, Headers as _},
    producer::ProducerContext,
    types::RDKafkaErrorCode as Code,
};
use secrecy::{ExposeSecret as _, SecretString};

use super::{
    counters::SinkCounters,
    error::{Meaning, SinkError, lost, meaning},
};

/// Lines that librdkafka may write in each [`LOG_WINDOW`]: a refused broker alone writes about 18 a second.
const LOG_LINES_MAX: u32 = 10;
const LOG_WINDOW: Duration = Duration::from_secs(10);

/// Shorter secrets are not looked for in the log: they would match everywhere.
const SECRET_LENGTH_MIN: usize = 4;

/// The callbacks of one client.
#[derive(Debug, Clone)]
pub(crate) struct Context(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    counters: Arc<SinkCounters>,
    secrets: Vec<SecretString>,
    transactional_id: String,
    has_failed: AtomicBool,
    /// The first record that failed.
    failure: Mutex<Option<SinkError>>,
    /// The last refusal of credentials or rights, and any last error, in words.
    denied: Mutex<Option<String>>,
    last_error: Mutex<Option<String>>,
    disturbances: AtomicU64,
    log: Mutex<LogWindow>,
}

#[derive(Debug)]
struct LogWindow {
    since: Instant,
    lines: u32,
    suppressed: u64,
}

impl Context {
    pub(crate) fn new(
        counters: Arc<SinkCounters>,
        secrets: Vec<SecretString>,
        transactional_id: &str,
    ) -> Self {
        Self(Arc::new(Shared {
            counters,
            secrets,
            transactional_id: transactional_id.into(),
            has_failed: AtomicBool::new(false),
            failure: Mutex::default(),
            denied: Mutex::default(),
            last_error: Mutex::default(),
            disturbances: AtomicU64::new(0),
            log: Mutex::new(LogWindow { since: Instant::now(), lines: 0, suppressed: 0 }),
        }))
    }

    /// Takes the error of the first record that failed, if one did.
    pub(super) fn take_failure(&self) -> Option<SinkError> {
        if !self.0.has_failed.load(Relaxed) {
            return None;
        }
        lock(&self.0.failure).take()
    }

    /// Returns how often the way to the brokers was disturbed so far.
    pub(super) fn disturbances(&self) -> u64 {
        self.0.disturbances.load(Relaxed)
    }

    /// Returns why nothing gets through: refused access if there was any, else the last error.
    pub(crate) fn why_silent(&self, doing: &'static str) -> SinkError {
        if let Some(reason) = lock(&self.0.denied).clone() {
            return SinkError::Denied { doing, reason };
        }
        let reason = lock(&self.0.last_error).clone().unwrap_or_else(|| "no answer".into());
        SinkError::Unavailable { doing, reason }
    }

    /// Forgets that something was refused: it is granted now.
    pub(super) fn forget_refusal(&self) {
        *lock(&self.0.denied) = None;
    }

    fn without_secrets(&self, text: &str) -> String {
        let secrets = self.0.secrets.iter().map(SecretString::expose_secret);
        secrets
            .filter(|secret| secret.len() >= SECRET_LENGTH_MIN)
            .fold(text.to_owned(), |text, secret| text.replace(secret, "***"))
    }

    /// Returns true if one more line may be written; tells of those that were left out before.
    fn may_log(&self) -> bool {
        let mut log = lock(&self.0.log);
        if log.since.elapsed() >= LOG_WINDOW {
            if log.suppressed > 0 {
                tracing::warn!(target: "librdkafka", lines = log.suppressed, "log lines of librdkafka left out");
            }
            *log = LogWindow { since: Instant::now(), lines: 0, suppressed: 0 };
        }
        if log.lines < LOG_LINES_MAX {
            log.lines += 1;
            return true;
        }
        log.suppressed += 1;
        self.0.counters.log_lines_suppressed.fetch_add(1, Relaxed);
        false
    }
}

fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl ClientContext for Context {
    fn log(&self, level: RDKafkaLogLevel, facility: &str, line: &str) {
        // A connection that broke, a request that was not answered.
        if matches!(facility, "FAIL" | "REQTMOUT" | "DISCONNECT") {
            self.0.disturbances.fetch_add(1, Relaxed);
        }
        if !self.may_log() {
            return;
        }
        let line = self.without_secrets(line);
        match level {
            RDKafkaLogLevel::Emerg
            | RDKafkaLogLevel::Alert
            | RDKafkaLogLevel::Critical
            | RDKafkaLogLevel::Error => {
                // An unreachable broker is news, but no error of ours: it is tried again.
                tracing::warn!(target: "librdkafka", facility, "{line}");
            }
            RDKafkaLogLevel::Warning | RDKafkaLogLevel::Notice => {
                tracing::info!(target: "librdkafka", facility, "{line}");
            }
            RDKafkaLogLevel::Info | RDKafkaLogLevel::Debug => {
                tracing::debug!(target: "librdkafka", facility, "{line}");
            }
        }
    }

    fn stats_raw(&self, _: &[u8]) {}

    fn error(&self, error: KafkaError, reason: &str) {
        let code = error.rdkafka_error_code();
        // A reader at the end of what there is.
        if code == Some(Code::PartitionEOF) {
            return;
        }
        self.0.disturbances.fetch_add(1, Relaxed);
        let reason = self.without_secrets(reason);
        if code.is_some_and(|code| meaning(code) == Meaning::Denied) {
            *lock(&self.0.denied) = Some(reason.clone());
        }
        // What it is about stands in the log lines as well.
        tracing::debug!(target: "librdkafka", %error, "{reason}");
        *lock(&self.0.last_error) = Some(reason);
    }
}

impl ConsumerContext for Context {}

impl ProducerContext for Context {
    type DeliveryOpaque = ();

    fn delivery(&self, result: &DeliveryResult<'_>, (): ()) {
        let Err((error, message)) = result else { return };
        let mut failure = lock(&self.0.failure);
        if failure.is_some() {
            return;
        }
        let place = message.headers().and_then(|headers| {
            let header = headers.iter().find(|header| header.key == "position")?;
            Some(String::from_utf8_lossy(header.value?).into_owned())
        });
        let place = place.unwrap_or_else(|| "none".into());
        let topic = message.topic();
        *failure = Some(match lost("sending", error, &self.0.transactional_id) {
            SinkError::Restart { doing, reason } => SinkError::Restart {
                doing,
                reason: format!("{topic}: record of log position {place}: {reason}"),
            },
            SinkError::Denied { doing, reason } => {
                SinkError::Denied { doing, reason: format!("{topic}: {reason}") }
            }
            SinkError::TooLarge { .. } => {
                SinkError::TooLarge { topic: topic.into(), place, bytes: message.payload_len(), limit: 0 }
            }
            other => other,
        });
        self.0.has_failed.store(true, Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn context() -> Context {
        Context::new(Arc::default(), vec![SecretString::from("hunter2")], "id")
    }

    #[test]
    fn secrets_never_stand_in_what_is_logged() {
        assert_eq!(context().without_secrets("sent user\0hunter2 to broker"), "sent user\0*** to broker");
    }

    #[test]
    fn a_storm_of_lines_is_cut_and_counted() {
        let context = context();
        for _ in 0..1_000 {
            context.log(RDKafkaLogLevel::Error, "FAIL", "connection refused");
        }
        let suppressed = context.0.counters.log_lines_suppressed.load(Relaxed);
        assert_eq!(suppressed, 1_000 - u64::from(LOG_LINES_MAX));
        assert_eq!(context.disturbances(), 1_000);
    }

    #[test]
    fn refused_access_explains_a_silence_better_than_a_broken_connection() {
        let context = context();
        assert_eq!(context.why_silent("connecting").kind(), super::super::SinkErrorKind::Unavailable);
        context.error(KafkaError::Global(Code::Authentication), "wrong password");
        context.error(KafkaError::Global(Code::AllBrokersDown), "1/1 down");
        assert_eq!(context.why_silent("connecting").kind(), super::super::SinkErrorKind::Denied);
    }
}
