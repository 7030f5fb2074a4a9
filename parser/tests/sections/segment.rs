//! Reads just enough of a healthy segment to get at its sections. Panics on anything else.

use std::path::{Path, PathBuf};

use cassandra_commitlog::{
    keystore::find_secret_key,
    segment::{
        compression::{Compressor, Decompressor},
        encryption::SectionCipher,
    },
};

/// What the sections of a segment go through.
pub(crate) enum Transformation {
    Compressed(Compressor),
    Encrypted { cipher: String, iv: Vec<u8>, alias: String },
}

pub(crate) struct Section {
    pub(crate) plain_length: usize,
    pub(crate) content: Vec<u8>,
}

pub(crate) fn data(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/sections").join(name)
}

pub(crate) fn be_i32(bytes: &[u8], at: usize) -> i32 {
    i32::from_be_bytes(bytes[at..at + 4].try_into().unwrap())
}

pub(crate) fn bytes(hex: &str) -> Vec<u8> {
    (0..hex.len()).step_by(2).map(|at| u8::from_str_radix(&hex[at..at + 2], 16).unwrap()).collect()
}

/// The segment's transformation, or `None` for a plain one, and its sections.
pub(crate) fn read(path: &Path) -> (Option<Transformation>, Vec<Section>) {
    let file = std::fs::read(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    let json_length = usize::from(u16::from_be_bytes([file[12], file[13]]));
    let json = String::from_utf8(file[14..14 + json_length].to_vec()).unwrap().replace("\\/", "/");
    let text = |key: &str| {
        let (_, rest) = json.split_once(&format!("\"{key}\":\""))?;
        rest.split_once('"').map(|(value, _)| value.to_owned())
    };
    let transformation = match (text("encCipher"), text("compressionClass")) {
        (Some(cipher), _) => Some(Transformation::Encrypted {
            cipher,
            iv: bytes(&text("encIV").unwrap()),
            alias: text("encKeyAlias").unwrap(),
        }),
        (None, Some(class)) => Some(Transformation::Compressed(Compressor::from_class(&class).unwrap())),
        (None, None) => None,
    };
    let mut sections = Vec::new();
    let mut at = 18 + json_length;
    while at + 12 <= file.len() {
        let Some(end) =
            usize::try_from(be_i32(&file, at)).ok().filter(|end| (at + 12..=file.len()).contains(end))
        else {
            break;
        };
        let plain_length = usize::try_from(be_i32(&file, at + 8)).unwrap();
        sections.push(Section { plain_length, content: file[at + 12..end].to_vec() });
        at = end;
    }
    (transformation, sections)
}

/// Counts the entries of a section's plain data, each of which must have the right CRCs.
pub(crate) fn count_entries(plain: &[u8]) -> usize {
    let mut rest = plain;
    let mut count = 0;
    while !rest.is_empty() {
        let size = usize::try_from(be_i32(rest, 0)).unwrap();
        let mut crc = crc32fast::Hasher::new();
        crc.update(&rest[..4]);
        assert_eq!(crc.clone().finalize(), be_i32(rest, 4) as u32, "CRC of the size of entry {count}");
        crc.update(&rest[8..8 + size]);
        assert_eq!(crc.finalize(), be_i32(rest, 8 + size) as u32, "CRC of entry {count}");
        rest = &rest[12 + size..];
        count += 1;
    }
    count
}

/// Reads all sections of a file with one state and one buffer; gives the number of sections and of entries.
pub(crate) fn check(path: &Path, keystore: &Path) -> (usize, usize) {
    let (transformation, sections) = read(path);
    let mut out = vec![0xEE; 100];
    let mut entries = 0;
    match transformation.unwrap() {
        Transformation::Compressed(compressor) => {
            let mut state = Decompressor::new(compressor);
            for section in &sections {
                state.decompress(&section.content, section.plain_length, &mut out).unwrap();
                assert_eq!(out.len(), section.plain_length);
                entries += count_entries(&out);
            }
        }
        Transformation::Encrypted { cipher, iv, alias } => {
            let keystore = std::fs::read(keystore).unwrap();
            let key = find_secret_key(&keystore, &alias, "cassandra", None).unwrap();
            let mut state = SectionCipher::new(&cipher, &key, &iv).unwrap();
            for section in &sections {
                state.decrypt_section(&section.content, section.plain_length, 65_536, &mut out).unwrap();
                assert_eq!(out.len(), section.plain_length);
                entries += count_entries(&out);
            }
        }
    }
    (sections.len(), entries)
}

#[test]
fn every_section_of_the_samples_gives_entries_whose_crcs_hold() {
    let expected = [
        ("4.1-lz4.segment", (6, 28)),
        ("3.11-lz4-empty.segment", (1, 0)),
        ("3.11-snappy.segment", (4, 47)),
        ("4.1-snappy-empty.segment", (1, 0)),
        ("4.1-deflate.segment", (4, 28)),
        ("5.0-deflate-empty.segment", (1, 0)),
        ("5.0-zstd.segment", (5, 31)),
        ("5.0-zstd-empty.segment", (1, 0)),
        ("4.0-encrypted.segment", (5, 158)),
        ("4.0-encrypted-empty.segment", (1, 0)),
    ];
    let found = expected.map(|(name, _)| (name, check(&data(name), &data("4.0-encrypted.jceks"))));
    assert_eq!(found, expected);
}

/// The same for all segments below the directory `GOLDEN_SEGMENTS` (`<version>/<set>/…`), which is too much for here.
#[test]
#[ignore = "needs a directory of segments"]
fn every_section_of_a_directory_of_segments_gives_entries_whose_crcs_hold() {
    let mut directories = vec![PathBuf::from(std::env::var("GOLDEN_SEGMENTS").unwrap())];
    let (mut files, mut sections, mut entries) = (0, 0, 0);
    while let Some(directory) = directories.pop() {
        for path in std::fs::read_dir(&directory).unwrap().map(|entry| entry.unwrap().path()) {
            let is_segment = path.extension().is_some_and(|extension| extension == "log")
                && path.file_name().unwrap().to_str().unwrap().starts_with("CommitLog-");
            if path.is_dir() {
                directories.push(path);
            } else if is_segment && std::fs::metadata(&path).unwrap().len() > 18 && read(&path).0.is_some() {
                let keystore =
                    path.ancestors().map(|parent| parent.join("secret.jceks")).find(|path| path.exists());
                let found = check(&path, &keystore.unwrap_or_default());
                println!("{}: {found:?}", path.display());
                (files, sections, entries) = (files + 1, sections + found.0, entries + found.1);
            }
        }
    }
    println!("{files} files, {sections} sections, {entries} entries");
    assert!(entries > 0);
}
