//! Content of CDC index files.

use cassandra_commitlog::segment::CdcIndex;

/// Reads the input as a CDC index; what is read must be what the text says.
pub fn run(input: &[u8]) {
    let Ok(index) = CdcIndex::parse(input) else { return };
    let text = std::str::from_utf8(input).expect("what was read is text");
    assert!(text.starts_with(|first: char| first.is_ascii_digit()));
    let digits = text.split('\n').next().unwrap_or_default();
    assert_eq!(digits.parse(), Ok(index.offset));
    assert_eq!(text.contains('\n'), index.completed);
}
