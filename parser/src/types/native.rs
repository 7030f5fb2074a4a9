//! Names of the types without parameters.

use super::NativeType;

/// Each type with its name in CQL and the name of its class (`CQL3Type.Native`).
const NAMES: [(NativeType, &str, &str); 21] = [
    (NativeType::Ascii, "ascii", "AsciiType"),
    (NativeType::Bigint, "bigint", "LongType"),
    (NativeType::Blob, "blob", "BytesType"),
    (NativeType::Boolean, "boolean", "BooleanType"),
    (NativeType::Counter, "counter", "CounterColumnType"),
    (NativeType::Date, "date", "SimpleDateType"),
    (NativeType::Decimal, "decimal", "DecimalType"),
    (NativeType::Double, "double", "DoubleType"),
    (NativeType::Duration, "duration", "DurationType"),
    (NativeType::Empty, "empty", "EmptyType"),
    (NativeType::Float, "float", "FloatType"),
    (NativeType::Inet, "inet", "InetAddressType"),
    (NativeType::Int, "int", "Int32Type"),
    (NativeType::Smallint, "smallint", "ShortType"),
    (NativeType::Text, "text", "UTF8Type"),
    (NativeType::Time, "time", "TimeType"),
    (NativeType::Timestamp, "timestamp", "TimestampType"),
    (NativeType::Timeuuid, "timeuuid", "TimeUUIDType"),
    (NativeType::Tinyint, "tinyint", "ByteType"),
    (NativeType::Uuid, "uuid", "UUIDType"),
    (NativeType::Varint, "varint", "IntegerType"),
];

impl NativeType {
    /// Returns the type of a name in lower case, or `None` if it is no native type's. `varchar` is `text`.
    pub fn from_cql_name(name: &str) -> Option<Self> {
        if name == "varchar" {
            return Some(Self::Text);
        }
        NAMES.iter().find(|(_, cql, _)| *cql == name).map(|&(native, ..)| native)
    }

    /// Returns the type's name in CQL.
    pub fn cql_name(self) -> &'static str {
        NAMES.iter().find(|(native, ..)| *native == self).map_or("", |&(_, cql, _)| cql)
    }

    /// Returns the type of a class in `org.apache.cassandra.db.marshal`, or `None` if it is no native type's.
    ///
    /// The legacy `DateType` is read and printed as `timestamp`, `LegacyTimeUUIDType` as `timeuuid`.
    pub fn from_class_name(name: &str) -> Option<Self> {
        match name {
            "DateType" => Some(Self::Timestamp),
            "LegacyTimeUUIDType" => Some(Self::Timeuuid),
            _ => NAMES.iter().find(|(_, _, class)| *class == name).map(|&(native, ..)| native),
        }
    }

    /// Returns the name of the type's class without the package.
    pub fn class_name(self) -> &'static str {
        NAMES.iter().find(|(native, ..)| *native == self).map_or("", |&(_, _, class)| class)
    }
}
