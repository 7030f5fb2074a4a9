//! Cuts CQL text into tokens, skipping white space and comments.

use nom::{
    IResult, Parser,
    branch::alt,
    bytes::complete::{is_not, tag, take_till, take_until, take_while, take_while_m_n, take_while1},
    character::complete::{anychar, char, multispace1, one_of, satisfy},
    combinator::{map, opt, recognize, value, verify},
    error::{Error, ErrorKind},
    multi::{fold_many0, many0_count},
    sequence::{delimited, pair, preceded},
};
use uuid::Uuid;

use super::error::CqlError;

/// A token and where it starts.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Token {
    pub(super) kind: TokenKind,
    /// Bytes from the start of the text.
    pub(super) start: usize,
    /// Bytes from the start of the text to the token's end.
    pub(super) end: usize,
}

/// The kinds of tokens of CQL.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum TokenKind {
    /// An unquoted word, in lower case: a keyword or a name.
    Word(String),
    /// A double-quoted name, unescaped.
    Quoted(String),
    /// A string in single quotes or `$$`, unescaped.
    Text(String),
    /// An integer.
    Integer(i64),
    /// Any other number.
    Float(f64),
    Uuid(Uuid),
    /// `0x…`
    Blob(Vec<u8>),
    /// A single other character.
    Symbol(char),
}

impl TokenKind {
    /// Returns the token in words, for error messages.
    pub(super) fn describe(&self) -> String {
        match self {
            Self::Word(word) => format!("`{word}`"),
            Self::Quoted(name) => format!("`\"{name}\"`"),
            Self::Text(_) => "a string".to_owned(),
            Self::Integer(number) => format!("`{number}`"),
            Self::Float(number) => format!("`{number}`"),
            Self::Uuid(uuid) => format!("`{uuid}`"),
            Self::Blob(_) => "a blob".to_owned(),
            Self::Symbol(symbol) => format!("`{symbol}`"),
        }
    }
}

/// Cuts a whole text. Fails only for a string, quoted name or comment that does not end.
pub(super) fn tokenize(text: &str) -> Result<Vec<Token>, CqlError> {
    let mut tokens = Vec::new();
    let mut rest = text;
    loop {
        rest = match blank(rest) {
            Ok((rest, ())) => rest,
            Err(_) => {
                return Err(CqlError::new(text, text.len() - rest.len(), "the end of the comment", "none"));
            }
        };
        if rest.is_empty() {
            return Ok(tokens);
        }
        let start = text.len() - rest.len();
        let (tail, kind) = token(rest).map_err(|_| {
            let expected = if rest.starts_with('"') { "a closing `\"`" } else { "the end of the string" };
            CqlError::new(text, start, expected, "the end of the text")
        })?;
        tokens.push(Token { kind, start, end: text.len() - tail.len() });
        rest = tail;
    }
}

fn blank(input: &str) -> IResult<&str, ()> {
    let line = preceded(alt((tag("--"), tag("//"))), take_till(|c| c == '\n'));
    let block = delimited(tag("/*"), take_until("*/"), tag("*/"));
    let (rest, _) = many0_count(alt((multispace1, tag("\u{feff}"), line, block))).parse(input)?;
    if rest.starts_with("/*") {
        return Err(nom::Err::Failure(Error::new(rest, ErrorKind::TakeUntil)));
    }
    Ok((rest, ()))
}

fn token(input: &str) -> IResult<&str, TokenKind> {
    match input.chars().next() {
        Some('\'') => map(enclosed('\''), TokenKind::Text).parse(input),
        Some('"') => map(enclosed('"'), TokenKind::Quoted).parse(input),
        Some('$') if input.starts_with("$$") => {
            map(delimited(tag("$$"), take_until("$$"), tag("$$")), |text: &str| {
                TokenKind::Text(text.to_owned())
            })
            .parse(input)
        }
        _ => alt((
            map(uuid, TokenKind::Uuid),
            map(blob, TokenKind::Blob),
            number,
            map(word, |word: &str| TokenKind::Word(word.to_lowercase())),
            map(anychar, TokenKind::Symbol),
        ))
        .parse(input),
    }
}

