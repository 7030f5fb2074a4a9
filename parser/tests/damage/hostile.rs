//! Files made to be expensive: lengths and counts that lie behind CRCs that hold.

use std::{
    io::Write,
    time::{Duration, Instant},
};

use cassandra_commitlog::segment::DamageKind;

use crate::{
    ALLOCATOR,
    build::{KINDS, add_section, frame, header, marker, mutations, pack, parameters},
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
    assert!(start.elapsed() < Duration::from_secs(20), "{what}: {:?}", start.elapsed());
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
        assert!(start.elapsed() < Duration::from_secs(20), "{kind}: {:?}", start.elapsed());
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
    let plain: Vec<u8> = mutations().iter().take(3).flat_map(|mutation| frame(mutation)).collect();
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
    let plain: Vec<u8> = mutations().iter().take(3).flat_map(|mutation| frame(mutation)).collect();
    for kind in ["made-lz4", "made-snappy", "made-zstd", "made-noop", "made-encrypted"] {
        for claimed in [0, 1, plain.len() as u32 - 1, plain.len() as u32 + 1, 5000, u32::MAX] {
            let mut file = header(&parameters(kind));
            let mut packed = pack(kind, &plain);
            packed[..4].copy_from_slice(&claimed.to_be_bytes());
            add_section(&mut file, &packed);
            add_section(&mut file, &pack(kind, &plain));
            let decoded = decode(&file);
            let positions: Vec<u64> = decoded.entries.iter().map(|(position, _)| *position).collect();
            assert_eq!(positions.len(), 6, "{kind} {claimed}: {:?}", decoded.damage);
            // The positions of the second section are right as well.
            assert_eq!(positions[3] - positions[0], 8 + plain.len() as u64, "{kind} {claimed}");
            assert_eq!(decoded.damage.len(), 1, "{kind} {claimed}");
        }
    }
}

#[test]
fn bytes_behind_the_packed_data_are_damage() {
    let plain: Vec<u8> = mutations().iter().take(3).flat_map(|mutation| frame(mutation)).collect();
    for kind in KINDS.into_iter().filter(|kind| *kind != "made-plain") {
        for behind in [&b"\0"[..], &pack("made-zstd", &plain)[4..], b"behind behind behind behind"] {
            let mut file = header(&parameters(kind));
            add_section(&mut file, &[&pack(kind, &plain), behind].concat());
            let decoded = decode(&file);
            assert!(!decoded.damage.is_empty(), "{kind} {behind:?}");
            // What is behind may hold an entry as it is.
            assert!(decoded.entries.len() >= 3, "{kind}: {:?}", decoded.damage);
        }
    }
}

/// Packs so many bytes of zeros, a piece at a time: with the whole in memory the measurement would be of this test.
fn bomb(kind: &str, mebibytes: u32) -> Vec<u8> {
    let piece = vec![0; 1 << 20];
    let length = mebibytes << 20;
    match kind {
        "made-deflate" => {
            let mut encoder = flate2::write::ZlibEncoder::new(Vec::new(), flate2::Compression::default());
            (0..mebibytes).for_each(|_| encoder.write_all(&piece).unwrap());
            encoder.finish().unwrap()
        }
        "made-zstd" => {
            let mut encoder = zstd::stream::Encoder::new(Vec::new(), 3).unwrap();
            encoder.set_pledged_src_size(Some(u64::from(length))).unwrap();
            (0..mebibytes).for_each(|_| encoder.write_all(&piece).unwrap());
            encoder.finish().unwrap()
        }
        _ => {
            // A literal zero, a match with it of a length in bytes of 255, and five literals that end the block.
            let matched = length - 1 - 5 - 4 - 15;
            let mut block = length.to_le_bytes().to_vec();
            block.extend([0x1f, 0, 1, 0]);
            block.extend((0..matched / 255).map(|_| 0xff));
            block.extend([(matched % 255) as u8, 0x50, 0, 0, 0, 0, 0]);
            block
        }
    }
}

