//! Values as CQL literals (`CQL3Type.toCQLLiteral`).

use super::{
    CqlType, DEPTH_MAX, Dialect, NativeType, ValueError,
    cql_name::is_plain_identifier,
    java_number::{write_decimal, write_double, write_float},
    native_text::{
        is_common_year, is_gregorian, is_time_of_day, write_day, write_duration, write_hex, write_inet,
        write_integer, write_time, write_timestamp, write_uuid, write_varint,
    },
    value::{CqlValue, Duration, decode_native, descend, holds_zero_bytes},
    wire::{Elements, Fields, VectorElements},
};

/// Greatest scale, up or down, of a decimal that is written in digits: 3.11 and 5.0 refuse great exponents.
const LITERAL_SCALE_MAX: u32 = 1_000;

/// Appends `bytes` as a CQL literal to `out`, as `dialect` writes a value of `ty`.
///
/// [`Dialect::Ringtap`] writes what every version from 3.11 to 5.0 takes back as the same bytes. Where a
/// literal would not give them (zero bytes, numbers with needless bytes, times outside a day), or would not
/// stand on one line (line breaks in text), that is a function such as `blobAsInt(0x)`. The last fields of
/// tuples and user-defined types that are missing become nulls, which is the same to CQL.
///
/// Fails, with `out` unchanged, if the bytes are no value of the type, and with
/// [`ValueError::NoCassandraText`] or [`ValueError::NoCqlLiteral`] if the dialect has nothing that gives the
/// value.
pub fn write_cql_literal(
    ty: &CqlType,
    bytes: &[u8],
    dialect: Dialect,
    out: &mut String,
) -> Result<(), ValueError> {
    let start = out.len();
    let written = Writer { dialect, out }.value(ty, bytes, DEPTH_MAX);
    if written.is_err() {
        out.truncate(start);
    }
    written
}

struct Writer<'o> {
    dialect: Dialect,
    out: &'o mut String,
}

