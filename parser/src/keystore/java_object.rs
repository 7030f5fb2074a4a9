//! Just enough of the Java object serialisation stream protocol (version 5) to read a `SealedObject`, a
//! `SecretKeySpec` or a `KeyRep`: class descriptors, objects with strings and byte arrays as fields, and enums.
//!
//! Every count is bounded and every nested value costs depth, so a hostile stream ends early with an error.

use nom::{
    IResult, Parser,
    bytes::complete::take,
    combinator::map_res,
    error::{Error, ErrorKind},
    multi::length_data,
    number::complete::{be_u8, be_u16, be_u32},
};

/// How deep values and class hierarchies may nest. A sealed key needs three.
const DEPTH_MAX: u8 = 8;
/// How many values one stream may hold. A sealed key needs about ten.
const HANDLES_MAX: usize = 64;
/// How many fields one class may have. A sealed key's has four.
const FIELDS_MAX: u16 = 32;

const STREAM_MAGIC_VERSION: [u8; 4] = [0xAC, 0xED, 0x00, 0x05];
const FIRST_HANDLE: u32 = 0x007E_0000;
const TC_NULL: u8 = 0x70;
const TC_REFERENCE: u8 = 0x71;
const TC_CLASSDESC: u8 = 0x72;
const TC_OBJECT: u8 = 0x73;
const TC_STRING: u8 = 0x74;
const TC_ARRAY: u8 = 0x75;
const TC_ENDBLOCKDATA: u8 = 0x78;
const TC_ENUM: u8 = 0x7E;
/// A class that is `Serializable` and has no `writeObject` of its own.
const FLAGS_SERIALIZABLE: u8 = 0x02;
/// The same for an enum.
const FLAGS_SERIALIZABLE_ENUM: u8 = 0x12;

type Parsed<'a, T> = IResult<&'a [u8], T, Error<&'a [u8]>>;

/// One value of the stream.
#[derive(Debug, Clone)]
pub(super) enum Value<'a> {
    Null,
    String(&'a str),
    Bytes(&'a [u8]),
    Object(Object<'a>),
    /// A number, an enum's constant or anything else that no key needs.
    Other,
}

/// An object: its class and the fields of the class and its super classes.
#[derive(Debug, Clone)]
pub(super) struct Object<'a> {
    pub(super) class_name: &'a str,
    fields: Vec<(&'a str, Value<'a>)>,
}

impl<'a> Object<'a> {
    /// Returns the byte array in field `name`.
    pub(super) fn bytes(&self, name: &str) -> Option<&'a [u8]> {
        self.fields.iter().find_map(|(field, value)| match value {
            Value::Bytes(bytes) if *field == name => Some(*bytes),
            _ => None,
        })
    }

    /// Returns the text in field `name`.
    pub(super) fn string(&self, name: &str) -> Option<&'a str> {
        self.fields.iter().find_map(|(field, value)| match value {
            Value::String(text) if *field == name => Some(*text),
            _ => None,
        })
    }
}

/// What a back reference may point to.
#[derive(Debug, Clone)]
enum Handle<'a> {
    Class(usize),
    Value(Value<'a>),
    /// An object that is not read to its end yet: a reference to it would be a cycle.
    Open,
}

#[derive(Debug, Clone)]
struct Class<'a> {
    name: &'a str,
    fields: Vec<(u8, &'a str)>,
    parent: Option<usize>,
}

/// Returns the one object that the stream at the start of `input` holds, and the input behind it. `None` for
/// anything that is not such an object.
pub(super) fn read_object(input: &[u8]) -> Option<(&[u8], Object<'_>)> {
    let body = input.strip_prefix(&STREAM_MAGIC_VERSION)?;
    let mut reader = Reader { classes: Vec::new(), handles: Vec::new() };
    match reader.value(body, 0) {
        Ok((rest, Value::Object(object))) => Some((rest, object)),
        _ => None,
    }
}

/// Returns whether `input` begins as an object stream does.
pub(super) fn is_stream(input: &[u8]) -> bool {
    input.starts_with(&STREAM_MAGIC_VERSION)
}

struct Reader<'a> {
    classes: Vec<Class<'a>>,
    handles: Vec<Handle<'a>>,
}

impl<'a> Reader<'a> {
    fn value(&mut self, input: &'a [u8], depth: u8) -> Parsed<'a, Value<'a>> {
        if depth > DEPTH_MAX {
            return failure(input, ErrorKind::TooLarge);
        }
        let (rest, tag) = be_u8(input)?;
        match tag {
            TC_NULL => Ok((rest, Value::Null)),
            TC_REFERENCE => {
                let (rest, handle) = self.reference(rest)?;
                match handle {
                    Handle::Value(value) => Ok((rest, value)),
                    Handle::Class(_) | Handle::Open => failure(rest, ErrorKind::Tag),
                }
            }
            TC_STRING => {
                let (rest, text) = modified_utf8(rest)?;
                self.remember(rest, Handle::Value(Value::String(text)))?;
                Ok((rest, Value::String(text)))
            }
            TC_ARRAY => self.byte_array(rest, depth),
            TC_ENUM => self.enumeration(rest, depth),
            TC_OBJECT => self.object(rest, depth),
            _ => failure(input, ErrorKind::Tag),
        }
    }

