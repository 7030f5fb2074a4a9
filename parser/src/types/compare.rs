//! The order of values and of clusterings (`AbstractType.compare`, `ClusteringComparator`).
//!
//! Equal is what Cassandra takes for the same: `1.0` and `1.00` in a clustering are one row. Bytes that are no
//! value of their type stand behind all that are, in the order of their bytes, so that there is one order of
//! everything, whatever the bytes.

mod number;
mod parts;
mod time_uuid;

use std::cmp::Ordering;

use self::parts::{Part, Parts};
use super::{CqlType, DEPTH_MAX, NativeType, wire::Comparator};
use crate::schema::Column;

/// Compares two values of a type as Cassandra's own `AbstractType.compare` does: 3.11 to 5.0 do it alike.
///
/// Zero bytes stand before everything. Allocates only for numbers of more than 16 bytes. Reversed clustering
/// order is not the type's but the column's: [`compare_clusterings`] minds it.
pub fn compare(ty: &CqlType, a: &[u8], b: &[u8]) -> Ordering {
    compare_at(ty, a, b, DEPTH_MAX)
}

/// Compares two clusterings, or the beginnings of clusterings, in the order in which rows stand.
///
/// Columns that are [`reversed`](Column::reversed) count down; null stands before every value in either
/// direction (`ClusteringComparator.compareComponent`). Where one is the beginning of the other they are equal.
pub fn compare_clusterings<A: AsRef<[u8]>, B: AsRef<[u8]>>(
    columns: &[Column],
    a: &[Option<A>],
    b: &[Option<B>],
) -> Ordering {
    for (column, (a, b)) in columns.iter().zip(a.iter().zip(b)) {
        let order = match (a, b) {
            (Some(a), Some(b)) => {
                let order = compare(&column.ty, a.as_ref(), b.as_ref());
                if column.reversed { order.reverse() } else { order }
            }
            (a, b) => a.is_some().cmp(&b.is_some()),
        };
        if order != Ordering::Equal {
            return order;
        }
    }
    Ordering::Equal
}

/// An end of a range of rows: values of the first clustering columns, in the order of the rows
/// (`ClusteringBound`).
#[derive(Debug)]
pub struct Bound<'b, V> {
    /// Values of the first clustering columns. None: before or after every row.
    pub values: &'b [Option<V>],
    /// Whether rows that begin with exactly these values are in the range.
    pub inclusive: bool,
}

impl<V> Clone for Bound<'_, V> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<V> Copy for Bound<'_, V> {}

/// Returns whether a row is in the range between two bounds; a bound that is absent is open
/// (`Slice.selects`).
pub fn is_within<V: AsRef<[u8]>, B: AsRef<[u8]>>(
    columns: &[Column],
    row: &[Option<V>],
    start: Option<Bound<'_, B>>,
    end: Option<Bound<'_, B>>,
) -> bool {
    let is_inside = |bound: Bound<'_, B>, wanted: Ordering| {
        let order = compare_clusterings(columns, row, bound.values);
        // Without values it is "before everything" or "after everything", whatever it includes.
        order == wanted || order == Ordering::Equal && (bound.inclusive || bound.values.is_empty())
    };
    start.is_none_or(|bound| is_inside(bound, Ordering::Greater))
        && end.is_none_or(|bound| is_inside(bound, Ordering::Less))
}

/// Returns whether [`compare`] has Cassandra's order of a type's values for certain: not for classes that are none of Cassandra's
/// types, whose order is their own, nor where the values bring such a class.
pub fn has_known_order(ty: &CqlType) -> bool {
    match ty {
        CqlType::Native(_) => true,
        CqlType::Custom(class) => is_lexical_uuid(class),
        CqlType::List(element, _) | CqlType::Set(element, _) | CqlType::Vector(element, _) => {
            has_known_order(element)
        }
        CqlType::Map(entry, _) => has_known_order(&entry.0) && has_known_order(&entry.1),
        CqlType::Tuple(types) | CqlType::Composite(types) => types.iter().all(has_known_order),
        CqlType::UserType(definition, _) => definition.fields.iter().all(|field| has_known_order(&field.ty)),
        CqlType::DynamicComposite(_) => false,
    }
}

