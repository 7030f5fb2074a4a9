//! From the acknowledgement of a write to its record at a consumer.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, Instant},
};

use anyhow::{Context as _, Result, bail};
use serde::Serialize;

use crate::{load::connect, verify::Follower};

/// Keyspace of the table that is written.
const KEYSPACE: &str = "latency";
/// Writes under way at a time at most.
const CONCURRENCY: usize = 256;
/// How long the last records may take.
const LAST_MAX: Duration = Duration::from_secs(60);
/// How long it is written before it is measured, so that connections, topics and transactions are there.
const WARM_UP: Duration = Duration::from_secs(5);

/// Latencies in milliseconds.
#[derive(Debug, Clone, Serialize)]
pub struct LatencyReport {
    /// Writes that the node confirmed in the measured time.
    pub writes: usize,
    /// Writes in a second that were asked for.
    pub rate: u32,
    /// Writes in a second that there were.
    pub rate_reached: f64,
    /// Half of them are faster.
    pub p50_ms: f64,
    /// 99 of 100 are faster.
    pub p99_ms: f64,
    /// The slowest one.
    pub max_ms: f64,
    /// How long the node took to confirm a write: half are faster, 99 of 100 are faster.
    pub write_p50_ms: f64,
    /// As above.
    pub write_p99_ms: f64,
}

/// Writes at a rate for a time, and waits for every record.
pub async fn measure(
    address: &str,
    brokers: &str,
    topic_prefix: &str,
    rate: u32,
    time: Duration,
) -> Result<LatencyReport> {
    let session = Arc::new(connect(address).await?);
    for statement in [
        "CREATE KEYSPACE IF NOT EXISTS latency WITH replication = {'class': 'SimpleStrategy', 'replication_factor': 1}",
        "CREATE TABLE IF NOT EXISTS latency.t (pk bigint PRIMARY KEY, u text, pad text) WITH cdc = true",
    ] {
        session.query_unpaged(statement, ()).await?;
    }
    let insert = session.prepare("INSERT INTO latency.t (pk, u, pad) VALUES (?, ?, ?)").await?;
    let run = uuid::Uuid::from_u128(fastrand::u128(..)).simple().to_string();
    let follower = Follower::start(brokers, topic_prefix, &run, KEYSPACE, true);
    let pad = "x".repeat(100);
    let confirmed: Arc<Mutex<HashMap<String, (Instant, Duration)>>> = Arc::default();
    let slots = Arc::new(tokio::sync::Semaphore::new(CONCURRENCY));
    let started = Instant::now();
    let writes = (f64::from(rate) * (time + WARM_UP).as_secs_f64()) as u64;
    for number in 0..writes {
        let due = Duration::from_secs_f64(number as f64 / f64::from(rate));
        if let Some(early) = due.checked_sub(started.elapsed()) {
            tokio::time::sleep(early).await;
        }
        let slot = Arc::clone(&slots).acquire_owned().await?;
        let (session, insert, confirmed) = (Arc::clone(&session), insert.clone(), Arc::clone(&confirmed));
        let (value, pad) = (format!("{run}-{number}"), pad.clone());
        tokio::spawn(async move {
            let sent = Instant::now();
            if session.execute_unpaged(&insert, (number as i64, &value, &pad)).await.is_ok() {
                let now = Instant::now();
                confirmed.lock().unwrap_or_else(PoisonError::into_inner).insert(value, (now, now - sent));
            }
            drop(slot);
        });
    }
    let _all = slots.acquire_many(CONCURRENCY as u32).await?;
    let reached = writes as f64 / started.elapsed().as_secs_f64();
    let confirmed = confirmed.lock().unwrap_or_else(PoisonError::into_inner).clone();
    report(follower, &confirmed, started + WARM_UP, rate, reached).await
}

async fn report(
    follower: Follower,
    confirmed: &HashMap<String, (Instant, Duration)>,
    from: Instant,
    rate: u32,
    rate_reached: f64,
) -> Result<LatencyReport> {
    let values: Vec<String> = confirmed.keys().cloned().collect();
    let (missing, follower) = tokio::task::spawn_blocking(move || {
        let missing = follower.wait_for(&values, LAST_MAX);
        (missing, follower)
    })
    .await?;
    if let Some(first) = missing.first() {
        bail!("{} of {} records did not come in {LAST_MAX:?}, as {first}", missing.len(), confirmed.len());
    }
    let (mut latencies, mut writes) = (Vec::new(), Vec::new());
    {
        let arrivals = follower.arrivals();
        let seen = arrivals.first_seen.as_ref().context("moments were not kept")?;
        for (value, (at, took)) in confirmed.iter().filter(|(_, (at, _))| *at >= from) {
            let arrived = seen.get(&**value).context("a record without its moment")?;
            latencies.push(arrived.saturating_duration_since(*at).as_secs_f64() * 1e3);
            writes.push(took.as_secs_f64() * 1e3);
        }
    }
    follower.end()?;
    latencies.sort_by(f64::total_cmp);
    writes.sort_by(f64::total_cmp);
    Ok(LatencyReport {
        writes: latencies.len(),
        rate,
        rate_reached,
        p50_ms: share(&latencies, 0.5),
        p99_ms: share(&latencies, 0.99),
        max_ms: share(&latencies, 1.0),
        write_p50_ms: share(&writes, 0.5),
        write_p99_ms: share(&writes, 0.99),
    })
}

/// Returns the value below which that share of the sorted values is.
pub(crate) fn share(sorted: &[f64], share: f64) -> f64 {
    let at = ((sorted.len() as f64 * share).ceil() as usize).clamp(1, sorted.len().max(1));
    sorted.get(at - 1).copied().unwrap_or(f64::NAN)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shares_are_of_the_sorted_values() {
        let values: Vec<f64> = (1..=200).map(f64::from).collect();
        let shares = [0.5, 0.99, 1.0].map(|part| share(&values, part).round() as i64);
        assert_eq!(shares, [100, 198, 200]);
        assert!(share(&[], 0.5).is_nan());
    }
}