    fn object(&mut self, input: &'a [u8], depth: u8) -> Parsed<'a, Value<'a>> {
        let (mut rest, class) = self.class(input, depth + 1)?;
        let own_handle = self.handles.len();
        self.remember(rest, Handle::Open)?;
        let mut object = Object { class_name: "", fields: Vec::new() };
        // The fields of the uppermost super class come first.
        for index in self.lineage(class) {
            let Some(class) = self.classes.get(index).cloned() else {
                return failure(rest, ErrorKind::Verify);
            };
            object.class_name = class.name;
            for (type_code, name) in class.fields {
                let value;
                (rest, value) = self.field(rest, type_code, depth)?;
                // The others are not asked for, and would cost more memory than they have bytes.
                if matches!(value, Value::String(_) | Value::Bytes(_)) {
                    object.fields.push((name, value));
                }
            }
        }
        if let Some(handle) = self.handles.get_mut(own_handle) {
            // Nothing that holds a key refers back to an object, so its value is not kept.
            *handle = Handle::Value(Value::Other);
        }
        Ok((rest, Value::Object(object)))
    }

    fn field(&mut self, input: &'a [u8], type_code: u8, depth: u8) -> Parsed<'a, Value<'a>> {
        let width: usize = match type_code {
            b'L' | b'[' => return self.value(input, depth + 1),
            b'B' | b'Z' => 1,
            b'C' | b'S' => 2,
            b'F' | b'I' => 4,
            b'D' | b'J' => 8,
            _ => return failure(input, ErrorKind::Tag),
        };
        let (rest, _) = take(width)(input)?;
        Ok((rest, Value::Other))
    }

    fn byte_array(&mut self, input: &'a [u8], depth: u8) -> Parsed<'a, Value<'a>> {
        let (rest, class) = self.class(input, depth + 1)?;
        if self.class_name(class) != Some("[B") {
            return failure(input, ErrorKind::Tag);
        }
        let (rest, bytes) = length_data(be_u32).parse(rest)?;
        self.remember(rest, Handle::Value(Value::Bytes(bytes)))?;
        Ok((rest, Value::Bytes(bytes)))
    }

    fn enumeration(&mut self, input: &'a [u8], depth: u8) -> Parsed<'a, Value<'a>> {
        let (rest, _) = self.class(input, depth + 1)?;
        let own_handle = self.handles.len();
        self.remember(rest, Handle::Open)?;
        let (rest, name) = self.value(rest, depth + 1)?;
        let Value::String(_) = name else {
            return failure(input, ErrorKind::Tag);
        };
        if let Some(handle) = self.handles.get_mut(own_handle) {
            *handle = Handle::Value(Value::Other);
        }
        Ok((rest, Value::Other))
    }

