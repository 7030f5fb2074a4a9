//! `ringtap cluster audit`, with a golden set of three nodes: what agents would have published of it is put into the ledger, but
//! for what the test leaves out.

use std::{
    collections::{BTreeMap, HashSet},
    fs,
    path::{Path, PathBuf},
    time::{SystemTime, UNIX_EPOCH},
};

use ringtap::{
    change::{Change, changes},
    cluster::{
        names::Token,
        record::{Entry, LedgerKind, LedgerRecord},
        topics::ClusterTopicsOptions,
    },
    dedup::{ChangeId, Signatures},
    node_log::{LogEvent, NodeLog},
    schema::Catalogue,
    source::{ReadError, find_segments},
};

use super::{
    super::{
        super::broker::shared,
        agents::{Ledger, establish, host_record, options},
    },
    cluster, text, write_owners,
};

/// Entries of one transaction.
const TRANSACTION: usize = 5_000;

struct Golden {
    directory: tempfile::TempDir,
}

impl Golden {
    fn unpack() -> Self {
        let archive = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden/4.1/cluster.tar.zst");
        let directory = tempfile::tempdir().unwrap();
        let plain = zstd::Decoder::new(fs::File::open(archive).unwrap()).unwrap();
        tar::Archive::new(plain).unpack(directory.path()).unwrap();
        Self { directory }
    }

    fn node(&self, number: u32, of: &str) -> PathBuf {
        let mut path = self.directory.path().to_owned();
        if !path.join("node1").exists() {
            path.push("cluster");
        }
        path.join(format!("node{number}")).join(of)
    }

    /// Returns the arguments that name the nodes' logs.
    fn arguments(&self) -> Vec<String> {
        let mut arguments = Vec::new();
        for number in 1..=3 {
            let (raw, log) = (self.node(number, "cdc_raw"), self.node(number, "commitlog"));
            arguments.push("--node".into());
            arguments.push(format!("n{number}={}:{}", raw.display(), log.display()));
        }
        arguments
    }

    /// Tells of each change of tables with CDC, as it stands in the nodes' logs, one after the other.
    fn changes(&self, mut tell: impl FnMut(u32, &Change<'_>)) {
        for number in 1..=3 {
            let paths = [self.node(number, "cdc_raw"), self.node(number, "commitlog")];
            let mut log = NodeLog::new(find_segments(&paths).unwrap(), None, Catalogue::new());
            let read = log.read(|_, event| {
                if let LogEvent::Mutation(logged) = event {
                    for change in changes(&logged.mutation) {
                        if change.table.cdc() {
                            tell(number, &change);
                        }
                    }
                }
                Ok::<_, ReadError>(())
            });
            read.unwrap();
        }
    }
}

/// What the agents would have filed, in order, and which copies there are.
struct Filed {
    entries: Vec<Entry>,
    copies: BTreeMap<ChangeId, u64>,
    all_copies: u64,
    /// Of each entry: table and token.
    names: Vec<(String, i64)>,
}

fn filed(golden: &Golden, hash_key: u64) -> Filed {
    let mut signatures = Signatures::with_seed(hash_key);
    let mut known: HashSet<(ChangeId, u32)> = HashSet::new();
    let mut filed = Filed { entries: Vec::new(), copies: BTreeMap::new(), all_copies: 0, names: Vec::new() };
    golden.changes(|_, change| {
        let signature = signatures.of(change);
        let place = signature.places[0];
        *filed.copies.entry(place.id).or_default() += 1;
        filed.all_copies += 1;
        let mut atoms = Vec::new();
        for part in &signature.parts {
            let is_known = part
                .looked_up
                .iter()
                .any(|(at, atom)| known.contains(&(signature.places[at as usize].id, atom)));
            if !is_known {
                atoms.extend([Some(part.filed.0), part.filed.1].into_iter().flatten());
            }
        }
        atoms.retain(|atom| known.insert((place.id, *atom)));
        if !atoms.is_empty() {
            let minute = place.timestamp.div_euclid(60_000_000) as i32;
            filed.entries.push(Entry { id: place.id, minute, atoms });
            let name = format!("{}.{}", change.table.keyspace(), change.table.name());
            filed.names.push((name, Token::of_key(change.partition_key).0));
        }
    });
    filed
}

fn publish(ledger: &mut Ledger, kind: fn(Vec<Entry>) -> LedgerKind, entries: &[Entry]) {
    for entries in entries.chunks(TRANSACTION) {
        let record = LedgerRecord { session: ledger.session, kind: kind(entries.to_vec()) };
        ledger.sink.send_ledger(&ledger.to, vec![record]).unwrap();
        ledger.sink.commit_without_position().unwrap();
    }
}

struct Audit {
    code: i32,
    lines: Vec<serde_json::Value>,
    stderr: String,
}

impl Audit {
    fn run(address: &str, of: &str, golden: &Golden, arguments: &[&str]) -> Self {
        let nodes = golden.arguments();
        let mut all: Vec<&str> = nodes.iter().map(String::as_str).collect();
        all.extend(["--json", "--since", "0", "--until", "9000000000000000"]);
        all.extend(arguments);
        let output = cluster("audit", address, of, &all);
        let stderr = text(&output.stderr);
        let lines = text(&output.stdout).lines().map(|line| serde_json::from_str(line).unwrap()).collect();
        Self { code: output.status.code().unwrap(), lines, stderr }
    }

