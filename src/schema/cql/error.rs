//! Errors of reading CQL text.

use thiserror::Error;

/// CQL text that was not understood, with the place of the first thing that did not fit.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("line {line}, column {column}: expected {expected}, found {found}")]
pub struct CqlError {
    line: usize,
    column: usize,
    expected: String,
    found: String,
}

impl CqlError {
    /// Returns an error at a byte offset of a text.
    pub(super) fn new(
        text: &str,
        offset: usize,
        expected: impl Into<String>,
        found: impl Into<String>,
    ) -> Self {
        let (line, column) = line_and_column(text, offset);
        Self { line, column, expected: expected.into(), found: found.into() }
    }

    /// Returns the line, from 1.
    pub fn line(&self) -> usize {
        self.line
    }

    /// Returns the column in characters, from 1.
    pub fn column(&self) -> usize {
        self.column
    }

    /// Returns what should have stood there.
    pub fn expected(&self) -> &str {
        &self.expected
    }
}

/// Returns line and column, both from 1, of a byte offset.
pub(super) fn line_and_column(text: &str, offset: usize) -> (usize, usize) {
    let before = text.get(..offset).unwrap_or(text);
    let line = before.matches('\n').count() + 1;
    let start = before.rfind('\n').map_or(0, |at| at + 1);
    (line, before.get(start..).unwrap_or("").chars().count() + 1)
}