/// A text between quotes, in which the quote itself stands twice.
fn enclosed<'a>(quote: char) -> impl Parser<&'a str, Output = String, Error = Error<&'a str>> {
    let (plain, double) = if quote == '\'' { ("'", "''") } else { ("\"", "\"\"") };
    delimited(
        char(quote),
        fold_many0(alt((is_not(plain), value(plain, tag(double)))), String::new, |mut text, piece: &str| {
            text.push_str(piece);
            text
        }),
        char(quote),
    )
}

fn word(input: &str) -> IResult<&str, &str> {
    recognize(pair(
        satisfy(|c| c.is_alphabetic() || c == '_'),
        take_while(|c: char| c.is_alphanumeric() || c == '_'),
    ))
    .parse(input)
}

fn uuid(input: &str) -> IResult<&str, Uuid> {
    let hex = |count| take_while_m_n(count, count, |c: char| c.is_ascii_hexdigit());
    let text =
        recognize((hex(8), char('-'), hex(4), char('-'), hex(4), char('-'), hex(4), char('-'), hex(12)));
    nom::combinator::map_res(text, Uuid::parse_str).parse(input)
}

fn blob(input: &str) -> IResult<&str, Vec<u8>> {
    let digits = preceded(alt((tag("0x"), tag("0X"))), take_while(|c: char| c.is_ascii_hexdigit()));
    map(verify(digits, |text: &str| text.len().is_multiple_of(2)), |text: &str| {
        text.as_bytes()
            .chunks_exact(2)
            .filter_map(|pair| u8::from_str_radix(std::str::from_utf8(pair).ok()?, 16).ok())
            .collect()
    })
    .parse(input)
}

fn number(input: &str) -> IResult<&str, TokenKind> {
    let digits = || take_while1(|c: char| c.is_ascii_digit());
    let (rest, text) = recognize((
        opt(char('-')),
        digits(),
        opt((char('.'), take_while(|c: char| c.is_ascii_digit()))),
        opt((one_of("eE"), opt(one_of("+-")), digits())),
    ))
    .parse(input)?;
    if let Ok(number) = text.parse() {
        return Ok((rest, TokenKind::Integer(number)));
    }
    match text.parse() {
        Ok(number) => Ok((rest, TokenKind::Float(number))),
        Err(_) => Err(nom::Err::Error(Error::new(input, ErrorKind::Float))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn kinds(text: &str) -> Vec<TokenKind> {
        tokenize(text).unwrap().into_iter().map(|token| token.kind).collect()
    }

    #[test]
    fn comments_and_quotes_are_understood() {
        let text = "SELECT -- 'x'\n \"A\"\"b\" /* ; \n */ 'it''s' // y\n $$a;'b$$ ;";
        assert_eq!(
            kinds(text),
            [
                TokenKind::Word("select".into()),
                TokenKind::Quoted("A\"b".into()),
                TokenKind::Text("it's".into()),
                TokenKind::Text("a;'b".into()),
                TokenKind::Symbol(';'),
            ]
        );
    }

    #[test]
    fn uuids_blobs_and_numbers_are_told_apart() {
        assert_eq!(
            kinds("5a1c395e-b41f-11e5-9f22-ba0be0483c18 0xCAfe 12 -0.5 1e3 3.0"),
            [
                TokenKind::Uuid(Uuid::parse_str("5a1c395e-b41f-11e5-9f22-ba0be0483c18").unwrap()),
                TokenKind::Blob(vec![0xca, 0xfe]),
                TokenKind::Integer(12),
                TokenKind::Float(-0.5),
                TokenKind::Float(1000.0),
                TokenKind::Float(3.0),
            ]
        );
    }

    #[test]
    fn an_open_string_is_an_error_at_its_start() {
        let error = tokenize("a\n  'b").unwrap_err();
        assert_eq!((error.line(), error.column()), (2, 3));
        assert!(tokenize("a /* b").is_err());
    }
}
