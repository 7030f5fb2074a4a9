//! Making a producer.

use std::{
    sync::{Arc, atomic::Ordering::Relaxed},
    time::{Duration, Instant},
};

use rdkafka::{
    error::KafkaError,
    producer::{BaseProducer, Producer as _},
};

use super::{
    Delivery, KafkaOptions, STEP, SinkCounters, SinkError, SinkErrorKind, SinkState,
    context::Context,
    error::{Meaning, lost, meaning},
};
use crate::sink::StopSignal;

/// How long one attempt to connect may take before a new client is made, which reads certificates anew.
const ATTEMPT: Duration = Duration::from_secs(20);

/// Makes a producer and, with transactions, waits until the coordinator has ended what an older one had open.
pub(crate) fn open_producer(
    options: &KafkaOptions,
    counters: &Arc<SinkCounters>,
    stop: &StopSignal,
) -> Result<(Context, BaseProducer<Context>), SinkError> {
    const DOING: &str = "connecting";
    let secrets = options.secrets.values().cloned().collect();
    let context = Context::new(Arc::clone(counters), secrets, &options.transactional_id);
    let id = &options.transactional_id;
    let producer: BaseProducer<Context> = options
        .producer_config()
        .create_with_context(context.clone())
        .map_err(|error| lost(DOING, &error, id))?;
    let since = Instant::now();
    loop {
        let done = match options.delivery {
            Delivery::ExactlyOnce => producer.init_transactions(STEP),
            Delivery::AtLeastOnce => {
                producer.client().fetch_metadata(Some(&options.positions_topic), STEP).map(drop)
            }
        };
        producer.poll(Duration::ZERO);
        match done {
            Ok(()) => break,
            Err(error) if may_pass(&error) => {}
            Err(error) => return Err(lost(DOING, &error, id)),
        }
        if stop.is_stopped() {
            return Err(SinkError::Stopped { doing: DOING });
        }
        let silent = context.why_silent(DOING);
        // No need to wait long for what was refused.
        if since.elapsed() > ATTEMPT || silent.kind() == SinkErrorKind::Denied {
            return Err(silent);
        }
    }
    counters.connections.fetch_add(1, Relaxed);
    if counters.state().0 != SinkState::Blocked {
        counters.set_state(SinkState::Connected, None);
    }
    Ok((context, producer))
}

fn may_pass(error: &KafkaError) -> bool {
    match error {
        KafkaError::Transaction(error) => error.is_retriable() && !error.is_fatal(),
        other => other.rdkafka_error_code().is_some_and(|code| meaning(code) == Meaning::Passing),
    }
}
