//! Values as JSON (`AbstractType.toJSONString`).

use uuid::Uuid;

use super::{
    CqlType, DEPTH_MAX, Dialect, NativeType, ValueError,
    java_number::{write_decimal, write_double, write_float},
    native_text::{
        is_common_year, is_time_of_day, write_day, write_duration, write_hex, write_inet, write_integer,
        write_time, write_timestamp, write_uuid, write_varint,
    },
    value::{CqlValue, Duration, decode_native, descend, holds_zero_bytes},
    wire::{Elements, Fields, VectorElements, array},
};

/// Greatest depth of maps in keys of maps: each one doubles the backslashes in its keys.
const KEY_DEPTH_MAX: u8 = 8;

/// Appends `bytes` as JSON to `out`, as `dialect` writes a value of `ty`.
///
/// Fails, with `out` unchanged, if the bytes are no value of the type, and in Cassandra's dialects with
/// [`ValueError::NoCassandraText`] where Cassandra itself throws. In [`Dialect::Ringtap`] composites and
/// classes without a CQL type are written like blobs.
pub fn write_json(ty: &CqlType, bytes: &[u8], dialect: Dialect, out: &mut String) -> Result<(), ValueError> {
    write(ty, bytes, dialect, false, out)
}

/// Appends `bytes` as JSON as [`write_json`] does, but decimals, at any depth, without trailing zeros
/// (`BigDecimal.stripTrailingZeros`).
///
/// Clustering columns hold 1.0 and 1.00 for the same row, so this is what tells rows apart.
pub fn write_json_canonical_decimal(
    ty: &CqlType,
    bytes: &[u8],
    dialect: Dialect,
    out: &mut String,
) -> Result<(), ValueError> {
    write(ty, bytes, dialect, true, out)
}

fn write(
    ty: &CqlType,
    bytes: &[u8],
    dialect: Dialect,
    canonical_decimals: bool,
    out: &mut String,
) -> Result<(), ValueError> {
    let start = out.len();
    let mut writer = Writer { dialect, canonical_decimals, key_depth: KEY_DEPTH_MAX, out };
    let written = writer.value(ty, bytes, DEPTH_MAX);
    if written.is_err() {
        out.truncate(start);
    }
    written
}

struct Writer<'o> {
    dialect: Dialect,
    canonical_decimals: bool,
    key_depth: u8,
    out: &'o mut String,
}

