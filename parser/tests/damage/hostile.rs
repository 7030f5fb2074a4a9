//! Files made to be expensive: lengths and counts that lie behind CRCs that hold.

use std::time::{Duration, Instant};

use crate::{
    ALLOCATOR,
    build::{KINDS, add_section, frame, header, mutations, pack, parameters},
    decode::decode,
};

/// A head that claims a body of so many bytes, with the right CRC.
fn head(size: u32) -> [u8; 8] {
    let framed = frame(&[]);
    assert_eq!(framed.len(), 12);
    let word = size.to_be_bytes();
    let crc = crc32fast::hash(&word).to_be_bytes();
    [word[0], word[1], word[2], word[3], crc[0], crc[1], crc[2], crc[3]]
}

/// Runs what must not take memory in proportion to what a file claims. Other tests allocate at the same time, but no
/// more than a few MiB.
fn within_bounds(what: &str, file: &[u8]) {
    let start = Instant::now();
    decode(file);
    assert!(
        start.elapsed() < Duration::from_secs(20),
        "{what}: {:?}",
        start.elapsed()
    );
    let mebibytes = ALLOCATOR.max_allocated() >> 20;
    assert!(mebibytes < 128, "{what}: {mebibytes} MiB");
}

#[test]
fn heads_that_all_claim_the_rest_of_the_file_cost_no_more_than_a_few_rounds() {
    const BYTES: u32 = 4 << 20;
    let mut content = Vec::new();
    // The first byte hides the first head, so that the search begins.
    content.push(0x7f);
    while content.len() < BYTES as usize {
        let left = BYTES - content.len() as u32;
        content.extend(head((left / 2).max(19)));
    }
    for kind in ["made-plain", "made-noop"] {
        let mut file = header(&parameters(kind));
        let packed = if kind == "made-plain" {
            content.clone()
        } else {
            [&(content.len() as u32).to_be_bytes()[..], &content].concat()
        };
        add_section(&mut file, &packed);
        let start = Instant::now();
        decode(&file);
        // Gone through for each of them it would be 10^12 bytes: an hour.
        assert!(
            start.elapsed() < Duration::from_secs(20),
            "{kind}: {:?}",
            start.elapsed()
        );
        println!("{kind}: {:?}", start.elapsed());
    }
}

#[test]
fn small_sections_that_each_claim_an_entry_beyond_them_cost_no_more_than_a_few_rounds() {
    const SECTIONS: usize = 40_000;
    let mut file = header("{}");
    for number in 0..SECTIONS {
        let left = (SECTIONS - number) * 16;
        add_section(&mut file, &head((left as u32).max(19)));
    }
    within_bounds("sections", &file);
}

#[test]
fn hostile_lengths_of_sections_take_no_memory() {
    let plain: Vec<u8> = mutations()
        .iter()
        .take(3)
        .flat_map(|mutation| frame(mutation))
        .collect();
    for kind in KINDS.into_iter().filter(|kind| *kind != "made-plain") {
        for claimed in [u32::MAX, i32::MAX as u32, 272 << 20, 200 << 20, 130 << 20] {
            let mut packed = pack(kind, &plain);
            packed[..4].copy_from_slice(&claimed.to_be_bytes());
            let mut also_inside = packed.clone();
            also_inside[4..8].copy_from_slice(&claimed.to_le_bytes());
            for section in [packed, also_inside] {
                let mut file = header(&parameters(kind));
                add_section(&mut file, &section);
                add_section(&mut file, &pack(kind, &plain));
                within_bounds(&format!("{kind} {claimed}"), &file);
                // Whatever the first one was, the second is there.
                assert!(decode(&file).entries.len() >= 3, "{kind} {claimed}");
            }
        }
    }
}

#[test]
fn a_wrong_length_of_a_section_loses_nothing_where_the_packed_data_has_its_own() {
    let plain: Vec<u8> = mutations()
        .iter()
        .take(3)
        .flat_map(|mutation| frame(mutation))
        .collect();
    for kind in [
        "made-lz4",
        "made-snappy",
        "made-zstd",
        "made-noop",
        "made-encrypted",
    ] {
        for claimed in [
            0,
            1,
            plain.len() as u32 - 1,
            plain.len() as u32 + 1,
            5000,
            u32::MAX,
        ] {
            let mut file = header(&parameters(kind));
            let mut packed = pack(kind, &plain);
            packed[..4].copy_from_slice(&claimed.to_be_bytes());
            add_section(&mut file, &packed);
            add_section(&mut file, &pack(kind, &plain));
            let decoded = decode(&file);
            let positions: Vec<u64> = decoded.entries.iter().map(|(position, _)| *position).collect();
            assert_eq!(positions.len(), 6, "{kind} {claimed}: {:?}", decoded.damage);
            // The positions of the second section are right as well.
            assert_eq!(
                positions[3] - positions[0],
                8 + plain.len() as u64,
                "{kind} {claimed}"
            );
            assert_eq!(decoded.damage.len(), 1, "{kind} {claimed}");
        }
    }
}

#[test]
fn bytes_behind_the_packed_data_are_damage() {
    let plain: Vec<u8> = mutations()
        .iter()
        .take(3)
        .flat_map(|mutation| frame(mutation))
        .collect();
    for kind in KINDS.into_iter().filter(|kind| *kind != "made-plain") {
        for behind in [
            &b"\0"[..],
            &pack("made-zstd", &plain)[4..],
            b"behind behind behind behind",
        ] {
            let mut file = header(&parameters(kind));
            add_section(&mut file, &[&pack(kind, &plain), behind].concat());
            let decoded = decode(&file);
            assert!(!decoded.damage.is_empty(), "{kind} {behind:?}");
            // What is behind may hold an entry as it is.
            assert!(decoded.entries.len() >= 3, "{kind}: {:?}", decoded.damage);
        }
    }
}
