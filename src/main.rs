//! The `ringtap` program.
fn main() {}
