//! Crashes: of the program and of the broker, in open transactions.

use std::{
    process::{Command, Stdio},
    sync::{Arc, atomic::Ordering::Relaxed},
    thread,
    time::{Duration, Instant},
};

use ringtap::sink::kafka::{Delivery, KafkaOptions};

use super::{
    broker::{exclusive, read_committed, shared},
    run::{Run, assert_each_once, options, topic},
};

/// Tells a process of this binary to be the child that is killed: address of the broker.
const CHILD: &str = "RINGTAP_TESTS_KAFKA_CHILD";
const KILLS: u64 = 12;
const CHILD_NUMBERS: u64 = 1_000_000;

#[test]
fn child_publishes_until_it_is_killed() {
    let Ok(address) = std::env::var(CHILD) else { return };
    Run::default().publish(&options(&address, "killed"), &topic("killed.a"), CHILD_NUMBERS);
}

#[test]
fn a_program_killed_in_open_transactions_publishes_each_record_once() {
    let (broker, _used) = shared();
    let topic = topic("killed.a");
    for round in 0..KILLS {
        let mut child = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "crash::child_publishes_until_it_is_killed", "--nocapture"])
            .env(CHILD, &broker.address)
            .stdout(Stdio::null())
            .spawn()
            .unwrap();
        // Somewhere in connecting, reading back, sending, committing.
        thread::sleep(Duration::from_millis(250 + round * 137 % 900));
        child.kill().unwrap();
        child.wait().unwrap();
    }
    let run = Run::default();
    let mut sink = super::run::connect(&options(&broker.address, "killed"));
    let committed = sink.committed().unwrap().expect("no child ever committed anything");
    let (_, read) = committed.progress.newest().unwrap();
    let ringtap::checkpoint::SegmentProgress::ReadTo(last) = read else { panic!() };
    drop(sink);
    run.publish(&options(&broker.address, "killed"), &topic, last + 100);
    assert_each_once(&read_committed(&broker.address, &topic.name), last + 100);
}

/// Publishes while `disturb` is done to the broker, then until 400 records more are there; returns how many there are.
fn publish_through(
    options: &KafkaOptions,
    topic: &Arc<ringtap::sink::Topic>,
    disturb: impl FnOnce(),
) -> (Arc<Run>, u64) {
    let run = Arc::new(Run::default());
    let publishing = {
        let (run, options, topic) = (Arc::clone(&run), options.clone(), Arc::clone(topic));
        thread::spawn(move || run.publish(&options, &topic, u64::MAX - 1_000))
    };
    let wait_for = |number: u64| {
        let since = Instant::now();
        while run.committed.load(Relaxed) < number {
            assert!(since.elapsed() < Duration::from_secs(120), "nothing is published any more");
            assert!(
                !publishing.is_finished() || run.committed.load(Relaxed) >= number,
                "the publisher failed"
            );
            thread::sleep(Duration::from_millis(5));
        }
    };
    wait_for(200);
    disturb();
    wait_for(run.committed.load(Relaxed) + 400);
    run.stop.stop();
    publishing.join().unwrap();
    // What was under way when it stopped is ended by the next producer of this name.
    let mut sink = super::run::connect(options);
    let (_, read) = sink.committed().unwrap().unwrap().progress.newest().unwrap();
    let ringtap::checkpoint::SegmentProgress::ReadTo(last) = read else { panic!() };
    (run, last)
}

#[test]
fn a_broker_killed_in_an_open_transaction_costs_nothing_but_time() {
    let (broker, _used) = exclusive();
    let (options, topic) = (options(&broker.address, "broker"), topic("broker.a"));
    let (_, last) = publish_through(&options, &topic, || {
        for _ in 0..2 {
            broker.kill();
            thread::sleep(Duration::from_millis(700));
            broker.restart();
            thread::sleep(Duration::from_secs(2));
        }
    });
    assert_each_once(&read_committed(&broker.address, &topic.name), last);
}

#[test]
fn a_broker_that_stands_still_beyond_all_time_limits_costs_nothing_but_time() {
    let (broker, _used) = exclusive();
    let (mut options, topic) = (options(&broker.address, "still"), topic("still.a"));
    options.transaction_timeout = Duration::from_secs(3);
    let (run, last) = publish_through(&options, &topic, || {
        broker.pause();
        thread::sleep(Duration::from_secs(9));
        broker.go_on();
    });
    assert!(run.counters.connections.load(Relaxed) > 1, "the pause was noticed by nobody");
    assert_each_once(&read_committed(&broker.address, &topic.name), last);
}

#[test]
fn at_least_once_loses_nothing_when_the_broker_is_killed() {
    let (broker, _used) = exclusive();
    let (mut options, topic) = (options(&broker.address, "leastkill"), topic("leastkill.a"));
    options.delivery = Delivery::AtLeastOnce;
    let (_, last) = publish_through(&options, &topic, || {
        broker.kill();
        thread::sleep(Duration::from_millis(700));
        broker.restart();
    });
    let mut numbers: Vec<u64> = read_committed(&broker.address, &topic.name)
        .iter()
        .map(|record| record.value.as_deref().unwrap().parse().unwrap())
        .collect();
    numbers.sort_unstable();
    numbers.dedup();
    numbers.retain(|number| *number <= last);
    assert_eq!(numbers.len() as u64, last, "records are lost");
}
