//! The examples of `FORMAT.md` are true.

use super::{
    golden::from_hex,
    samples::{Record, samples},
};

const PAGE: &str = include_str!("../FORMAT.md");

/// Returns the blocks that are named after a sample, with their bytes: what stands in a line before two blanks, in hex.
fn examples() -> Vec<(&'static str, Vec<u8>)> {
    let mut examples = Vec::new();
    // Every other part stands between fences.
    for block in PAGE.split("```").skip(1).step_by(2) {
        let (name, lines) = block.split_once('\n').unwrap();
        let hex: String = lines.lines().map(|line| line.split("  ").next().unwrap_or_default()).collect();
        examples.push((name, from_hex(&hex)));
    }
    examples
}

#[test]
fn the_pages_examples_are_the_records_that_they_say() {
    let samples = samples();
    let examples = examples();
    assert_eq!(
        examples.iter().map(|(name, _)| *name).collect::<Vec<_>>(),
        ["own", "published", "relay_delete_range_open"]
    );
    for (name, bytes) in examples {
        let (_, record) = samples.iter().find(|(known, _)| *known == name).unwrap();
        assert_eq!(bytes, record.encode(), "{name}");
        let read = record.decode_alike(&bytes).unwrap();
        assert_eq!(read.encode(), bytes, "{name}");
    }
}

#[test]
fn the_page_has_every_kind_of_record() {
    for (name, record) in samples() {
        let kind = format!("0x{:02x}", record.encode()[1]);
        assert!(PAGE.contains(&kind), "{name} is kind {kind}");
        if !matches!(record, Record::Relay(_)) {
            assert!(PAGE.contains(&format!("| {kind} | `{}`", name.to_uppercase())), "{name}");
        }
    }
}
