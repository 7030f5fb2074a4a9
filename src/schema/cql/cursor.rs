//! A position in a list of tokens, with the small steps that all statements are read with.

use super::{
    error::CqlError,
    lexer::{Token, TokenKind},
};

/// Result of a reading step.
pub(super) type Read<T> = Result<T, CqlError>;

/// Reads tokens one after the other.
pub(super) struct Cursor<'a> {
    text: &'a str,
    tokens: &'a [Token],
    next: usize,
}

impl<'a> Cursor<'a> {
    pub(super) fn new(text: &'a str, tokens: &'a [Token]) -> Self {
        Self { text, tokens, next: 0 }
    }

    pub(super) fn peek(&self) -> Option<&'a TokenKind> {
        self.peek_at(0)
    }

    pub(super) fn peek_at(&self, ahead: usize) -> Option<&'a TokenKind> {
        self.tokens.get(self.next + ahead).map(|token| &token.kind)
    }

    pub(super) fn is_at_end(&self) -> bool {
        self.next >= self.tokens.len()
    }

    /// Returns the byte offset of the next token, or of the text's end.
    pub(super) fn offset(&self) -> usize {
        self.tokens.get(self.next).map_or(self.text.len(), |token| token.start)
    }

    /// Returns the byte offset at which the previous token ends.
    pub(super) fn previous_end(&self) -> usize {
        let previous = self.next.checked_sub(1).and_then(|at| self.tokens.get(at));
        previous.map_or(0, |token| token.end)
    }

    /// Returns a piece of the text.
    pub(super) fn text_between(&self, start: usize, end: usize) -> &'a str {
        self.text.get(start..end).unwrap_or("")
    }

    pub(super) fn advance(&mut self) {
        self.next += 1;
    }

    /// Returns an error at the next token.
    pub(super) fn error(&self, expected: impl Into<String>) -> CqlError {
        let found = self.peek().map_or_else(|| "the end of the text".to_owned(), TokenKind::describe);
        CqlError::new(self.text, self.offset(), expected, found)
    }

    /// Goes over a keyword, if it is next.
    pub(super) fn word(&mut self, keyword: &str) -> bool {
        let found = matches!(self.peek(), Some(TokenKind::Word(word)) if word == keyword);
        if found {
            self.advance();
        }
        found
    }

    /// Goes over several keywords, if they are next in this order.
    pub(super) fn words(&mut self, keywords: &[&str]) -> bool {
        let found = keywords.iter().enumerate().all(
            |(ahead, keyword)| matches!(self.peek_at(ahead), Some(TokenKind::Word(word)) if word == keyword),
        );
        if found {
            self.next += keywords.len();
        }
        found
    }

    pub(super) fn expect_word(&mut self, keyword: &str) -> Read<()> {
        if self.word(keyword) { Ok(()) } else { Err(self.error(format!("`{}`", keyword.to_uppercase()))) }
    }

    pub(super) fn symbol(&mut self, symbol: char) -> bool {
        let found = self.peek() == Some(&TokenKind::Symbol(symbol));
        if found {
            self.advance();
        }
        found
    }

    pub(super) fn expect_symbol(&mut self, symbol: char) -> Read<()> {
        if self.symbol(symbol) { Ok(()) } else { Err(self.error(format!("`{symbol}`"))) }
    }

    /// Reads a name: a word (then in lower case) or a quoted name.
    pub(super) fn name(&mut self, what: &str) -> Read<Box<str>> {
        match self.peek() {
            Some(TokenKind::Word(name) | TokenKind::Quoted(name)) => {
                self.advance();
                Ok(name.as_str().into())
            }
            _ => Err(self.error(what)),
        }
    }

    /// Reads `name` or `keyspace.name`.
    pub(super) fn qualified(&mut self, what: &str) -> Read<QualifiedName> {
        let first = self.name(what)?;
        if !self.symbol('.') {
            return Ok(QualifiedName { keyspace: None, name: first });
        }
        let name = self.name(what)?;
        Ok(QualifiedName { keyspace: Some(first), name })
    }

    pub(super) fn string(&mut self, what: &str) -> Read<String> {
        match self.peek() {
            Some(TokenKind::Text(text)) => {
                self.advance();
                Ok(text.clone())
            }
            _ => Err(self.error(what)),
        }
    }

    pub(super) fn integer(&mut self, what: &str) -> Read<i64> {
        match self.peek() {
            Some(TokenKind::Integer(number)) => {
                self.advance();
                Ok(*number)
            }
            _ => Err(self.error(what)),
        }
    }

    /// Reads items separated by commas up to a closing symbol, which is read too. At least one.
    pub(super) fn list<T>(
        &mut self,
        close: char,
        mut item: impl FnMut(&mut Self) -> Read<T>,
    ) -> Read<Vec<T>> {
        let mut items = vec![item(self)?];
        while self.symbol(',') {
            items.push(item(self)?);
        }
        if self.symbol(close) { Ok(items) } else { Err(self.error(format!("`,` or `{close}`"))) }
    }

    pub(super) fn if_not_exists(&mut self) -> bool {
        self.words(&["if", "not", "exists"])
    }

    pub(super) fn if_exists(&mut self) -> bool {
        self.words(&["if", "exists"])
    }

    /// Skips the tokens of one statement, its `;` not included.
    pub(super) fn skip_statement(&mut self) {
        while !self.is_at_end() && self.peek() != Some(&TokenKind::Symbol(';')) {
            self.advance();
        }
    }
}

/// A name with or without its keyspace.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct QualifiedName {
    /// The keyspace, if the text gave it.
    pub keyspace: Option<Box<str>>,
    /// The name.
    pub name: Box<str>,
}
