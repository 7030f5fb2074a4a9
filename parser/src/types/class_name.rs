//! Types as the names of Cassandra's classes, such as
//! `org.apache.cassandra.db.marshal.ReversedType(…)` (`TypeParser`).

use std::{fmt, sync::Arc};

use super::{
    CqlType, DEPTH_MAX, Frozen, NativeType, UserType, UserTypeField,
    cql_name::parse_dimension,
    cursor::Cursor,
    error::{TypeParseError, TypeParseErrorKind},
};

/// Package of Cassandra's own types. A name without a dot is in it.
const PACKAGE: &str = "org.apache.cassandra.db.marshal.";

impl CqlType {
    /// Parses the name of a class with its parameters, in full or without Cassandra's own package.
    ///
    /// Returns the type, and whether it came in `ReversedType(…)`, which gives the order of clusterings alone:
    /// the bytes are the same. `FrozenType(…)` freezes what is in it; within collections, tuples and vectors
    /// everything is [`Frozen::Yes`] as for [`CqlType::parse`]. Classes that Cassandra does not bring itself,
    /// and its own ones without a CQL name, are [`CqlType::Custom`].
    ///
    /// Fails for anything that is not written like a class, for a wrong number of parameters, and for a type
    /// nested deeper than [`DEPTH_MAX`].
    pub fn parse_class(text: &str) -> Result<(Self, bool), TypeParseError> {
        let mut parser = Parser { cursor: Cursor::new(text) };
        let parsed = parser.parse(Frozen::No, DEPTH_MAX)?;
        parser.cursor.finish()?;
        Ok(parsed)
    }

    /// Returns the type with its own collection or user-defined type frozen.
    pub(super) fn freeze(self) -> Self {
        match self {
            Self::List(element, _) => Self::List(element, Frozen::Yes),
            Self::Set(element, _) => Self::Set(element, Frozen::Yes),
            Self::Map(entry, _) => Self::Map(entry, Frozen::Yes),
            Self::UserType(definition, _) => Self::UserType(definition, Frozen::Yes),
            other => other,
        }
    }
}

struct Parser<'t> {
    cursor: Cursor<'t>,
}

impl<'t> Parser<'t> {
    /// Parses a type, in any number of `FrozenType(…)` and `ReversedType(…)`: those are no depth of their own.
    fn parse(&mut self, mut frozen: Frozen, depth: u8) -> Result<(CqlType, bool), TypeParseError> {
        let (mut opened, mut reversed) = (0_usize, false);
        loop {
            if self.takes_wrapper("FrozenType") {
                frozen = Frozen::Yes;
            } else if self.takes_wrapper("ReversedType") {
                reversed = !reversed;
            } else {
                break;
            }
            opened += 1;
        }
        let parsed = self.unwrapped(frozen, depth)?;
        for _ in 0..opened {
            self.cursor.expect(')')?;
        }
        Ok((parsed, reversed))
    }

    fn takes_wrapper(&mut self, class: &str) -> bool {
        let mut ahead = self.cursor.clone();
        let Ok(name) = Self::identifier(&mut ahead) else {
            return false;
        };
        let found = name.strip_prefix(PACKAGE).unwrap_or(name) == class && ahead.take('(');
        if found {
            self.cursor = ahead;
        }
        found
    }

    fn unwrapped(&mut self, frozen: Frozen, depth: u8) -> Result<CqlType, TypeParseError> {
        let Some(depth) = depth.checked_sub(1) else {
            return Err(self.cursor.error(TypeParseErrorKind::TooDeep));
        };
        self.cursor.skip_blank();
        let start = self.cursor.rest();
        let class = Self::identifier(&mut self.cursor)?;
        let short = class.strip_prefix(PACKAGE).unwrap_or(class);
        if short.contains('.') {
            return self.custom(start, class);
        }
        if let Some(native) = NativeType::from_class_name(short) {
            self.skip_parameters()?;
            return Ok(CqlType::Native(native));
        }
        let parsed = match short {
            // With their parameter they have been taken before.
            "ReversedType" => return Err(self.wrong_parameters("ReversedType")),
            "FrozenType" => return Err(self.wrong_parameters("FrozenType")),
            "ListType" => {
                let element = self.one("ListType", |parser| parser.plain(Frozen::Yes, depth))?;
                CqlType::List(Box::new(element), frozen)
            }
            "SetType" => {
                let element = self.one("SetType", |parser| parser.plain(Frozen::Yes, depth))?;
                CqlType::Set(Box::new(element), frozen)
            }
            "MapType" => self.map(frozen, depth)?,
            "TupleType" => CqlType::Tuple(self.types(depth)?),
            "CompositeType" => CqlType::Composite(self.types(depth)?),
            "DynamicCompositeType" => CqlType::DynamicComposite(self.aliases(depth)?),
            "UserType" => self.user_type(frozen, depth)?,
            "VectorType" => self.vector(depth)?,
            _ => self.custom(start, class)?,
        };
        Ok(parsed)
    }

