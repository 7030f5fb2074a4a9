//! CQL types and the reading of their names.

use anyhow::{Result, bail, ensure};

use crate::token::{Token, Tokens};

/// A type without parameters.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Native {
    /// `ascii`.
    Ascii,
    /// `bigint`.
    Bigint,
    /// `blob`.
    Blob,
    /// `boolean`.
    Boolean,
    /// `counter`.
    Counter,
    /// `date`.
    Date,
    /// `decimal`.
    Decimal,
    /// `double`.
    Double,
    /// `duration`.
    Duration,
    /// `empty`, the type of a dense compact table's hidden column.
    Empty,
    /// `float`.
    Float,
    /// `inet`.
    Inet,
    /// `int`.
    Int,
    /// `smallint`.
    Smallint,
    /// `text` and `varchar`.
    Text,
    /// `time`.
    Time,
    /// `timestamp`.
    Timestamp,
    /// `timeuuid`.
    Timeuuid,
    /// `tinyint`.
    Tinyint,
    /// `uuid`.
    Uuid,
    /// `varint`.
    Varint,
}

/// A CQL type.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum CqlType {
    /// A type without parameters.
    Native(Native),
    /// `list<T>`.
    List(Box<CqlType>),
    /// `set<T>`.
    Set(Box<CqlType>),
    /// `map<K, V>`.
    Map(Box<CqlType>, Box<CqlType>),
    /// `tuple<…>`.
    Tuple(Vec<CqlType>),
    /// `vector<T, n>`.
    Vector(Box<CqlType>, usize),
    /// A user-defined type of the table's keyspace.
    User(String),
    /// `frozen<T>`.
    Frozen(Box<CqlType>),
    /// A class name in single quotes.
    Custom(String),
}

impl CqlType {
    /// Returns the type that `text` names, as `system_schema.columns.type` has it.
    pub(crate) fn parse(text: &str) -> Result<Self> {
        let mut tokens = Tokens::new(text)?;
        let parsed = Self::read(&mut tokens)?;
        ensure!(tokens.peek().is_none(), "text after the type in {text:?}");
        Ok(parsed)
    }

    /// Reads a type from the front of `tokens`.
    pub(crate) fn read(tokens: &mut Tokens) -> Result<Self> {
        let mut name = match tokens.next() {
            Some(Token::Word(word)) => {
                if !tokens.at_symbol('.') {
                    if let Some(native) = native(&word) {
                        return Ok(Self::Native(native));
                    }
                    if tokens.at_symbol('<') {
                        return Self::read_parameters(&word, tokens);
                    }
                }
                word
            }
            Some(Token::Quoted(name)) => name,
            Some(Token::Text(class)) => return Ok(Self::Custom(class)),
            other => bail!("type expected, found {other:?}"),
        };
        if tokens.at_symbol('.') {
            tokens.symbol('.')?;
            name = tokens.name()?;
        }
        Ok(Self::User(name))
    }

    fn read_parameters(word: &str, tokens: &mut Tokens) -> Result<Self> {
        tokens.symbol('<')?;
        let parsed = match word {
            "list" => Self::List(Box::new(Self::read(tokens)?)),
            "set" => Self::Set(Box::new(Self::read(tokens)?)),
            "frozen" => Self::Frozen(Box::new(Self::read(tokens)?)),
            "map" => {
                let key = Self::read(tokens)?;
                tokens.symbol(',')?;
                Self::Map(Box::new(key), Box::new(Self::read(tokens)?))
            }
            "vector" => {
                let element = Self::read(tokens)?;
                tokens.symbol(',')?;
                let Some(Token::Number(dimension)) = tokens.next() else { bail!("vector without dimension") };
                Self::Vector(Box::new(element), dimension.parse()?)
            }
            "tuple" => {
                let mut fields = vec![Self::read(tokens)?];
                while tokens.at_symbol(',') {
                    tokens.symbol(',')?;
                    fields.push(Self::read(tokens)?);
                }
                Self::Tuple(fields)
            }
            _ => bail!("unknown type {word}<…>"),
        };
        tokens.symbol('>')?;
        Ok(parsed)
    }

