//! The whole verification finds what is wrong with records of several nodes: a check that finds nothing may be blind.

#![allow(clippy::unwrap_used, reason = "a test stops at the first surprise")]

use std::{fs, path::Path};

use ringtap_faults::verify::{Verification, VerificationReport};

/// A record of a write to one row, as one node logged it.
fn record(host: &str, position: u64, timestamp: i64, cells: &str) -> String {
    format!(
        r#"{{"op":"update","ts":{timestamp},"key":{{"pk":1,"ck":2}},"cells":{{{cells}}},"source":{{"cluster":"c","host_id":"{host}","keyspace":"faults","table":"events","table_id":"i","schema":"s","segment":9,"position":{position},"index":0}}}}"#
    )
}

fn verify(folder: &Path, records: &[String]) -> VerificationReport {
    let (journal, replayed) = (folder.join("journal"), folder.join("records"));
    fs::write(&journal, "t w-1\na@10 w-1\nt w-2\na@20 w-2\nt w-3\nu w-3\n").unwrap();
    fs::write(&replayed, records.join("\n")).unwrap();
    let verification = Verification {
        replayed: Some(replayed),
        journal: Some((journal, "w-".to_owned(), "faults".to_owned())),
        ..Verification::default()
    };
    verification.run().unwrap()
}

#[test]
fn each_write_once_from_whichever_node_is_clean_and_a_loss_a_copy_and_a_part_of_a_copy_are_found() {
    let folder = tempfile::tempdir().unwrap();
    let first = record("one", 10, 100, r#""u":{"value":"w-1"},"n":{"value":7}"#);
    let second = record("two", 20, 200, r#""u":{"value":"w-2"},"n":{"value":7}"#);
    let clean = verify(folder.path(), &[first.clone(), second.clone()]);
    assert!(clean.is_clean(), "{clean}");
    assert_eq!((clean.parts.changes, clean.parts.records), (2, 2));

    let lost = verify(folder.path(), std::slice::from_ref(&first));
    assert_eq!(lost.ledger.as_ref().unwrap().lost.first, ["w-2"]);
    assert!(!lost.is_clean());

    let copy = record("three", 33, 200, r#""u":{"value":"w-2"},"n":{"value":7}"#);
    let twice = verify(folder.path(), &[first.clone(), second.clone(), copy]);
    assert_eq!((twice.ledger.as_ref().unwrap().repeated.count, twice.parts.twice.count), (1, 2));
    assert!(!twice.is_clean());

    // No unique value comes again, but a cell does.
    let part = record("three", 33, 200, r#""n":{"value":7}"#);
    let twice = verify(folder.path(), &[first.clone(), second.clone(), part]);
    assert_eq!(twice.parts.twice.count, 1);
    assert!(!twice.is_clean());

    let stranger = record("one", 50, 300, r#""u":{"value":"w-9"}"#);
    let unexpected = verify(folder.path(), &[first, second, stranger]);
    assert_eq!(unexpected.ledger.as_ref().unwrap().unexpected.count, 1);
    assert!(!unexpected.is_clean());
}

#[test]
fn a_conditional_write_may_be_written_again_by_cassandra_but_not_be_published_twice() {
    let folder = tempfile::tempdir().unwrap();
    let (journal, replayed) = (folder.path().join("journal"), folder.path().join("records"));
    fs::write(&journal, "a@10 w-c1\n").unwrap();
    let run = |records: &[String]| {
        fs::write(&replayed, records.join("\n")).unwrap();
        let journal = Some((journal.clone(), "w-".to_owned(), "faults".to_owned()));
        Verification { replayed: Some(replayed.clone()), journal, ..Verification::default() }.run().unwrap()
    };
    let cells = r#""u":{"value":"w-c1"}"#;
    let (first, later) = (record("one", 10, 100, cells), record("one", 20, 175, cells));
    let report = run(&[first.clone(), later]);
    assert!(report.is_clean(), "{report}");
    assert_eq!(report.written_again, 1);
    let copy = record("two", 30, 100, cells);
    assert_eq!(run(&[first, copy]).ledger.unwrap().repeated.count, 1);
}
