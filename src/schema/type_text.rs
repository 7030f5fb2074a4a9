//! CQL types as text: one spelling for each type, whoever wrote it.

use std::{fmt, sync::Arc};

use cassandra_commitlog::types::{CqlType, Frozen, NativeType, UserType, UserTypeField};
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
#[non_exhaustive]
pub enum TypeError {
    /// The text is no type.
    #[error("type `{text}` cannot be read")]
    Syntax {
        /// The text.
        text: String,
        /// What is wrong with it.
        #[source]
        source: CqlError,
    },
    /// No user-defined type has this name in the keyspace.
    #[error("type `{0}` is not known")]
    UnknownType(Box<str>),
    /// User-defined types contain each other.
    #[error("type `{0}` contains itself")]
    Recursive(Box<str>),
}

/// Native types by their CQL names.
const NATIVE: [(&str, NativeType); 22] = [
    ("ascii", NativeType::Ascii),
    ("bigint", NativeType::Bigint),
    ("blob", NativeType::Blob),
    ("boolean", NativeType::Boolean),
    ("counter", NativeType::Counter),
    ("date", NativeType::Date),
    ("decimal", NativeType::Decimal),
    ("double", NativeType::Double),
    ("duration", NativeType::Duration),
    ("empty", NativeType::Empty),
    ("float", NativeType::Float),
    ("inet", NativeType::Inet),
    ("int", NativeType::Int),
    ("smallint", NativeType::Smallint),
    ("text", NativeType::Text),
    ("time", NativeType::Time),
    ("timestamp", NativeType::Timestamp),
    ("timeuuid", NativeType::Timeuuid),
    ("tinyint", NativeType::Tinyint),
    ("uuid", NativeType::Uuid),
    ("varchar", NativeType::Text),
    ("varint", NativeType::Varint),
];

impl TypeText {
    /// Reads a type, as `system_schema` or a `CREATE` statement has it.
    pub fn parse(text: &str) -> Result<Self, TypeError> {
        super::cql::parse_type(text).map_err(|source| TypeError::Syntax {
            text: text.to_owned(),
            source,
        })
    }

    /// Calls a function with the name of each user-defined type in this type.
    pub fn user_types<'a>(&'a self, each: &mut impl FnMut(&'a str)) {
        match self {
            Self::Named(name) => {
                if native(name).is_none() {
                    each(name);
                }
            }
            Self::Generic(_, parts) => parts.iter().for_each(|part| part.user_types(each)),
            Self::Vector(element, _) => element.user_types(each),
            Self::Custom(_) => {}
        }
    }

    /// Returns the type that the text means. `user_type` gives the definitions of user-defined types.
    pub fn resolve(
        &self,
        user_type: &mut impl FnMut(&str) -> Result<Arc<UserType>, TypeError>,
    ) -> Result<CqlType, TypeError> {
        Ok(match self {
            Self::Named(name) => match native(name) {
                Some(native) => CqlType::Native(native),
                None => CqlType::UserType(user_type(name)?, Frozen::No),
            },
            Self::Generic(generic, parts) => {
                let mut types = Vec::new();
                for part in parts {
                    types.push(part.resolve(user_type)?);
                }
                generic_type(*generic, types)
            }
            Self::Vector(element, dimension) => {
                CqlType::Vector(Box::new(freeze(element.resolve(user_type)?)), *dimension)
            }
            Self::Custom(class) => CqlType::Custom(class.clone()),
        })
    }
}

fn native(name: &str) -> Option<NativeType> {
    let found = NATIVE.binary_search_by(|(native, _)| (*native).cmp(name)).ok()?;
    NATIVE.get(found).map(|(_, native)| *native)
}

/// The reader gives each generic type the number of parts that it needs.
fn generic_type(generic: Generic, types: Vec<CqlType>) -> CqlType {
    if generic == Generic::Tuple {
        return CqlType::Tuple(types.into_iter().map(freeze).collect());
    }
    let mut types = types.into_iter();
    let first = types.next().unwrap_or(CqlType::Native(NativeType::Empty));
    match (generic, types.next()) {
        (Generic::List, _) => CqlType::List(Box::new(freeze(first)), Frozen::No),
        (Generic::Set, _) => CqlType::Set(Box::new(freeze(first)), Frozen::No),
        (Generic::Map, Some(second)) => CqlType::Map(Box::new((freeze(first), freeze(second))), Frozen::No),
        _ => freeze(first),
    }
}

/// Freezes a type and all that is in it, user-defined types' fields included.
fn freeze(ty: CqlType) -> CqlType {
    match ty {
        CqlType::List(element, _) => CqlType::List(Box::new(freeze(*element)), Frozen::Yes),
        CqlType::Set(element, _) => CqlType::Set(Box::new(freeze(*element)), Frozen::Yes),
        CqlType::Map(types, _) => {
            let (key, value) = *types;
            CqlType::Map(Box::new((freeze(key), freeze(value))), Frozen::Yes)
        }
        CqlType::UserType(user_type, _) => CqlType::UserType(user_type, Frozen::Yes),
        other => other,
    }
}

/// Makes a user-defined type from its parts; what is nested in it is frozen.
pub(super) fn user_type(keyspace: &str, name: &str, fields: Vec<(Box<str>, CqlType)>) -> Arc<UserType> {
    let fields = fields
        .into_iter()
        .map(|(name, ty)| UserTypeField { name, ty: freeze(ty) })
        .collect();
    Arc::new(UserType {
        keyspace: keyspace.into(),
        name: name.into(),
        fields,
    })
}

impl fmt::Display for TypeText {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Named(name) if &**name == "varchar" => f.write_str("text"),
            Self::Named(name) if native(name).is_some() => f.write_str(name),
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
            (
                "tuple<int,tuple<text,boolean>>",
                "frozen<tuple<int, frozen<tuple<text, boolean>>>>",
            ),
            ("frozen<tuple<int>>", "frozen<tuple<int>>"),
            ("frozen<vector<float,3>>", "vector<float, 3>"),
            (
                "'org.apache.cassandra.db.marshal.LexicalUUIDType'",
                "'org.apache.cassandra.db.marshal.LexicalUUIDType'",
            ),
        ] {
            assert_eq!(TypeText::parse(text).unwrap().to_string(), canonical);
        }
        for bad in [
            "",
            "list<int",
            "map<int>",
            "list<int, int>",
            "vector<int>",
            "int int",
        ] {
            assert!(TypeText::parse(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn what_is_nested_is_frozen() {
        let mut none = |name: &str| Err(TypeError::UnknownType(name.into()));
        let ty = TypeText::parse("list<frozen<list<int>>>")
            .unwrap()
            .resolve(&mut none)
            .unwrap();
        let int = CqlType::Native(NativeType::Int);
        let inner = CqlType::List(Box::new(int), Frozen::Yes);
        assert_eq!(ty, CqlType::List(Box::new(inner), Frozen::No));
    }
}
