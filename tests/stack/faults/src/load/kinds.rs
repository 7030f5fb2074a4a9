//! Which kinds of write there are, and how often each comes.

use clap::ValueEnum;

/// A kind of write.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, ValueEnum)]
pub enum Kind {
    /// INSERT of one row.
    Insert,
    /// UPDATE of one row.
    Update,
    /// INSERT at a time in the past.
    InsertInPast,
    /// Logged batch of several partitions and tables: goes through the batchlog.
    LoggedBatch,
    /// Unlogged batch of several rows of one partition: one mutation.
    UnloggedBatch,
    /// INSERT of a row and of the static row.
    Static,
    /// Additions to a set, a map and a list.
    Collections,
    /// Overwriting of a set, a map and a list.
    Overwrite,
    /// INSERT with a time to live.
    Expiring,
    /// DELETE of a cell.
    DeleteCell,
    /// DELETE of a row.
    DeleteRow,
    /// DELETE of a range of rows.
    DeleteRange,
    /// DELETE of a partition.
    DeletePartition,
    /// INSERT IF NOT EXISTS.
    Conditional,
    /// UPDATE IF of a row that others update, too.
    ConditionalUpdate,
    /// Increments of two counters of one partition, one of which is incremented again and again.
    Counter,
    /// INSERT into a table without CDC: nothing may come of it.
    Silent,
}

/// How often each kind comes, in shares of their sum.
#[derive(Debug, Clone)]
pub struct Mix {
    shares: Vec<(Kind, u32)>,
    sum: u32,
}

impl Mix {
    /// Everything, plain writes most often.
    pub fn everything() -> Self {
        Self::of(&[
            (Kind::Insert, 400),
            (Kind::Update, 100),
            (Kind::InsertInPast, 40),
            (Kind::LoggedBatch, 40),
            (Kind::UnloggedBatch, 60),
            (Kind::Static, 80),
            (Kind::Collections, 80),
            (Kind::Overwrite, 40),
            (Kind::Expiring, 60),
            (Kind::DeleteCell, 20),
            (Kind::DeleteRow, 30),
            (Kind::DeleteRange, 20),
            (Kind::DeletePartition, 10),
            (Kind::Conditional, 15),
            (Kind::ConditionalUpdate, 10),
            (Kind::Counter, 40),
            (Kind::Silent, 25),
        ])
    }

    /// Single inserts only.
    pub fn inserts() -> Self {
        Self::of(&[(Kind::Insert, 1)])
    }

    /// Returns a mix without some kinds.
    #[must_use]
    pub fn without(&self, kinds: &[Kind]) -> Self {
        let kept: Vec<_> = self.shares.iter().copied().filter(|(kind, _)| !kinds.contains(kind)).collect();
        Self::of(&kept)
    }

    fn of(shares: &[(Kind, u32)]) -> Self {
        Self { shares: shares.to_vec(), sum: shares.iter().map(|(_, share)| share).sum() }
    }

    /// Returns a kind by chance.
    pub fn draw(&self, random: &mut fastrand::Rng) -> Kind {
        let mut left = random.u32(0..self.sum.max(1));
        for (kind, share) in &self.shares {
            match left.checked_sub(*share) {
                Some(rest) => left = rest,
                None => return *kind,
            }
        }
        Kind::Insert
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_kind_of_a_mix_comes_and_none_that_was_left_out() {
        let mut random = fastrand::Rng::with_seed(1);
        let mix = Mix::everything().without(&[Kind::Conditional]);
        let drawn: Vec<_> = (0..20_000).map(|_| mix.draw(&mut random)).collect();
        for kind in Kind::value_variants() {
            assert_eq!(drawn.contains(kind), *kind != Kind::Conditional, "{kind:?}");
        }
    }
}