impl Writer<'_> {
    fn mends(&self) -> bool {
        self.dialect == Dialect::Ringtap
    }

    fn value(&mut self, ty: &CqlType, bytes: &[u8], depth: u8) -> Result<(), ValueError> {
        let depth = descend(depth)?;
        // Vectors never have zero bytes: no more here than for `decode`.
        let may_be_empty = !holds_zero_bytes(ty) && !matches!(ty, CqlType::Vector(..));
        if bytes.is_empty() && self.mends() && may_be_empty {
            self.out.push_str("\"\"");
            return Ok(());
        }
        match ty {
            CqlType::Native(native) => match decode_native(*native, bytes)? {
                CqlValue::Empty => self.empty(*native),
                value => self.native(&value),
            },
            CqlType::List(element, _) | CqlType::Set(element, _) => self.elements(element, bytes, depth),
            CqlType::Map(entry, _) => self.map(&entry.0, &entry.1, bytes, depth),
            CqlType::Tuple(types) => self.tuple(types, bytes, depth),
            CqlType::UserType(definition, _) => {
                let fields = definition.fields.iter().map(|field| (&*field.name, &field.ty));
                self.user_type(fields, bytes, depth)
            }
            CqlType::Vector(element, dimension) => self.vector(element, *dimension, bytes, depth),
            CqlType::Custom(class) if is_lexical_uuid(class) => self.lexical_uuid(bytes),
            // Cassandra throws for composites, and what it does for other classes is theirs to know.
            CqlType::Composite(_) | CqlType::DynamicComposite(_) | CqlType::Custom(_) if !self.mends() => {
                Err(ValueError::NoCassandraText)
            }
            CqlType::Composite(_) | CqlType::DynamicComposite(_) | CqlType::Custom(_) => {
                self.blob(bytes);
                Ok(())
            }
        }
    }

    fn native(&mut self, value: &CqlValue<'_>) -> Result<(), ValueError> {
        match *value {
            CqlValue::Int(value) => write_integer(value, self.out),
            CqlValue::Bigint(value) | CqlValue::Counter(value) => write_integer(value, self.out),
            CqlValue::Smallint(value) => write_integer(value, self.out),
            CqlValue::Tinyint(value) => write_integer(value, self.out),
            CqlValue::Text(text) | CqlValue::Ascii(text) => {
                self.out.push('"');
                write_escaped(text, self.out);
                self.out.push('"');
            }
            CqlValue::Boolean(value) => self.out.push_str(if value { "true" } else { "false" }),
            CqlValue::Uuid(uuid) | CqlValue::Timeuuid(uuid) => {
                self.quoted(|out| write_uuid(uuid, out));
            }
            CqlValue::Timestamp(ms) if self.mends() && !is_common_year(ms) => write_integer(ms, self.out),
            CqlValue::Timestamp(ms) => {
                let dialect = self.dialect;
                self.quoted(|out| write_timestamp(ms, ' ', dialect, out));
            }
            CqlValue::Double(value) if !value.is_finite() => {
                self.not_finite(|out| write_double(value, out));
            }
            CqlValue::Float(value) if !value.is_finite() => {
                self.not_finite(|out| write_float(value, out));
            }
            CqlValue::Double(value) => write_double(value, self.out),
            CqlValue::Float(value) => write_float(value, self.out),
            CqlValue::Blob(bytes) => self.blob(bytes),
            CqlValue::Decimal(value) => return write_decimal(value, self.canonical_decimals, self.out),
            CqlValue::Varint(value) => return write_varint(value, self.out),
            CqlValue::Inet(address) => self.quoted(|out| write_inet(address, out)),
            CqlValue::Date(days) => {
                let dialect = self.dialect;
                self.quoted(|out| write_day(days, dialect, out));
            }
            // Cassandra writes nothing for it; that text is for zero bytes here.
            CqlValue::Duration(Duration { months: 0, days: 0, nanoseconds: 0 }) if self.mends() => {
                self.out.push_str("\"0ns\"");
            }
            CqlValue::Duration(duration) => self.quoted(|out| write_duration(duration, out)),
            CqlValue::Time(ns) => return self.time(ns),
            _ => return Err(ValueError::NoCassandraText),
        }
        Ok(())
    }

    /// Writes zero bytes as Cassandra does. (The mended form has been written before.)
    fn empty(&mut self, native: NativeType) -> Result<(), ValueError> {
        if matches!(native, NativeType::Boolean | NativeType::Counter) {
            return Err(ValueError::NoCassandraText);
        }
        self.out.push_str("\"\"");
        Ok(())
    }

    fn time(&mut self, ns: i64) -> Result<(), ValueError> {
        if self.mends() && !is_time_of_day(ns) {
            write_integer(ns, self.out);
            return Ok(());
        }
        let mut printed = Ok(());
        self.quoted(|out| printed = write_time(ns, out));
        printed
    }

    fn quoted(&mut self, write: impl FnOnce(&mut String)) {
        self.out.push('"');
        write(self.out);
        self.out.push('"');
    }

    fn not_finite(&mut self, write: impl FnOnce(&mut String)) {
        if self.mends() {
            self.quoted(write);
        } else {
            self.out.push_str("null");
        }
    }

    fn lexical_uuid(&mut self, bytes: &[u8]) -> Result<(), ValueError> {
        if bytes.is_empty() {
            self.out.push_str("\"\"");
            return Ok(());
        }
        let uuid = Uuid::from_bytes(array(bytes)?);
        self.quoted(|out| write_uuid(uuid, out));
        Ok(())
    }

    fn blob(&mut self, bytes: &[u8]) {
        self.out.push_str("\"0x");
        write_hex(bytes, self.out);
        self.out.push('"');
    }

    fn comma(&mut self, first: &mut bool) {
        if !std::mem::replace(first, false) {
            self.out.push_str(", ");
        }
    }

    /// Writes an element of a collection, in which Cassandra has no text for null.
    fn element(&mut self, ty: &CqlType, bytes: Option<&[u8]>, depth: u8) -> Result<(), ValueError> {
        match bytes {
            Some(bytes) => self.value(ty, bytes, depth),
            None if self.mends() => {
                self.out.push_str("null");
                Ok(())
            }
            None => Err(ValueError::NoCassandraText),
        }
    }

    fn field(&mut self, ty: &CqlType, bytes: Option<&[u8]>, depth: u8) -> Result<(), ValueError> {
        if let Some(bytes) = bytes {
            return self.value(ty, bytes, depth);
        }
        self.out.push_str("null");
        Ok(())
    }

    fn elements(&mut self, ty: &CqlType, bytes: &[u8], depth: u8) -> Result<(), ValueError> {
        let mut elements = Elements::open(bytes, 1)?;
        let mut first = true;
        self.out.push('[');
        while let Some(element) = elements.next()? {
            self.comma(&mut first);
            self.element(ty, element, depth)?;
        }
        self.out.push(']');
        Ok(())
    }

    fn map(&mut self, key: &CqlType, value: &CqlType, bytes: &[u8], depth: u8) -> Result<(), ValueError> {
        let mut elements = Elements::open(bytes, 2)?;
        let mut first = true;
        self.out.push('{');
        while let Some(key_bytes) = elements.next()? {
            self.comma(&mut first);
            self.key(key, key_bytes.ok_or(ValueError::UnexpectedNull)?, depth)?;
            self.out.push_str(": ");
            let value_bytes = elements.next()?.ok_or(ValueError::Truncated)?;
            self.element(value, value_bytes, depth)?;
        }
        self.out.push('}');
        Ok(())
    }

    /// Writes a map's key, as a string in any case.
    fn key(&mut self, ty: &CqlType, bytes: &[u8], depth: u8) -> Result<(), ValueError> {
        let start = self.out.len();
        if let CqlType::Native(_) = ty {
            self.value(ty, bytes, depth)?;
            // What stands without quotes there has nothing that needs escapes.
            if !self.out.get(start..).is_some_and(|key| key.starts_with('"')) {
                self.out.insert(start, '"');
                self.out.push('"');
            }
            return Ok(());
        }
        self.key_depth = descend(self.key_depth)?;
        self.value(ty, bytes, depth)?;
        self.key_depth += 1;
        if !self.out.get(start..).is_some_and(|key| key.starts_with('"')) {
            let key = self.out.split_off(start);
            self.quoted(|out| write_escaped(&key, out));
        }
        Ok(())
    }

    fn tuple(&mut self, types: &[CqlType], bytes: &[u8], depth: u8) -> Result<(), ValueError> {
        let mut fields = Fields::open(bytes);
        let mut first = true;
        self.out.push('[');
        for ty in types {
            self.comma(&mut first);
            let field = match fields.next()? {
                Some(field) => field,
                // Cassandra reads on behind the end.
                None if !self.mends() => return Err(ValueError::NoCassandraText),
                None => None,
            };
            self.field(ty, field, depth)?;
        }
        self.out.push(']');
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
            self.comma(&mut first);
            self.field_name(name);
            let field = fields.next()?.flatten();
            self.field(ty, field, depth)?;
        }
        self.out.push('}');
        fields.finish()
    }

    /// Writes a field's name, in escaped quotes of its own if it has capitals (`UserType.toJSONString`).
    fn field_name(&mut self, name: &str) {
        let quotes = if name.chars().any(has_other_lower_case) { "\\\"" } else { "" };
        self.out.push('"');
        self.out.push_str(quotes);
        write_escaped(name, self.out);
        self.out.push_str(quotes);
        self.out.push_str("\": ");
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
            self.comma(&mut first);
            self.value(element, value, depth)?;
        }
        self.out.push(']');
        Ok(())
    }
}

