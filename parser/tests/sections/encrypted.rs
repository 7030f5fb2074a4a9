//! Damaged encrypted sections: blocks that are whole stay, and stay in their place.

use cassandra_commitlog::{
    keystore::{SecretKey, find_secret_key},
    segment::encryption::{CipherError, LostBlockKind, SectionCipher, SectionError},
};

use crate::segment::{Section, Transformation, be_i32, bytes, data, read};

const BLOCK_BYTES_MAX: usize = 65_536;

fn key() -> SecretKey {
    let keystore = std::fs::read(data("4.0-encrypted.jceks")).unwrap();
    find_secret_key(&keystore, "testing:1", "cassandra", None).unwrap()
}

fn sample(key: &SecretKey) -> (SectionCipher, Vec<Section>) {
    let (transformation, sections) = read(&data("4.0-encrypted.segment"));
    let Some(Transformation::Encrypted { cipher, iv, .. }) = transformation else { panic!("not encrypted") };
    (SectionCipher::new(&cipher, key, &iv).unwrap(), sections)
}

/// Real blocks of one segment put together to a section, as all are encrypted from one vector: two of 64 KiB around
/// one, and a last one.
struct Chain {
    blocks: Vec<u8>,
    /// Where each block begins, and the end.
    starts: Vec<usize>,
    plain: Vec<u8>,
}

const FULL: usize = BLOCK_BYTES_MAX;

fn chain(state: &mut SectionCipher, sections: &[Section]) -> Chain {
    let section = sections.iter().max_by_key(|section| section.plain_length).unwrap();
    let first_end = 8 + usize::try_from(be_i32(&section.content, 0)).unwrap();
    let (full, last) = section.content.split_at(first_end);
    let mut plain_section = Vec::new();
    state
        .decrypt_section(&section.content, section.plain_length, BLOCK_BYTES_MAX, &mut plain_section)
        .unwrap();
    let (plain_full, plain_last) = plain_section.split_at(FULL);
    Chain {
        blocks: [full, full, full, last].concat(),
        starts: vec![0, first_end, 2 * first_end, 3 * first_end, 3 * first_end + last.len()],
        plain: [plain_full, plain_full, plain_full, plain_last].concat(),
    }
}

fn decrypt(state: &mut SectionCipher, blocks: &[u8], total: usize) -> (Vec<u8>, Result<(), SectionError>) {
    let mut out = vec![0xEE; total + 77];
    let result = state.decrypt_section(blocks, total, BLOCK_BYTES_MAX, &mut out);
    // So many blocks cannot have a longer total.
    assert_eq!(out.len(), total.min(255 * blocks.len()));
    out.resize(total, 0);
    (out, result)
}

#[test]
fn keys_of_all_three_sizes_decrypt_what_java_encrypted() {
    // `Cipher.getInstance("AES/CBC/PKCS5Padding")` of Java 8 over the lengths and LZ4 of "hello".
    for (key, cipher_text) in [
        ("000102030405060708090a0b0c0d0e0f", "7856d1955d68322c287ca6bcbccbee45"),
        ("000102030405060708090a0b0c0d0e0f1011121314151617", "a2e4e8a76e143b1f5abcee809903f9e6"),
        (
            "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f",
            "726c683dc009feb7025e6c05a54b663f",
        ),
    ] {
        let key = SecretKey::from_hex(key).unwrap();
        let iv = bytes("f0f1f2f3f4f5f6f7f8f9fafbfcfdfeff");
        let mut state = SectionCipher::new("AES/CBC/PKCS5Padding", &key, &iv).unwrap();
        let blocks = [bytes("000000100000000e"), bytes(cipher_text)].concat();
        let mut out = Vec::new();
        // Twice: each block starts from the vector anew.
        state.decrypt_section(&[blocks.clone(), blocks].concat(), 10, 64, &mut out).unwrap();
        assert_eq!(out, b"hellohello");
        assert!(!format!("{state:?}").contains("0001"), "a key shows");
    }
}

