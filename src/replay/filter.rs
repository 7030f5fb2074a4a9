//! Which changes to take.

use std::ops::Range;

use cassandra_commitlog::{Position, types::murmur3_token};
use clap::Args;

use super::{KeyFilter, Selection, TableArgs, parse_micros};
use crate::{
    change::{Action, Change, RowWrite},
    cli::CliError,
};

/// What was asked for.
#[derive(Debug, Args, Clone, Default)]
pub struct FilterArgs {
    #[command(flatten)]
    tables: TableArgs,
    /// All tables but views, not only those with cdc = true (for logs of clusters without CDC)
    #[arg(long, help_heading = "Filters")]
    all_tables: bool,
    /// Only this key: a JSON object of key columns, a JSON array in their order, or one value
    #[arg(long, value_name = "KEY", help_heading = "Filters")]
    key: Option<String>,
    /// Only tokens greater than START and not greater than END (Murmur3; a range may wrap around)
    #[arg(long, value_name = "START:END", help_heading = "Filters", value_parser = parse_token_range, allow_hyphen_values = true)]
    token_range: Option<TokenRange>,
    /// Only what was written at this time or later (ISO 8601, or microseconds since 1970)
    #[arg(long, value_name = "TIME", help_heading = "Filters", value_parser = parse_micros, allow_hyphen_values = true)]
    since: Option<i64>,
    /// Only what was written before this time
    #[arg(long, value_name = "TIME", help_heading = "Filters", value_parser = parse_micros, allow_hyphen_values = true)]
    until: Option<i64>,
    /// Only entries that end at this position or later (SEGMENT or SEGMENT:OFFSET)
    #[arg(long, value_name = "POSITION", help_heading = "Filters")]
    from_position: Option<Position>,
    /// Only entries that end before this position
    #[arg(long, value_name = "POSITION", help_heading = "Filters")]
    to_position: Option<Position>,
}

/// Tokens from `start`, exclusive, to `end`, inclusive, as Cassandra's ranges are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct TokenRange {
    start: i64,
    end: i64,
}

/// Which changes to take.
#[derive(Debug, Clone, Default)]
pub struct Filter {
    /// Which tables.
    pub selection: Selection,
    key: Option<KeyFilter>,
    token_range: Option<TokenRange>,
    since: Option<i64>,
    until: Option<i64>,
    from_position: Option<Position>,
    to_position: Option<Position>,
}

impl FilterArgs {
    /// Makes the filter.
    pub fn filter(&self) -> Result<Filter, CliError> {
        Ok(Filter {
            selection: Selection::new(&self.tables, self.all_tables)?,
            key: self.key.as_deref().map(KeyFilter::parse),
            token_range: self.token_range,
            since: self.since,
            until: self.until,
            from_position: self.from_position,
            to_position: self.to_position,
        })
    }
}

impl Filter {
    /// Returns the range of positions that was asked for.
    pub fn positions(&self) -> Range<Position> {
        let end = Position { segment: i64::MAX, offset: u64::MAX };
        self.from_position.unwrap_or(Position::START)..self.to_position.unwrap_or(end)
    }

    /// Returns true if a change is taken.
    pub fn takes(&self, change: &Change<'_>) -> bool {
        self.selection.takes(&change.table)
            && self.takes_time(change.timestamp)
            && self.token_range.is_none_or(|range| range.contains(murmur3_token(change.partition_key)))
            && self.key.as_ref().is_none_or(|key| takes_key(key, change))
    }

    /// Returns true if something of this write time is taken.
    pub fn takes_time(&self, timestamp: i64) -> bool {
        self.since.is_none_or(|since| timestamp >= since) && self.until.is_none_or(|until| timestamp < until)
    }

    /// Returns true if only some partitions are asked for, so that what concerns whole tables is left out.
    pub fn is_by_partition(&self) -> bool {
        self.key.is_some() || self.token_range.is_some()
    }
}

/// A row's key takes changes of the row, and those wider than rows, which may concern it.
fn takes_key(key: &KeyFilter, change: &Change<'_>) -> bool {
    key.is_partition(&change.table, change.partition_key)
        && match &change.action {
            Action::Write(RowWrite { clustering: Some(values), .. })
            | Action::DeleteRow { clustering: values, .. } => key.is_row(&change.table, values),
            Action::Write(_) | Action::DeleteRange(_) | Action::DeletePartition { .. } => true,
        }
}

impl TokenRange {
    /// A range whose start is not less than its end wraps around the ring.
    fn contains(self, token: i64) -> bool {
        if self.start < self.end {
            token > self.start && token <= self.end
        } else {
            token > self.start || token <= self.end
        }
    }
}

fn parse_token_range(text: &str) -> Result<TokenRange, String> {
    let parsed = text.split_once(':').and_then(|(start, end)| {
        Some(TokenRange { start: start.trim().parse().ok()?, end: end.trim().parse().ok()? })
    });
    parsed.ok_or_else(|| format!("'{text}' is not a token range: expected START:END, such as -100:100"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn token_ranges_leave_their_start_out_and_may_wrap() {
        let range = parse_token_range("-100:100").unwrap();
        assert!(!range.contains(-100) && range.contains(-99) && range.contains(100) && !range.contains(101));
        let wrapping = parse_token_range("100:-100").unwrap();
        assert!(
            wrapping.contains(101)
                && wrapping.contains(i64::MIN)
                && wrapping.contains(-100)
                && !wrapping.contains(0)
        );
        assert!(parse_token_range("5").is_err());
    }
}
