//! `[records]` and `[tables]`: what records look like, and of which tables there are any.

use crate::config::{
    setting::{Setting as _, word_setting},
    values::Values,
};

/// What follows the deletion of a row.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Deletes {
    /// The record of it, then a record without a value.
    EventAndTombstone,
    /// The record of it alone.
    Event,
    /// A record without a value alone.
    Tombstone,
}
word_setting!(pub Deletes { EventAndTombstone = "event+tombstone", Event = "event", Tombstone = "tombstone" });

/// What decides a record's Kafka partition.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PartitionBy {
    /// The partition key: all changes of a Cassandra partition stay in order.
    PartitionKey,
    /// The record's whole key, as Kafka's own producers do.
    RecordKey,
}
word_setting!(pub PartitionBy { PartitionKey = "partition_key", RecordKey = "record_key" });

/// The look of records.
#[derive(Debug, Clone)]
pub struct RecordsConfig {
    /// What follows the deletion of a row.
    pub deletes: Deletes,
    /// What decides the Kafka partition.
    pub partition_by: PartitionBy,
    /// The topic of schema changes; by default `<topic_prefix>.schema-changes`.
    pub schema_topic: String,
}

impl RecordsConfig {
    pub(in crate::config) fn take(values: &mut Values, topic_prefix: &str) -> Self {
        let deletes = values.take("records.deletes", Deletes::EventAndTombstone);
        let partition_by = values.take("records.partition_by", PartitionBy::PartitionKey);
        let given = values.take_optional::<String>("records.schema_topic");
        if let Some(topic) = &given {
            check_topic(values, "records.schema_topic", topic);
        }
        let schema_topic = given.unwrap_or_else(|| {
            let topic = format!("{topic_prefix}.schema-changes");
            values.derived("records.schema_topic", topic.shown(), crate::config::Origin::Default);
            topic
        });
        Self { deletes, partition_by, schema_topic }
    }
}

/// The longest name that Kafka gives a topic.
const TOPIC_LENGTH_MAX: usize = 249;
/// The longest prefix: a keyspace's and a table's name may have 48 bytes each, and two dots stand between.
const TOPIC_PREFIX_LENGTH_MAX: usize = TOPIC_LENGTH_MAX - 2 * 48 - 2;

/// Refuses a name that Kafka would refuse.
pub(in crate::config) fn check_topic(values: &mut Values, key: &str, name: &str) {
    check_topic_name(values, key, name, TOPIC_LENGTH_MAX);
}

/// Refuses a prefix with which topics would have names that Kafka refuses.
pub(in crate::config) fn check_topic_prefix(values: &mut Values, key: &str, name: &str) {
    check_topic_name(values, key, name, TOPIC_PREFIX_LENGTH_MAX);
    if name.starts_with("__") {
        values.unfit(key, "topics that begin with two underscores are internal to Kafka and to ringtap");
    }
}

