//! Counting what is wrong, with the first few in words.

use serde::Serialize;

/// How many findings are kept in words; the others are counted.
const KEPT_MAX: usize = 20;

/// Findings of one kind: how many, and the first ones in words.
#[derive(Debug, Default, Clone, PartialEq, Eq, Serialize)]
pub struct Findings {
    /// How many there are.
    pub count: u64,
    /// The first of them.
    pub first: Vec<String>,
}

impl Findings {
    /// Adds one; it is put in words only if it is kept.
    pub fn add(&mut self, words: impl FnOnce() -> String) {
        self.count += 1;
        if self.first.len() < KEPT_MAX {
            self.first.push(words());
        }
    }

    /// Returns true if there are none.
    pub fn is_empty(&self) -> bool {
        self.count == 0
    }
}
