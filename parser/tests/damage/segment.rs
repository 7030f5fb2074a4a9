//! Whole segments, and what is in them by a reader of our own.

use std::{ops::Range, path::Path, sync::Arc};

use cassandra_commitlog::{
    keystore::SecretKey,
    segment::{DecoderOptions, KeyProvider, compression::Compressor, encryption::SectionCipher},
};

use crate::build;

/// The key of `data/sections/4.0-encrypted.jceks`, a test secret.
pub(crate) const KEY: &str = "3f5148396512ef0a50806992c723bae1";

struct TestKey;

impl KeyProvider for TestKey {
    fn key(&self, _alias: &str) -> Option<SecretKey> {
        SecretKey::from_hex(KEY).ok()
    }
}

pub(crate) fn options() -> DecoderOptions {
    let mut options = DecoderOptions::default();
    options.keys = Some(Arc::new(TestKey));
    options
}

pub(crate) struct Segment {
    pub(crate) name: String,
    pub(crate) file: Vec<u8>,
    pub(crate) is_plain: bool,
    pub(crate) sections: Vec<Section>,
    pub(crate) entries: Vec<Entry>,
}

pub(crate) struct Section {
    /// From its marker to the next.
    pub(crate) file: Range<usize>,
}

pub(crate) struct Entry {
    pub(crate) section: usize,
    /// Where its bytes are; for packed segments those of its section.
    pub(crate) file: Range<usize>,
    /// Where it begins and ends, logically.
    pub(crate) logical: Range<u64>,
    pub(crate) mutation: Vec<u8>,
}

/// All small segments: those that Cassandra wrote, and real mutations in new segments of every kind.
pub(crate) fn all() -> Vec<Segment> {
    let mut segments = Vec::new();
    for directory in ["segments", "sections"] {
        let directory = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data").join(directory);
        for path in std::fs::read_dir(directory).unwrap().map(|entry| entry.unwrap().path()) {
            if path.extension().is_some_and(|extension| extension == "segment") {
                let name = path.file_stem().unwrap().to_str().unwrap();
                segments.push(Segment::read(name, std::fs::read(&path).unwrap()));
            }
        }
    }
    segments.extend(build::KINDS.iter().map(|kind| Segment::read(kind, build::segment(kind))));
    segments.sort_by(|a, b| a.name.cmp(&b.name));
    segments
}

pub(crate) fn be_u32(bytes: &[u8], at: usize) -> u32 {
    u32::from_be_bytes(bytes[at..at + 4].try_into().unwrap())
}

impl Segment {
    /// Reads a healthy segment; panics on anything else.
    fn read(name: &str, file: Vec<u8>) -> Self {
        let parameters = usize::from(u16::from_be_bytes([file[12], file[13]]));
        let json = String::from_utf8(file[14..14 + parameters].to_vec()).unwrap().replace("\\/", "/");
        let text = |key: &str| {
            let (_, rest) = json.split_once(&format!("\"{key}\":\""))?;
            rest.split_once('"').map(|(value, _)| value.to_owned())
        };
        let compressor = text("compressionClass").map(|class| Compressor::from_class(&class).unwrap());
        let cipher = text("encCipher").map(|cipher| {
            let iv = build::bytes_of_hex(&text("encIV").unwrap());
            SectionCipher::new(&cipher, &SecretKey::from_hex(KEY).unwrap(), &iv).unwrap()
        });
        let is_plain = compressor.is_none() && cipher.is_none();
        let mut segment =
            Self { name: name.to_owned(), file, is_plain, sections: Vec::new(), entries: Vec::new() };
        let (mut cipher, mut at, mut logical) = (cipher, 18 + parameters, 18 + parameters as u64);
        while at + 8 <= segment.file.len() && be_u32(&segment.file, at) != 0 {
            let end = be_u32(&segment.file, at) as usize;
            let content = segment.file[at + 8..end].to_vec();
            let mut plain = Vec::new();
            match (&compressor, &mut cipher) {
                (_, Some(cipher)) => cipher
                    .decrypt_section(&content[4..], be_u32(&content, 0) as usize, 1 << 20, &mut plain)
                    .unwrap(),
                (Some(compressor), None) => {
                    compressor.decompress(&content[4..], be_u32(&content, 0) as usize, &mut plain).unwrap();
                }
                (None, None) => plain = content,
            }
            logical += 8;
            segment.add_section(at..end, &plain, logical);
            (at, logical) = (end, logical + plain.len() as u64);
        }
        segment
    }

    fn add_section(&mut self, file: Range<usize>, plain: &[u8], logical: u64) {
        let mut at = 0;
        while at < plain.len() {
            let size = be_u32(plain, at) as usize;
            let mutation = plain[at + 8..at + 8 + size].to_vec();
            assert_eq!(build::frame(&mutation), plain[at..at + 12 + size], "{}", self.name);
            let own = file.start + 8 + at..file.start + 8 + at + 12 + size;
            self.entries.push(Entry {
                section: self.sections.len(),
                file: if self.is_plain { own } else { file.clone() },
                logical: logical + at as u64..logical + (at + 12 + size) as u64,
                mutation,
            });
            at += 12 + size;
        }
        self.sections.push(Section { file });
    }

    /// Offsets of what holds the file together: header, markers, the lengths behind them, and heads of entries.
    pub(crate) fn structure(&self) -> Vec<usize> {
        let mut places: Vec<usize> = (0..self.sections[0].file.start).collect();
        for section in &self.sections {
            let length = if self.is_plain { 8 } else { 24 };
            places.extend(section.file.start..(section.file.start + length).min(section.file.end));
        }
        if self.is_plain {
            for entry in &self.entries {
                places.extend(entry.file.start..entry.file.start + 8);
                places.extend(entry.file.end - 4..entry.file.end);
            }
        }
        places
    }
}