fn has_other_lower_case(letter: char) -> bool {
    let mut lower = letter.to_lowercase();
    lower.next() != Some(letter) || lower.next().is_some()
}

fn is_lexical_uuid(class: &str) -> bool {
    class == "org.apache.cassandra.db.marshal.LexicalUUIDType"
}

/// Appends `text` as the inside of a JSON string, escaped as Jackson does: quotes, backslashes and control
/// characters below space.
pub(super) fn write_escaped(text: &str, out: &mut String) {
    let mut rest = text;
    while let Some(position) = first_special(rest.as_bytes()) {
        let (plain, special) = rest.split_at(position);
        out.push_str(plain);
        let byte = special.bytes().next().unwrap_or_default();
        match byte {
            b'"' => out.push_str("\\\""),
            b'\\' => out.push_str("\\\\"),
            b'\n' => out.push_str("\\n"),
            b'\r' => out.push_str("\\r"),
            b'\t' => out.push_str("\\t"),
            8 => out.push_str("\\b"),
            12 => out.push_str("\\f"),
            _ => {
                out.push_str(if byte < 16 { "\\u000" } else { "\\u001" });
                out.push(char::from_digit(u32::from(byte & 15), 16).unwrap_or('0').to_ascii_uppercase());
            }
        }
        rest = special.get(1..).unwrap_or_default();
    }
    out.push_str(rest);
}

/// Returns where the first byte is that needs an escape. Whole blocks are looked at first, which the compiler does with
/// a few instructions for each.
fn first_special(bytes: &[u8]) -> Option<usize> {
    #[expect(
        clippy::needless_bitwise_bool,
        reason = "measured: with branches the blocks are not looked at as a whole"
    )]
    let is_special = |byte: u8| (byte < b' ') | (byte == b'"') | (byte == b'\\');
    let (blocks, _) = bytes.as_chunks::<16>();
    let is_plain = |block: &&[u8; 16]| !block.iter().fold(false, |found, byte| found | is_special(*byte));
    let plain = blocks.iter().take_while(is_plain).count() * 16;
    let rest = bytes.get(plain..).unwrap_or_default();
    rest.iter().position(|byte| is_special(*byte)).map(|at| plain + at)
}
