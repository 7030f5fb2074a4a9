//! Damaged compressed sections: what can be had is had, and nothing more.

use cassandra_commitlog::segment::compression::{Compressor, DecompressErrorKind, Decompressor};

use crate::segment::{Section, Transformation, data, read};

const SAMPLES: [&str; 4] =
    ["4.1-lz4.segment", "3.11-snappy.segment", "4.1-deflate.segment", "5.0-zstd.segment"];

/// The largest section of a sample, its compressor and its plain data.
fn largest(sample: &str) -> (Compressor, Section, Vec<u8>) {
    let (transformation, sections) = read(&data(sample));
    let Some(Transformation::Compressed(compressor)) = transformation else {
        panic!("{sample} is not compressed")
    };
    let section = sections.into_iter().max_by_key(|section| section.plain_length).unwrap();
    let mut plain = Vec::new();
    compressor.decompress(&section.content, section.plain_length, &mut plain).unwrap();
    (compressor, section, plain)
}

/// Asserts that what came out is as the whole, and returns how much it is.
fn assert_salvaged(out: &[u8], plain: &[u8], length: usize, place: &str) -> usize {
    assert!(out.len() <= length, "{place}");
    assert!(plain.starts_with(out), "{place}: the prefix differs");
    out.len()
}

#[test]
fn classes_are_known_bare_and_with_their_package() {
    for (class, compressor) in [
        ("LZ4Compressor", Some(Compressor::Lz4)),
        ("org.apache.cassandra.io.compress.LZ4Compressor", Some(Compressor::Lz4)),
        ("SnappyCompressor", Some(Compressor::Snappy)),
        ("org.apache.cassandra.io.compress.DeflateCompressor", Some(Compressor::Deflate)),
        ("ZstdCompressor", Some(Compressor::Zstd)),
        ("ZstdDictionaryCompressor", Some(Compressor::Zstd)),
        ("NoopCompressor", Some(Compressor::Noop)),
        ("com.example.FastCompressor", None),
        ("", None),
    ] {
        assert_eq!(Compressor::from_class(class), compressor, "{class}");
    }
}

#[test]
fn a_cut_section_keeps_the_prefix_that_came_out() {
    for sample in SAMPLES {
        let (compressor, section, plain) = largest(sample);
        let mut state = Decompressor::new(compressor);
        let mut out = vec![0xEE; 200_000];
        let mut good_at_half = 0;
        for length in (0..section.content.len()).step_by(31) {
            let cut = &section.content[..length];
            state.decompress(cut, section.plain_length, &mut out).unwrap_err();
            let good =
                assert_salvaged(&out, &plain, section.plain_length, &format!("{sample} cut to {length}"));
            if length <= section.content.len() / 2 {
                good_at_half = good;
            }
        }
        // One Zstandard block has up to 128 KiB, so this section is one: all or nothing.
        if compressor != Compressor::Zstd {
            assert!(good_at_half > section.plain_length / 8, "{sample}: only {good_at_half}");
        }
    }
}

#[test]
fn a_section_longer_or_shorter_than_declared_is_an_error_with_all_that_is_there() {
    for sample in SAMPLES {
        let (compressor, section, plain) = largest(sample);
        for declared in [1, plain.len() / 2, plain.len() - 1, plain.len() + 1, plain.len() + 5000] {
            let mut out = Vec::new();
            compressor.decompress(&section.content, declared, &mut out).unwrap_err();
            let good = assert_salvaged(&out, &plain, declared, &format!("{sample} as {declared}"));
            assert_eq!(good, declared.min(plain.len()), "{sample} as {declared}");
            assert!(out.capacity() <= declared.max(8) * 2, "{sample}: the data decided the allocation");
        }
    }
}

#[test]
fn every_flipped_byte_ends_with_the_declared_length_and_no_old_bytes() {
    for sample in SAMPLES {
        let (compressor, section, plain) = largest(sample);
        let mut state = Decompressor::new(compressor);
        let mut out = Vec::new();
        let mut content = section.content.clone();
        for place in (0..content.len()).step_by(13) {
            for mask in [0x01, 0xFF] {
                // What an earlier section left must never show.
                out.clear();
                out.resize(plain.len() + 100, 0xEE);
                content[place] ^= mask;
                let result = state.decompress(&content, section.plain_length, &mut out);
                content[place] ^= mask;
                assert!(out.len() <= section.plain_length, "{sample} at {place}");
                assert!(out.len() == section.plain_length || result.is_err(), "{sample} at {place}");
                // The real data of these samples has no such run.
                let is_old = out.windows(40).any(|run| run.iter().all(|byte| *byte == 0xEE));
                assert!(!is_old, "{sample} at {place}");
            }
        }
    }
}

#[test]
fn a_damaged_length_field_alone_loses_nothing() {
    for (sample, place) in [("4.1-lz4.segment", 0), ("3.11-snappy.segment", 1)] {
        let (compressor, section, plain) = largest(sample);
        let mut content = section.content.clone();
        content[place] ^= 0x20;
        let mut out = Vec::new();
        let error = compressor.decompress(&content, section.plain_length, &mut out).unwrap_err();
        assert_eq!(error.kind, DecompressErrorKind::LengthMismatch);
        assert_ne!(error.own_length, Some(plain.len()));
        assert!(out == plain, "{sample}");
    }
}

#[test]
fn a_bad_zlib_checksum_is_an_error_that_keeps_the_data() {
    let (compressor, section, plain) = largest("4.1-deflate.segment");
    let mut content = section.content.clone();
    *content.last_mut().unwrap() ^= 1;
    let mut out = Vec::new();
    let error = compressor.decompress(&content, section.plain_length, &mut out).unwrap_err();
    assert_eq!(error.kind, DecompressErrorKind::Corrupt);
    assert!(out == plain);
}

#[test]
fn a_bad_zstandard_checksum_is_an_error_that_keeps_the_data() {
    let (compressor, section, plain) = largest("5.0-zstd.segment");
    let mut content = section.content.clone();
    *content.last_mut().unwrap() ^= 1;
    let mut out = Vec::new();
    let error = compressor.decompress(&content, section.plain_length, &mut out).unwrap_err();
    assert_eq!(error.kind, DecompressErrorKind::Corrupt);
    assert!(out == plain);
}

#[test]
fn the_noop_compressor_copies() {
    let mut out = Vec::new();
    Compressor::Noop.decompress(b"entries", 7, &mut out).unwrap();
    assert_eq!(out, b"entries");
    let error = Compressor::Noop.decompress(b"ent", 7, &mut out).unwrap_err();
    assert_eq!(error.own_length, Some(3));
    assert_eq!(out, b"ent");
}
