//! Types as CQL writes them, which is how `system_schema.columns.type` has them.

use std::{fmt, sync::Arc};

use super::{
    CqlType, DEPTH_MAX, Frozen, NativeType, UserType,
    class_name::ClassName,
    cursor::Cursor,
    error::{TypeParseError, TypeParseErrorKind},
};

/// Knows the user-defined types of one moment.
pub trait UserTypeLookup {
    /// Returns the type `name` of `keyspace`, both without quotes, or `None` if there is none.
    fn user_type(&self, keyspace: &str, name: &str) -> Option<Arc<UserType>>;
}

/// Knows no user-defined type: for texts that name none, such as those of the system tables.
#[derive(Debug, Clone, Copy, Default)]
pub struct NoUserTypes;

impl UserTypeLookup for NoUserTypes {
    fn user_type(&self, _keyspace: &str, _name: &str) -> Option<Arc<UserType>> {
        None
    }
}

/// Words that CQL reserves, in lower case and sorted (`reserved_keywords.txt`). As names they need quotes. Five of them
/// (`default`, `mbean`, `mbeans`, `replace`, `unset`) are reserved by 3.11 alone; quotes do no harm where none are needed.
const RESERVED_WORDS: [&str; 62] = [
    "add",
    "allow",
    "alter",
    "and",
    "apply",
    "asc",
    "authorize",
    "batch",
    "begin",
    "by",
    "columnfamily",
    "create",
    "default",
    "delete",
    "desc",
    "describe",
    "drop",
    "entries",
    "execute",
    "from",
    "full",
    "grant",
    "if",
    "in",
    "index",
    "infinity",
    "insert",
    "into",
    "is",
    "keyspace",
    "limit",
    "materialized",
    "mbean",
    "mbeans",
    "modify",
    "nan",
    "norecursive",
    "not",
    "null",
    "of",
    "on",
    "or",
    "order",
    "primary",
    "rename",
    "replace",
    "revoke",
    "schema",
    "select",
    "set",
    "table",
    "to",
    "token",
    "truncate",
    "unlogged",
    "unset",
    "update",
    "use",
    "using",
    "view",
    "where",
    "with",
];

/// Names of the types with parameters.
const PARAMETRIC: [&str; 6] = ["frozen", "list", "map", "set", "tuple", "vector"];

impl CqlType {
    /// Parses a type as CQL writes it, such as `map<text, frozen<address>>`.
    ///
    /// `frozen<…>` freezes the type in it. Whatever stands within a collection, tuple, vector or `frozen<…>`
    /// is [`Frozen::Yes`] with or without the word, because nothing there can be stored cell by cell. The
    /// fields of a user-defined type are as its definition has them.
    ///
    /// `keyspace` is where names of user-defined types are looked up. A class name in single quotes is parsed
    /// as [`CqlType::parse_class`] does; a reversed order in it is dropped.
    ///
    /// Fails for anything that is no type, for a user-defined type that `user_types` does not know, and for a
    /// type nested deeper than [`DEPTH_MAX`].
    pub fn parse(
        text: &str,
        keyspace: &str,
        user_types: &dyn UserTypeLookup,
    ) -> Result<Self, TypeParseError> {
        let mut parser = Parser { cursor: Cursor::new(text), keyspace, user_types };
        let parsed = parser.parse(Frozen::No, DEPTH_MAX)?;
        parser.cursor.finish()?;
        Ok(parsed)
    }
}

struct Parser<'t> {
    cursor: Cursor<'t>,
    keyspace: &'t str,
    user_types: &'t dyn UserTypeLookup,
}

