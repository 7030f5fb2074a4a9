//! When records could be read: latencies, and how long tokens had no publisher.

use std::{collections::HashMap, path::Path, sync::Arc};

use anyhow::Result;
use ringtap::{
    checker::{ChangeView, ConsumedRecord, unique_values},
    cluster::names::Token,
};
use serde::Serialize;

use super::{ClusterAct, Publishers, ownership::Ownership};
use crate::{journal::acknowledged_at, latency::share, load::CHECKED_KEYSPACE};

/// Times from the acknowledgement of a write until its record could be read.
#[derive(Debug, Default, Clone, Serialize)]
pub struct LatencyFigures {
    /// Records of acknowledged writes.
    pub records: usize,
    /// Half of them are faster.
    pub p50_ms: f64,
    /// 99 of 100 are faster.
    pub p99_ms: f64,
    /// The slowest one.
    pub max_ms: f64,
}

/// How long what an agent had published had no publisher.
#[derive(Debug, Clone, Serialize)]
pub struct TakeOver {
    /// What befell the agent.
    pub act: ClusterAct,
    /// Its host.
    pub victim: String,
    /// When it was killed or held, in milliseconds since 1970.
    pub at_ms: i64,
    /// Until the first record of a partition that it had owned could be read that another agent published; none if there is
    /// no such record.
    pub seconds: Option<f64>,
}

#[derive(Debug)]
struct Event {
    readable_ms: i64,
    token: Token,
    publisher: Arc<str>,
}

/// When records could be read, and who published them.
#[derive(Debug)]
pub(super) struct Timeline {
    prefix: String,
    acknowledged: HashMap<Box<str>, i64>,
    latencies_ms: Vec<f64>,
    events: Vec<Event>,
}

impl Timeline {
    /// Begins with a load's journal and what its values begin with.
    pub(super) fn new(journal: &Path, prefix: &str) -> Result<Self> {
        Ok(Self {
            prefix: prefix.to_owned(),
            acknowledged: acknowledged_at(journal)?,
            latencies_ms: Vec::new(),
            events: Vec::new(),
        })
    }

    /// Takes a record of a row.
    pub(super) fn observe(
        &mut self,
        record: &ConsumedRecord,
        change: &ChangeView<'_>,
        publishers: &Publishers,
    ) {
        let Some(readable_ms) = publishers.readable_since(record) else { return };
        let values = unique_values(change, &self.prefix).unwrap_or_default();
        if let Some(at) = values.iter().find_map(|value| self.acknowledged.get(&**value)) {
            // What is read before the node has acknowledged it is not late.
            self.latencies_ms.push((readable_ms as f64 - *at as f64 / 1e3).max(0.0));
        }
        let publisher = publishers.publisher(record).cloned();
        if let Some((token, publisher)) = token(change).zip(publisher) {
            self.events.push(Event { readable_ms, token, publisher });
        }
    }

    /// Returns the latencies.
    pub(super) fn latencies(&mut self) -> LatencyFigures {
        self.latencies_ms.sort_by(f64::total_cmp);
        let of = |part| share(&self.latencies_ms, part);
        LatencyFigures {
            records: self.latencies_ms.len(),
            p50_ms: of(0.5),
            p99_ms: of(0.99),
            max_ms: of(1.0),
        }
    }

    /// Returns how long it took until another agent published for tokens that the victim had owned.
    pub(super) fn take_over_seconds(
        &mut self,
        ownership: &Ownership,
        victim: &str,
        at_ms: i64,
    ) -> Option<f64> {
        // Of one millisecond the order of the topic stays.
        self.events.sort_by_key(|event| event.readable_ms);
        let after = self.events.partition_point(|event| event.readable_ms <= at_ms);
        let mut were_the_victims: HashMap<Token, bool> = HashMap::new();
        let taken = self.events.get(after..)?.iter().find(|event| {
            *event.publisher != *victim
                && *were_the_victims.entry(event.token).or_insert_with(|| {
                    let owner = ownership.owner(CHECKED_KEYSPACE, event.token, at_ms);
                    owner.is_some_and(|owner| owner.to_string() == victim)
                })
        });
        taken.map(|event| (event.readable_ms - at_ms) as f64 / 1e3)
    }
}

/// Returns the token of a record's partition; the partition key of every table of the load is `pk`, a bigint or a text.
fn token(change: &ChangeView<'_>) -> Option<Token> {
    let key: serde_json::Value = serde_json::from_str(change.key).ok()?;
    let partition_key = key.get("pk")?;
    match (partition_key.as_i64(), partition_key.as_str()) {
        (Some(number), _) => Some(Token::of_key(&number.to_be_bytes())),
        (None, Some(text)) => Some(Token::of_key(text.as_bytes())),
        (None, None) => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_token_of_a_partition_is_that_of_its_key() {
        let token_of = |key: &str| {
            let value = format!(
                r#"{{"op":"update","ts":1,"key":{key},"source":{{"segment":1,"position":2,"index":3}}}}"#
            );
            token(&ChangeView::parse(value.as_bytes()).unwrap())
        };
        assert_eq!(token_of(r#"{"pk":7,"ck":1}"#), Some(Token::of_key(&[0, 0, 0, 0, 0, 0, 0, 7])));
        assert_eq!(token_of(r#"{"pk":"w-7"}"#), Some(Token::of_key(b"w-7")));
        assert_eq!(token_of(r#"{"other":7}"#), None);
    }
}
