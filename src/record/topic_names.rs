//! Names of topics.

use std::collections::BTreeMap;
#[cfg(feature = "agent")]
use std::collections::HashMap;

/// How long Kafka lets a topic's name be.
const LENGTH_MAX: usize = 249;

/// Which topic the records of a table, and the changes of the schema, go to.
///
/// By default `<prefix>.<keyspace>.<table>` and `<prefix>.schema-changes`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TopicNames {
    prefix: String,
    template: String,
    schema_changes: Option<String>,
    routes: BTreeMap<(String, String), String>,
}

/// Why a name can't be a topic's.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TopicNameError {
    /// It has other characters than Kafka allows, or is no name at all.
    #[error(
        "`{0}` is not a topic name: Kafka allows letters, digits, `.`, `_` and `-` (not `.` or `..` alone)"
    )]
    Characters(String),
    /// It is too long.
    #[error("topic name `{0}` has more than the {LENGTH_MAX} characters that Kafka allows")]
    Length(String),
    /// It differs from another topic's only in `.` and `_`, which Kafka does not tell apart in its metrics.
    #[error(
        "topic names `{0}` and `{1}` differ only in `.` and `_`, which Kafka refuses: route one of the tables elsewhere"
    )]
    Collision(String, String),
    /// The template has something in braces that is none of its words, or does not tell tables apart.
    #[error(
        "topic template `{0}`: expected text with {{prefix}}, {{keyspace}} and {{table}}, the last two at least once"
    )]
    Template(String),
}

impl TopicNames {
    /// What stands behind a table's topic in the name of the topic of its late changes. No keyspace or table has a dot.
    pub const LATE_SUFFIX: &str = ".late";

    /// Makes the default names under this prefix.
    pub fn new(prefix: impl Into<String>) -> Self {
        Self {
            prefix: prefix.into(),
            template: "{prefix}.{keyspace}.{table}".into(),
            schema_changes: None,
            routes: BTreeMap::new(),
        }
    }

    /// Sets the template of tables' topics: text with `{prefix}`, `{keyspace}` and `{table}`.
    pub fn with_template(mut self, template: impl Into<String>) -> Result<Self, TopicNameError> {
        self.template = template.into();
        let rest = ["{prefix}", "{keyspace}", "{table}"]
            .iter()
            .fold(self.template.clone(), |text, word| text.replace(word, ""));
        let tells_tables_apart = self.template.contains("{keyspace}") && self.template.contains("{table}");
        if rest.contains(['{', '}']) || !tells_tables_apart {
            return Err(TopicNameError::Template(self.template));
        }
        Ok(self)
    }

    /// Sends the records of one table to a topic of its own name.
    pub fn with_route(mut self, keyspace: &str, table: &str, topic: &str) -> Result<Self, TopicNameError> {
        check_topic_name(topic)?;
        self.routes.insert((keyspace.into(), table.into()), topic.into());
        Ok(self)
    }

    /// Sets the topic of changes of the schema.
    #[must_use]
    pub fn with_schema_changes(mut self, topic: impl Into<String>) -> Self {
        self.schema_changes = Some(topic.into());
        self
    }

    /// Returns the topic of a table. Whether Kafka accepts it is found out when it is first used.
    pub fn of_table(&self, keyspace: &str, table: &str) -> String {
        if let Some(topic) = self.routes.get(&(keyspace.into(), table.into())) {
            return topic.clone();
        }
        let mut name = String::new();
        let mut rest = self.template.as_str();
        while let Some(open) = rest.find('{') {
            let (text, word) = rest.split_at(open);
            name.push_str(text);
            let (word, after) = word.split_at(word.find('}').map_or(word.len(), |end| end + 1));
            name.push_str(match word {
                "{prefix}" => &self.prefix,
                "{keyspace}" => keyspace,
                "{table}" => table,
                other => other,
            });
            rest = after;
        }
        name.push_str(rest);
        name
    }

    /// Returns the topic beside a table's, for late changes.
    pub fn of_late(table_topic: &str) -> String {
        format!("{table_topic}{}", Self::LATE_SUFFIX)
    }

    /// Returns the topic of changes of the schema.
    pub fn of_schema_changes(&self) -> String {
        self.schema_changes.clone().unwrap_or_else(|| format!("{}.schema-changes", self.prefix))
    }
}

/// Checks a name by Kafka's rules.
pub(crate) fn check_topic_name(name: &str) -> Result<(), TopicNameError> {
    let allowed = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'_' | b'-');
    if name.is_empty() || name == "." || name == ".." || !name.bytes().all(allowed) {
        return Err(TopicNameError::Characters(name.into()));
    }
    if name.len() > LENGTH_MAX {
        return Err(TopicNameError::Length(name.into()));
    }
    Ok(())
}

/// Names known so far, for what Kafka can't tell apart.
#[cfg(feature = "agent")]
#[derive(Debug, Default)]
pub(crate) struct KnownNames(HashMap<String, String>);

#[cfg(feature = "agent")]
impl KnownNames {
    /// Takes up a name; an error if another one differs only in `.` and `_`.
    pub(crate) fn add(&mut self, name: &str) -> Result<(), TopicNameError> {
        check_topic_name(name)?;
        let known = self.0.entry(name.replace('.', "_")).or_insert_with(|| name.into());
        if known != name {
            return Err(TopicNameError::Collision(known.clone(), name.into()));
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_follow_the_template_and_the_routes() {
        let names = TopicNames::new("cdc");
        assert_eq!(names.of_table("shop", "orders"), "cdc.shop.orders");
        assert_eq!(names.of_schema_changes(), "cdc.schema-changes");
        let names = names
            .with_template("{prefix}-{table}.of.{keyspace}")
            .unwrap()
            .with_route("shop", "carts", "carts")
            .unwrap();
        assert_eq!(names.of_table("shop", "orders"), "cdc-orders.of.shop");
        assert_eq!(names.of_table("shop", "carts"), "carts");
        // A keyspace that is named like a word of the template stays what it is.
        assert_eq!(names.of_table("{table}", "x"), "cdc-x.of.{table}");
    }

    #[test]
    fn templates_that_mix_tables_are_refused() {
        for wrong in ["{prefix}.{table}", "{keyspace}", "{keyspace}.{table}.{oops}", "{keyspace}.{table}{"] {
            assert!(TopicNames::new("p").with_template(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn names_that_kafka_refuses_are_refused() {
        for wrong in ["", ".", "..", "a b", "ä", "a/b", &"x".repeat(250)] {
            assert!(check_topic_name(wrong).is_err(), "{wrong}");
        }
        assert!(check_topic_name(&"x".repeat(249)).is_ok());
    }

    #[cfg(feature = "agent")]
    #[test]
    fn names_that_kafka_cannot_tell_apart_are_refused() {
        let mut known = KnownNames::default();
        known.add("p.a.b_c").unwrap();
        known.add("p.a.b_c").unwrap();
        assert!(matches!(known.add("p.a_b.c"), Err(TopicNameError::Collision(..))));
    }
}