    fn wrong_parameters(&self, class: &'static str) -> TypeParseError {
        self.cursor.error(TypeParseErrorKind::WrongParameters(class))
    }

    /// Parses a type whose order does not matter.
    fn plain(&mut self, frozen: Frozen, depth: u8) -> Result<CqlType, TypeParseError> {
        Ok(self.parse(frozen, depth)?.0)
    }

    fn identifier(cursor: &mut Cursor<'t>) -> Result<&'t str, TypeParseError> {
        cursor.skip_blank();
        let name = cursor.take_while(is_identifier_char);
        if name.is_empty() { Err(cursor.unexpected()) } else { Ok(name) }
    }

    fn one<T>(
        &mut self,
        class: &'static str,
        parse: impl FnOnce(&mut Self) -> Result<T, TypeParseError>,
    ) -> Result<T, TypeParseError> {
        if !self.cursor.take('(') {
            return Err(self.wrong_parameters(class));
        }
        let parsed = parse(self)?;
        if !self.cursor.take(')') {
            return Err(self.wrong_parameters(class));
        }
        Ok(parsed)
    }

    fn map(&mut self, frozen: Frozen, depth: u8) -> Result<CqlType, TypeParseError> {
        let entry = self.one("MapType", |parser| {
            let key = parser.plain(Frozen::Yes, depth)?;
            parser.cursor.expect(',')?;
            Ok((key, parser.plain(Frozen::Yes, depth)?))
        })?;
        Ok(CqlType::Map(Box::new(entry), frozen))
    }

    fn vector(&mut self, depth: u8) -> Result<CqlType, TypeParseError> {
        self.one("VectorType", |parser| {
            let element = parser.plain(Frozen::Yes, depth)?;
            parser.cursor.expect(',')?;
            Ok(CqlType::Vector(Box::new(element), parse_dimension(&mut parser.cursor)?))
        })
    }

    fn types(&mut self, depth: u8) -> Result<Box<[CqlType]>, TypeParseError> {
        let mut types = Vec::new();
        self.cursor.expect('(')?;
        while !self.cursor.take(')') {
            if !types.is_empty() {
                self.cursor.expect(',')?;
            }
            types.push(self.plain(Frozen::Yes, depth)?);
        }
        Ok(types.into())
    }

    fn aliases(&mut self, depth: u8) -> Result<Box<[(u8, CqlType)]>, TypeParseError> {
        let mut aliases = Vec::new();
        self.cursor.expect('(')?;
        while !self.cursor.take(')') {
            if !aliases.is_empty() {
                self.cursor.expect(',')?;
            }
            let &[alias] = Self::identifier(&mut self.cursor)?.as_bytes() else {
                return Err(self.wrong_parameters("DynamicCompositeType"));
            };
            self.cursor.expect('=')?;
            self.cursor.expect('>')?;
            aliases.push((alias, self.plain(Frozen::Yes, depth)?));
        }
        Ok(aliases.into())
    }

    fn user_type(&mut self, frozen: Frozen, depth: u8) -> Result<CqlType, TypeParseError> {
        self.cursor.expect('(')?;
        let keyspace = Self::identifier(&mut self.cursor)?.into();
        self.cursor.expect(',')?;
        let name = self.hex_name()?;
        let mut fields = Vec::new();
        while !self.cursor.take(')') {
            self.cursor.expect(',')?;
            let name = self.hex_name()?;
            self.cursor.expect(':')?;
            fields.push(UserTypeField { name, ty: self.plain(Frozen::No, depth)? });
        }
        Ok(CqlType::UserType(Arc::new(UserType { keyspace, name, fields: fields.into() }), frozen))
    }

    fn hex_name(&mut self) -> Result<Box<str>, TypeParseError> {
        self.cursor.skip_blank();
        let digits = self.cursor.take_while(is_identifier_char);
        let invalid = || self.cursor.error(TypeParseErrorKind::InvalidHexName);
        let mut name = Vec::with_capacity(digits.len() / 2);
        for pair in digits.as_bytes().chunks(2) {
            let value = |digit: u8| (digit as char).to_digit(16);
            let &[high, low] = pair else { return Err(invalid()) };
            let (Some(high), Some(low)) = (value(high), value(low)) else {
                return Err(invalid());
            };
            name.push((high << 4 | low) as u8);
        }
        String::from_utf8(name).map(Into::into).map_err(|_| invalid())
    }

    /// Takes a class that is not one of those above, with whatever its parameters are.
    fn custom(&mut self, start: &str, class: &str) -> Result<CqlType, TypeParseError> {
        self.skip_parameters()?;
        let length = start.len() - self.cursor.rest().len();
        let text = start.get(..length).unwrap_or(start);
        let package = if class.contains('.') { "" } else { PACKAGE };
        Ok(CqlType::Custom(format!("{package}{}", text.trim_end()).into()))
    }

    fn skip_parameters(&mut self) -> Result<(), TypeParseError> {
        if !self.cursor.take('(') {
            return Ok(());
        }
        let mut open = 1_usize;
        while open > 0 {
            match self.cursor.next() {
                None => return Err(self.cursor.error(TypeParseErrorKind::UnexpectedEnd)),
                Some('(') => open += 1,
                Some(')') => open -= 1,
                Some(_) => {}
            }
        }
        Ok(())
    }
}

/// Returns true for the characters of names in class names (`TypeParser.isIdentifierChar`).
fn is_identifier_char(next: char) -> bool {
    next.is_ascii_alphanumeric() || matches!(next, '-' | '+' | '.' | '_' | '&')
}

/// Writes a type as the name of its class with parameters, as [`CqlType::parse_class`] reads it
/// (`AbstractType.toString`).
#[derive(Debug, Clone, Copy)]
pub struct ClassName<'t>(pub &'t CqlType);

