//! Partition keys, their tokens, and counter contexts.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test may stop at the first surprise")]

use cassandra_commitlog::types::{
    ValueError,
    counter::{CounterContext, Shard, ShardKind},
    murmur3_token,
    partition_key::components,
};
use uuid::Uuid;

fn bytes_of_hex(hex: &str) -> Vec<u8> {
    (0..hex.len()).step_by(2).map(|at| u8::from_str_radix(&hex[at..at + 2], 16).unwrap()).collect()
}

#[test]
fn tokens_are_those_of_cassandra_s_partitioner() {
    // Printed by `Murmur3Partitioner.getToken` of 4.0.17, for keys of 0 to 69 bytes.
    let mut compared = 0;
    for line in include_str!("data/murmur3_tokens.txt").lines() {
        let (key, token) = line.split_once(' ').unwrap();
        assert_eq!(murmur3_token(&bytes_of_hex(key)), token.parse::<i64>().unwrap(), "{key}");
        compared += 1;
    }
    assert_eq!(compared, 160);
}

#[test]
fn one_column_s_key_is_the_value_itself() {
    let split: Vec<_> = components(b"\x00\x01a\x00", 1).collect();
    assert_eq!(split, [Ok(&b"\x00\x01a\x00"[..])]);
    assert_eq!(components(b"", 1).collect::<Vec<_>>(), [Ok(&b""[..])]);
}

#[test]
fn several_columns_keys_are_split() {
    let split: Vec<_> = components(b"\x00\x01a\x00\x00\x00\x00\x00\x02bc\x00", 3).collect();
    assert_eq!(split, [Ok(&b"a"[..]), Ok(&b""[..]), Ok(&b"bc"[..])]);
}

#[test]
fn keys_of_another_number_of_columns_are_refused() {
    let missing: Vec<_> = components(b"\x00\x01a\x00", 2).collect();
    assert_eq!(missing, [Ok(&b"a"[..]), Err(ValueError::Truncated)]);
    let surplus: Vec<_> = components(b"\x00\x01a\x00\x00\x01b\x00\x00", 2).collect();
    assert_eq!(surplus, [Ok(&b"a"[..]), Err(ValueError::TrailingBytes(1))]);
    let beyond: Vec<_> = components(b"\xff\xffa\x00", 2).collect();
    assert_eq!(beyond, [Err(ValueError::Truncated)]);
}

fn shard(id: u128, clock: i64, count: i64) -> Vec<u8> {
    [&id.to_be_bytes()[..], &clock.to_be_bytes(), &count.to_be_bytes()].concat()
}

#[test]
fn shards_have_the_kinds_that_the_header_gives_them() {
    // Shard 0 is global, shard 2 local, shard 1 is not named.
    let header = bytes_of_hex("000280000002");
    let bytes = [header, shard(1, 10, 5), shard(2, 11, -7), shard(3, 12, i64::MAX)].concat();
    let context = CounterContext::parse(&bytes).unwrap();
    let expected = |id, clock, count, kind| Shard { id: Uuid::from_u128(id), clock, count, kind };
    assert_eq!(
        context.shards().collect::<Vec<_>>(),
        [
            expected(1, 10, 5, ShardKind::Global),
            expected(2, 11, -7, ShardKind::Remote),
            expected(3, 12, i64::MAX, ShardKind::Local),
        ]
    );
    assert_eq!(context.total(), i64::MAX - 2);
}

#[test]
fn totals_overflow_as_java_s_do_and_cleared_headers_are_read() {
    let bytes = [bytes_of_hex("fffe80008001"), shard(1, 1, i64::MAX), shard(2, 1, 1)].concat();
    let context = CounterContext::parse(&bytes).unwrap();
    assert_eq!(context.total(), i64::MIN);
    assert!(context.shards().all(|shard| shard.kind == ShardKind::Global));
}

#[test]
fn broken_counter_contexts_are_refused() {
    for (hex, error) in [
        ("", ValueError::Truncated),
        ("00", ValueError::Truncated),
        ("7fff80", ValueError::Truncated),
        ("8000", ValueError::Truncated),
        ("0000ff", ValueError::TrailingBytes(1)),
    ] {
        assert_eq!(CounterContext::parse(&bytes_of_hex(hex)), Err(error), "{hex}");
    }
    assert_eq!(CounterContext::parse(&[0, 0]).unwrap().total(), 0);
}
