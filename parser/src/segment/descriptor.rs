//! The header of a segment (`CommitLogDescriptor.writeHeader`; format.md §1.4, §1.5).

use nom::{
    IResult, Parser,
    bytes::complete::take,
    number::complete::{be_i32, be_i64, be_u16, be_u32},
};

use crate::{
    crc,
    segment::{SegmentError, SegmentErrorKind, compression::Compressor},
    version::Version,
};

/// Bytes before the parameters: version, id and the parameters' length.
const FIXED_BYTES: usize = 14;
/// Bytes of a header beside its parameters.
const FRAME_BYTES: usize = FIXED_BYTES + 4;
/// The longest header: the parameters' length has 16 bits.
pub(crate) const LONGEST_HEADER: u64 = FRAME_BYTES as u64 + u16::MAX as u64;

/// What a segment's header says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Descriptor {
    /// Commit log version.
    pub version: Version,
    /// Segment id; it decides over the file name's.
    pub id: i64,
    /// How the sections are stored.
    pub encoding: SectionEncoding,
    /// Bytes of the header: the first sync marker stands there, in the file and logically.
    pub header_bytes: u64,
}

/// How a segment's sections are stored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SectionEncoding {
    /// Entries as they are (format.md §2.2, §2.3).
    Plain,
    /// One compressed block for each section (format.md §4).
    Compressed(Compressor),
    /// Compressed and encrypted blocks (format.md §5).
    Encrypted(EncryptionParameters),
}

/// What a header says of its segment's encryption (`EncryptionContext`).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EncryptionParameters {
    /// Java's name of the cipher, such as `AES/CBC/PKCS5Padding`.
    pub cipher: Box<str>,
    /// Which key of the key store.
    pub key_alias: Box<str>,
    /// Initialisation vector, used anew for each block.
    pub initialization_vector: Box<[u8]>,
}

/// The fields of a header before anything is checked.
struct RawHeader<'a> {
    version: i32,
    id: i64,
    parameters: &'a [u8],
    crc: u32,
}

fn raw_header(input: &[u8]) -> IResult<&[u8], RawHeader<'_>> {
    let (rest, (version, id, length)) = (be_i32, be_i64, be_u16).parse(input)?;
    let (rest, (parameters, crc)) = (take(length), be_u32).parse(rest)?;
    Ok((rest, RawHeader { version, id, parameters, crc }))
}

impl RawHeader<'_> {
    /// The id's low half is fed first, and the length as four bytes (format.md §1.4).
    fn expected_crc(&self) -> u32 {
        let crc = crc::with_u32(0, self.version as u32);
        let crc = crc::with_u32(crc, self.id as u32);
        let crc = crc::with_u32(crc, (self.id >> 32) as u32);
        let crc = crc::with_u32(crc, self.parameters.len() as u32);
        crc::with_bytes(crc, self.parameters)
    }

    fn into_descriptor(self) -> Result<Descriptor, SegmentError> {
        let version = Version::from_number(self.version).ok_or_else(|| {
            SegmentError::new(SegmentErrorKind::UnsupportedVersion(self.version), self.id, 0)
        })?;
        let encoding = SectionEncoding::from_parameters(self.parameters)
            .map_err(|kind| SegmentError::new(kind, self.id, FIXED_BYTES as u64))?;
        let header_bytes = (FRAME_BYTES + self.parameters.len()) as u64;
        Ok(Descriptor { version, id: self.id, encoding, header_bytes })
    }
}

impl Descriptor {
    /// Reads a header whose CRC holds from a file's first bytes.
    ///
    /// Gives `Ok(None)` if the bytes end inside it.
    pub fn parse(input: &[u8]) -> Result<Option<Self>, SegmentError> {
        let Ok((_, raw)) = raw_header(input) else {
            return Ok(None);
        };
        if raw.crc != raw.expected_crc() {
            return Err(SegmentError::new(SegmentErrorKind::CorruptHeader, raw.id, 0));
        }
        raw.into_descriptor().map(Some)
    }