fn compare_at(ty: &CqlType, a: &[u8], b: &[u8], depth: u8) -> Ordering {
    if let CqlType::Native(native) = ty {
        return compare_native(*native, a, b);
    }
    let Some(depth) = depth.checked_sub(1) else {
        return a.cmp(b);
    };
    match ty {
        CqlType::Custom(class) if is_lexical_uuid(class) => fixed(a, b, time_uuid::compare_lexical),
        CqlType::Custom(_) | CqlType::Native(_) => a.cmp(b),
        // Zero bytes are less than any bytes, and not a value without parts.
        _ if a.is_empty() || b.is_empty() => b.is_empty().cmp(&a.is_empty()),
        CqlType::List(element, _) | CqlType::Set(element, _) => {
            compare_cycle(&[element, element], Parts::collection(a, 1), Parts::collection(b, 1), depth)
        }
        CqlType::Map(entry, _) => {
            let types = [&entry.0, &entry.1];
            compare_cycle(&types, Parts::collection(a, 2), Parts::collection(b, 2), depth)
        }
        CqlType::Tuple(types) => compare_fields(types.iter(), Parts::fields(a), Parts::fields(b), depth),
        CqlType::UserType(definition, _) => {
            let types = definition.fields.iter().map(|field| &field.ty);
            compare_fields(types, Parts::fields(a), Parts::fields(b), depth)
        }
        CqlType::Vector(element, dimension) => {
            let parts = |bytes| Parts::vector(bytes, element, *dimension);
            compare_cycle(&[element, element], parts(a), parts(b), depth)
        }
        CqlType::Composite(types) => compare_composite(types, a, b, depth),
        CqlType::DynamicComposite(aliases) => compare_dynamic_composite(aliases, a, b, depth),
    }
}

fn is_lexical_uuid(class: &str) -> bool {
    class.strip_prefix("org.apache.cassandra.db.marshal.").unwrap_or(class) == "LexicalUUIDType"
}

fn compare_native(native: NativeType, a: &[u8], b: &[u8]) -> Ordering {
    match native {
        NativeType::Int => fixed(a, b, |a, b| i32::from_be_bytes(*a).cmp(&i32::from_be_bytes(*b))),
        NativeType::Bigint | NativeType::Timestamp => {
            fixed(a, b, |a, b| i64::from_be_bytes(*a).cmp(&i64::from_be_bytes(*b)))
        }
        NativeType::Smallint => fixed(a, b, |a, b| i16::from_be_bytes(*a).cmp(&i16::from_be_bytes(*b))),
        NativeType::Tinyint => fixed(a, b, |a, b| i8::from_be_bytes(*a).cmp(&i8::from_be_bytes(*b))),
        // Every byte but 0 is true, and all of them are the same.
        NativeType::Boolean => fixed(a, b, |a, b| (*a != [0]).cmp(&(*b != [0]))),
        NativeType::Double => fixed(a, b, |a, b| {
            let (a, b) = (f64::from_be_bytes(*a), f64::from_be_bytes(*b));
            a.is_nan()
                .cmp(&b.is_nan())
                .then_with(|| if a.is_nan() { Ordering::Equal } else { a.total_cmp(&b) })
        }),
        NativeType::Float => fixed(a, b, |a, b| {
            let (a, b) = (f32::from_be_bytes(*a), f32::from_be_bytes(*b));
            a.is_nan()
                .cmp(&b.is_nan())
                .then_with(|| if a.is_nan() { Ordering::Equal } else { a.total_cmp(&b) })
        }),
        NativeType::Uuid => fixed(a, b, time_uuid::compare_uuids),
        NativeType::Timeuuid => fixed(a, b, time_uuid::compare_time_uuids),
        NativeType::Varint => number::compare_varints(a, b),
        NativeType::Decimal => number::compare_decimals(a, b),
        // Dates are unsigned; times are never negative, and Cassandra compares them by their bytes.
        NativeType::Ascii
        | NativeType::Blob
        | NativeType::Counter
        | NativeType::Date
        | NativeType::Duration
        | NativeType::Empty
        | NativeType::Inet
        | NativeType::Text
        | NativeType::Time => a.cmp(b),
    }
}

/// Compares values of `N` bytes: nothing, then those, then what has another length.
fn fixed<const N: usize>(
    a: &[u8],
    b: &[u8],
    compare: impl FnOnce(&[u8; N], &[u8; N]) -> Ordering,
) -> Ordering {
    match (<&[u8; N]>::try_from(a), <&[u8; N]>::try_from(b)) {
        (Ok(a), Ok(b)) => compare(a, b),
        (Err(_), Err(_)) => a.cmp(b),
        (Ok(_), Err(_)) => {
            if b.is_empty() {
                Ordering::Greater
            } else {
                Ordering::Less
            }
        }
        (Err(_), Ok(_)) => {
            if a.is_empty() {
                Ordering::Less
            } else {
                Ordering::Greater
            }
        }
    }
}

/// Compares part by part; the one that ends first is less. `types` are those of the parts in turn.
fn compare_cycle(types: &[&CqlType; 2], mut a: Parts<'_>, mut b: Parts<'_>, depth: u8) -> Ordering {
    for ty in types.iter().cycle() {
        let (left, right) = (a.next(), b.next());
        let order = compare_parts(ty, left, right, depth);
        if order != Ordering::Equal || left == Part::End {
            return order;
        }
    }
    Ordering::Equal
}

