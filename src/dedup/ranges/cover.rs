//! What the union of ranges covers, in the order of a table's rows.

use std::cmp::Ordering;

use cassandra_commitlog::{schema::Column, types::compare::compare_clusterings};

use super::bounds::Interval;

/// A point between rows, where a range starts or ends: whether its bound includes rows is told by the side that it is on.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Cut<'b> {
    /// Before every row.
    First,
    /// Before or behind all rows whose clustering begins with these values.
    At {
        /// Values of the first clustering columns.
        values: Vec<Option<&'b [u8]>>,
        /// Behind them.
        is_behind: bool,
    },
    /// Behind every row.
    Last,
}

impl Cut<'_> {
    fn compare(&self, other: &Self, columns: &[Column]) -> Ordering {
        match (self, other) {
            (Self::First, Self::First) | (Self::Last, Self::Last) => Ordering::Equal,
            (Self::First, _) | (_, Self::Last) => Ordering::Less,
            (Self::Last, _) | (_, Self::First) => Ordering::Greater,
            (Self::At { values, is_behind }, Self::At { values: others, is_behind: other_is_behind }) => {
                let side = |is_behind: bool| if is_behind { Ordering::Greater } else { Ordering::Less };
                compare_clusterings(columns, values, others).then_with(|| {
                    // One with fewer values is before or behind all that begins with them.
                    match values.len().cmp(&others.len()) {
                        Ordering::Equal => is_behind.cmp(other_is_behind),
                        Ordering::Less => side(*is_behind),
                        Ordering::Greater => side(*other_is_behind).reverse(),
                    }
                })
            }
        }
    }
}

/// Returns true if each point of a range is in one of the known ones. Of one without points it says false.
///
/// Ranges with a gap between them do not cover it, also if no value is in it: 3 and 4 are neighbours as `int` only.
pub(super) fn covers(columns: &[Column], known: &[Interval<'_>], wanted: &Interval<'_>) -> bool {
    let is_before = |one: &Cut<'_>, other: &Cut<'_>| one.compare(other, columns) == Ordering::Less;
    if !is_before(&wanted.start, &wanted.end) {
        return false;
    }
    let mut reached = &wanted.start;
    // Each time a range that goes further is found, or nothing does. Not sorted: there are few, and mostly one covers all.
    for _ in 0..=known.len() {
        if !is_before(reached, &wanted.end) {
            return true;
        }
        let further = |it: &&Interval<'_>| !is_before(reached, &it.start) && is_before(reached, &it.end);
        match known.iter().find(further) {
            Some(range) => reached = &range.end,
            None => return false,
        }
    }
    false
}
