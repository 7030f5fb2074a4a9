//! A position in the text of a type.

use super::error::{TypeParseError, TypeParseErrorKind};

/// The text of a type, and how far it has been read.
#[derive(Debug, Clone)]
pub(super) struct Cursor<'t> {
    text: &'t str,
    offset: usize,
}

impl<'t> Cursor<'t> {
    /// Returns a cursor at the start of `text`.
    pub(super) fn new(text: &'t str) -> Self {
        Self { text, offset: 0 }
    }

    /// Returns what has not been read yet.
    pub(super) fn rest(&self) -> &'t str {
        self.text.get(self.offset..).unwrap_or_default()
    }

    /// Returns the next character without reading it.
    pub(super) fn peek(&self) -> Option<char> {
        self.rest().chars().next()
    }

    /// Reads the next character.
    pub(super) fn next(&mut self) -> Option<char> {
        let next = self.peek()?;
        self.offset += next.len_utf8();
        Some(next)
    }

    /// Skips white space.
    pub(super) fn skip_blank(&mut self) {
        let rest = self.rest();
        self.offset += rest.len() - rest.trim_start_matches([' ', '\t', '\n', '\r']).len();
    }

    /// Reads `expected` after white space, if it comes next.
    pub(super) fn take(&mut self, expected: char) -> bool {
        self.skip_blank();
        let found = self.peek() == Some(expected);
        if found {
            self.offset += expected.len_utf8();
        }
        found
    }

    /// Reads `expected` after white space, or fails.
    pub(super) fn expect(&mut self, expected: char) -> Result<(), TypeParseError> {
        if self.take(expected) { Ok(()) } else { Err(self.unexpected()) }
    }

    /// Reads `word`, in any case, and `open` behind it, if both come next.
    pub(super) fn take_call(&mut self, word: &str, open: char) -> bool {
        let mut ahead = self.clone();
        ahead.skip_blank();
        let Some((found, _)) = ahead.rest().split_at_checked(word.len()) else {
            return false;
        };
        if !found.eq_ignore_ascii_case(word) {
            return false;
        }
        ahead.offset += word.len();
        let called = ahead.take(open);
        if called {
            *self = ahead;
        }
        called
    }

    /// Reads characters, none or more, for as long as `belongs` says so.
    pub(super) fn take_while(&mut self, belongs: impl Fn(char) -> bool) -> &'t str {
        let rest = self.rest();
        let end = rest.find(|next: char| !belongs(next)).unwrap_or(rest.len());
        self.offset += end;
        rest.get(..end).unwrap_or_default()
    }

    /// Reads the text up to a closing `quote`, the opening one having been read; a doubled quote stands for
    /// itself.
    pub(super) fn take_quoted(&mut self, quote: char) -> Result<String, TypeParseError> {
        let mut name = String::new();
        loop {
            match self.next() {
                None => return Err(self.error(TypeParseErrorKind::UnexpectedEnd)),
                Some(next) if next != quote => name.push(next),
                Some(_) if self.peek() == Some(quote) => {
                    self.next();
                    name.push(quote);
                }
                Some(_) => return Ok(name),
            }
        }
    }

    /// Succeeds if nothing but white space is left.
    pub(super) fn finish(mut self) -> Result<(), TypeParseError> {
        self.skip_blank();
        if self.rest().is_empty() { Ok(()) } else { Err(self.unexpected()) }
    }

    /// Returns an error at this place.
    pub(super) fn error(&self, kind: TypeParseErrorKind) -> TypeParseError {
        TypeParseError { kind, offset: self.offset }
    }

    /// Returns the error that the next character is.
    pub(super) fn unexpected(&self) -> TypeParseError {
        self.error(match self.peek() {
            Some(next) => TypeParseErrorKind::Unexpected(next),
            None => TypeParseErrorKind::UnexpectedEnd,
        })
    }
}
