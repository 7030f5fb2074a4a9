//! CQL types as text: one spelling for each type, whoever wrote it.

use std::fmt;

use cassandra_commitlog::types::TypeParseError;
use thiserror::Error;

use super::cql::{CqlError, quote_name, quote_text};

/// A type as text, parsed as far as its structure goes. [`fmt::Display`] gives the canonical spelling, which
/// is that of `system_schema.columns.type` (`CQL3Type.toString`): `text` for `varchar`, `frozen<tuple<…>>`
/// for every tuple, no `frozen` around vectors, no keyspace before user-defined types.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum TypeText {
    /// A type by name: a native or a user-defined one.
    Named(Box<str>),
    /// `list<…>`, `set<…>`, `map<…>`, `tuple<…>` or `frozen<…>`.
    Generic(Generic, Vec<TypeText>),
    /// `vector<element, dimension>`.
    Vector(Box<TypeText>, u32),
    /// A class by name.
    Custom(Box<str>),
}

/// The types with types in angle brackets.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[expect(missing_docs, reason = "the names are CQL's own")]
pub enum Generic {
    List,
    Set,
    Map,
    Tuple,
    Frozen,
}

impl Generic {
    fn name(self) -> &'static str {
        match self {
            Self::List => "list",
            Self::Set => "set",
            Self::Map => "map",
            Self::Tuple => "tuple",
            Self::Frozen => "frozen",
        }
    }
}

/// A type that cannot be resolved.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("type `{text}` cannot be resolved")]
pub struct TypeError {
    /// The type's text.
    pub text: Box<str>,
    /// What is wrong with it.
    #[source]
    pub source: TypeParseError,
}

/// The names of native types, sorted.
const NATIVE: [&str; 22] = [
    "ascii",
    "bigint",
    "blob",
    "boolean",
    "counter",
    "date",
    "decimal",
    "double",
    "duration",
    "empty",
    "float",
    "inet",
    "int",
    "smallint",
    "text",
    "time",
    "timestamp",
    "timeuuid",
    "tinyint",
    "uuid",
    "varchar",
    "varint",
];

impl TypeText {
    /// Reads a type, as `system_schema` or a `CREATE` statement has it.
    pub fn parse(text: &str) -> Result<Self, CqlError> {
        super::cql::parse_type(text)
    }

    /// Calls a function with the name of each user-defined type in this type.
    pub fn user_types<'a>(&'a self, each: &mut impl FnMut(&'a str)) {
        match self {
            Self::Named(name) => {
                if !is_native(name) {
                    each(name);
                }
            }
            Self::Generic(_, parts) => parts.iter().for_each(|part| part.user_types(each)),
            Self::Vector(element, _) => element.user_types(each),
            Self::Custom(_) => {}
        }
    }
}

fn is_native(name: &str) -> bool {
    NATIVE.binary_search(&name).is_ok()
}

impl fmt::Display for TypeText {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Named(name) if &**name == "varchar" => f.write_str("text"),
            Self::Named(name) if is_native(name) => f.write_str(name),
            Self::Named(name) => f.write_str(&quote_name(name)),
            Self::Custom(class) => f.write_str(&quote_text(class)),
            Self::Vector(element, dimension) => write!(f, "vector<{element}, {dimension}>"),
            Self::Generic(Generic::Frozen, parts) => match parts.as_slice() {
                [inner @ (Self::Vector(..) | Self::Generic(Generic::Frozen | Generic::Tuple, _))] => {
                    fmt::Display::fmt(inner, f)
                }
                parts => write_generic(f, Generic::Frozen, parts),
            },
            Self::Generic(Generic::Tuple, parts) => {
                f.write_str("frozen<")?;
                write_generic(f, Generic::Tuple, parts)?;
                f.write_str(">")
            }
            Self::Generic(generic, parts) => write_generic(f, *generic, parts),
        }
    }
}

fn write_generic(f: &mut fmt::Formatter<'_>, generic: Generic, parts: &[TypeText]) -> fmt::Result {
    write!(f, "{}<", generic.name())?;
    for (at, part) in parts.iter().enumerate() {
        if at > 0 {
            f.write_str(", ")?;
        }
        fmt::Display::fmt(part, f)?;
    }
    f.write_str(">")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn types_have_one_spelling() {
        for (text, canonical) in [
            ("VARCHAR", "text"),
            ("map< text,frozen<ks.\"My T\">>", "map<text, frozen<\"My T\">>"),
            ("tuple<int,tuple<text,boolean>>", "frozen<tuple<int, frozen<tuple<text, boolean>>>>"),
            ("frozen<tuple<int>>", "frozen<tuple<int>>"),
            ("frozen<vector<float,3>>", "vector<float, 3>"),
            (
                "'org.apache.cassandra.db.marshal.LexicalUUIDType'",
                "'org.apache.cassandra.db.marshal.LexicalUUIDType'",
            ),
        ] {
            assert_eq!(TypeText::parse(text).unwrap().to_string(), canonical);
        }
        for bad in ["", "list<int", "map<int>", "list<int, int>", "vector<int>", "int int"] {
            assert!(TypeText::parse(bad).is_err(), "{bad}");
        }
    }
}
