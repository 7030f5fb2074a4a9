//! CQL types: their definitions, and the values they give meaning to.

use std::sync::Arc;

mod big_fraction;
mod calendar;
mod class_name;
pub mod compare;
pub mod counter;
mod cql_name;
mod cursor;
mod error;
mod java_number;
mod json;
mod literal;
mod native;
mod native_text;
pub mod partition_key;
mod token;
mod value;
mod wire;

pub use self::{
    class_name::ClassName,
    compare::{compare, compare_clusterings},
    cql_name::{NoUserTypes, UserTypeLookup, is_plain_identifier},
    error::{TypeParseError, TypeParseErrorKind, ValueError},
    json::{write_json, write_json_canonical_decimal},
    literal::write_cql_literal,
    token::murmur3_token,
    value::{CqlValue, Decimal, Duration, Varint, decode, validate},
};

/// Greatest depth of nested types, the outermost one included. Cassandra has no limit; deeper than this is no
/// schema that people made.
pub const DEPTH_MAX: u8 = 64;

/// Whose text a value is written in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Dialect {
    /// Cassandra 3.11's.
    Cassandra3,
    /// That of Cassandra 4.0 and 4.1.
    Cassandra4,
    /// Cassandra 5.0's: as 4's but for quotes around dates, times, timestamps and addresses in CQL.
    Cassandra5,
    /// Cassandra 4's JSON, mended where it loses something (NaN, infinities, eras, empty values), and literals that every version
    /// takes back as the same bytes.
    Ringtap,
}

/// A CQL type as a column declares it.
///
/// Reversed clustering order is a property of the column ([`crate::schema::Column::reversed`]), not of
/// the type: the bytes are the same (`ReversedType`).
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum CqlType {
    /// A type without parameters.
    Native(NativeType),
    /// `list<element>`.
    List(Box<CqlType>, Frozen),
    /// `set<element>`.
    Set(Box<CqlType>, Frozen),
    /// `map<key, value>`.
    Map(Box<(CqlType, CqlType)>, Frozen),
    /// `tuple<…>`; always frozen.
    Tuple(Box<[CqlType]>),
    /// A user-defined type.
    UserType(Arc<UserType>, Frozen),
    /// `vector<element, dimension>`; always frozen (5.0+).
    Vector(Box<CqlType>, u32),
    /// `CompositeType(…)` as a value (tables made through Thrift).
    Composite(Box<[CqlType]>),
    /// `DynamicCompositeType(alias=>type, …)` as a value.
    DynamicComposite(Box<[(u8, CqlType)]>),
    /// Any other class, by its full name with parameters; its values are opaque bytes.
    Custom(Box<str>),
}

/// Whether a collection or user-defined type is stored as one value or cell by cell.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Frozen {
    /// One value, replaced as a whole.
    Yes,
    /// A complex column: one cell for each element or field.
    No,
}

/// The types without parameters.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[expect(missing_docs, reason = "the names are CQL's own")]
pub enum NativeType {
    Ascii,
    Bigint,
    Blob,
    Boolean,
    Counter,
    Date,
    Decimal,
    Double,
    Duration,
    Empty,
    Float,
    Inet,
    Int,
    Smallint,
    Text,
    Time,
    Timestamp,
    Timeuuid,
    Tinyint,
    Uuid,
    Varint,
}

/// The definition of a user-defined type at one moment.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct UserType {
    /// Keyspace that the type belongs to.
    pub keyspace: Box<str>,
    /// Name without quotes.
    pub name: Box<str>,
    /// Fields in order of declaration. `ALTER TYPE … ADD` appends.
    pub fields: Box<[UserTypeField]>,
}

/// One field of a [`UserType`].
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct UserTypeField {
    /// Name without quotes.
    pub name: Box<str>,
    /// Type; nested collections and user-defined types are frozen.
    pub ty: CqlType,
}

impl CqlType {
    /// Returns true for types that are stored cell by cell: non-frozen collections and user-defined types.
    pub fn is_multi_cell(&self) -> bool {
        matches!(
            self,
            Self::List(_, Frozen::No)
                | Self::Set(_, Frozen::No)
                | Self::Map(_, Frozen::No)
                | Self::UserType(_, Frozen::No)
        )
    }

    /// Returns the number of bytes of every value, if clusterings and simple cells hold it without a
    /// length (`AbstractType.valueLengthIfFixed`). Not every type of constant width is
    /// one: `smallint`, `date` and others have a length before them.
    pub fn fixed_length(&self) -> Option<usize> {
        match self {
            Self::Native(native) => match native {
                NativeType::Empty => Some(0),
                NativeType::Boolean => Some(1),
                NativeType::Int | NativeType::Float => Some(4),
                NativeType::Bigint | NativeType::Double | NativeType::Timestamp => Some(8),
                NativeType::Uuid | NativeType::Timeuuid => Some(16),
                _ => None,
            },
            Self::Vector(element, dimension) => {
                element.fixed_length().and_then(|length| length.checked_mul(*dimension as usize))
            }
            // `LexicalUUIDType` has no CQL name, so it arrives as a class.
            Self::Custom(class) if &**class == "org.apache.cassandra.db.marshal.LexicalUUIDType" => Some(16),
            _ => None,
        }
    }
}
