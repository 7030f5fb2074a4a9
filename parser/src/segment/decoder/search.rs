//! What the search for entries behind damage may cost.

use crate::segment::entry::{self, Cut};

/// Bounds the bytes whose CRC is taken in vain while entries are looked for. A file can have any number of places that
/// look like the head of a long entry; without a bound the same bytes would be gone through for each of them.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct SearchBudget {
    /// Bytes of candidates that were no entries.
    spent: u64,
}

/// Candidates of so many bytes are always tried: they can't cost more than so many times the input.
const SMALL_BYTES: u64 = 256;
/// How many times the searched bytes may be gone through for larger ones.
const ROUNDS: u64 = 4;
/// What is granted to small inputs.
const GRANTED_BYTES: u64 = 1 << 20;

impl SearchBudget {
    /// Returns true if a candidate of so many bytes may be tried in an input of `searched` bytes.
    pub(super) fn allows(self, length: u64, searched: u64) -> bool {
        let most = searched.saturating_mul(ROUNDS).saturating_add(GRANTED_BYTES);
        length <= SMALL_BYTES || self.spent.saturating_add(length) <= most
    }

    /// Notes that so many bytes were gone through in vain.
    pub(super) fn spend(&mut self, length: u64) {
        self.spent = self.spent.saturating_add(length);
    }

    /// Returns how far the next entry whose CRCs hold is from the start of `bytes`, at least one byte; all of them if
    /// there is none. `searched` is what the budget is for.
    pub(super) fn distance_to_entry(
        &mut self,
        bytes: &[u8],
        mutation_bytes_max: u32,
        searched: usize,
    ) -> usize {
        for at in 1..bytes.len() {
            let tail = bytes.get(at..).unwrap_or_default();
            let Some(length) = entry::head(tail, mutation_bytes_max) else {
                continue;
            };
            if length > tail.len() as u64 || !self.allows(length, searched as u64) {
                continue;
            }
            if let Cut::Entry(_) = entry::cut(tail, mutation_bytes_max) {
                return at;
            }
            self.spend(length);
        }
        bytes.len()
    }
}
