//! Single bytes, and cuts.

use crate::{
    decode::{decode, decode_with},
    segment::{Segment, all},
};

/// Cuts to try: each, but without optimisation not all of the larger segments.
fn step(segment: &Segment) -> usize {
    if cfg!(debug_assertions) && segment.file.len() > 6000 { 41 } else { 1 }
}

#[test]
fn undamaged_segments_give_every_entry_at_its_position_and_no_damage() {
    for segment in all() {
        let decoded = decode(&segment.file);
        assert!(decoded.damage.is_empty(), "{}: {:?}", segment.name, decoded.damage);
        let expected: Vec<_> =
            segment.entries.iter().map(|entry| (entry.logical.end, entry.mutation.clone())).collect();
        assert!(decoded.entries == expected, "{}", segment.name);
        assert!(segment.name.contains("empty") || expected.len() > 5, "{}: {}", segment.name, expected.len());
    }
}

#[test]
fn every_flip_in_headers_markers_and_heads_of_entries_loses_only_what_it_hits() {
    for segment in all() {
        let values: Vec<u8> = if cfg!(debug_assertions) || segment.file.len() > 6000 {
            (0..8).map(|bit| 1 << bit).chain([0xff, 0x55]).collect()
        } else {
            (1..=255).collect()
        };
        let mut damaged = segment.file.clone();
        for at in segment.structure() {
            for &flip in &values {
                damaged[at] ^= flip;
                segment.judge(&damaged, &format!("byte {at} flipped by {flip:#04x}"));
                damaged[at] ^= flip;
            }
        }
    }
}

#[test]
fn a_flip_in_the_header_of_any_kind_is_mended_and_loses_nothing() {
    for segment in all() {
        let mut damaged = segment.file.clone();
        for at in 0..segment.sections[0].file.start {
            damaged[at] ^= 0x10;
            let decoded = decode(&damaged);
            assert_eq!(
                decoded.entries.len(),
                segment.entries.len(),
                "{} {at}: {:?}",
                segment.name,
                decoded.end
            );
            assert_eq!(decoded.damage.len(), 1, "{} {at}", segment.name);
            damaged[at] ^= 0x10;
        }
    }
}

#[test]
fn every_cut_gives_all_entries_before_it() {
    for segment in all() {
        for length in (0..segment.file.len()).step_by(step(&segment)) {
            segment.judge(&segment.file[..length], &format!("cut to {length}"));
        }
    }
}

#[test]
fn a_cut_inside_a_section_is_told_of() {
    for segment in all() {
        for section in &segment.sections {
            for length in (section.file.start + 1..section.file.end).step_by(step(&segment)) {
                let cut = &segment.file[..length];
                if segment.is_plain && cut[section.file.start..].iter().all(|byte| *byte == 0) {
                    // A whole plain segment may end so.
                    continue;
                }
                let decoded = decode(cut);
                assert!(!decoded.damage.is_empty(), "{} cut to {length}", segment.name);
            }
        }
    }
}

#[test]
fn windows_do_not_matter() {
    for segment in all() {
        let mut damaged = segment.file.clone();
        for at in segment.structure().into_iter().step_by(7) {
            damaged[at] ^= 0x08;
            let whole = decode(&damaged);
            for surplus in [0, 1, 13, 4000] {
                assert_eq!(decode_with(&damaged, Some(surplus)), whole, "{} {at} {surplus}", segment.name);
            }
            damaged[at] ^= 0x08;
        }
    }
}
