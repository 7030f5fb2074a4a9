//! Tokens of CQL's DDL.

use anyhow::{Result, bail, ensure};

/// One token.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Token {
    /// An identifier or keyword, in lower case.
    Word(String),
    /// A name in double quotes, without them.
    Quoted(String),
    /// A text in single quotes, without them.
    Text(String),
    /// A number.
    Number(String),
    /// Any other character.
    Symbol(char),
}

/// The tokens of a text, read from the front.
pub(crate) struct Tokens {
    tokens: Vec<Token>,
    at: usize,
}

impl Tokens {
    /// Cuts `text` into tokens.
    pub(crate) fn new(text: &str) -> Result<Self> {
        let mut chars = text.chars().peekable();
        let mut tokens = Vec::new();
        while let Some(&first) = chars.peek() {
            if first.is_whitespace() {
                chars.next();
            } else if first == '"' || first == '\'' {
                chars.next();
                let content = quoted(&mut chars, first)?;
                tokens.push(if first == '"' { Token::Quoted(content) } else { Token::Text(content) });
            } else if first.is_alphabetic() || first == '_' {
                let mut word = String::new();
                while let Some(c) = chars.next_if(|c| c.is_alphanumeric() || *c == '_') {
                    word.push(c);
                }
                tokens.push(Token::Word(word.to_lowercase()));
            } else if first.is_ascii_digit() {
                let mut number = String::new();
                while let Some(c) = chars.next_if(|c| c.is_alphanumeric() || *c == '.') {
                    number.push(c);
                }
                tokens.push(Token::Number(number));
            } else {
                chars.next();
                tokens.push(Token::Symbol(first));
            }
        }
        Ok(Self { tokens, at: 0 })
    }

    /// Returns the next token, which stays.
    pub(crate) fn peek(&self) -> Option<&Token> {
        self.tokens.get(self.at)
    }

    /// Takes the next token.
    pub(crate) fn next(&mut self) -> Option<Token> {
        let token = self.tokens.get(self.at).cloned();
        self.at += 1;
        token
    }

    /// Says whether the next token is that symbol.
    pub(crate) fn at_symbol(&self, symbol: char) -> bool {
        self.peek() == Some(&Token::Symbol(symbol))
    }

    /// Takes that symbol.
    pub(crate) fn symbol(&mut self, symbol: char) -> Result<()> {
        ensure!(self.at_symbol(symbol), "{symbol:?} expected, found {:?}", self.peek());
        self.at += 1;
        Ok(())
    }

    /// Takes those keywords if they come next, and says whether they did.
    pub(crate) fn take_words(&mut self, words: &str) -> bool {
        let start = self.at;
        for word in words.split(' ') {
            if self.peek() != Some(&Token::Word(word.to_owned())) {
                self.at = start;
                return false;
            }
            self.at += 1;
        }
        true
    }

    /// Takes a name, plain or in quotes.
    pub(crate) fn name(&mut self) -> Result<String> {
        match self.next() {
            Some(Token::Word(name) | Token::Quoted(name)) => Ok(name),
            other => bail!("name expected, found {other:?}"),
        }
    }

    /// Takes a name that may have a keyspace before it, which is left out.
    pub(crate) fn qualified_name(&mut self) -> Result<String> {
        let name = self.name()?;
        if !self.at_symbol('.') {
            return Ok(name);
        }
        self.symbol('.')?;
        self.name()
    }
}

fn quoted(chars: &mut std::iter::Peekable<std::str::Chars>, quote: char) -> Result<String> {
    let mut content = String::new();
    loop {
        match chars.next() {
            Some(c) if c == quote => {
                if chars.next_if_eq(&quote).is_none() {
                    return Ok(content);
                }
                content.push(quote);
            }
            Some(c) => content.push(c),
            None => bail!("quote without its end"),
        }
    }
}
