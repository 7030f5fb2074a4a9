//! One write: its statement, and the values by which it is recognised.

use std::{
    collections::HashMap,
    sync::atomic::{AtomicI64, Ordering},
    time::{SystemTime, UNIX_EPOCH},
};

use anyhow::Result;
use scylla::{
    client::session::Session,
    errors::ExecutionError,
    statement::{
        Consistency,
        batch::{Batch, BatchType},
        prepared::PreparedStatement,
    },
    value::{Counter, Row},
};

use super::Kind;

/// Partitions of each table: few, so that each is written often.
const PARTITIONS: i64 = 500;
/// Rows of a partition.
const ROWS: i32 = 40;
/// Time to live of expiring rows, in seconds: longer than a run, so that tables can be compared at its end.
const TTL_SECONDS: i32 = 86_400;
/// How far in the past a write may claim to be, in microseconds: twice the dedup window, so that half of them are late.
const PAST_MICROS: u64 = 43_200_000_000;

/// What stands behind the prefix of a conditional write's value.
const CONDITIONAL_MARK: char = 'c';

/// Says whether a value is that of a conditional write. Cassandra may write it twice, at two times: a write that meets one that
/// is under way may finish it under its own, later ballot, although it is finished under the first one, too.
pub(crate) fn is_conditional(value: &str, prefix: &str) -> bool {
    value.strip_prefix(prefix).is_some_and(|rest| rest.starts_with(CONDITIONAL_MARK))
}

/// A write that was drawn, before it is sent.
#[derive(Debug)]
pub(super) struct Write {
    pub(super) kind: Kind,
    /// Values that must arrive; empty for a write that nothing comes of.
    pub(super) values: Vec<String>,
    /// Partition and row, drawn beforehand so that the seed decides them.
    pk: i64,
    ck: i32,
    /// Write time for those that give one.
    micros: i64,
}

/// What makes a run's values its own.
#[derive(Debug)]
pub(super) struct Numbering {
    prefix: String,
    next: u64,
    last_micros: AtomicI64,
}

impl Numbering {
    pub(super) fn new(prefix: &str) -> Self {
        Self { prefix: prefix.to_owned(), next: 0, last_micros: AtomicI64::new(0) }
    }

    /// Returns the next write.
    pub(super) fn draw(&mut self, kind: Kind, random: &mut fastrand::Rng) -> Write {
        self.next += 1;
        let value = format!("{}{}", self.prefix, self.next);
        let pk = random.i64(0..PARTITIONS);
        let ck = random.i32(0..ROWS - 4);
        let mut micros = self.next_micros();
        let values = match kind {
            Kind::Silent => Vec::new(),
            Kind::DeleteCell | Kind::DeleteRow | Kind::DeleteRange | Kind::DeletePartition => {
                vec![format!("@{micros}")]
            }
            Kind::InsertInPast => {
                micros -= random.u64(1..PAST_MICROS) as i64;
                vec![value]
            }
            Kind::LoggedBatch | Kind::UnloggedBatch => (0..3).map(|part| format!("{value}.{part}")).collect(),
            Kind::Static => vec![value.clone(), format!("{value}.s")],
            Kind::Collections | Kind::Overwrite => {
                vec![value.clone(), format!("{value}.t"), format!("{value}.m"), format!("{value}.l")]
            }
            Kind::Insert | Kind::Update | Kind::Expiring | Kind::Counter => vec![value],
            Kind::Conditional | Kind::ConditionalUpdate => {
                vec![format!("{}{CONDITIONAL_MARK}{}", self.prefix, self.next)]
            }
        };
        Write { kind, values, pk, ck, micros }
    }

    /// Returns the clock's microseconds, never the same twice: deletions are recognised by them.
    fn next_micros(&self) -> i64 {
        let now = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_micros() as i64);
        let last = self.last_micros.load(Ordering::Relaxed);
        let micros = now.max(last + 1);
        self.last_micros.store(micros, Ordering::Relaxed);
        micros
    }
}

/// The statements, prepared.
#[derive(Debug)]
pub(super) struct Statements {
    insert: PreparedStatement,
    update: PreparedStatement,
    insert_at: PreparedStatement,
    with_static: PreparedStatement,
    add: PreparedStatement,
    overwrite: PreparedStatement,
    expiring: PreparedStatement,
    session: PreparedStatement,
    delete_cell: PreparedStatement,
    delete_row: PreparedStatement,
    delete_range: PreparedStatement,
    delete_partition: PreparedStatement,
    conditional: PreparedStatement,
    conditional_update: PreparedStatement,
    count: PreparedStatement,
    silent: PreparedStatement,
    consistency: Consistency,
}

