//! A value for each token.

use crate::cluster::names::{Token, TokenRange};

/// Values of all tokens of one keyspace, by ranges.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct RangeMap<V> {
    /// Last tokens of the ranges, growing; the last one is `i64::MAX`. Neighbours differ.
    ranges: Vec<(i64, V)>,
}

impl<V: Clone + PartialEq> RangeMap<V> {
    /// Gives all tokens one value.
    pub(super) fn new(value: V) -> Self {
        Self { ranges: vec![(i64::MAX, value)] }
    }

    /// Returns a token's value; `None` for `i64::MIN`'s alone, which no key has.
    pub(super) fn get(&self, token: Token) -> Option<&V> {
        let at = self.ranges.partition_point(|(up_to, _)| *up_to < token.0);
        self.ranges.get(at).map(|(_, value)| value)
    }

    /// Tells of the parts of a range, in order, with their values.
    pub(super) fn parts(&self, range: TokenRange) -> impl Iterator<Item = (TokenRange, &V)> {
        let first = self.ranges.partition_point(|(up_to, _)| *up_to <= range.after);
        let before = first.checked_sub(1).and_then(|at| self.ranges.get(at)).map_or(i64::MIN, |it| it.0);
        let mut after = before.max(range.after);
        self.ranges.get(first..).unwrap_or_default().iter().map_while(move |(up_to, value)| {
            let part = TokenRange::new(after, (*up_to).min(range.up_to))?;
            after = *up_to;
            Some((part, value))
        })
    }

    /// Replaces the values of a range by what `change` makes of them; `None` leaves one as it is. Returns true if any changed.
    pub(super) fn change(&mut self, range: TokenRange, change: impl Fn(&V) -> Option<V>) -> bool {
        let changes: Vec<(TokenRange, V)> = self
            .parts(range)
            .filter_map(|(part, value)| {
                change(value).filter(|changed| changed != value).map(|changed| (part, changed))
            })
            .collect();
        if changes.is_empty() {
            return false;
        }
        for (part, value) in changes {
            self.set(part, &value);
        }
        self.join_neighbours();
        true
    }

    fn set(&mut self, part: TokenRange, value: &V) {
        let mut after = i64::MIN;
        let mut ranges = Vec::with_capacity(self.ranges.len() + 2);
        for (up_to, old) in self.ranges.drain(..) {
            let whole = TokenRange { after, up_to };
            after = up_to;
            if whole.intersection(part).is_none() {
                ranges.push((up_to, old));
                continue;
            }
            if whole.after < part.after {
                ranges.push((part.after, old.clone()));
            }
            if part.up_to <= up_to {
                ranges.push((part.up_to, value.clone()));
            }
            if part.up_to < up_to {
                ranges.push((up_to, old));
            }
        }
        self.ranges = ranges;
    }

    fn join_neighbours(&mut self) {
        let mut joined: Vec<(i64, V)> = Vec::with_capacity(self.ranges.len());
        for (up_to, value) in self.ranges.drain(..) {
            match joined.last_mut() {
                Some(last) if last.1 == value => last.0 = up_to,
                _ => joined.push((up_to, value)),
            }
        }
        self.ranges = joined;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn range(after: i64, up_to: i64) -> TokenRange {
        TokenRange { after, up_to }
    }

    fn parts(map: &RangeMap<u8>, of: TokenRange) -> Vec<(i64, i64, u8)> {
        map.parts(of).map(|(part, value)| (part.after, part.up_to, *value)).collect()
    }

    #[test]
    fn a_range_is_cut_out_of_others_and_neighbours_join() {
        let mut map = RangeMap::new(0);
        assert!(map.change(range(10, 20), |_| Some(1)));
        assert!(map.change(range(15, 30), |value| Some(value + 2)));
        let all = [(i64::MIN, 10, 0), (10, 15, 1), (15, 20, 3), (20, 30, 2), (30, i64::MAX, 0)];
        assert_eq!(parts(&map, TokenRange::ALL), all);
        assert_eq!(parts(&map, range(12, 25)), [(12, 15, 1), (15, 20, 3), (20, 25, 2)]);
        assert_eq!(
            [10, 11, 15, 16, 30].map(|token| map.get(Token(token)).copied()),
            [0, 1, 1, 3, 2].map(Some)
        );
        assert!(!map.change(range(0, 100), |_| None));
        assert!(map.change(range(10, 30), |_| Some(0)));
        assert_eq!(map, RangeMap::new(0));
    }

    #[test]
    fn the_ends_of_the_ring_are_reached() {
        let mut map = RangeMap::new(0);
        assert!(map.change(range(i64::MIN, i64::MIN + 1), |_| Some(1)));
        assert!(map.change(range(i64::MAX - 1, i64::MAX), |_| Some(2)));
        assert_eq!(map.get(Token(i64::MIN + 1)), Some(&1));
        assert_eq!(map.get(Token(i64::MAX)), Some(&2));
        assert_eq!(map.get(Token(i64::MAX - 1)), Some(&0));
    }
}
