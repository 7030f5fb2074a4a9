//! `ringtap dump` prints what Cassandra's own reader printed, to the byte.

use std::{fs, path::PathBuf};

use crate::{
    golden::{self, GoldenSet, arguments, ringtap},
    golden_exceptions::{EXCEPTIONS, Lines, Verdict},
};

/// Lines of all sets together.
const LINES: usize = 107_398;

/// A log with the lines that Cassandra's reader printed of it.
struct Log {
    /// Such as `4.1/var-kill9/live/1`.
    name: String,
    paths: Vec<PathBuf>,
    expected: PathBuf,
    keystore: Option<PathBuf>,
}

#[derive(Debug, Default)]
struct Compared {
    lines: usize,
    /// Lines that differ as the table of exceptions says.
    excepted: usize,
}

#[test]
fn the_dump_of_every_golden_set_is_that_of_cassandras_reader() {
    let logs: Vec<Log> = golden::sets().iter().flat_map(logs_of).collect();
    let compared =
        golden::for_each(&logs, |log| compare(log).unwrap_or_else(|difference| panic!("{difference}")));
    let lines: usize = compared.iter().map(|log| log.lines).sum();
    let excepted: usize = compared.iter().map(|log| log.excepted).sum();
    println!("{} logs, {lines} lines compared, {excepted} of them by an exception", logs.len());
    assert_eq!(lines, LINES);
    for exception in EXCEPTIONS {
        assert!(logs.iter().any(|log| log.name == exception.log), "no log {}", exception.log);
    }
}

fn logs_of(set: &GoldenSet) -> Vec<Log> {
    let log = |part: &str, paths: Vec<PathBuf>, expected: &str| Log {
        name: format!("{}{part}", set.name),
        paths,
        expected: set.path(expected),
        keystore: set.keystore(),
    };
    let node =
        |prefix: &str| vec![set.path(&format!("{prefix}cdc_raw")), set.path(&format!("{prefix}commitlog"))];
    if set.path("node1").exists() {
        let nodes = ["node1", "node2", "node3"];
        return nodes
            .map(|name| {
                log(&format!("/{name}"), node(&format!("{name}/")), &format!("{name}/expected.jsonl"))
            })
            .into();
    }
    let mut logs = vec![log("", node(""), "expected.jsonl")];
    for number in ["1", "3"] {
        let directory = set.path(&format!("live/{number}"));
        // Cassandra 3.11 has nothing in cdc_raw while a segment is written to.
        if directory.exists() && fs::read_dir(&directory).unwrap().next().is_some() {
            let expected = format!("live/{number}.expected.jsonl");
            logs.push(log(&format!("/live/{number}"), vec![directory], &expected));
        }
    }
    logs
}

/// Returns how much was compared, or the first difference.
fn compare(log: &Log) -> Result<Compared, String> {
    let expected = fs::read_to_string(&log.expected).unwrap();
    let found = ringtap(&arguments(&["dump"], &log.paths), log.keystore.as_deref());
    let expected: Vec<&str> = expected.lines().collect();
    let found: Vec<&str> = found.lines().collect();
    let lines = Lines { log: &log.name, expected: &expected, found: &found };
    let mut compared = Compared { lines: expected.len(), excepted: 0 };
    let mut used = vec![];
    for at in 0..expected.len().max(found.len()) {
        if expected.get(at) == found.get(at) {
            continue;
        }
        match lines.excepted(at) {
            Verdict::Excepted(position) => used.push(position),
            Verdict::Different(why) => return Err(lines.describe(at, &why)),
        }
        compared.excepted += 1;
    }
    used.dedup();
    let listed = lines.listed();
    if used != listed {
        return Err(format!("{}: excepted {used:?}, but listed are {listed:?}", log.name));
    }
    Ok(compared)
}
