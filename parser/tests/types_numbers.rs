//! Texts of numbers as Java 17 printed them.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test may stop at the first surprise")]

use std::fs;

use cassandra_commitlog::types::{CqlType, Dialect, NativeType, write_cql_literal};

/// Compares lines of `d|f`, the bits in hexadecimal, and the text.
fn compare(lines: &str) -> usize {
    let (double, float) = (CqlType::Native(NativeType::Double), CqlType::Native(NativeType::Float));
    let mut failures = Vec::new();
    let mut compared = 0;
    for line in lines.lines() {
        let fields: Vec<&str> = line.split(' ').collect();
        let mut text = String::new();
        if fields[0] == "d" {
            let bits = u64::from_str_radix(fields[1], 16).unwrap();
            write_cql_literal(&double, &bits.to_be_bytes(), Dialect::Cassandra5, &mut text).unwrap();
        } else {
            let bits = u32::from_str_radix(fields[1], 16).unwrap();
            write_cql_literal(&float, &bits.to_be_bytes(), Dialect::Cassandra5, &mut text).unwrap();
        }
        compared += 1;
        if text != fields[2] {
            failures.push(format!("{line}: {text}"));
        }
    }
    assert!(failures.is_empty(), "{} of {compared} differ:\n{}", failures.len(), failures.join("\n"));
    compared
}

#[test]
fn numbers_are_printed_as_java_17_does() {
    // Among them are powers of ten and two with their neighbours, subnormals, and 200 doubles to which Java
    // before 19 gives more digits than they need.
    assert_eq!(compare(include_str!("data/java_numbers.txt")), 859);
}

#[test]
#[ignore = "needs a file of Java's texts, named by RINGTAP_NUMBERS"]
fn numbers_of_a_named_file_are_printed_as_java_does() {
    let path = std::env::var("RINGTAP_NUMBERS").unwrap();
    println!("{} numbers compared", compare(&fs::read_to_string(path).unwrap()));
}
