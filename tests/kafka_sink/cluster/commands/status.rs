//! `ringtap cluster status`.

use std::time::{Duration, Instant};

use rdkafka::consumer::{BaseConsumer, Consumer as _};
use ringtap::cluster::record::OwnersRecord;

use super::{
    super::{
        super::broker::shared,
        agents::{Ledger, PATIENCE, establish, host, host_record, options},
    },
    claim, cluster, json, text, topics, write_owners,
};

/// Half of all tokens.
const MIDDLE: i64 = 0;

#[test]
fn who_owns_what_is_told_as_the_agents_read_it() {
    let (broker, _used) = shared();
    let address = &broker.address;
    let first = options(address, "overview", 1);
    establish(&first);
    let mut one = Ledger::connect(&first, 0);
    let mut two = Ledger::connect(&options(address, "overview", 2), 1);
    one.commit([1, 2, 3]);
    two.commit([1]);
    let (one_session, two_session) = (one.session, two.session);
    let own = |of, session, claims| OwnersRecord::Own { host: host(of), session, fenced: vec![], claims };
    write_owners(
        address,
        &first,
        &[
            host_record(1, 0),
            host_record(2, 1),
            // Its settings differ, and it has never written to its ledger.
            OwnersRecord::Host { host: host(3), partition: 2, settings: 8, version: "other".into() },
            own(1, one_session, vec![claim("k", i64::MIN, MIDDLE, 1), claim("k", MIDDLE, 100, 1)]),
            // Too late for the first half.
            own(2, two_session, vec![claim("k", i64::MIN, 500, 1)]),
            OwnersRecord::Release {
                host: host(2),
                session: two_session,
                claims: vec![claim("k", 100, 200, 1)],
            },
            OwnersRecord::Want { host: host(2), claims: vec![claim("k", MIDDLE, 100, 1)] },
        ],
    );
    let output = cluster("status", address, "overview", &["--json", "--ranges"]);
    let told = json(&output);
    assert_eq!(output.status.code(), Some(1), "tokens without owner are a finding: {told}");
    assert_eq!(told["owners_records"], 8);
    assert_eq!(told["ring_told_by"], serde_json::Value::Null);
    let agents = told["agents"].as_array().unwrap();
    let said = |agent: &serde_json::Value| {
        (
            agent["partition"].clone(),
            agent["agrees"].clone(),
            agent["beat"].clone(),
            agent["owned_ranges"].clone(),
        )
    };
    assert_eq!(said(&agents[0]), (0.into(), true.into(), 3.into(), 2.into()));
    assert_eq!(said(&agents[1]), (1.into(), true.into(), 1.into(), 1.into()));
    assert_eq!(said(&agents[2]), (2.into(), false.into(), serde_json::Value::Null, 0.into()));
    assert_eq!(agents[0]["session"], one_session.to_string());
    assert!(agents[0]["beat_ago_ms"].as_u64().unwrap() < 120_000, "{told}");
    assert!((agents[0]["owned_share_percent"].as_f64().unwrap() - 50.0).abs() < 0.001);
    assert_eq!(agents[0]["ledger_records"], 4, "three beats and the end of their transaction");
    let ranges: Vec<_> = told["ranges"]
        .as_array()
        .unwrap()
        .iter()
        .map(|it| {
            let owner = if it["is_released"] == true { "released".into() } else { it["owner"].clone() };
            (it["up_to"].as_str().unwrap().to_owned(), owner, it["wanted_by"].clone())
        })
        .collect();
    let id = |of| serde_json::Value::from(host(of).to_string());
    let nobody = serde_json::Value::Null;
    let expected = [
        ("0".to_owned(), id(1), nobody.clone()),
        ("100".to_owned(), id(1), id(2)),
        ("200".to_owned(), "released".into(), nobody.clone()),
        ("500".to_owned(), id(2), nobody.clone()),
        (i64::MAX.to_string(), nobody.clone(), nobody),
    ];
    assert_eq!(ranges, expected);
    let keyspace = &told["keyspaces"][0];
    let counts = ["unowned_ranges", "released_ranges", "stale_ranges", "wanted_ranges", "generation_max"];
    assert_eq!(counts.map(|name| keyspace[name].as_u64().unwrap()), [2, 1, 0, 1, 1]);
    let findings = told["findings"].to_string();
    for part in ["nobody publishes 2 ranges", "has other settings", "was heard last: never"] {
        assert!(findings.contains(part), "{part}: {findings}");
    }
    assert_eq!(told["findings"].as_array().unwrap().len(), 3, "{findings}");

    let people = text(&cluster("status", address, "overview", &[]).stdout);
    let line = format!("    {} 2 ranges, 50.0 %\n", host(1));
    assert!(
        people.contains(&line) && people.contains("3 agents") && people.contains("\n3 findings\n"),
        "{people}"
    );
    assert!(!people.contains("\nranges\n"));

    // The first agent begins anew: what it owns is of a session that is over, until it takes it again.
    let mut again = Ledger::connect(&first, 0);
    again.commit([1]);
    let told = json(&cluster("status", address, "overview", &["--json"]));
    assert_eq!(told["keyspaces"][0]["stale_ranges"], 2);
    assert_eq!(told["agents"][0]["session"], again.session.to_string());
    assert!(told["findings"].to_string().contains("sessions that are over"));
    let own = own(
        1,
        again.session,
        vec![claim("k", i64::MIN, 100, 2), claim("k", 100, 200, 2), claim("k", 500, i64::MAX, 1)],
    );
    let agrees = OwnersRecord::Host { host: host(3), partition: 2, settings: 7, version: "test".into() };
    write_owners(address, &first, &[own, agrees]);
    let mut three = Ledger::connect(&options(address, "overview", 3), 2);
    three.commit([1]);
    let output = cluster("status", address, "overview", &["--json"]);
    assert_eq!(output.status.code(), Some(0), "{}", text(&output.stdout));
}

