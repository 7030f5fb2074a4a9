//! Known if and only if it is covered: random ranges against a model that knows no bounds, only a line of points.

use proptest::{collection::vec, option, prelude::*};

use super::{Bed, End, INT, with};

/// Values of each of two clustering columns: 0 to 3.
const VALUES: i32 = 4;
/// Points of the rows of one first value: before its rows, each row and what is behind it, and behind all.
const GROUP: u32 = 2 * VALUES as u32 + 2;
const POINTS: u32 = VALUES as u32 * GROUP + 1;

fn any_end() -> impl Strategy<Value = End> {
    let end = (vec(0..VALUES, 1..=2), any::<bool>());
    option::weighted(0.9, end).prop_map(|end| {
        end.and_then(|(values, inclusive)| with(&values).map(|(values, _)| (values, inclusive)))
    })
}

/// Returns the first point behind an end's cut.
fn point(end: &End, is_start: bool, is_reversed: [bool; 2]) -> u32 {
    let Some((values, inclusive)) = end else { return if is_start { 0 } else { POINTS } };
    let mut places = values.iter().zip(is_reversed).map(|(value, is_reversed)| {
        let value = u32::from(value[3]);
        if is_reversed { VALUES as u32 - 1 - value } else { value }
    });
    let is_behind = *inclusive != is_start;
    let group = places.next().unwrap() * GROUP;
    match places.next() {
        None if is_behind => group + GROUP,
        None => group + 1,
        Some(row) => group + 2 + 2 * row + u32::from(is_behind),
    }
}

fn points(start: &End, end: &End, is_reversed: [bool; 2]) -> u64 {
    let (first, behind) = (point(start, true, is_reversed), point(end, false, is_reversed));
    (first..behind).map(|point| 1_u64 << point).sum()
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 2000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn a_range_is_known_if_and_only_if_known_ones_cover_it(
        ranges in vec((any_end(), any_end()), 1..24),
        is_reversed: [bool; 2],
    ) {
        let mut bed = Bed::new(&is_reversed.map(|is_reversed| (INT, is_reversed)));
        let (mut covered, mut published) = (0, Vec::new());
        for range in ranges {
            let wanted = points(&range.0, &range.1, is_reversed);
            let is_covered = wanted != 0 && wanted & !covered == 0;
            let is_known = is_covered || published.contains(&range);
            prop_assert_eq!(bed.is_new(&range.0, &range.1), !is_known, "{:?} of {:?}", range, published);
            if !is_known {
                covered |= wanted;
                published.push(range);
            }
        }
    }
}
