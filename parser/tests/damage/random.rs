//! Random damages.

use std::time::Instant;

use crate::{ALLOCATOR, segment::all};

/// SplitMix64.
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut word = self.0;
        word = (word ^ word >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        word = (word ^ word >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
        word ^ word >> 31
    }

    fn below(&mut self, bound: usize) -> usize {
        (self.next() % bound as u64) as usize
    }
}

#[test]
fn random_damages_lose_only_what_they_hit() {
    let damages: u64 = std::env::var("RINGTAP_DAMAGES").map_or(600, |text| text.parse().unwrap());
    let first: u64 = std::env::var("RINGTAP_FIRST_SEED").map_or(0, |text| text.parse().unwrap());
    let segments = all();
    let start = Instant::now();
    let before = ALLOCATOR.allocated();
    let mut most = 0;
    for seed in first..first + damages {
        let mut random = Random(seed);
        let segment = &segments[seed as usize % segments.len()];
        let mut damaged = segment.file.clone();
        let structure = segment.structure();
        for _ in 0..=random.below(4) {
            let at = if random.below(2) == 0 {
                structure[random.below(structure.len())]
            } else {
                random.below(damaged.len())
            };
            let most_bytes = if random.below(4) == 0 { 200 } else { 8 };
            let length = 1 + random.below(most_bytes);
            let fill = random.below(8);
            for byte in damaged.iter_mut().skip(at).take(length) {
                *byte = if fill == 0 { 0 } else { random.next() as u8 };
            }
        }
        if random.below(8) == 0 {
            damaged.truncate(random.below(damaged.len()));
        }
        segment.judge(&damaged, &format!("seed {seed}"));
        most = most.max(ALLOCATOR.allocated());
    }
    let mebibytes = ALLOCATOR.max_allocated() >> 20;
    println!(
        "{damages} damages in {:?}; at most {mebibytes} MiB allocated, {before} bytes before",
        start.elapsed()
    );
    assert!(mebibytes < 128, "{mebibytes} MiB");
}
