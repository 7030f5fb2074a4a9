//! Reads types.

use super::{
    cursor::{Cursor, Read},
    lexer::TokenKind,
};
use crate::schema::type_text::{Generic, TypeText};

/// Types nested deeper than this are refused: no real one is, and the recursion must end.
const DEPTH_MAX: usize = 64;

/// Reads one type.
pub(super) fn read_type(cursor: &mut Cursor<'_>) -> Read<TypeText> {
    nested(cursor, 0)
}

fn nested(cursor: &mut Cursor<'_>, depth: usize) -> Read<TypeText> {
    if depth > DEPTH_MAX {
        return Err(cursor.error(format!("at most {DEPTH_MAX} types within each other")));
    }
    match cursor.peek() {
        Some(TokenKind::Text(class)) => {
            cursor.advance();
            Ok(TypeText::Custom(class.as_str().into()))
        }
        Some(TokenKind::Word(word)) if cursor.peek_at(1) == Some(&TokenKind::Symbol('<')) => {
            let Some(kind) = Parameterized::from_name(word) else {
                return Err(cursor.error("`list`, `set`, `map`, `tuple`, `frozen` or `vector`"));
            };
            cursor.advance();
            cursor.advance();
            parameters(cursor, &kind, depth)
        }
        _ => Ok(TypeText::Named(cursor.qualified("a type")?.name)),
    }
}

enum Parameterized {
    Vector,
    Generic(Generic),
}

impl Parameterized {
    fn from_name(name: &str) -> Option<Self> {
        Some(match name {
            "vector" => Self::Vector,
            "list" => Self::Generic(Generic::List),
            "set" => Self::Generic(Generic::Set),
            "map" => Self::Generic(Generic::Map),
            "tuple" => Self::Generic(Generic::Tuple),
            "frozen" => Self::Generic(Generic::Frozen),
            _ => return None,
        })
    }
}

fn parameters(cursor: &mut Cursor<'_>, kind: &Parameterized, depth: usize) -> Read<TypeText> {
    let generic = match kind {
        Parameterized::Generic(generic) => *generic,
        Parameterized::Vector => {
            let element = nested(cursor, depth + 1)?;
            cursor.expect_symbol(',')?;
            let expected = "the number of elements";
            let dimension = u32::try_from(cursor.integer(expected)?).map_err(|_| cursor.error(expected))?;
            cursor.expect_symbol('>')?;
            return Ok(TypeText::Vector(Box::new(element), dimension));
        }
    };
    let mut parts = vec![nested(cursor, depth + 1)?];
    match generic {
        Generic::Map => {
            cursor.expect_symbol(',')?;
            parts.push(nested(cursor, depth + 1)?);
        }
        Generic::Tuple => {
            while cursor.symbol(',') {
                parts.push(nested(cursor, depth + 1)?);
            }
        }
        Generic::List | Generic::Set | Generic::Frozen => {}
    }
    cursor.expect_symbol('>')?;
    Ok(TypeText::Generic(generic, parts))
}