impl fmt::Display for ClassName<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            CqlType::Native(native) => write!(f, "{PACKAGE}{}", native.class_name()),
            CqlType::List(element, frozen) => {
                write_frozen(f, *frozen, format_args!("ListType({})", ClassName(element)))
            }
            CqlType::Set(element, frozen) => {
                write_frozen(f, *frozen, format_args!("SetType({})", ClassName(element)))
            }
            CqlType::Map(entry, frozen) => {
                let (key, value) = (ClassName(&entry.0), ClassName(&entry.1));
                write_frozen(f, *frozen, format_args!("MapType({key},{value})"))
            }
            CqlType::Tuple(fields) => write_types(f, "TupleType", fields),
            CqlType::Composite(components) => write_types(f, "CompositeType", components),
            CqlType::UserType(definition, frozen) => {
                write_frozen(f, *frozen, format_args!("{}", UserTypeClass(definition)))
            }
            CqlType::Vector(element, dimension) => {
                write!(f, "{PACKAGE}VectorType({} , {dimension})", ClassName(element))
            }
            CqlType::DynamicComposite(aliases) => {
                write!(f, "{PACKAGE}DynamicCompositeType(")?;
                for (index, (alias, ty)) in aliases.iter().enumerate() {
                    let comma = if index > 0 { "," } else { "" };
                    write!(f, "{comma}{}=>{}", char::from(*alias), ClassName(ty))?;
                }
                f.write_str(")")
            }
            CqlType::Custom(class) => f.write_str(class),
        }
    }
}

fn write_frozen(f: &mut fmt::Formatter<'_>, frozen: Frozen, inner: fmt::Arguments<'_>) -> fmt::Result {
    match frozen {
        Frozen::Yes => write!(f, "{PACKAGE}FrozenType({PACKAGE}{inner})"),
        Frozen::No => write!(f, "{PACKAGE}{inner}"),
    }
}

fn write_types(f: &mut fmt::Formatter<'_>, class: &str, types: &[CqlType]) -> fmt::Result {
    write!(f, "{PACKAGE}{class}(")?;
    for (index, ty) in types.iter().enumerate() {
        let comma = if index > 0 { "," } else { "" };
        write!(f, "{comma}{}", ClassName(ty))?;
    }
    f.write_str(")")
}

struct UserTypeClass<'t>(&'t UserType);

impl fmt::Display for UserTypeClass<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "UserType({},{}", self.0.keyspace, Hex(&self.0.name))?;
        for field in &self.0.fields {
            write!(f, ",{}:{}", Hex(&field.name), ClassName(&field.ty))?;
        }
        f.write_str(")")
    }
}

struct Hex<'t>(&'t str);

impl fmt::Display for Hex<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.bytes().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}