    /// Returns the type without `frozen` around it.
    pub(crate) fn thawed(&self) -> &Self {
        let mut inner = self;
        while let Self::Frozen(next) = inner {
            inner = next;
        }
        inner
    }

    /// Says whether a column of this type has a cell per element.
    pub(crate) fn is_multi_cell(&self) -> bool {
        matches!(self, Self::List(_) | Self::Set(_) | Self::Map(..) | Self::User(_))
    }

    /// Says whether both are the same type where `frozen` inside a collection, tuple or vector, which changes nothing
    /// there, may be missing.
    pub(crate) fn same_column_type(&self, other: &Self) -> bool {
        self.is_multi_cell() == other.is_multi_cell() && same(self.thawed(), other.thawed())
    }

    /// Returns the bytes of each value where they are always as many; vectors store those without lengths.
    pub(crate) fn fixed_length(&self) -> Option<usize> {
        match self.thawed() {
            Self::Native(native) => match native {
                Native::Boolean => Some(1),
                Native::Int | Native::Float => Some(4),
                Native::Bigint | Native::Double | Native::Timestamp => Some(8),
                Native::Uuid | Native::Timeuuid => Some(16),
                _ => None,
            },
            Self::Vector(element, dimension) => element.fixed_length().map(|length| length * dimension),
            _ => None,
        }
    }
}

fn same(left: &CqlType, right: &CqlType) -> bool {
    match (left.thawed(), right.thawed()) {
        (CqlType::List(a), CqlType::List(b)) | (CqlType::Set(a), CqlType::Set(b)) => same(a, b),
        (CqlType::Map(a, x), CqlType::Map(b, y)) => same(a, b) && same(x, y),
        (CqlType::Tuple(a), CqlType::Tuple(b)) => {
            a.len() == b.len() && a.iter().zip(b).all(|(x, y)| same(x, y))
        }
        (CqlType::Vector(a, n), CqlType::Vector(b, m)) => n == m && same(a, b),
        (a, b) => a == b,
    }
}

fn native(word: &str) -> Option<Native> {
    Some(match word {
        "ascii" => Native::Ascii,
        "bigint" => Native::Bigint,
        "blob" => Native::Blob,
        "boolean" => Native::Boolean,
        "counter" => Native::Counter,
        "date" => Native::Date,
        "decimal" => Native::Decimal,
        "double" => Native::Double,
        "duration" => Native::Duration,
        "empty" => Native::Empty,
        "float" => Native::Float,
        "inet" => Native::Inet,
        "int" => Native::Int,
        "smallint" => Native::Smallint,
        "text" | "varchar" => Native::Text,
        "time" => Native::Time,
        "timestamp" => Native::Timestamp,
        "timeuuid" => Native::Timeuuid,
        "tinyint" => Native::Tinyint,
        "uuid" => Native::Uuid,
        "varint" => Native::Varint,
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nested_types_are_read() {
        let parsed = CqlType::parse("map<text, frozen<tuple<int, \"My Type\", vector<float, 3>>>>").unwrap();
        let CqlType::Map(key, value) = parsed else { panic!("not a map") };
        assert_eq!(*key, CqlType::Native(Native::Text));
        let CqlType::Tuple(fields) = value.thawed() else { panic!("not a tuple") };
        assert_eq!(fields[1], CqlType::User("My Type".to_owned()));
        assert_eq!(fields[2], CqlType::Vector(Box::new(CqlType::Native(Native::Float)), 3));
    }

    #[test]
    fn frozen_matters_only_outside() {
        let same = |a, b| CqlType::parse(a).unwrap().same_column_type(&CqlType::parse(b).unwrap());
        assert!(same("list<frozen<list<int>>>", "list<list<int>>"));
        assert!(same("frozen<tuple<int, varchar>>", "tuple<int, text>"));
        assert!(!same("frozen<list<int>>", "list<int>"));
        assert!(!same("pt", "frozen<pt>"));
    }
}
