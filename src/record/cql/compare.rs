//! The order of clustering values, as far as it is needed to know which rows a range has.

use std::cmp::Ordering;

use cassandra_commitlog::{
    schema::Column,
    types::{CqlType, CqlValue, Dialect, decode, write_json_canonical_decimal},
};

use crate::change::{DeletedRange, RangeBound};

/// Returns true if two values of a clustering column mean the same row: 1.0 and 1.00 do.
pub(super) fn is_same_value(ty: &CqlType, a: Option<&[u8]>, b: Option<&[u8]>) -> bool {
    let (Some(a), Some(b)) = (a, b) else { return a == b };
    let text = |bytes| {
        let mut text = String::new();
        write_json_canonical_decimal(ty, bytes, Dialect::Ringtap, &mut text).ok().map(|()| text)
    };
    a == b || matches!((text(a), text(b)), (Some(a), Some(b)) if a == b)
}

/// Returns whether a row is in a range; `None` if its types' order is not known here.
pub(super) fn is_in_range(
    columns: &[Column],
    row: &[Option<Box<[u8]>>],
    range: &DeletedRange<'_>,
) -> Option<bool> {
    let after_start = match &range.start {
        Some(bound) => match to_bound(columns, row, bound)? {
            Ordering::Equal => bound.inclusive,
            order => order == Ordering::Greater,
        },
        None => true,
    };
    let before_end = match &range.end {
        Some(bound) => match to_bound(columns, row, bound)? {
            Ordering::Equal => bound.inclusive,
            order => order == Ordering::Less,
        },
        None => true,
    };
    Some(after_start && before_end)
}

/// Returns how a row lies to a bound, in clustering order; equal if it has the bound's values.
fn to_bound(columns: &[Column], row: &[Option<Box<[u8]>>], bound: &RangeBound<'_>) -> Option<Ordering> {
    for ((column, value), bound_value) in columns.iter().zip(row).zip(&bound.values) {
        let order = compare(&column.ty, value.as_deref(), *bound_value)?;
        if order != Ordering::Equal {
            return Some(if column.reversed { order.reverse() } else { order });
        }
    }
    Some(Ordering::Equal)
}

fn compare(ty: &CqlType, a: Option<&[u8]>, b: Option<&[u8]>) -> Option<Ordering> {
    if is_same_value(ty, a, b) {
        return Some(Ordering::Equal);
    }
    let (a, b) = match (a, b) {
        (Some(a), Some(b)) => (decode(ty, a).ok()?, decode(ty, b).ok()?),
        // Null is the least.
        (a, b) => return Some(a.is_some().cmp(&b.is_some())),
    };
    match (a, b) {
        (CqlValue::Empty, CqlValue::Empty) => Some(Ordering::Equal),
        (CqlValue::Empty, _) => Some(Ordering::Less),
        (_, CqlValue::Empty) => Some(Ordering::Greater),
        (CqlValue::Ascii(a) | CqlValue::Text(a), CqlValue::Ascii(b) | CqlValue::Text(b)) => Some(a.cmp(b)),
        (CqlValue::Blob(a), CqlValue::Blob(b)) => Some(a.cmp(b)),
        (CqlValue::Bigint(a), CqlValue::Bigint(b))
        | (CqlValue::Timestamp(a), CqlValue::Timestamp(b))
        | (CqlValue::Time(a), CqlValue::Time(b)) => Some(a.cmp(&b)),
        (CqlValue::Int(a), CqlValue::Int(b)) => Some(a.cmp(&b)),
        (CqlValue::Smallint(a), CqlValue::Smallint(b)) => Some(a.cmp(&b)),
        (CqlValue::Tinyint(a), CqlValue::Tinyint(b)) => Some(a.cmp(&b)),
        (CqlValue::Date(a), CqlValue::Date(b)) => Some(a.cmp(&b)),
        (CqlValue::Boolean(a), CqlValue::Boolean(b)) => Some(a.cmp(&b)),
        (CqlValue::Varint(a), CqlValue::Varint(b)) => Some(a.to_big_int().cmp(&b.to_big_int())),
        _ => None,
    }
}
