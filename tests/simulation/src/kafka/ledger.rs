//! A partition that transactions write to.

use super::TransactionNumber;

/// What stands at an offset.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Item {
    /// A record: transaction, and which of its records.
    Record(TransactionNumber, usize),
    /// A control record: the transaction has ended.
    End(TransactionNumber),
}

/// The partition.
#[derive(Debug, Default)]
pub struct Partition {
    items: Vec<Item>,
    /// Transactions whose end does not stand here yet, and their first offsets.
    open: Vec<(TransactionNumber, usize)>,
}

impl Partition {
    /// Returns the high watermark.
    pub fn len(&self) -> usize {
        self.items.len()
    }

    /// Returns true if there never was a record.
    pub fn is_empty(&self) -> bool {
        self.items.is_empty()
    }

    /// Returns the last stable offset: what is before it is decided.
    pub fn stable(&self) -> usize {
        self.open.iter().map(|(_, first)| *first).min().unwrap_or(self.items.len())
    }

    /// Returns what stands at an offset that a reader of committed records may see.
    pub fn committed(&self, offset: usize) -> Option<Item> {
        if offset < self.stable() { self.items.get(offset).copied() } else { None }
    }

    /// Appends a transaction's records.
    pub fn append(&mut self, transaction: TransactionNumber, records: usize) {
        if records > 0 {
            self.open.push((transaction, self.items.len()));
            self.items.extend((0..records).map(|record| Item::Record(transaction, record)));
        }
    }

    /// Appends the end of a transaction, if it wrote here.
    pub fn end(&mut self, transaction: TransactionNumber) {
        if let Some(at) = self.open.iter().position(|(open, _)| *open == transaction) {
            self.open.remove(at);
            self.items.push(Item::End(transaction));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn readers_of_committed_records_stop_at_the_first_open_transaction() {
        let mut partition = Partition::default();
        partition.append(1, 2);
        assert_eq!((partition.len(), partition.stable()), (2, 0));
        assert_eq!(partition.committed(0), None);
        partition.append(2, 1);
        partition.end(2);
        assert_eq!((partition.len(), partition.stable()), (4, 0));
        partition.end(1);
        assert_eq!((partition.len(), partition.stable()), (5, 5));
        assert_eq!(partition.committed(2), Some(Item::Record(2, 0)));
        assert_eq!(partition.committed(3), Some(Item::End(2)));
    }
}