#[test]
fn other_ciphers_and_wrong_lengths_are_refused() {
    let key = SecretKey::new("AES", &[0; 16]);
    for cipher in ["AES/GCM/NoPadding", "AES/CBC/NoPadding", "AES", "DESede/CBC/PKCS5Padding", ""] {
        let error = SectionCipher::new(cipher, &key, &[0; 16]).unwrap_err();
        assert_eq!(error, CipherError::Unsupported { cipher: cipher.to_owned() });
    }
    let cipher = "aes/cbc/pkcs5padding";
    assert_eq!(SectionCipher::new(cipher, &key, &[0; 12]).unwrap_err(), CipherError::IvLength { bytes: 12 });
    let key = SecretKey::new("DESede", &[0; 24]);
    let error = SectionCipher::new(cipher, &key, &[0; 16]).unwrap_err();
    assert_eq!(error, CipherError::KeyLength { bytes: 24, algorithm: "DESede".to_owned() });
}

#[test]
fn a_lost_block_is_zeros_and_the_later_ones_keep_their_place() {
    let (mut state, sections) = sample(&key());
    let chain = chain(&mut state, &sections);
    let (out, result) = decrypt(&mut state, &chain.blocks, chain.plain.len());
    assert_eq!(result, Ok(()));
    assert!(out == chain.plain);

    for lost in [vec![0], vec![1], vec![3], vec![0, 1], vec![0, 2], vec![1, 3], vec![0, 1, 2, 3]] {
        let mut blocks = chain.blocks.clone();
        for block in &lost {
            // The first cipher block has the plain length: without it the length must be concluded.
            blocks[chain.starts[*block] + 8] ^= 0x80;
        }
        let (out, result) = decrypt(&mut state, &blocks, chain.plain.len());
        let mut expected = chain.plain.clone();
        for block in &lost {
            let end = ((block + 1) * FULL).min(expected.len());
            expected[block * FULL..end].fill(0);
        }
        assert!(out == expected, "{lost:?}: wrong bytes");
        let reported = result.unwrap_err().lost;
        assert_eq!(
            reported.iter().map(|block| block.cipher.clone()).collect::<Vec<_>>(),
            lost.iter().map(|block| chain.starts[*block]..chain.starts[*block + 1]).collect::<Vec<_>>()
        );
        if lost.len() < 4 {
            let plain: Vec<_> = reported.iter().map(|block| block.plain.clone()).collect();
            let spans = lost.iter().map(|block| block * FULL..((block + 1) * FULL).min(expected.len()));
            if lost != [0, 1] {
                assert_eq!(plain, spans.collect::<Vec<_>>());
            }
        }
    }
}

#[test]
fn one_damaged_length_of_a_block_loses_nothing() {
    let (mut state, sections) = sample(&key());
    let chain = chain(&mut state, &sections);
    for block in 0..4 {
        for byte in 0..8 {
            for mask in [0x01, 0x80] {
                let mut blocks = chain.blocks.clone();
                blocks[chain.starts[block] + byte] ^= mask;
                let (out, result) = decrypt(&mut state, &blocks, chain.plain.len());
                assert_eq!(result, Ok(()), "block {block}, byte {byte}, {mask:02x}");
                assert!(out == chain.plain, "block {block}, byte {byte}, {mask:02x}");
            }
        }
    }
}

#[test]
fn two_damaged_lengths_lose_the_rest() {
    let (mut state, sections) = sample(&key());
    let chain = chain(&mut state, &sections);
    let mut blocks = chain.blocks.clone();
    blocks[chain.starts[1]..chain.starts[1] + 8].fill(0xFF);
    let (out, result) = decrypt(&mut state, &blocks, chain.plain.len());
    assert!(out[..FULL] == chain.plain[..FULL]);
    assert!(out[FULL..].iter().all(|byte| *byte == 0));
    let [lost] = result.unwrap_err().lost.try_into().unwrap();
    assert_eq!((lost.kind, lost.plain), (LostBlockKind::Header, FULL..chain.plain.len()));
    assert_eq!(lost.cipher, chain.starts[1]..chain.blocks.len());
}