    /// Reads a header of which one byte is damaged. With one byte wrong, no other change of one byte makes the CRC hold
    /// but by a chance of one in 2³².
    ///
    /// `expected_id` is the id in the file's name; a mended header must have it.
    pub(crate) fn parse_mended(input: &[u8], expected_id: Option<i64>) -> Option<Self> {
        /// Parameters of real headers are far shorter.
        const MENDABLE_BYTES: usize = 600;
        let bytes = input.get(..input.len().min(MENDABLE_BYTES))?;
        let of_length = (FIXED_BYTES - 2..FIXED_BYTES)
            .flat_map(|at| (1..=u8::MAX).map(move |change| (at, change)))
            .filter(|&(at, change)| has_closing_brace(bytes, at, change));
        single_changes(bytes)
            .into_iter()
            .chain(of_length)
            .find_map(|(at, change)| Self::parse_changed(bytes, at, change, expected_id))
    }

    /// Reads a header with one byte changed, if its CRC and its id are right then.
    fn parse_changed(bytes: &[u8], at: usize, change: u8, expected_id: Option<i64>) -> Option<Self> {
        let mut bytes = bytes.to_vec();
        *bytes.get_mut(at)? ^= change;
        let (_, raw) = raw_header(&bytes).ok()?;
        let is_right = raw.crc == raw.expected_crc() && expected_id.is_none_or(|id| id == raw.id);
        is_right.then(|| raw.into_descriptor().ok()).flatten()
    }
}

/// Returns the changes of one byte (its place, and what to combine it with by exclusive or) that make the CRC of a header
/// hold, but for those of the parameters' length. The difference of two CRCs depends on the changed bits and their
/// distance from the end alone, so it is followed back from the end byte by byte instead of trying all values.
fn single_changes(bytes: &[u8]) -> Vec<(usize, u8)> {
    let Ok((_, raw)) = raw_header(bytes) else {
        return Vec::new();
    };
    let parameters = raw.parameters.len();
    let mut difference = raw.crc ^ raw.expected_crc();
    let mut changes = Vec::new();
    // The CRC itself may be what is wrong.
    for (at, change) in difference.to_be_bytes().into_iter().enumerate() {
        if change != 0 && difference.to_be_bytes().iter().filter(|byte| **byte != 0).count() == 1 {
            changes.push((FIXED_BYTES + parameters + at, change));
        }
    }
    // In the order in which the CRC is fed (`RawHeader::expected_crc`), with four bytes for the length.
    let fed = (0..4)
        .chain(8..12)
        .chain(4..8)
        .map(Some)
        .chain([None; 4])
        .chain((FIXED_BYTES..FIXED_BYTES + parameters).map(Some));
    for place in fed.rev() {
        let (change, before) = crc::step_back(difference);
        if let Some(at) = place
            && before == 0
        {
            changes.push((at, change));
        }
        difference = crc::before_zero_byte(difference);
    }
    changes
}

/// Returns true if the parameters end as JSON objects do when a byte of their length is changed so: only then is it worth
/// taking the CRC.
fn has_closing_brace(bytes: &[u8], at: usize, change: u8) -> bool {
    let Some(&[high, low]) = bytes.get(FIXED_BYTES - 2..).and_then(|length| length.first_chunk::<2>()) else {
        return false;
    };
    let length = if at == FIXED_BYTES - 2 { [high ^ change, low] } else { [high, low ^ change] };
    let length = usize::from(u16::from_be_bytes(length));
    bytes.get(FIXED_BYTES + length - 1) == Some(&b'}')
}

