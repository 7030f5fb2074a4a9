//! Makes small segments of every kind around real mutations (format.md §1 to §5), with CRCs and compressors of its own.

use std::{io::Write, path::Path};

use cbc::cipher::{BlockModeEncrypt, KeyIvInit, block_padding::Pkcs7};

use crate::segment::KEY;

/// What [`segment`] makes.
pub(crate) const KINDS: [&str; 8] = [
    "made-plain",
    "made-lz4",
    "made-snappy",
    "made-deflate",
    "made-zstd",
    "made-noop",
    "made-encrypted",
    "made-blocks",
];

const ID: i64 = 1_795_344_415_217;
const IV: &str = "4927e54951a0c100d93d9de98da8ccd9";
/// Plain bytes of an encrypted block.
const BLOCK_BYTES: usize = 1000;

pub(crate) fn bytes_of_hex(hex: &str) -> Vec<u8> {
    (0..hex.len()).step_by(2).map(|at| u8::from_str_radix(&hex[at..at + 2], 16).unwrap()).collect()
}

fn crc(parts: &[&[u8]]) -> u32 {
    let mut hasher = crc32fast::Hasher::new();
    parts.iter().for_each(|part| hasher.update(part));
    hasher.finalize()
}

/// An entry around a mutation.
pub(crate) fn frame(mutation: &[u8]) -> Vec<u8> {
    let size = (mutation.len() as u32).to_be_bytes();
    [&size, &crc(&[&size]).to_be_bytes()[..], mutation, &crc(&[&size, mutation]).to_be_bytes()].concat()
}

pub(crate) fn header(parameters: &str) -> Vec<u8> {
    let version = 7_u32.to_be_bytes();
    let (high, low) = ((ID >> 32) as u32, ID as u32);
    let length = parameters.len() as u32;
    let crc = crc(&[
        &version,
        &low.to_be_bytes(),
        &high.to_be_bytes(),
        &length.to_be_bytes(),
        parameters.as_bytes(),
    ]);
    [
        &version[..],
        &ID.to_be_bytes(),
        &(length as u16).to_be_bytes(),
        parameters.as_bytes(),
        &crc.to_be_bytes(),
    ]
    .concat()
}

/// A sync marker at `at` that points to `end`.
pub(crate) fn marker(at: usize, end: usize) -> Vec<u8> {
    let (high, low) = ((ID >> 32) as u32, ID as u32);
    let crc = crc(&[&low.to_be_bytes(), &high.to_be_bytes(), &(at as u32).to_be_bytes()]);
    [(end as u32).to_be_bytes(), crc.to_be_bytes()].concat()
}

pub(crate) fn add_section(file: &mut Vec<u8>, content: &[u8]) {
    let at = file.len();
    file.extend(marker(at, at + 8 + content.len()));
    file.extend(content);
}

pub(crate) fn parameters(kind: &str) -> String {
    let class = match kind {
        "made-plain" => return "{}".to_owned(),
        "made-lz4" => "LZ4Compressor",
        "made-snappy" => "org.apache.cassandra.io.compress.SnappyCompressor",
        "made-deflate" => "DeflateCompressor",
        "made-zstd" => "ZstdCompressor",
        "made-noop" => "NoopCompressor",
        _ => {
            return format!(
                r#"{{"encCipher":"AES\/CBC\/PKCS5Padding","encIV":"{IV}","encKeyAlias":"testing:1"}}"#
            );
        }
    };
    format!(r#"{{"compressionClass":"{class}","compressionParameters":{{}}}}"#)
}

/// Real mutations of version 7, small ones first.
pub(crate) fn mutations() -> Vec<Vec<u8>> {
    let directory = Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz/seeds/mutation");
    let mut mutations: Vec<Vec<u8>> = std::fs::read_dir(directory)
        .unwrap()
        .map(|entry| std::fs::read(entry.unwrap().path()).unwrap())
        .filter(|bytes| bytes[0] == 7)
        .map(|bytes| bytes[1..].to_vec())
        .collect();
    mutations.sort_by_key(|mutation| (mutation.len(), mutation.clone()));
    mutations
}

/// A segment of a kind: five sections of real mutations, and an empty one as on close.
pub(crate) fn segment(kind: &str) -> Vec<u8> {
    let mut file = header(&parameters(kind));
    let mutations = mutations();
    for round in 0..5 {
        let chosen: Vec<_> = mutations.iter().skip(round * 3).step_by(11).take(2 + round).collect();
        let plain: Vec<u8> = chosen.iter().flat_map(|mutation| frame(mutation)).collect();
        add_section(&mut file, &pack(kind, &plain));
    }
    add_section(&mut file, &pack(kind, &[]));
    if kind == "made-plain" {
        file.extend([0; 300]);
    }
    file
}

/// What a section has behind its marker.
pub(crate) fn pack(kind: &str, plain: &[u8]) -> Vec<u8> {
    let length = (plain.len() as u32).to_be_bytes();
    let packed = match kind {
        "made-plain" => return plain.to_vec(),
        "made-lz4" => lz4(plain),
        "made-snappy" => snap::raw::Encoder::new().compress_vec(plain).unwrap(),
        "made-deflate" => {
            let mut encoder = flate2::write::ZlibEncoder::new(Vec::new(), flate2::Compression::default());
            encoder.write_all(plain).unwrap();
            encoder.finish().unwrap()
        }
        "made-zstd" => {
            let mut compressor = zstd::bulk::Compressor::new(3).unwrap();
            compressor.include_checksum(true).unwrap();
            compressor.compress(plain).unwrap()
        }
        "made-noop" => plain.to_vec(),
        _ => {
            let block = if kind == "made-blocks" { 150 } else { BLOCK_BYTES };
            plain.chunks(block).flat_map(encrypted_block).collect()
        }
    };
    [&length[..], &packed].concat()
}

fn lz4(plain: &[u8]) -> Vec<u8> {
    [&(plain.len() as u32).to_le_bytes()[..], &lz4_flex::block::compress(plain)].concat()
}

fn encrypted_block(plain: &[u8]) -> Vec<u8> {
    let content = [&(plain.len() as u32).to_be_bytes()[..], &lz4(plain)].concat();
    let (key, iv) = (bytes_of_hex(KEY), bytes_of_hex(IV));
    let cipher = cbc::Encryptor::<aes::Aes128>::new_from_slices(&key, &iv).unwrap();
    let cipher_text = cipher.encrypt_padded_vec::<Pkcs7>(&content);
    [&(cipher_text.len() as u32).to_be_bytes()[..], &(content.len() as u32).to_be_bytes(), &cipher_text]
        .concat()
}
