//! A cursor over DER: the few shapes that keystores use, each checked for its tag.

use der::{AnyRef, Decode, Reader, SliceReader, Tag, Tagged, asn1::ObjectIdentifier};

use super::{KeystoreError, error::malformed};

/// What is left of one constructed value.
pub(super) struct Der<'a>(SliceReader<'a>);

impl<'a> Der<'a> {
    pub(super) fn new(bytes: &'a [u8]) -> Result<Self, KeystoreError> {
        SliceReader::new(bytes).map(Self).map_err(|_| malformed("DER of bearable length"))
    }

    pub(super) fn is_finished(&self) -> bool {
        self.0.is_finished()
    }

    pub(super) fn any(&mut self) -> Result<AnyRef<'a>, KeystoreError> {
        AnyRef::decode(&mut self.0).map_err(|_| malformed("a DER value"))
    }

    fn expect(&mut self, tag: Tag, expected: &'static str) -> Result<&'a [u8], KeystoreError> {
        let value = self.any()?;
        if value.tag() == tag { Ok(value.value()) } else { Err(malformed(expected)) }
    }

    pub(super) fn sequence(&mut self) -> Result<Self, KeystoreError> {
        Self::new(self.expect(Tag::Sequence, "a DER sequence")?)
    }

    pub(super) fn set(&mut self) -> Result<Self, KeystoreError> {
        Self::new(self.expect(Tag::Set, "a DER set")?)
    }

    pub(super) fn octet_string(&mut self) -> Result<&'a [u8], KeystoreError> {
        self.expect(Tag::OctetString, "a DER octet string")
    }

    /// Reads the content of the explicitly tagged value `[0]`.
    pub(super) fn explicit_zero(&mut self) -> Result<Self, KeystoreError> {
        let value = self.any()?;
        match value.tag() {
            Tag::ContextSpecific { constructed: true, number } if number.value() == 0 => {
                Self::new(value.value())
            }
            _ => Err(malformed("a DER value tagged [0]")),
        }
    }

    /// Reads the octet string that is implicitly tagged `[0]`.
    pub(super) fn implicit_zero_octets(&mut self) -> Result<&'a [u8], KeystoreError> {
        let value = self.any()?;
        match value.tag() {
            Tag::ContextSpecific { constructed: false, number } if number.value() == 0 => Ok(value.value()),
            _ => Err(malformed("DER octets tagged [0]")),
        }
    }

    pub(super) fn object_identifier(&mut self) -> Result<ObjectIdentifier, KeystoreError> {
        self.any()?.decode_as().map_err(|_| malformed("a DER object identifier"))
    }

    pub(super) fn unsigned(&mut self) -> Result<u32, KeystoreError> {
        self.any()?.decode_as().map_err(|_| malformed("a DER integer below 2^32"))
    }
}