impl SectionEncoding {
    /// Reads the JSON parameters. Encryption decides if both kinds of keys are there (format.md §1.5).
    fn from_parameters(json: &[u8]) -> Result<Self, SegmentErrorKind> {
        let parameters: serde_json::Map<String, serde_json::Value> =
            serde_json::from_slice(json).map_err(|_| SegmentErrorKind::CorruptHeader)?;
        let text = |key: &str| parameters.get(key).and_then(serde_json::Value::as_str);
        if let (Some(cipher), Some(key_alias)) = (text("encCipher"), text("encKeyAlias")) {
            let iv = text("encIV").and_then(from_hex).ok_or(SegmentErrorKind::CorruptHeader)?;
            return Ok(Self::Encrypted(EncryptionParameters {
                cipher: cipher.into(),
                key_alias: key_alias.into(),
                initialization_vector: iv.into(),
            }));
        }
        match text("compressionClass") {
            None => Ok(Self::Plain),
            Some(class) => Compressor::from_class(class)
                .map(Self::Compressed)
                .ok_or_else(|| SegmentErrorKind::UnsupportedCompressor(class.into())),
        }
    }
}

fn from_hex(text: &str) -> Option<Vec<u8>> {
    if !text.len().is_multiple_of(2) {
        return None;
    }
    let digits: Vec<u8> =
        text.chars().map(|digit| digit.to_digit(16).map(|value| value as u8)).collect::<Option<_>>()?;
    Some(digits.chunks_exact(2).filter_map(|pair| Some(pair.first()? << 4 | pair.get(1)?)).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// format.md §16.1: the header of a segment that Cassandra 4.0.11 wrote.
    const HEADER_4_0: [u8; 20] =
        [0, 0, 0, 7, 0, 0, 0x01, 0x8b, 0xa5, 0x4e, 0xad, 0x1c, 0, 2, b'{', b'}', 0x94, 0x30, 0x80, 0xa5];
    const ID_4_0: i64 = 1_699_285_478_684;

    #[test]
    fn a_real_header_is_read() {
        let descriptor = Descriptor::parse(&HEADER_4_0).unwrap().unwrap();
        assert_eq!(descriptor.version, Version::V7);
        assert_eq!(descriptor.id, ID_4_0);
        assert_eq!(descriptor.encoding, SectionEncoding::Plain);
        assert_eq!(descriptor.header_bytes, 20);
        for cut in 0..HEADER_4_0.len() {
            assert_eq!(Descriptor::parse(&HEADER_4_0[..cut]), Ok(None), "cut to {cut}");
        }
    }

    #[test]
    fn any_single_damaged_byte_is_noticed_and_mended() {
        let whole = Descriptor::parse(&HEADER_4_0).unwrap().unwrap();
        for at in 0..HEADER_4_0.len() {
            for flip in [0x01, 0x80, 0xff] {
                let mut damaged = HEADER_4_0.to_vec();
                damaged.resize(100, 0);
                damaged[at] ^= flip;
                let noticed = match Descriptor::parse(&damaged) {
                    Ok(header) => header.is_none(),
                    Err(error) => *error.kind() == SegmentErrorKind::CorruptHeader,
                };
                assert!(noticed, "{at} {flip}");
                assert_eq!(
                    Descriptor::parse_mended(&damaged, Some(ID_4_0)).as_ref(),
                    Some(&whole),
                    "{at} {flip}"
                );
            }
        }
    }

    #[test]
    fn encryption_decides_over_compression_and_escapes_are_json() {
        let json = br#"{"compressionClass":"LZ4Compressor","compressionParameters":null,"encCipher":"AES\/CBC\/PKCS5Padding","encIV":"4927e5","encKeyAlias":"testing:1"}"#;
        let SectionEncoding::Encrypted(parameters) = SectionEncoding::from_parameters(json).unwrap() else {
            panic!("not taken as encrypted")
        };
        assert_eq!(&*parameters.cipher, "AES/CBC/PKCS5Padding");
        assert_eq!(&*parameters.initialization_vector, [0x49, 0x27, 0xe5]);
    }

    #[test]
    fn a_compressor_of_somebody_elses_is_refused_by_name() {
        let refused = SectionEncoding::from_parameters(br#"{"compressionClass":"com.example.Squeeze"}"#);
        assert_eq!(refused, Err(SegmentErrorKind::UnsupportedCompressor("com.example.Squeeze".into())));
    }
}