fn check_topic_name(values: &mut Values, key: &str, name: &str, length_max: usize) {
    let strange = name.chars().find(|c| !(c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-')));
    if name.is_empty() {
        values.unfit(key, "is empty");
    } else if let Some(strange) = strange {
        values.unfit(
            key,
            format!(
                "{name:?} has {strange:?}; a topic's name has letters of ASCII, digits, '.', '_' and '-' only"
            ),
        );
    } else if name == "." || name == ".." {
        values.unfit(key, format!("{name:?} is no name that Kafka takes"));
    } else if name.len() > length_max {
        values.unfit(
            key,
            format!("has {} characters; at most {length_max} leave room for the table's name", name.len()),
        );
    }
}

/// Which tables are published: `keyspace.table`, where `*` stands for any characters of a name and `?` for one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TablePattern {
    keyspace: String,
    table: String,
}

impl TablePattern {
    /// Reads a pattern; none if it is not two names with a dot between.
    pub fn parse(text: &str) -> Option<Self> {
        let (keyspace, table) = text.split_once('.')?;
        let is_name = |name: &str| {
            !name.is_empty()
                && name.chars().all(|c| c.is_alphanumeric() || matches!(c, '_' | '*' | '?' | '-' | ' '))
        };
        (is_name(keyspace) && is_name(table))
            .then(|| Self { keyspace: keyspace.to_owned(), table: table.to_owned() })
    }

    /// Returns true if a table is meant.
    pub fn matches(&self, keyspace: &str, table: &str) -> bool {
        is_match(&self.keyspace, keyspace) && is_match(&self.table, table)
    }
}

/// Matches `*` and `?`, in time of the product of both lengths at most.
fn is_match(pattern: &str, name: &str) -> bool {
    let pattern: Vec<char> = pattern.chars().collect();
    let name: Vec<char> = name.chars().collect();
    let (mut at, mut from) = (0, 0);
    let mut star: Option<(usize, usize)> = None;
    while let Some(&c) = name.get(from) {
        match pattern.get(at) {
            Some('*') => {
                star = Some((at, from));
                at += 1;
            }
            Some(&p) if p == '?' || p == c => {
                at += 1;
                from += 1;
            }
            _ => {
                let Some((star_at, star_from)) = star else { return false };
                star = Some((star_at, star_from + 1));
                at = star_at + 1;
                from = star_from + 1;
            }
        }
    }
    pattern.iter().skip(at).all(|c| *c == '*')
}

/// Of which CDC tables there are records.
#[derive(Debug, Clone)]
pub struct TablesConfig {
    /// Only these; all if it is empty.
    pub include: Vec<TablePattern>,
    /// Not these, though they be included.
    pub exclude: Vec<TablePattern>,
}

impl TablesConfig {
    pub(in crate::config) fn take(values: &mut Values) -> Self {
        Self {
            include: take_patterns(values, "tables.include"),
            exclude: take_patterns(values, "tables.exclude"),
        }
    }

    /// Returns true if records of a table are wanted.
    pub fn is_wanted(&self, keyspace: &str, table: &str) -> bool {
        let any = |patterns: &[TablePattern]| patterns.iter().any(|pattern| pattern.matches(keyspace, table));
        (self.include.is_empty() || any(&self.include)) && !any(&self.exclude)
    }
}

fn take_patterns(values: &mut Values, key: &str) -> Vec<TablePattern> {
    let mut patterns = Vec::new();
    for text in values.take::<Vec<String>>(key, Vec::new()) {
        match TablePattern::parse(&text) {
            Some(pattern) => patterns.push(pattern),
            None => values
                .unfit(key, format!("{text:?} is no pattern; write \"keyspace.table\" or \"keyspace.*\"")),
        }
    }
    patterns
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns_match_names() {
        let cases = [
            ("shop.orders", "shop", "orders", true),
            ("shop.*", "shop", "orders", true),
            ("shop.*", "shopping", "orders", false),
            ("*.order?", "shop", "orders", true),
            ("*.order?", "shop", "order", false),
            ("s*p.o*r*s", "shop", "orders", true),
            ("s*p.o*r*x", "shop", "orders", false),
            ("*.*", "a", "b", true),
        ];
        for (pattern, keyspace, table, expected) in cases {
            assert_eq!(TablePattern::parse(pattern).unwrap().matches(keyspace, table), expected, "{pattern}");
        }
        for text in ["orders", "a.b.c", ".orders", "shop.", "shop.or[ders"] {
            assert_eq!(TablePattern::parse(text), None, "{text}");
        }
    }

    #[test]
    fn what_is_excluded_is_not_wanted_though_it_be_included() {
        let patterns = |texts: &[&str]| texts.iter().map(|text| TablePattern::parse(text).unwrap()).collect();
        let tables = TablesConfig { include: patterns(&["shop.*"]), exclude: patterns(&["*.secret"]) };
        assert!(tables.is_wanted("shop", "orders"));
        assert!(!tables.is_wanted("shop", "secret"));
        assert!(!tables.is_wanted("other", "orders"));
    }
}
