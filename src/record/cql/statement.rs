//! The parts of statements.

use std::fmt::Write as _;

/// Names and values of key columns.
#[derive(Debug, Default)]
pub(super) struct KeyText {
    names: String,
    values: String,
    relations: String,
}

impl KeyText {
    /// Adds a column.
    pub(super) fn push(&mut self, name: &str, value: &str) {
        if !self.names.is_empty() {
            self.names.push_str(", ");
            self.values.push_str(", ");
        }
        self.names.push_str(name);
        self.values.push_str(value);
        self.push_relation(name, "=", value);
    }

    /// Adds a condition of `WHERE`.
    pub(super) fn push_relation(&mut self, name: &str, operator: &str, value: &str) {
        if !self.relations.is_empty() {
            self.relations.push_str(" AND ");
        }
        for part in [name, " ", operator, " ", value] {
            self.relations.push_str(part);
        }
    }

    /// Returns the conditions of `WHERE`.
    pub(super) fn relations(&self) -> &str {
        &self.relations
    }

    /// Returns the names for `INSERT`.
    pub(super) fn names(&self) -> &str {
        &self.names
    }

    /// Returns the values for `INSERT`.
    pub(super) fn values(&self) -> &str {
        &self.values
    }
}

/// When a statement says that it wrote.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum WriteTime {
    /// At this time, in microseconds.
    At(i64),
    /// When it runs: statements on counters have no other time.
    Now,
}

/// Appends `USING TIMESTAMP … AND TTL …`, with a space before it.
pub(super) fn push_using(time: WriteTime, ttl: Option<i64>, out: &mut String) {
    // Writing to a string cannot fail.
    let _ = match (time, ttl) {
        (WriteTime::At(timestamp), Some(ttl)) => write!(out, " USING TIMESTAMP {timestamp} AND TTL {ttl}"),
        (WriteTime::At(timestamp), None) => write!(out, " USING TIMESTAMP {timestamp}"),
        (WriteTime::Now, _) => Ok(()),
    };
}

/// Appends a `DELETE` of `what`, of whole rows if that is empty.
pub(super) fn push_delete(what: &[String], table: &str, time: WriteTime, relations: &str, out: &mut String) {
    out.push_str("DELETE ");
    for (at, item) in what.iter().enumerate() {
        out.push_str(if at == 0 { "" } else { ", " });
        out.push_str(item);
    }
    out.push_str(if what.is_empty() { "FROM " } else { " FROM " });
    out.push_str(table);
    push_using(time, None, out);
    for part in [" WHERE ", relations, ";\n"] {
        out.push_str(part);
    }
}

/// Appends an `UPDATE` with these assignments.
pub(super) fn push_update(
    assignments: impl Iterator<Item = impl AsRef<str>>,
    table: &str,
    (time, ttl): (WriteTime, Option<i64>),
    relations: &str,
    out: &mut String,
) {
    out.push_str("UPDATE ");
    out.push_str(table);
    push_using(time, ttl, out);
    for (at, assignment) in assignments.enumerate() {
        out.push_str(if at == 0 { " SET " } else { ", " });
        out.push_str(assignment.as_ref());
    }
    for part in [" WHERE ", relations, ";\n"] {
        out.push_str(part);
    }
}