/// Compares field by field; fields that are missing at the end are null (`TupleType.compareCustom`).
fn compare_fields<'t>(
    types: impl Iterator<Item = &'t CqlType>,
    mut a: Parts<'_>,
    mut b: Parts<'_>,
    depth: u8,
) -> Ordering {
    let or_null = |part| if part == Part::End { Part::Null } else { part };
    for ty in types {
        let order = compare_parts(ty, or_null(a.next()), or_null(b.next()), depth);
        if order != Ordering::Equal {
            return order;
        }
    }
    a.rest().cmp(b.rest())
}

/// Compares two parts: the end, null, values, and last what can't be cut into parts.
fn compare_parts(ty: &CqlType, a: Part<'_>, b: Part<'_>, depth: u8) -> Ordering {
    match (a, b) {
        (Part::Value(a), Part::Value(b)) => compare_at(ty, a, b, depth),
        (Part::Malformed(a), Part::Malformed(b)) => a.cmp(b),
        (a, b) => a.rank().cmp(&b.rank()),
    }
}

/// `CompositeType`: static ones first, then component by component, each with its end-of-component byte.
fn compare_composite(types: &[CqlType], a: &[u8], b: &[u8], depth: u8) -> Ordering {
    let ((is_static_a, mut a), (is_static_b, mut b)) = (parts::static_prefix(a), parts::static_prefix(b));
    let by_static = is_static_b.cmp(&is_static_a);
    if by_static != Ordering::Equal {
        return by_static;
    }
    for ty in types {
        let (left, right) = (parts::next_component(&mut a), parts::next_component(&mut b));
        let order = compare_components(ty, left, right, depth);
        if order != Ordering::Equal || left.0 == Part::End {
            return order;
        }
    }
    a.cmp(b)
}

/// `DynamicCompositeType`: the components bring their types. Components of two types are in the order of the
/// types' classes.
fn compare_dynamic_composite(aliases: &[(u8, CqlType)], a: &[u8], b: &[u8], depth: u8) -> Ordering {
    let ((is_static_a, mut a), (is_static_b, mut b)) = (parts::static_prefix(a), parts::static_prefix(b));
    let by_static = is_static_b.cmp(&is_static_a);
    if by_static != Ordering::Equal {
        return by_static;
    }
    loop {
        let (left, right) = match (parts::next_comparator(&mut a), parts::next_comparator(&mut b)) {
            (Some(left), Some(right)) => (left, right),
            // What has ended is less, and what brings no type is greater than what does.
            (left, right) => {
                let rank = |comparator: Option<_>, rest: &[u8]| match comparator {
                    Some(_) => 1,
                    None if rest.is_empty() => 0,
                    None => 2,
                };
                return rank(left, a).cmp(&rank(right, b)).then_with(|| a.cmp(b));
            }
        };
        let order = match (comparator_type(aliases, left), comparator_type(aliases, right)) {
            (Some(left), Some(right)) if left == right => {
                let (left_part, right_part) = (parts::next_component(&mut a), parts::next_component(&mut b));
                compare_components(&left, left_part, right_part, depth)
            }
            (Some(left), Some(right)) => class_order(&left).cmp(&class_order(&right)).then_with(|| a.cmp(b)),
            (left, right) => right.is_some().cmp(&left.is_some()).then_with(|| a.cmp(b)),
        };
        if order != Ordering::Equal || (a.is_empty() && b.is_empty()) {
            return order;
        }
    }
}

/// Compares two components, then their end-of-component bytes by sign: before, at and after the component.
fn compare_components(ty: &CqlType, a: (Part<'_>, i8), b: (Part<'_>, i8), depth: u8) -> Ordering {
    compare_parts(ty, a.0, b.0, depth).then_with(|| a.1.signum().cmp(&b.1.signum()))
}

fn comparator_type(aliases: &[(u8, CqlType)], comparator: Comparator<'_>) -> Option<CqlType> {
    match comparator {
        Comparator::Alias(alias) => {
            aliases.iter().find(|(declared, _)| *declared == alias).map(|(_, ty)| ty.clone())
        }
        Comparator::Class(class) => {
            let parsed = CqlType::parse_class(std::str::from_utf8(class).ok()?).ok()?;
            Some(parsed.0)
        }
    }
}

/// Returns what types are in order by: the class without its package, then all of it.
fn class_order(ty: &CqlType) -> (String, String) {
    let full = super::ClassName(ty).to_string();
    let class = full.split('(').next().unwrap_or_default();
    (class.rsplit('.').next().unwrap_or_default().to_owned(), full)
}