#[test]
fn a_section_that_unpacks_to_too_much_is_told_as_that_and_takes_less_than_128_mebibytes() {
    let plain: Vec<u8> = mutations().iter().take(3).flat_map(|mutation| frame(mutation)).collect();
    for kind in ["made-deflate", "made-zstd", "made-lz4"] {
        for (mebibytes, claimed, told) in [
            (200, 200, DamageKind::SectionTooLarge),
            (200, 2000, DamageKind::SectionTooLarge),
            (200, 64, DamageKind::Compression),
            (200, 1, DamageKind::Compression),
            (64, 64, DamageKind::ZeroSize),
        ] {
            let what = format!("{kind}: {mebibytes} MiB, called {claimed}");
            let mut file = header(&parameters(kind));
            let length = (claimed * (1_u32 << 20)).to_be_bytes();
            add_section(&mut file, &[&length, &bomb(kind, mebibytes)[..]].concat());
            add_section(&mut file, &pack(kind, &plain));
            within_bounds(&what, &file);
            let decoded = decode(&file);
            assert_eq!(decoded.damage[0].kind, told, "{what}: {:?}", decoded.damage);
            assert!(decoded.damage[0].is_loss(), "{what}");
            assert_eq!(decoded.entries.len(), 3, "{what}: {:?}", decoded.damage);
        }
    }
}

#[test]
fn a_marker_that_points_to_a_later_one_hides_no_section() {
    let plain: Vec<u8> = mutations().iter().take(3).flat_map(|mutation| frame(mutation)).collect();
    for kind in KINDS {
        for wrong_crc in [0, 1] {
            let mut file = header(&parameters(kind));
            let mut starts = Vec::new();
            for _ in 0..4 {
                starts.push(file.len());
                add_section(&mut file, &pack(kind, &plain));
            }
            // The second points to the fourth.
            let end = (starts[3] as u32).to_be_bytes();
            file[starts[1]..starts[1] + 4].copy_from_slice(&end);
            file[starts[1] + 4] ^= wrong_crc;
            let decoded = decode(&file);
            assert_eq!(decoded.entries.len(), 12, "{kind}: {:?}", decoded.damage);
            assert!(!decoded.damage.is_empty(), "{kind}");
        }
    }
}

#[test]
fn markers_that_all_point_to_the_files_end_cost_no_more_than_a_few_rounds() {
    for kind in KINDS.into_iter().filter(|kind| *kind != "made-plain") {
        // Nothing to compress, so that what is unpacked is not more than the file.
        let mutation: Vec<u8> =
            (0..1500_u32).map(|at| (at.wrapping_mul(2_654_435_761) >> 23) as u8).collect();
        let packed = pack(kind, &frame(&mutation));
        let section = [&marker(0, 0)[..], &packed].concat();
        let mut file = header(&parameters(kind));
        while file.len() < 4 << 20 {
            let (at, end) = (file.len(), (4 << 20) + 400_000);
            file.extend(&section);
            file[at..at + 8].copy_from_slice(&marker(at, end));
        }
        file.resize((4 << 20) + 400_000, 0x5a);
        within_bounds(kind, &file);
    }
}

#[test]
fn an_entry_that_a_damaged_back_reference_repeats_is_told_of_and_does_not_come_again() {
    let all = mutations();
    let (first, third) = (frame(&all[0]), frame(&all[1]));
    let plain = [&first[..], &first, &third].concat();
    let mut file = header(&parameters("made-lz4"));
    let whole = pack("made-lz4", &plain);
    // Intact, both come: whoever wrote it wrote it twice.
    let mut intact = file.clone();
    add_section(&mut intact, &whole);
    let decoded = decode(&intact);
    assert_eq!((decoded.entries.len(), decoded.damage.len()), (3, 0));

    // With a tail that can't be: a match from before the beginning.
    add_section(&mut file, &[&whole[..], &[0x04, 0xff, 0xff]].concat());
    let decoded = decode(&file);
    let given: Vec<_> = decoded.entries.iter().map(|(_, mutation)| mutation).collect();
    assert_eq!(given, [&all[0], &all[1]], "{:?}", decoded.damage);
    let copy = decoded.damage.iter().find(|damage| damage.kind == DamageKind::EntryCopy);
    let copied = copy.unwrap().lost_logical.clone();
    assert_eq!(copied.end - copied.start, first.len() as u64);
}
