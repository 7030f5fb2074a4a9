//! Segments: two bytes of options, then a file, or what a file with right CRCs is made of.

use std::sync::Arc;

use cassandra_commitlog::{
    keystore::SecretKey,
    limits::Limits,
    segment::{
        Damage, DecoderOptions, FileState, Input, KeyProvider, Poll, SegmentDecoder, SegmentEnd,
        SegmentError, entry,
        sync_marker::{MARKER_BYTES, MarkerCrc},
    },
};

/// The key of `tests/data/sections/4.0-encrypted.jceks`, a test secret.
struct TestKey;

impl KeyProvider for TestKey {
    fn key(&self, _alias: &str) -> Option<SecretKey> {
        SecretKey::from_hex("3f5148396512ef0a50806992c723bae1").ok()
    }
}

/// Parameters of headers, one for each kind of segment.
const PARAMETERS: [&str; 8] = [
    "{}",
    r#"{"compressionClass":"LZ4Compressor","compressionParameters":{}}"#,
    r#"{"compressionClass":"SnappyCompressor","compressionParameters":null}"#,
    r#"{"compressionClass":"DeflateCompressor"}"#,
    r#"{"compressionClass":"ZstdCompressor"}"#,
    r#"{"compressionClass":"NoopCompressor"}"#,
    r#"{"encCipher":"AES\/CBC\/PKCS5Padding","encIV":"4927e54951a0c100d93d9de98da8ccd9","encKeyAlias":"testing:1"}"#,
    "{ }",
];

/// What a decoder said, without borrowing.
#[derive(Debug, PartialEq)]
enum Event {
    Entry(u64, Vec<u8>),
    Damage(Damage),
    End(Result<SegmentEnd, SegmentError>),
}

/// Decodes the input in different ways, which must not matter.
pub fn run(input: &[u8]) {
    let [kind, windows, content @ ..] = input else {
        return;
    };
    let file = if kind & 0x80 == 0 { content.to_vec() } else { segment(usize::from(kind & 7), content) };
    let whole = decode(&file, None);
    let mut last = 0;
    for event in &whole {
        if let Event::Entry(position, _) = event {
            assert!(*position > last, "positions do not ascend");
            last = *position;
        }
    }
    assert_eq!(decode(&file, Some(u64::from(*windows))), whole, "windows matter");
    grow(&file, usize::from(*windows) + 1);
}

/// Makes a segment of which header and markers are right: each section is one byte of length and flags, and content,
/// which gets the frame of an entry for the first flag, and none for the second.
fn segment(kind: usize, mut content: &[u8]) -> Vec<u8> {
    const ID: i64 = 1_795_000_000_000;
    let parameters = PARAMETERS[kind].as_bytes();
    let mut file = 7_i32.to_be_bytes().to_vec();
    file.extend(ID.to_be_bytes());
    file.extend((parameters.len() as u16).to_be_bytes());
    file.extend(parameters);
    file.extend(header_crc(ID, parameters).to_be_bytes());
    while let Some((&head, rest)) = content.split_first() {
        let length = (usize::from(head & 0x3f) * 4).min(rest.len());
        let (section, behind) = rest.split_at(length);
        let at = file.len() as u64;
        let section = if head & 0x40 != 0 { entry::frame(section) } else { section.to_vec() };
        let end = at + MARKER_BYTES + section.len() as u64;
        file.extend((end as u32).to_be_bytes());
        file.extend(MarkerCrc::new(ID).at(at).to_be_bytes());
        file.extend(section);
        content = behind;
    }
    file
}

fn header_crc(id: i64, parameters: &[u8]) -> u32 {
    let mut bytes = 7_u32.to_be_bytes().to_vec();
    bytes.extend((id as u32).to_be_bytes());
    bytes.extend(((id >> 32) as u32).to_be_bytes());
    bytes.extend((parameters.len() as u32).to_be_bytes());
    bytes.extend(parameters);
    let mut crc = u32::MAX;
    for byte in bytes {
        crc ^= u32::from(byte);
        for _ in 0..8 {
            crc = if crc & 1 == 1 { crc >> 1 ^ 0xedb8_8320 } else { crc >> 1 };
        }
    }
    !crc
}

fn decoder() -> SegmentDecoder {
    let mut limits = Limits::default();
    limits.section_bytes = 4 << 20;
    limits.mutation_bytes = 1 << 20;
    SegmentDecoder::new({
        let mut options = DecoderOptions::default();
        options.limits = limits;
        options.keys = Some(Arc::new(TestKey));
        options
    })
}

/// Decodes a final file, with the whole of it as the window or with as many bytes more than needed as `surplus` says.
fn decode(file: &[u8], surplus: Option<u64>) -> Vec<Event> {
    let mut decoder = decoder();
    let file_length = file.len() as u64;
    let mut window = surplus.map_or(0..file_length, |_| 0..0);
    let mut events = Vec::new();
    loop {
        let input = Input {
            file_length,
            file_state: FileState::Final,
            window_offset: window.start,
            window: &file[window.start as usize..window.end as usize],
        };
        match decoder.poll(input) {
            Ok(Poll::Need(range)) => {
                assert!(!range.is_empty() && range.end <= file_length, "{range:?} of {file_length}");
                assert!(range.start < window.start || range.end > window.end, "{range:?} is there");
                window = range.start..(range.end + surplus.unwrap_or(0)).min(file_length);
            }
            Ok(Poll::Header(_)) => {}
            Ok(Poll::Entry(entry)) => {
                events.push(Event::Entry(entry.position.offset, entry.mutation.to_vec()));
            }
            Ok(Poll::Damage(damage)) => events.push(Event::Damage(damage)),
            Ok(Poll::Wait) => panic!("a final file waits"),
            Ok(Poll::End(end)) => {
                assert!(end.file_offset <= file_length);
                events.push(Event::End(Ok(end)));
                return events;
            }
            Err(error) => {
                events.push(Event::End(Err(error)));
                return events;
            }
        }
    }
}

/// Decodes a file that grows by so many bytes at once.
fn grow(file: &[u8], step: usize) {
    let mut decoder = decoder();
    let mut length = 0;
    loop {
        let input = Input {
            file_length: length as u64,
            file_state: FileState::Growing,
            window_offset: 0,
            window: &file[..length],
        };
        match decoder.poll(input) {
            Ok(Poll::Need(range)) => panic!("{range:?} is there"),
            Ok(Poll::Wait) if length < file.len() => {
                length = (length + step * (1 + length / 64)).min(file.len());
            }
            Ok(Poll::Wait | Poll::End(_)) | Err(_) => return,
            Ok(Poll::Header(_) | Poll::Entry(_) | Poll::Damage(_)) => {}
        }
    }
}
