//! `ringtap replay --to kafka://…`.

use std::{
    path::Path,
    process::{Command, Output, Stdio},
    thread,
    time::Duration,
};

use super::broker::{Seen, read_committed, shared};

fn replay(arguments: &[&str]) -> Command {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut command = Command::new(env!("CARGO_BIN_EXE_ringtap"));
    command.arg("replay").arg(root.join("tests/sample/cdc_raw")).args(arguments).stdin(Stdio::null());
    command
}

fn run(arguments: &[&str]) -> Output {
    let output = replay(arguments).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    output
}

/// Returns what replay writes to stdout: the values that are expected, in order.
fn expected(arguments: &[&str]) -> Vec<String> {
    let output = run(arguments);
    String::from_utf8(output.stdout).unwrap().lines().map(str::to_owned).collect()
}

fn published(address: &str, prefix: &str) -> Vec<Seen> {
    let topics = ["va.main", "va.cnt", "schema-changes"];
    topics.iter().flat_map(|topic| read_committed(address, &format!("{prefix}.{topic}"))).collect()
}

fn values(seen: &[Seen]) -> Vec<String> {
    let mut values: Vec<_> = seen.iter().filter_map(|record| record.value.clone()).collect();
    values.sort_unstable();
    values
}

fn sorted(mut lines: Vec<String>) -> Vec<String> {
    lines.sort_unstable();
    lines
}

#[test]
fn a_job_publishes_what_replay_writes_elsewhere_with_tombstones_behind_deleted_rows() {
    let (broker, _used) = shared();
    let to = format!("kafka://{}/whole", broker.address);
    run(&["--to", &to, "--job", "whole"]);
    let seen = published(&broker.address, "whole");
    let lines = expected(&[]);
    assert_eq!(values(&seen), sorted(lines.clone()));
    let deleted_rows = lines.iter().filter(|line| line.starts_with(r#"{"op":"delete","#)).count();
    assert!(deleted_rows > 0);
    assert_eq!(seen.iter().filter(|record| record.value.is_none()).count(), deleted_rows);
    for pair in seen.windows(2).filter(|pair| pair[1].value.is_none()) {
        assert_eq!((&pair[0].key, &pair[0].headers), (&pair[1].key, &pair[1].headers));
        assert!(pair[0].value.as_deref().unwrap().starts_with(r#"{"op":"delete","#));
    }
    // All of a partition in one Kafka partition, in the order of the log.
    let mut last = std::collections::HashMap::new();
    for record in &read_committed(&broker.address, "whole.va.main") {
        let key: serde_json::Value = serde_json::from_str(&record.key).unwrap();
        let place = record.headers.iter().find(|(name, _)| name == "position").unwrap().1.clone();
        let numbers: Vec<u64> = place.split(':').map(|number| number.parse().unwrap()).collect();
        let known = last.insert(key["k"].to_string(), (record.partition, numbers.clone()));
        if let Some((partition, before)) = known {
            assert_eq!(partition, record.partition);
            assert!(before <= numbers, "{place} comes after {before:?}");
        }
    }
}

#[test]
fn a_job_that_was_cut_off_goes_on_where_it_was() {
    let (broker, _used) = shared();
    let to = format!("kafka://{}/cut", broker.address);
    let middle = expected(&[]).get(400).unwrap().clone();
    let value: serde_json::Value = serde_json::from_str(&middle).unwrap();
    let position = format!("{}:{}", value["source"]["segment"], value["source"]["position"]);
    for arguments in [&["--to-position", &position][..], &["--dedup"], &[], &["--dedup"]] {
        run(&[&["--to", &to, "--job", "cut"], arguments].concat());
        let first_part = expected(&["--to-position", &position]);
        let seen = published(&broker.address, "cut");
        if arguments.contains(&"--to-position") {
            assert_eq!(values(&seen), sorted(first_part));
        } else {
            assert!(first_part.len() < seen.len());
            assert_eq!(values(&seen), sorted(expected(&[])), "{arguments:?}");
        }
    }
}

#[test]
fn a_job_killed_again_and_again_publishes_each_record_once() {
    let (broker, _used) = shared();
    let to = format!("kafka://{}/kill", broker.address);
    let arguments = ["--to", &to, "--job", "kill"];
    for round in 0..6 {
        let mut child = replay(&arguments).stderr(Stdio::null()).spawn().unwrap();
        thread::sleep(Duration::from_millis(150 + 110 * round));
        child.kill().unwrap();
        child.wait().unwrap();
    }
    run(&arguments);
    assert_eq!(values(&published(&broker.address, "kill")), sorted(expected(&[])));
}

#[test]
fn what_cannot_work_gives_the_exit_code_of_its_kind() {
    let (broker, _used) = shared();
    let to = format!("kafka://{}/wrong", broker.address);
    let status = |arguments: &[&str]| {
        let output = replay(arguments).output().unwrap();
        (output.status.code().unwrap(), String::from_utf8(output.stderr).unwrap())
    };
    let (code, text) = status(&["--to", &to]);
    assert!(code == 2 && text.contains("--job"), "{code} {text}");
    let (code, text) = status(&["--to", &to, "--job", "x", "--kafka-option", "acks=1"]);
    assert!(code == 2 && text.contains("acks"), "{code} {text}");
    let (code, text) = status(&["--to", &to, "--job", "x", "--format", "cql"]);
    assert!(code == 2 && text.contains("json"), "{code} {text}");
    let secret = ["--kafka-secret", "sasl.password=env:RINGTAP_TESTS_NO_SUCH_VARIABLE"];
    let (code, text) = status(&[&["--to", &to, "--job", "x"], &secret[..]].concat());
    assert!(code == 2 && text.contains("RINGTAP_TESTS_NO_SUCH_VARIABLE"), "{code} {text}");
}
