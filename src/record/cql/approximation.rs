//! What CQL cannot say, and how often it was said only nearly.

use std::collections::BTreeMap;

use crate::record::RecordPlace;

/// What was said only nearly.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum Approximation {
    /// An element of a list: it gets another timeuuid as its cell path, made when the statement runs.
    ListElement,
    /// A change of a list element whose writing was not seen: a removal is left out, a value is added.
    UnknownListElement,
    /// A counter's shards: said as an increment, at the time when the statement runs.
    Counter,
    /// A deletion in a table of counters: it gets the time when the statement runs.
    CounterDeletion,
    /// A counter of which nothing is remembered any more, so that its increment is unknown: left out.
    UnknownCounter,
    /// An expiry: the TTL is what remained of it, counted from when the statement runs.
    Expiration,
    /// What has expired already: said as the deletion it has become, for a row marker as one that lives for a
    /// second.
    Expired,
    /// A value without a literal: said as null.
    Value,
    /// A primary key or a bound without a literal: the change is left out.
    Key,
    /// Cells of compact tables that CQL does not show: left out.
    HiddenCell,
    /// Cells of a dropped column, newer than its drop: left out.
    DroppedColumn,
    /// A write time that CQL refuses: said as the next one.
    WriteTime,
    /// The deletion of all rows of a partition but not of its static row: left out.
    AllRows,
    /// The deletion of a row with null in its clustering: said as that of all rows with the same prefix.
    NullClustering,
    /// A line break in a statement of the schema, where only a comment can have one: said as a space.
    LineBreak,
}

impl Approximation {
    /// Returns what it is about, in words for people.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::ListElement => "list elements under another timeuuid",
            Self::UnknownListElement => "changes of list elements that were not seen before",
            Self::Counter => "counter shards as increments",
            Self::CounterDeletion => "deletions of counters at the time of the replay",
            Self::UnknownCounter => "counters left out, their last count is unknown",
            Self::Expiration => "TTLs shortened to what remains",
            Self::Expired => "expired values as deletions",
            Self::Value => "values without a literal as null",
            Self::Key => "changes left out, their key has no literal",
            Self::HiddenCell => "cells left out that CQL does not show",
            Self::DroppedColumn => "cells left out of dropped columns",
            Self::WriteTime => "write times moved by one microsecond",
            Self::AllRows => "deletions left out of all rows but the static one",
            Self::NullClustering => "deletions of a row with null in its clustering",
            Self::LineBreak => "line breaks in comments of the schema as spaces",
        }
    }
}

/// How often something was said only nearly, and where first.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Approximated {
    /// How often.
    pub count: u64,
    /// The first places with the names of their tables, [`Approximations::PLACES_MAX`] at most.
    pub first: Vec<(RecordPlace, Box<str>)>,
}

/// What was said only nearly, by kind.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Approximations {
    kinds: BTreeMap<Approximation, Approximated>,
}

impl Approximations {
    /// How many places are kept of each kind.
    pub const PLACES_MAX: usize = 3;

    /// Counts one.
    pub(super) fn add(&mut self, kind: Approximation, place: RecordPlace, table: &str) {
        let known = self.kinds.entry(kind).or_insert_with(|| Approximated { count: 0, first: Vec::new() });
        known.count += 1;
        let is_named = known.first.iter().any(|(first, _)| *first == place);
        if known.first.len() < Self::PLACES_MAX && !is_named {
            known.first.push((place, table.into()));
        }
    }

    /// Iterates over the kinds that there were.
    pub fn iter(&self) -> impl Iterator<Item = (Approximation, &Approximated)> {
        self.kinds.iter().map(|(kind, approximated)| (*kind, approximated))
    }

    /// Returns how often a kind was.
    pub fn count(&self, kind: Approximation) -> u64 {
        self.kinds.get(&kind).map_or(0, |known| known.count)
    }
}
