//! Damaged mutations, whose CRC would hold: real ones of each table and version, cut and flipped; and replays of what
//! fuzzing began with or found.

use std::path::Path;

use cassandra_commitlog::{Version, decode::MutationDecoder};

use crate::{ALLOCATOR, mutation};

#[path = "../../fuzz/run/cdc_index.rs"]
mod cdc_index;
#[path = "../../fuzz/run/framing.rs"]
mod framing;
#[path = "../../fuzz/run/keystore.rs"]
mod keystore;
#[path = "../../fuzz/run/types.rs"]
mod types;

fn inputs(directory: &str) -> Vec<(String, Vec<u8>)> {
    let directory = Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz").join(directory);
    let Ok(listing) = std::fs::read_dir(directory) else {
        return Vec::new();
    };
    let mut inputs: Vec<_> = listing
        .map(|entry| entry.unwrap().path())
        .map(|path| (path.display().to_string(), std::fs::read(&path).unwrap()))
        .collect();
    inputs.sort();
    inputs
}

fn replay(target: &str, run: fn(&[u8])) {
    let mut count = 0;
    for directory in ["seeds", "regressions"] {
        for (name, input) in inputs(&format!("{directory}/{target}")) {
            println!("{name}");
            run(&input);
            count += 1;
        }
    }
    assert!(count > 0);
}

#[test]
fn what_fuzzing_framing_began_with_or_found_passes() {
    replay("framing", framing::run);
}

#[test]
fn what_fuzzing_mutations_began_with_or_found_passes() {
    replay("mutation", mutation::run);
}

#[test]
fn what_fuzzing_types_began_with_or_found_passes() {
    replay("types", types::run);
}

#[test]
fn what_fuzzing_cdc_indices_began_with_or_found_passes() {
    replay("cdc_index", cdc_index::run);
}

#[test]
fn what_fuzzing_keystores_began_with_or_found_passes() {
    replay("keystore", keystore::run);
}

#[test]
fn real_mutations_decode() {
    for (name, input) in inputs("seeds/mutation") {
        let mut decoder = MutationDecoder::new(Version::from_number(i32::from(input[0])).unwrap());
        if let Err(error) = decoder.decode(&input[1..], &*mutation::TABLES) {
            panic!("{name}: {error}");
        }
    }
}

#[test]
fn every_prefix_of_a_real_mutation_is_an_error() {
    for (name, input) in inputs("seeds/mutation") {
        let mut decoder = MutationDecoder::new(Version::from_number(i32::from(input[0])).unwrap());
        for length in 0..input.len() - 1 {
            let cut = &input[1..][..length];
            assert!(decoder.decode(cut, &*mutation::TABLES).is_err(), "{name} cut to {length}");
        }
    }
}

#[test]
fn every_flipped_byte_of_a_real_mutation_gives_a_mutation_or_an_error() {
    let flips: &[u8] =
        if cfg!(debug_assertions) { &[0x01, 0x80] } else { &[1, 2, 4, 8, 16, 32, 64, 128, 0xff, 0x7f] };
    for (_, input) in inputs("seeds/mutation") {
        let mut damaged = input.clone();
        for at in 1..input.len() {
            for flip in flips {
                damaged[at] ^= flip;
                mutation::run(&damaged);
                damaged[at] ^= flip;
            }
        }
    }
}

/// One cell of two bytes is the smallest part of a tree, and takes the most for its bytes.
#[test]
fn a_tree_takes_no_more_than_a_constant_for_each_byte() {
    let mut worst = 0;
    for (name, input) in inputs("seeds/mutation") {
        let mut decoder = MutationDecoder::new(Version::from_number(i32::from(input[0])).unwrap());
        let Ok(small) = decoder.decode(&input[1..], &*mutation::TABLES) else {
            continue;
        };
        let is_of_interest = small.updates.len() == 1 && small.updates[0].unfiltereds.len() == 1;
        drop(small);
        if !is_of_interest {
            continue;
        }
        // All bytes but the end of the partition, then the row again and again: what of it decodes counts.
        let row: &[u8] = &[0x24, 0, 0, 0x04 | 0x08];
        let mut bytes = input[1..input.len() - 1].to_vec();
        for _ in 0..50_000 {
            bytes.extend(row);
        }
        let before = ALLOCATOR.allocated();
        let _ = decoder.decode(&bytes, &*mutation::TABLES);
        let used = ALLOCATOR.max_allocated().saturating_sub(before);
        worst = worst.max(used / bytes.len());
        assert!(used < 256 * bytes.len() + (64 << 20), "{name}: {used} bytes for {}", bytes.len());
    }
    println!("at most {worst} bytes for each byte, with other tests' allocations");
}