impl Statements {
    pub(super) async fn prepare(session: &Session, consistency: Consistency) -> Result<Self> {
        let prepare = async |cql: &str| {
            let mut statement = session.prepare(cql).await?;
            statement.set_consistency(consistency);
            Ok::<_, anyhow::Error>(statement)
        };
        Ok(Self {
            insert: prepare("INSERT INTO faults.events (pk, ck, u, n) VALUES (?, ?, ?, ?)").await?,
            update: prepare("UPDATE faults.events SET u = ?, note = 'changed' WHERE pk = ? AND ck = ?").await?,
            insert_at: prepare("INSERT INTO faults.events (pk, ck, u, n) VALUES (?, ?, ?, ?) USING TIMESTAMP ?").await?,
            with_static: prepare("INSERT INTO faults.profiles (pk, ck, su, u) VALUES (?, ?, ?, ?)").await?,
            add: prepare(
                "UPDATE faults.profiles SET u = ?, tags = tags + ?, attributes['m'] = ?, names = names + ? \
                 WHERE pk = ? AND ck = ?",
            )
            .await?,
            overwrite: prepare(
                "UPDATE faults.profiles SET u = ?, tags = ?, attributes = ?, names = ? WHERE pk = ? AND ck = ?",
            )
            .await?,
            expiring: prepare("INSERT INTO faults.sessions (pk, u, data) VALUES (?, ?, 0xcafe) USING TTL ?").await?,
            session: prepare("INSERT INTO faults.sessions (pk, u) VALUES (?, ?)").await?,
            delete_cell: prepare("DELETE note FROM faults.events USING TIMESTAMP ? WHERE pk = ? AND ck = ?").await?,
            delete_row: prepare("DELETE FROM faults.events USING TIMESTAMP ? WHERE pk = ? AND ck = ?").await?,
            delete_range: prepare("DELETE FROM faults.events USING TIMESTAMP ? WHERE pk = ? AND ck >= ? AND ck < ?").await?,
            delete_partition: prepare("DELETE FROM faults.sessions USING TIMESTAMP ? WHERE pk = ?").await?,
            conditional: prepare("INSERT INTO faults.turns (pk, u) VALUES (?, ?) IF NOT EXISTS").await?,
            // It holds always: nobody writes that, and a row that is not there has another value, too.
            conditional_update: prepare("UPDATE faults.turns SET u = ? WHERE pk = ? IF u != 'never'").await?,
            count: prepare("UPDATE faults.counts SET n = n + ? WHERE pk = ? AND u = ?").await?,
            silent: prepare("INSERT INTO faults_silent.t (pk, u) VALUES (?, 'silent')").await?,
            consistency,
        })
    }

    /// Sends a write. Returns false if the node said that it did not do it, as a condition did not hold.
    pub(super) async fn send(&self, session: &Session, write: &Write) -> Result<bool, ExecutionError> {
        let Write { kind, values, pk, ck, micros } = write;
        let (pk, ck, micros) = (*pk, *ck, *micros);
        let value = |at: usize| values.get(at).map_or("", String::as_str);
        match kind {
            Kind::Insert => session.execute_unpaged(&self.insert, (pk, ck, value(0), 7)).await?,
            Kind::Update => session.execute_unpaged(&self.update, (value(0), pk, ck)).await?,
            Kind::InsertInPast => {
                session.execute_unpaged(&self.insert_at, (pk, ck, value(0), 8, micros)).await?
            }
            Kind::Static => session.execute_unpaged(&self.with_static, (pk, ck, value(1), value(0))).await?,
            Kind::Collections | Kind::Overwrite => {
                let (tags, names) = ([value(1)], [value(3)]);
                if *kind == Kind::Overwrite {
                    let attributes = HashMap::from([("m", value(2))]);
                    let row = (value(0), &tags[..], attributes, &names[..], pk, ck);
                    session.execute_unpaged(&self.overwrite, row).await?
                } else {
                    let row = (value(0), &tags[..], value(2), &names[..], pk, ck);
                    session.execute_unpaged(&self.add, row).await?
                }
            }
            Kind::Expiring => session.execute_unpaged(&self.expiring, (pk, value(0), TTL_SECONDS)).await?,
            Kind::DeleteCell => session.execute_unpaged(&self.delete_cell, (micros, pk, ck)).await?,
            Kind::DeleteRow => session.execute_unpaged(&self.delete_row, (micros, pk, ck)).await?,
            Kind::DeleteRange => {
                session.execute_unpaged(&self.delete_range, (micros, pk, ck, ck + 4)).await?
            }
            Kind::DeletePartition => session.execute_unpaged(&self.delete_partition, (micros, pk)).await?,
            Kind::Silent => session.execute_unpaged(&self.silent, (pk,)).await?,
            Kind::LoggedBatch => {
                let mut batch = self.batch(BatchType::Logged);
                batch.append_statement(self.insert.clone());
                batch.append_statement(self.insert.clone());
                batch.append_statement(self.session.clone());
                let rows = ((pk, ck, value(0), 1), (pk + 1, ck, value(1), 2), (pk, value(2)));
                session.batch(&batch, rows).await?
            }
            Kind::UnloggedBatch => {
                let mut batch = self.batch(BatchType::Unlogged);
                for _ in 0..3 {
                    batch.append_statement(self.insert.clone());
                }
                let rows = ((pk, ck, value(0), 1), (pk, ck + 1, value(1), 2), (pk, ck + 2, value(2), 3));
                session.batch(&batch, rows).await?
            }
            Kind::Counter => {
                let mut batch = self.batch(BatchType::Counter);
                batch.append_statement(self.count.clone());
                batch.append_statement(self.count.clone());
                let increments = ((Counter(i64::from(ck) + 1), pk, "all"), (Counter(1), pk, value(0)));
                session.batch(&batch, increments).await?
            }
            Kind::Conditional | Kind::ConditionalUpdate => {
                let turn = format!("turn-{pk}");
                let answer = if *kind == Kind::Conditional {
                    session.execute_unpaged(&self.conditional, (value(0), value(0))).await?
                } else {
                    session.execute_unpaged(&self.conditional_update, (value(0), turn)).await?
                };
                let Ok(rows) = answer.into_rows_result() else { return Ok(false) };
                let Ok(row) = rows.first_row::<Row>() else { return Ok(false) };
                let applied = row
                    .columns
                    .first()
                    .and_then(Option::as_ref)
                    .and_then(scylla::value::CqlValue::as_boolean);
                return Ok(applied == Some(true));
            }
        };
        Ok(true)
    }

    fn batch(&self, of: BatchType) -> Batch {
        let mut batch = Batch::new(of);
        batch.set_consistency(self.consistency);
        batch
    }
}