    /// Reads a class descriptor, new or by reference, that must not be null.
    fn class(&mut self, input: &'a [u8], depth: u8) -> Parsed<'a, usize> {
        match self.class_or_null(input, depth)? {
            (rest, Some(class)) => Ok((rest, class)),
            (rest, None) => failure(rest, ErrorKind::Tag),
        }
    }

    fn class_or_null(&mut self, input: &'a [u8], depth: u8) -> Parsed<'a, Option<usize>> {
        if depth > DEPTH_MAX {
            return failure(input, ErrorKind::TooLarge);
        }
        let (rest, tag) = be_u8(input)?;
        match tag {
            TC_NULL => return Ok((rest, None)),
            TC_REFERENCE => {
                let (rest, handle) = self.reference(rest)?;
                let Handle::Class(class) = handle else {
                    return failure(rest, ErrorKind::Tag);
                };
                return Ok((rest, Some(class)));
            }
            TC_CLASSDESC => {}
            _ => return failure(input, ErrorKind::Tag),
        }
        let (rest, name) = modified_utf8(rest)?;
        let (rest, _serial_version_uid) = take(8_usize)(rest)?;
        let class = self.classes.len();
        self.classes.push(Class { name, fields: Vec::new(), parent: None });
        self.remember(rest, Handle::Class(class))?;

        let (rest, flags) = be_u8(rest)?;
        if !matches!(flags, FLAGS_SERIALIZABLE | FLAGS_SERIALIZABLE_ENUM) {
            return failure(rest, ErrorKind::Verify);
        }
        let (rest, fields) = self.class_fields(rest, depth)?;
        let (rest, end) = be_u8(rest)?;
        if end != TC_ENDBLOCKDATA {
            return failure(rest, ErrorKind::Tag);
        }
        let (rest, parent) = self.class_or_null(rest, depth + 1)?;
        if let Some(entry) = self.classes.get_mut(class) {
            entry.fields = fields;
            entry.parent = parent;
        }
        Ok((rest, Some(class)))
    }

    fn class_fields(&mut self, input: &'a [u8], depth: u8) -> Parsed<'a, Vec<(u8, &'a str)>> {
        let (mut rest, count) = be_u16(input)?;
        if count > FIELDS_MAX {
            return failure(input, ErrorKind::TooLarge);
        }
        let mut fields = Vec::new();
        for _ in 0..count {
            let (type_code, name);
            (rest, type_code) = be_u8(rest)?;
            (rest, name) = modified_utf8(rest)?;
            if matches!(type_code, b'L' | b'[') {
                // The field's declared type; what is really there says its own.
                (rest, _) = self.value(rest, depth + 1)?;
            }
            fields.push((type_code, name));
        }
        Ok((rest, fields))
    }

    /// Returns the class and its super classes, uppermost first.
    fn lineage(&self, class: usize) -> Vec<usize> {
        let mut lineage = Vec::new();
        let mut next = Some(class);
        // A descriptor can name itself as its parent by reference: the bound ends that.
        while let Some(index) = next.filter(|_| lineage.len() <= usize::from(DEPTH_MAX)) {
            lineage.push(index);
            next = self.classes.get(index).and_then(|class| class.parent);
        }
        lineage.reverse();
        lineage
    }

    fn class_name(&self, class: usize) -> Option<&'a str> {
        self.classes.get(class).map(|class| class.name)
    }

    fn remember(&mut self, at: &'a [u8], handle: Handle<'a>) -> Result<(), nom::Err<Error<&'a [u8]>>> {
        if self.handles.len() >= HANDLES_MAX {
            return Err(nom::Err::Failure(Error::new(at, ErrorKind::TooLarge)));
        }
        self.handles.push(handle);
        Ok(())
    }

    fn reference(&self, input: &'a [u8]) -> Parsed<'a, Handle<'a>> {
        let (rest, handle) = be_u32(input)?;
        let found = handle.checked_sub(FIRST_HANDLE).and_then(|index| self.handles.get(index as usize));
        match found {
            Some(found) => Ok((rest, found.clone())),
            None => failure(input, ErrorKind::Verify),
        }
    }
}

/// Reads a length-prefixed string. Java's modified UTF-8 differs from UTF-8 for NUL and beyond the basic plane only;
/// class names, field names and algorithm names have neither.
pub(super) fn modified_utf8(input: &[u8]) -> Parsed<'_, &str> {
    map_res(length_data(be_u16), std::str::from_utf8).parse(input)
}

fn failure<T>(at: &[u8], kind: ErrorKind) -> Parsed<'_, T> {
    Err(nom::Err::Failure(Error::new(at, kind)))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A class descriptor up to its flags, without fields, its annotation's end included: a parent must follow.
    fn class(name: &str) -> Vec<u8> {
        let mut class = vec![TC_CLASSDESC, 0, name.len() as u8];
        class.extend_from_slice(name.as_bytes());
        class.extend_from_slice(&[0; 8]);
        class.extend_from_slice(&[FLAGS_SERIALIZABLE, 0, 0, TC_ENDBLOCKDATA]);
        class
    }

    fn stream(parts: &[&[u8]]) -> Vec<u8> {
        [&STREAM_MAGIC_VERSION[..], &parts.concat()].concat()
    }

    #[test]
    fn an_object_of_an_empty_class_is_read() {
        let stream = stream(&[&[TC_OBJECT], &class("a.B"), &[TC_NULL], b"rest"]);
        let (rest, object) = read_object(&stream).unwrap();
        assert_eq!((object.class_name, rest), ("a.B", &b"rest"[..]));
    }

    #[test]
    fn a_class_that_is_its_own_parent_ends() {
        let stream = stream(&[&[TC_OBJECT], &class("a.B"), &[TC_REFERENCE, 0, 0x7E, 0, 0]]);
        assert!(read_object(&stream).is_some());
    }

    #[test]
    fn deep_nesting_is_refused() {
        let parents: Vec<u8> = (0..1000).flat_map(|_| class("a.B")).collect();
        assert!(read_object(&stream(&[&[TC_OBJECT], &parents, &[TC_NULL]])).is_none());
        let arrays = vec![TC_ARRAY; 100_000];
        assert!(read_object(&stream(&[&arrays])).is_none());
    }

    #[test]
    fn a_declared_length_beyond_the_input_is_refused() {
        let array = [&[TC_ARRAY][..], &class("[B"), &[TC_NULL, 0xFF, 0xFF, 0xFF, 0xFF]].concat();
        assert!(read_object(&stream(&[&array])).is_none());
        assert!(read_object(&stream(&[&[TC_STRING, 0xFF, 0xFF]])).is_none());
    }
}