impl Writer<'_> {
    fn mends(&self) -> bool {
        self.dialect == Dialect::Ringtap
    }

    fn value(&mut self, ty: &CqlType, bytes: &[u8], depth: u8) -> Result<(), ValueError> {
        let depth = descend(depth)?;
        match ty {
            CqlType::Native(native) if bytes.is_empty() && !holds_zero_bytes(ty) => self.empty(*native),
            CqlType::Native(native) => self.native(*native, bytes),
            CqlType::Composite(_) | CqlType::DynamicComposite(_) | CqlType::Custom(_) => {
                // CQL writes all types without a name of their own as blobs.
                self.blob(bytes);
                Ok(())
            }
            _ if bytes.is_empty() && self.mends() => Err(ValueError::NoCqlLiteral),
            CqlType::List(element, _) => self.elements(('[', ']'), element, bytes, depth),
            CqlType::Set(element, _) => self.elements(('{', '}'), element, bytes, depth),
            CqlType::Map(entry, _) => self.map(&entry.0, &entry.1, bytes, depth),
            CqlType::Tuple(types) => self.tuple(types, bytes, depth),
            CqlType::UserType(definition, _) => {
                let fields = definition.fields.iter().map(|field| (&*field.name, &field.ty));
                self.user_type(fields, bytes, depth)
            }
            CqlType::Vector(element, dimension) => self.vector(element, *dimension, bytes, depth),
        }
    }

    /// Writes zero bytes, where they are not an ordinary value.
    fn empty(&mut self, native: NativeType) -> Result<(), ValueError> {
        if self.mends() {
            return self.blob_function(native, &[]);
        }
        self.out.push_str("null");
        Ok(())
    }

    /// Writes the function that makes a value from bytes, if it takes these.
    fn blob_function(&mut self, native: NativeType, bytes: &[u8]) -> Result<(), ValueError> {
        let function = match native {
            NativeType::Ascii => "blobAsAscii(",
            NativeType::Bigint => "blobAsBigint(",
            NativeType::Boolean => "blobAsBoolean(",
            NativeType::Decimal => "blobAsDecimal(",
            NativeType::Double => "blobAsDouble(",
            NativeType::Float => "blobAsFloat(",
            NativeType::Inet => "blobAsInet(",
            NativeType::Int => "blobAsInt(",
            NativeType::Text => "blobAsText(",
            NativeType::Timestamp => "blobAsTimestamp(",
            NativeType::Timeuuid => "blobAsTimeuuid(",
            NativeType::Uuid => "blobAsUuid(",
            NativeType::Varint => "blobAsVarint(",
            NativeType::Duration if !bytes.is_empty() => "blobAsDuration(",
            NativeType::Time if !bytes.is_empty() => "blobAsTime(",
            // The others' validation refuses zero bytes.
            _ => return Err(ValueError::NoCqlLiteral),
        };
        self.out.push_str(function);
        self.blob(bytes);
        self.out.push(')');
        Ok(())
    }

    fn native(&mut self, native: NativeType, bytes: &[u8]) -> Result<(), ValueError> {
        let value = decode_native(native, bytes)?;
        if self.mends() && !has_exact_literal(&value, bytes) {
            return self.blob_function(native, bytes);
        }
        match value {
            CqlValue::Int(value) => write_integer(value, self.out),
            CqlValue::Bigint(value) | CqlValue::Counter(value) => write_integer(value, self.out),
            CqlValue::Smallint(value) => write_integer(value, self.out),
            CqlValue::Tinyint(value) => write_integer(value, self.out),
            CqlValue::Text(text) | CqlValue::Ascii(text) => self.text(text),
            CqlValue::Boolean(value) => self.out.push_str(if value { "true" } else { "false" }),
            CqlValue::Uuid(uuid) | CqlValue::Timeuuid(uuid) => write_uuid(uuid, self.out),
            CqlValue::Timestamp(ms) => self.timestamp(ms),
            CqlValue::Double(value) => write_double(value, self.out),
            CqlValue::Float(value) => write_float(value, self.out),
            CqlValue::Blob(bytes) => self.blob(bytes),
            CqlValue::Decimal(value) => return write_decimal(value, false, self.out),
            CqlValue::Varint(value) => return write_varint(value, self.out),
            CqlValue::Inet(address) => self.quoted(|out| write_inet(address, out)),
            CqlValue::Date(days) => self.date(days),
            CqlValue::Time(ns) => {
                let mut printed = Ok(());
                self.quoted(|out| printed = write_time(ns, out));
                return printed;
            }
            CqlValue::Duration(Duration { months: 0, days: 0, nanoseconds: 0 }) if self.mends() => {
                self.out.push_str("0s");
            }
            CqlValue::Duration(duration) => write_duration(duration, self.out),
            _ => return Err(ValueError::NoCassandraText),
        }
        Ok(())
    }

    fn timestamp(&mut self, ms: i64) {
        if self.mends() && !(is_common_year(ms) && is_gregorian(ms)) {
            write_integer(ms, self.out);
            return;
        }
        let dialect = self.dialect;
        self.quoted(|out| write_timestamp(ms, 'T', dialect, out));
    }

    fn date(&mut self, days: u32) {
        let day = i64::from(days) - (1 << 31);
        if self.mends() && !(is_common_year(day * 86_400_000)) {
            write_integer(days, self.out);
            return;
        }
        let dialect = self.dialect;
        self.quoted(|out| write_day(days, dialect, out));
    }

    /// Writes a date, time, timestamp or address: without quotes before 5.0, although CQL needs them.
    fn quoted(&mut self, write: impl FnOnce(&mut String)) {
        let quote = match self.dialect {
            Dialect::Cassandra3 | Dialect::Cassandra4 => "",
            Dialect::Cassandra5 | Dialect::Ringtap => "'",
        };
        self.out.push_str(quote);
        write(self.out);
        self.out.push_str(quote);
    }

    fn text(&mut self, text: &str) {
        self.out.push('\'');
        for (index, part) in text.split('\'').enumerate() {
            if index > 0 {
                self.out.push_str("''");
            }
            self.out.push_str(part);
        }
        self.out.push('\'');
    }

    fn blob(&mut self, bytes: &[u8]) {
        self.out.push_str("0x");
        write_hex(bytes, self.out);
    }

    fn comma(&mut self, first: &mut bool) {
        if !std::mem::replace(first, false) {
            self.out.push_str(", ");
        }
    }

    fn option(&mut self, ty: &CqlType, bytes: Option<&[u8]>, depth: u8) -> Result<(), ValueError> {
        if let Some(bytes) = bytes {
            return self.value(ty, bytes, depth);
        }
        self.out.push_str("null");
        Ok(())
    }

    /// Writes an element of a collection, in which CQL allows no null.
    fn element(&mut self, ty: &CqlType, bytes: Option<&[u8]>, depth: u8) -> Result<(), ValueError> {
        if bytes.is_none() && self.mends() {
            return Err(ValueError::NoCqlLiteral);
        }
        self.option(ty, bytes, depth)
    }

    fn elements(
        &mut self,
        brackets: (char, char),
        ty: &CqlType,
        bytes: &[u8],
        depth: u8,
    ) -> Result<(), ValueError> {
        let mut elements = Elements::open(bytes, 1)?;
        let mut first = true;
        self.out.push(brackets.0);
        while let Some(element) = elements.next()? {
            self.comma(&mut first);
            self.element(ty, element, depth)?;
        }
        self.out.push(brackets.1);
        Ok(())
    }

    fn map(&mut self, key: &CqlType, value: &CqlType, bytes: &[u8], depth: u8) -> Result<(), ValueError> {
        let mut elements = Elements::open(bytes, 2)?;
        let mut first = true;
        self.out.push('{');
        while let Some(key_bytes) = elements.next()? {
            self.comma(&mut first);
            self.element(key, key_bytes, depth)?;
            self.out.push_str(": ");
            let value_bytes = elements.next()?.ok_or(ValueError::Truncated)?;
            self.element(value, value_bytes, depth)?;
        }
        self.out.push('}');
        Ok(())
    }

    fn tuple(&mut self, types: &[CqlType], bytes: &[u8], depth: u8) -> Result<(), ValueError> {
        let mut fields = Fields::open(bytes);
        let mut first = true;
        self.out.push('(');
        for ty in types {
            let Some(field) = fields.next()? else { break };
            self.comma(&mut first);
            self.option(ty, field, depth)?;
        }
        self.out.push(')');
        fields.finish()
    }

    fn user_type<'t>(
        &mut self,
        definition: impl Iterator<Item = (&'t str, &'t CqlType)>,
        bytes: &[u8],
        depth: u8,
    ) -> Result<(), ValueError> {
        let mut fields = Fields::open(bytes);
        let mut first = true;
        self.out.push('{');
        for (name, ty) in definition {
            let Some(field) = fields.next()? else { break };
            self.comma(&mut first);
            self.field_name(name);
            self.out.push_str(": ");
            self.option(ty, field, depth)?;
        }
        self.out.push('}');
        fields.finish()
    }

    fn field_name(&mut self, name: &str) {
        if is_plain_identifier(name) {
            self.out.push_str(name);
            return;
        }
        self.out.push('"');
        for (index, part) in name.split('"').enumerate() {
            if index > 0 {
                self.out.push_str("\"\"");
            }
            self.out.push_str(part);
        }
        self.out.push('"');
    }

    fn vector(
        &mut self,
        element: &CqlType,
        dimension: u32,
        bytes: &[u8],
        depth: u8,
    ) -> Result<(), ValueError> {
        let mut elements = VectorElements::open(bytes, element, dimension)?;
        let mut first = true;
        self.out.push('[');
        while let Some(value) = elements.next()? {
            if value.is_empty() && self.mends() && !holds_zero_bytes(element) {
                // Vectors take no function's zero bytes: "null is not supported inside vectors".
                return Err(ValueError::NoCqlLiteral);
            }
            self.comma(&mut first);
            self.value(element, value, depth)?;
        }
        self.out.push(']');
        Ok(())
    }
}

/// Returns true if the literal of a value gives these very bytes again.
fn has_exact_literal(value: &CqlValue<'_>, bytes: &[u8]) -> bool {
    match value {
        CqlValue::Ascii(text) | CqlValue::Text(text) => !text.contains(['\n', '\r']),
        CqlValue::Boolean(value) => bytes == [u8::from(*value)],
        CqlValue::Double(value) => !value.is_nan() || value.to_bits() == f64::NAN.to_bits(),
        CqlValue::Float(value) => !value.is_nan() || value.to_bits() == f32::NAN.to_bits(),
        CqlValue::Decimal(value) => {
            value.unscaled.is_minimal() && value.scale.unsigned_abs() <= LITERAL_SCALE_MAX
        }
        CqlValue::Varint(value) => value.is_minimal(),
        // Java takes the text of a wrapped address for IPv4.
        CqlValue::Inet(std::net::IpAddr::V6(address)) => address.to_ipv4_mapped().is_none(),
        CqlValue::Time(ns) => is_time_of_day(*ns),
        CqlValue::Duration(Duration { months, days, nanoseconds }) => {
            *months != i32::MIN && *days != i32::MIN && *nanoseconds != i64::MIN
        }
        _ => true,
    }
}
