//! Sizes and times as Cassandra writes them: `DataStorageSpec` and `DurationSpec` of 4.1, bare numbers before.

use std::path::Path;

use super::{Amount, CassandraYamlError};

/// Returns a size in bytes; a bare number counts `unit`s.
pub(super) fn bytes(
    path: &Path,
    key: &'static str,
    amount: &Amount,
    unit: u64,
) -> Result<u64, CassandraYamlError> {
    let read = match amount {
        Amount::Number(number) => number.checked_mul(unit),
        Amount::Text(text) => split(text).and_then(|(number, name)| {
            let factor = match name {
                "B" => 1,
                "KiB" => 1 << 10,
                "MiB" => 1 << 20,
                "GiB" => 1 << 30,
                "" => unit,
                _ => return None,
            };
            number.checked_mul(factor)
        }),
    };
    read.ok_or_else(|| refused(path, key, amount, "size"))
}

/// Returns a time in milliseconds; a bare number counts milliseconds.
pub(super) fn milliseconds(
    path: &Path,
    key: &'static str,
    amount: &Amount,
) -> Result<u64, CassandraYamlError> {
    let read = match amount {
        Amount::Number(number) => Some(*number),
        Amount::Text(text) => split(text).and_then(|(number, name)| {
            let factor = match name {
                "d" => 86_400_000,
                "h" => 3_600_000,
                "m" => 60_000,
                "s" => 1_000,
                "ms" | "" => 1,
                "us" | "µs" => return Some(number / 1_000),
                "ns" => return Some(number / 1_000_000),
                _ => return None,
            };
            number.checked_mul(factor)
        }),
    };
    read.ok_or_else(|| refused(path, key, amount, "time"))
}

fn split(text: &str) -> Option<(u64, &str)> {
    let text = text.trim();
    let digits = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
    let (number, unit) = text.split_at_checked(digits)?;
    Some((number.parse().ok()?, unit))
}

fn refused(path: &Path, key: &'static str, amount: &Amount, what: &'static str) -> CassandraYamlError {
    let value = match amount {
        Amount::Number(number) => number.to_string(),
        Amount::Text(text) => text.clone(),
    };
    CassandraYamlError::Amount { path: path.to_owned(), key, value, what }
}
