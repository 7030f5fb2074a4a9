//! Values as real Cassandra nodes printed them.
//!
//! Each line of `data/values/*.jsonl` is one value from a log that Cassandra wrote: its type with the
//! user-defined types in it, its bytes, and what that Cassandra's `toJSONString` and `toCQLLiteral` gave.
//! `json` is null where Cassandra threw; `cql` is absent where it was not asked for.

use std::{collections::HashMap, fs, sync::Arc};

use cassandra_commitlog::types::{
    CqlType, Dialect, UserType, UserTypeField, UserTypeLookup, counter::CounterContext, decode, validate,
    write_cql_literal, write_json,
};
use serde_json::Value;

struct Definitions<'v>(&'v Value);

impl UserTypeLookup for Definitions<'_> {
    fn user_type(&self, keyspace: &str, name: &str) -> Option<Arc<UserType>> {
        let definition = self.0.get(name)?;
        let texts = |index: usize| definition[index].as_array().into_iter().flatten().filter_map(Value::as_str);
        let fields = texts(0).zip(texts(1)).map(|(name, ty)| UserTypeField {
            name: name.into(),
            ty: CqlType::parse(ty, keyspace, self).unwrap(),
        });
        Some(Arc::new(UserType { keyspace: keyspace.into(), name: name.into(), fields: fields.collect() }))
    }
}

fn bytes_of_hex(hex: &str) -> Vec<u8> {
    (0..hex.len()).step_by(2).map(|at| u8::from_str_radix(&hex[at..at + 2], 16).unwrap()).collect()
}

fn dialect_of(version: &str) -> Dialect {
    match version {
        "3.11" => Dialect::Cassandra3,
        "4.0" | "4.1" => Dialect::Cassandra4,
        "5.0" => Dialect::Cassandra5,
        other => panic!("no dialect for version {other}"),
    }
}

/// What differs between a line and what we make of it.
fn differences(line: &Value, ty: &CqlType, dialect: Dialect) -> Vec<String> {
    let bytes = bytes_of_hex(line["h"].as_str().unwrap());
    let mut found = Vec::new();
    if ty.to_string() == "counter" {
        let total = CounterContext::parse(&bytes).unwrap().total().to_string();
        if line["j"] != total {
            found.push(format!("total {total}"));
        }
        return found;
    }
    if let Err(error) = decode(ty, &bytes).map(drop).and(validate(ty, &bytes)) {
        found.push(format!("decode: {error}"));
    }
    let mut json = String::new();
    let written = write_json(ty, &bytes, dialect, &mut json);
    if written.is_ok().then_some(&*json) != line["j"].as_str() {
        found.push(format!("json {written:?} {json}"));
    }
    if line["hc"] == true {
        let mut literal = String::new();
        let written = write_cql_literal(ty, &bytes, dialect, &mut literal);
        if written.is_ok().then_some(&*literal) != line["c"].as_str() {
            found.push(format!("cql {written:?} {literal}"));
        }
    }
    found
}

/// Compares every line of a file and returns how many there were.
fn compare(path: &str) -> usize {
    let text = fs::read_to_string(path).unwrap();
    let mut types = HashMap::new();
    let mut failures = Vec::new();
    let mut compared = 0;
    for line in text.lines() {
        let line: Value = serde_json::from_str(line).unwrap();
        let (keyspace, name) = (line["ks"].as_str().unwrap(), line["t"].as_str().unwrap());
        let ty = types.entry((keyspace.to_owned(), name.to_owned(), line["u"].to_string())).or_insert_with(|| {
            let ty = CqlType::parse(name, keyspace, &Definitions(&line["u"])).unwrap();
            assert_eq!(ty.to_string(), name, "the type's text comes back");
            ty
        });
        let found = differences(&line, ty, dialect_of(line["v"].as_str().unwrap()));
        if !found.is_empty() {
            failures.push(format!("{line}\n    {}", found.join("\n    ")));
        }
        compared += 1;
    }
    assert!(failures.is_empty(), "{} of {compared} differ:\n{}", failures.len(), failures[..failures.len().min(30)].join("\n"));
    println!("{path}: {compared} values compared");
    compared
}

#[test]
#[ignore = "needs the corpus of all golden sets, named by RINGTAP_VALUES"]
fn every_value_of_a_named_corpus_is_printed_as_cassandra_does() {
    let path = std::env::var("RINGTAP_VALUES").unwrap();
    assert!(compare(&path) > 0);
}