#[test]
fn an_open_transaction_hides_what_is_behind_it_and_holds_nothing_up() {
    let (broker, _used) = shared();
    let address = &broker.address;
    let options = options(address, "overview-open", 1);
    establish(&options);
    write_owners(address, &options, &[host_record(1, 0)]);
    let mut ledger = Ledger::connect(&options, 0);
    ledger.commit([1]);
    ledger.leave_open(address, [2, 3]);
    let told = json(&cluster("status", address, "overview-open", &["--json"]));
    assert_eq!(
        (&told["agents"][0]["beat"], &told["agents"][0]["ledger_hidden_records"]),
        (&1.into(), &2.into())
    );
    assert_eq!(told["ledger"]["hidden_records"], 2);
    ledger.sink.commit_without_position().unwrap();
    let told = json(&cluster("status", address, "overview-open", &["--json"]));
    assert_eq!(
        (&told["agents"][0]["beat"], &told["agents"][0]["ledger_hidden_records"]),
        (&3.into(), &0.into())
    );
}

#[test]
fn looking_makes_nothing_and_says_what_is_missing() {
    let (broker, _used) = shared();
    let output = cluster("status", &broker.address, "nobody", &[]);
    assert_eq!(output.status.code(), Some(2));
    let stderr = text(&output.stderr);
    assert!(stderr.contains("has no topic __ringtap.nobody.owners"), "{stderr}");
    let consumer: BaseConsumer =
        rdkafka::ClientConfig::new().set("bootstrap.servers", &broker.address).create().unwrap();
    let metadata = consumer.fetch_metadata(None, Duration::from_secs(10)).unwrap();
    for topic in topics("nobody") {
        assert!(metadata.topics().iter().all(|it| it.name() != topic), "{topic} was made");
    }
}

#[test]
fn looking_takes_the_rights_to_describe_and_read_the_topics_and_no_others() {
    const PASSWORD: &str = "canary-onlooker-password";
    let (broker, _used) = shared();
    let options = options(&broker.address, "overview-rights", 1);
    establish(&options);
    write_owners(&broker.address, &options, &[host_record(1, 0)]);
    Ledger::connect(&options, 0).commit([1, 2]);
    broker.set_password("onlooker", PASSWORD);
    let look = |what: &str, arguments: &[&str]| {
        let mut command = super::command(what, &broker.secure, "overview-rights");
        command.args(["--kafka-option", "security.protocol=SASL_PLAINTEXT"]);
        command.args(["--kafka-option", "sasl.mechanism=SCRAM-SHA-512"]);
        command.args(["--kafka-option", "sasl.username=onlooker"]);
        command.args(["--kafka-secret", "sasl.password=env:ONLOOKER_PASSWORD"]).args(arguments);
        let output = command.env("ONLOOKER_PASSWORD", PASSWORD).output().unwrap();
        assert!(!text(&output.stderr).contains(PASSWORD) && !text(&output.stdout).contains(PASSWORD));
        output
    };
    let refused = look("status", &[]);
    assert_eq!(refused.status.code(), Some(2));
    assert!(text(&refused.stderr).contains("or the right Describe is missing"), "{}", text(&refused.stderr));
    for topic in topics("overview-rights") {
        broker.allow("onlooker", &["--operation", "Describe", "--operation", "Read", "--topic", &topic]);
    }
    // Rights take a moment to be known everywhere.
    let since = Instant::now();
    let told = loop {
        let output = look("status", &["--json"]);
        match output.status.code() {
            Some(0 | 1) => break json(&output),
            code => assert!(since.elapsed() < PATIENCE, "{code:?} {}", text(&output.stderr)),
        }
    };
    assert_eq!((&told["agents"][0]["beat"], &told["findings"]), (&2.into(), &serde_json::json!([])));
    assert!(told["warnings"].to_string().contains("no right `DescribeConfigs`"), "{told}");
    let sample = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/sample/cdc_raw");
    let audited = look(
        "audit",
        &["--node", &format!("n={sample}"), "--since", "0", "--until", "9000000000000000", "--json"],
    );
    assert_eq!(audited.status.code(), Some(1), "none of it is in the ledger: {}", text(&audited.stderr));
    assert!(text(&audited.stdout).contains("\"missing_changes\":"), "{}", text(&audited.stdout));
}
