//! A backlog of plain rows: what any publisher can read.

use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Instant,
};

use anyhow::{Result, bail};
use scylla::client::session::Session;
use serde::Serialize;
use tokio::sync::Semaphore;

/// Writes under way at a time.
const CONCURRENCY: usize = 256;
/// How often a row is tried.
const TRIES_MAX: u32 = 20;
/// Rows of a partition.
const ROWS_OF_PARTITION: u64 = 20;
/// Bytes of text and of the blob of a row.
const NAME_BYTES: usize = 60;
const PAYLOAD_BYTES: usize = 80;

/// Where the rows go. A compaction during the load would only cost time.
const STATEMENTS: [&str; 2] = [
    "CREATE KEYSPACE IF NOT EXISTS backlog WITH replication = {'class': 'SimpleStrategy', 'replication_factor': 1}",
    "CREATE TABLE IF NOT EXISTS backlog.t (pk bigint, ck int, name text, qty int, price double, at timestamp, payload blob, \
     PRIMARY KEY (pk, ck)) WITH id = 5f3e0b10-c7a1-11f0-9a55-0123456789ab AND cdc = true",
];

/// What was written.
#[derive(Debug, Clone, Copy, Serialize)]
pub struct BulkReport {
    /// Rows.
    pub rows: u64,
    /// Writes that had to be done again: their row may be in the log twice.
    pub again: u64,
    /// How long it took.
    pub seconds: f64,
}

/// Makes the keyspace and the table, with the id that the table always has, so that segments of one node can be read beside
/// another.
pub async fn create_bulk_table(session: &Session) -> Result<()> {
    for statement in STATEMENTS {
        session.query_unpaged(statement, ()).await?;
    }
    Ok(())
}

/// Inserts so many rows, each with a statement of its own, as fast as the node takes them.
pub async fn write_bulk(session: Arc<Session>, rows: u64) -> Result<BulkReport> {
    let cql = "INSERT INTO backlog.t (pk, ck, name, qty, price, at, payload) VALUES (?, ?, ?, ?, ?, ?, ?)";
    let insert = session.prepare(cql).await?;
    let (slots, started) = (Arc::new(Semaphore::new(CONCURRENCY)), Instant::now());
    let (again, given_up) = (Arc::new(AtomicU64::new(0)), Arc::new(AtomicU64::new(0)));
    for number in 0..rows {
        let slot = Arc::clone(&slots).acquire_owned().await?;
        let (session, insert) = (Arc::clone(&session), insert.clone());
        let (again, given_up) = (Arc::clone(&again), Arc::clone(&given_up));
        tokio::spawn(async move {
            let row = row(number);
            for _ in 0..TRIES_MAX {
                if session.execute_unpaged(&insert, &row).await.is_ok() {
                    drop(slot);
                    return;
                }
                again.fetch_add(1, Ordering::Relaxed);
            }
            given_up.fetch_add(1, Ordering::Relaxed);
        });
    }
    let _all = slots.acquire_many(CONCURRENCY as u32).await?;
    let given_up = given_up.load(Ordering::Relaxed);
    if given_up > 0 {
        bail!("{given_up} rows could not be written");
    }
    Ok(BulkReport { rows, again: again.load(Ordering::Relaxed), seconds: started.elapsed().as_secs_f64() })
}

type BulkRow = (i64, i32, String, i32, f64, scylla::value::CqlTimestamp, Vec<u8>);

fn row(number: u64) -> BulkRow {
    let mut random = fastrand::Rng::with_seed(number);
    let mut name = format!("item-{number:09}-");
    while name.len() < NAME_BYTES {
        name.push(random.alphanumeric());
    }
    let mut payload = vec![0; PAYLOAD_BYTES];
    random.fill(&mut payload);
    (
        (number / ROWS_OF_PARTITION) as i64,
        (number % ROWS_OF_PARTITION) as i32,
        name,
        (number & 0x7fff_ffff) as i32,
        number as f64 * 1.25,
        scylla::value::CqlTimestamp(1_700_000_000_000 + number as i64),
        payload,
    )
}
