//! A node's commit log, as a list of row changes. A position is the number of one since the log began.

use std::collections::VecDeque;

use super::Piece;

/// The log.
#[derive(Debug, Default)]
pub struct Log {
    first: u64,
    pieces: VecDeque<Piece>,
}

impl Log {
    /// Returns the first position that was not released.
    pub fn first(&self) -> u64 {
        self.first
    }

    /// Returns the position behind the last.
    pub fn end(&self) -> u64 {
        self.first + self.pieces.len() as u64
    }

    /// Returns what stands at a position.
    pub fn get(&self, position: u64) -> Option<Piece> {
        let at = position.checked_sub(self.first)?;
        self.pieces.get(at as usize).copied()
    }

    /// Appends to the log. Returns the position.
    pub fn push(&mut self, piece: Piece) -> u64 {
        self.pieces.push_back(piece);
        self.end() - 1
    }

    /// Deletes the first row change that is before a position.
    pub fn release_one(&mut self, before: u64) -> Option<(u64, Piece)> {
        if self.first >= before {
            return None;
        }
        let piece = self.pieces.pop_front()?;
        self.first += 1;
        Some((self.first - 1, piece))
    }
}