#[test]
fn damage_inside_a_block_keeps_what_came_before_it() {
    let (mut state, sections) = sample(&key());
    let chain = chain(&mut state, &sections);
    let middle = usize::midpoint(chain.starts[1], chain.starts[2]);
    let mut prefixes = 0;
    for place in middle..middle + 160 {
        let mut blocks = chain.blocks.clone();
        blocks[place] ^= 0xFF;
        let (out, result) = decrypt(&mut state, &blocks, chain.plain.len());
        assert!(out[..FULL] == chain.plain[..FULL], "at {place}");
        assert!(out[2 * FULL..] == chain.plain[2 * FULL..], "at {place}");
        // Often broken LZ4 still has the right length: then the entries' CRCs tell.
        let Err(SectionError { lost, .. }) = result else {
            continue;
        };
        assert_eq!((lost.len(), lost[0].plain.clone()), (1, FULL..2 * FULL), "at {place}");
        prefixes += u32::from(lost[0].good_prefix > 1000);
        let quarter = FULL + lost[0].good_prefix / 4;
        assert!(out[FULL..quarter] == chain.plain[FULL..quarter], "at {place}");
    }
    assert!(prefixes > 0, "no flip left a prefix");
}

#[test]
fn every_cut_keeps_the_blocks_before_it() {
    let (mut state, sections) = sample(&key());
    let chain = chain(&mut state, &sections);
    for length in (0..chain.blocks.len()).step_by(97) {
        let (out, result) = decrypt(&mut state, &chain.blocks[..length], chain.plain.len());
        let whole = chain.starts.iter().filter(|start| **start <= length).count() - 1;
        assert!(out[..whole * FULL] == chain.plain[..whole * FULL], "cut to {length}");
        let lost = result.unwrap_err().lost;
        // So few bytes can't stand for more: LZ4 gives 255 for each at most.
        let total = chain.plain.len().min(255 * length);
        assert_eq!(lost.last().unwrap().plain, whole * FULL..total, "cut to {length}");
    }
}

#[test]
fn another_total_than_the_blocks_have_is_reported() {
    let (mut state, sections) = sample(&key());
    let chain = chain(&mut state, &sections);
    for (total, kind) in [
        (chain.plain.len() + 9, LostBlockKind::Missing),
        (chain.plain.len() - 9, LostBlockKind::Excess),
        (FULL + 1, LostBlockKind::Excess),
        (0, LostBlockKind::Excess),
    ] {
        let (out, result) = decrypt(&mut state, &chain.blocks, total);
        let whole = total.min(chain.plain.len());
        assert!(out[..whole] == chain.plain[..whole], "total {total}");
        assert_eq!(result.unwrap_err().lost.last().unwrap().kind, kind, "total {total}");
    }
    assert_eq!(decrypt(&mut state, &[], 0).1, Ok(()));
}

#[test]
fn a_wrong_key_loses_every_block_and_gives_zeros() {
    let (mut state, sections) = sample(&SecretKey::new("AES", &[7; 16]));
    for section in sections {
        let (out, result) = decrypt(&mut state, &section.content, section.plain_length);
        assert!(out.iter().all(|byte| *byte == 0));
        let lost = result.unwrap_err().lost;
        assert!(lost.iter().all(|lost| lost.good_prefix == 0));
    }
}

#[test]
fn blocks_above_the_limit_are_not_allocated() {
    let (mut state, sections) = sample(&key());
    let chain = chain(&mut state, &sections);
    let mut out = Vec::new();
    let error = state.decrypt_section(&chain.blocks, 1000, 1024, &mut out).unwrap_err();
    assert_eq!(out, vec![0; 1000]);
    assert!(out.capacity() < 4096);
    assert!(!error.lost.is_empty());
}