    fn total(&self, name: &str) -> u64 {
        let totals = self.lines.last().unwrap_or_else(|| panic!("{}", self.stderr));
        totals["totals"][name].as_u64().unwrap_or_else(|| panic!("{name}: {totals}"))
    }

    fn of(&self, finding: &str) -> Vec<&serde_json::Value> {
        self.lines.iter().filter(|line| line["finding"] == finding).collect()
    }
}

fn begin(address: &str, name: &str) -> (ClusterTopicsOptions, u64) {
    let options = options(address, name, 1);
    let init = establish(&options);
    write_owners(address, &options, &[host_record(1, 0), host_record(2, 1)]);
    (options, init.hash_key)
}

#[test]
fn each_change_of_three_nodes_is_found_in_a_ledger_that_has_it_and_missed_in_one_that_has_not() {
    let (broker, _used) = shared();
    let address = &broker.address;
    let golden = Golden::unpack();
    let (first, hash_key) = begin(address, "audit");
    let filed = filed(&golden, hash_key);
    assert!(filed.entries.len() > 1_000, "{}", filed.entries.len());
    assert!(filed.all_copies > 2 * filed.copies.len() as u64, "there are three replicas");
    // One is left out, one is skipped, the others are published by two agents.
    let middle = filed.entries.len() / 2;
    let (left_out, skipped) = (&filed.entries[middle], &filed.entries[middle + 1]);
    let mut one = Ledger::connect(&first, 0);
    let mut two = Ledger::connect(&options(address, "audit", 2), 1);
    publish(&mut one, LedgerKind::Published, &filed.entries[..middle]);
    publish(&mut one, LedgerKind::Skipped, std::slice::from_ref(skipped));
    publish(&mut two, LedgerKind::Published, &filed.entries[middle + 2..]);

    let late_never = ["--late-after-ms", "90000000000000"];
    let audit = Audit::run(address, "audit", &golden, &late_never);
    assert_eq!(audit.code, 1, "{}", audit.stderr);
    assert_eq!(audit.total("judged"), filed.all_copies);
    assert_eq!(audit.total("published"), filed.entries.len() as u64 - 2);
    assert_eq!(audit.total("skipped"), 1);
    assert_eq!((audit.total("twice"), audit.total("late"), audit.total("mutations_not_judged")), (0, 0, 0));
    assert_eq!(
        (audit.total("missing_changes"), audit.total("missing_copies")),
        (1, filed.copies[&left_out.id])
    );
    let missing = audit.of("missing");
    let (table, token) = &filed.names[middle];
    assert_eq!(
        (missing.len(), &missing[0]["table"], &missing[0]["token"]),
        (1, &(&**table).into(), &token.to_string().into())
    );
    assert!(
        missing[0]["node"].as_str().unwrap().starts_with('n') && missing[0]["segment"].as_i64().unwrap() > 0
    );

    // With what was left out all is well. Then a part of it is published again, by another agent.
    publish(&mut two, LedgerKind::Published, std::slice::from_ref(left_out));
    let audit = Audit::run(address, "audit", &golden, &late_never);
    assert_eq!((audit.code, audit.lines.len()), (0, 1), "{}", audit.stderr);
    let again = Entry { atoms: left_out.atoms[..1].to_vec(), ..left_out.clone() };
    publish(&mut one, LedgerKind::Published, &[again]);
    let audit = Audit::run(address, "audit", &golden, &late_never);
    assert_eq!((audit.code, audit.total("twice"), audit.total("missing_copies")), (1, 1, 0));
    let twice = audit.of("twice");
    let sessions: HashSet<&str> =
        twice[0]["ledger"].as_array().unwrap().iter().map(|it| it["session"].as_str().unwrap()).collect();
    assert_eq!(sessions, HashSet::from([&*one.session.to_string(), &*two.session.to_string()]));
    assert_eq!((twice.len(), &twice[0]["table"]), (1, &(&**table).into()));

    // The logs are from long before the ledger: all of it came late, and a few are told of.
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_millis();
    assert!(now > 1_790_000_000_000, "the clock of this machine is wrong");
    let audit = Audit::run(address, "audit", &golden, &["--list", "3"]);
    assert_eq!((audit.total("late"), audit.of("late").len()), (filed.entries.len() as u64, 3));
    assert!(audit.stderr.contains("the ledger has all that was published since"), "{}", audit.stderr);
}

#[test]
fn without_a_span_only_what_was_written_since_the_agents_began_counts() {
    let (broker, _used) = shared();
    let golden = Golden::unpack();
    begin(&broker.address, "audit-span");
    let nodes = golden.arguments();
    let nodes: Vec<&str> = nodes.iter().map(String::as_str).collect();
    let until = [&nodes[..], &["--until", "9000000000000000"]].concat();
    let output = cluster("audit", &broker.address, "audit-span", &until);
    let stdout = text(&output.stdout);
    assert_eq!(output.status.code(), Some(0), "{stdout} {}", text(&output.stderr));
    assert!(stdout.contains(" 0 copies of changes judged"), "{stdout}");
    // Nothing was written a minute ago since the agents began.
    let output = cluster("audit", &broker.address, "audit-span", &nodes);
    assert_eq!(output.status.code(), Some(2), "{}", text(&output.stderr));
}

#[test]
fn nothing_of_keys_and_values_is_printed_and_nothing_is_left_behind() {
    let (broker, _used) = shared();
    let golden = Golden::unpack();
    begin(&broker.address, "audit-silent");
    let work = tempfile::tempdir().unwrap();
    let nodes = golden.arguments();
    let mut arguments: Vec<&str> = nodes.iter().map(String::as_str).collect();
    let directory = work.path().display().to_string();
    arguments.extend([
        "--since",
        "0",
        "--until",
        "9000000000000000",
        "--list",
        "100000",
        "--work-directory",
        &directory,
    ]);
    let output = cluster("audit", &broker.address, "audit-silent", &arguments);
    let stdout = text(&output.stdout);
    assert_eq!(output.status.code(), Some(1));
    assert_eq!(fs::read_dir(work.path()).unwrap().count(), 0);
    let lines: Vec<&str> =
        stdout.lines().filter(|line| line.starts_with("missing  ") && line.contains(" token ")).collect();
    assert!(lines.len() > 1_000, "{}", lines.len());
    // Each line has the same words; what differs are the table, numbers and times.
    for line in lines {
        let words: Vec<&str> = line.split(' ').filter(|word| !word.is_empty()).collect();
        assert_eq!((words.len(), words[2], words[4], words[8]), (12, "token", "written", "has"), "{line}");
    }
}