impl Parser<'_> {
    /// Parses a type, in any number of `frozen<…>`: those are no depth of their own.
    fn parse(&mut self, mut frozen: Frozen, depth: u8) -> Result<CqlType, TypeParseError> {
        let mut opened = 0_usize;
        while self.cursor.take_call("frozen", '<') {
            frozen = Frozen::Yes;
            opened += 1;
        }
        let parsed = self.unwrapped(frozen, depth)?;
        for _ in 0..opened {
            self.cursor.expect('>')?;
        }
        Ok(parsed)
    }

    fn unwrapped(&mut self, frozen: Frozen, depth: u8) -> Result<CqlType, TypeParseError> {
        let Some(depth) = depth.checked_sub(1) else {
            return Err(self.cursor.error(TypeParseErrorKind::TooDeep));
        };
        if self.cursor.take('"') {
            let name = self.cursor.take_quoted('"')?;
            return self.user_type(name, frozen);
        }
        if self.cursor.take('\'') {
            return self.class(frozen);
        }
        let name = self.cursor.take_while(|next| next.is_ascii_alphanumeric() || next == '_');
        if name.is_empty() {
            return Err(self.cursor.unexpected());
        }
        let name = name.to_ascii_lowercase();
        if let Some(native) = NativeType::from_cql_name(&name) {
            return Ok(CqlType::Native(native));
        }
        if !PARAMETRIC.contains(&&*name) {
            return self.user_type(name, frozen);
        }
        self.cursor.expect('<')?;
        let parsed = self.parameters(&name, frozen, depth)?;
        self.cursor.expect('>')?;
        Ok(parsed)
    }

    fn parameters(&mut self, name: &str, frozen: Frozen, depth: u8) -> Result<CqlType, TypeParseError> {
        Ok(match name {
            "list" => CqlType::List(Box::new(self.parse(Frozen::Yes, depth)?), frozen),
            "set" => CqlType::Set(Box::new(self.parse(Frozen::Yes, depth)?), frozen),
            "map" => {
                let key = self.parse(Frozen::Yes, depth)?;
                self.cursor.expect(',')?;
                let value = self.parse(Frozen::Yes, depth)?;
                CqlType::Map(Box::new((key, value)), frozen)
            }
            "vector" => {
                let element = self.parse(Frozen::Yes, depth)?;
                self.cursor.expect(',')?;
                CqlType::Vector(Box::new(element), parse_dimension(&mut self.cursor)?)
            }
            _ => {
                let mut fields = vec![self.parse(Frozen::Yes, depth)?];
                while self.cursor.take(',') {
                    fields.push(self.parse(Frozen::Yes, depth)?);
                }
                CqlType::Tuple(fields.into())
            }
        })
    }

    fn user_type(&self, name: String, frozen: Frozen) -> Result<CqlType, TypeParseError> {
        match self.user_types.user_type(self.keyspace, &name) {
            Some(definition) => Ok(CqlType::UserType(definition, frozen)),
            None => Err(self.cursor.error(TypeParseErrorKind::UnknownUserType(name.into()))),
        }
    }

    fn class(&mut self, frozen: Frozen) -> Result<CqlType, TypeParseError> {
        let start = self.cursor.clone();
        let class = self.cursor.take_quoted('\'')?;
        match CqlType::parse_class(&class) {
            Ok((parsed, _)) if frozen == Frozen::Yes => Ok(parsed.freeze()),
            Ok((parsed, _)) => Ok(parsed),
            Err(error) => Err(start.error(error.kind)),
        }
    }
}

/// Parses a vector's dimension.
pub(super) fn parse_dimension(cursor: &mut Cursor<'_>) -> Result<u32, TypeParseError> {
    cursor.skip_blank();
    let digits = cursor.take_while(|next| next.is_ascii_digit());
    match digits.parse() {
        Ok(dimension @ 1..=0x7fff_ffff) => Ok(dimension),
        _ => Err(cursor.error(TypeParseErrorKind::InvalidDimension)),
    }
}

impl fmt::Display for CqlType {
    /// Writes the type as Cassandra prints it in `system_schema` (`CQL3Type.toString`): tuples always in
    /// `frozen<…>`, vectors never.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Native(native) => f.write_str(native.cql_name()),
            Self::List(element, frozen) => write_frozen(f, *frozen, format_args!("list<{element}>")),
            Self::Set(element, frozen) => write_frozen(f, *frozen, format_args!("set<{element}>")),
            Self::Map(entry, frozen) => {
                let (key, value) = &**entry;
                write_frozen(f, *frozen, format_args!("map<{key}, {value}>"))
            }
            Self::Tuple(fields) => {
                f.write_str("frozen<tuple<")?;
                for (index, field) in fields.iter().enumerate() {
                    if index > 0 {
                        f.write_str(", ")?;
                    }
                    field.fmt(f)?;
                }
                f.write_str(">>")
            }
            Self::UserType(definition, frozen) => {
                write_frozen(f, *frozen, format_args!("{}", TypeName(&definition.name)))
            }
            Self::Vector(element, dimension) => write!(f, "vector<{element}, {dimension}>"),
            Self::Composite(_) | Self::DynamicComposite(_) | Self::Custom(_) => {
                write!(f, "'{}'", ClassName(self))
            }
        }
    }
}

fn write_frozen(f: &mut fmt::Formatter<'_>, frozen: Frozen, inner: fmt::Arguments<'_>) -> fmt::Result {
    match frozen {
        Frozen::Yes => write!(f, "frozen<{inner}>"),
        Frozen::No => f.write_fmt(inner),
    }
}

/// Returns true if CQL of every version reads `name` as this very name without quotes (`ColumnIdentifier.maybeQuote`).
pub fn is_plain_identifier(name: &str) -> bool {
    name.starts_with(|first: char| first.is_ascii_lowercase())
        && name.bytes().all(|byte| matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'_'))
        && RESERVED_WORDS.binary_search(&name).is_err()
}

/// Name of a user-defined type, in quotes where CQL needs them.
struct TypeName<'t>(&'t str);

impl fmt::Display for TypeName<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Cassandra prints the names of native types without quotes, and then cannot read them back.
        let is_other_type = NativeType::from_cql_name(self.0).is_some() || PARAMETRIC.contains(&self.0);
        if is_plain_identifier(self.0) && !is_other_type {
            return f.write_str(self.0);
        }
        f.write_str("\"")?;
        for (index, part) in self.0.split('"').enumerate() {
            if index > 0 {
                f.write_str("\"\"")?;
            }
            f.write_str(part)?;
        }
        f.write_str("\"")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_that_some_version_reserves_and_other_than_small_letters_need_quotes() {
        assert!(RESERVED_WORDS.is_sorted());
        for plain in ["a", "a_1", "key", "type", "counter"] {
            assert!(is_plain_identifier(plain), "{plain}");
        }
        for name in ["select", "default", "unset", "A", "1a", "_a", "", "é"] {
            assert!(!is_plain_identifier(name), "{name}");
        }
    }
}
