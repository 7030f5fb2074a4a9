//! Restarts, aborts, losses and damage, on what real nodes logged.

use std::{
    fs,
    os::unix::fs::PermissionsExt as _,
    path::Path,
    sync::{Arc, Mutex},
    time::Duration,
};

use cassandra_commitlog::{
    Position, Version,
    decode::{MutationDecoder, MutationError},
    schema::{SchemaLookup, TableId},
};
use uuid::Uuid;

use super::{Ask, Check, LiveSchema, Origin, SchemaSource};
use crate::{
    checkpoint::Progress,
    schema::{
        Catalogue, ChangeKind, SchemaChange, Seed,
        node::NodeError,
        tests::load::{Logged, followed, logged},
    },
};

const VERSIONS: [&str; 4] = ["3.11", "4.0", "4.1", "5.0"];

/// A node whose schema is what a test says, and that may be down. Counts how often it was asked.
#[derive(Clone, Default)]
struct Node(Arc<Mutex<NodeState>>);

#[derive(Default)]
struct NodeState {
    schema: Option<Seed>,
    asked: usize,
}

impl Node {
    fn down() -> Self {
        Self::default()
    }

    fn with(catalogue: &Catalogue) -> Self {
        let node = Self::default();
        node.set(catalogue);
        node
    }

    fn set(&self, catalogue: &Catalogue) {
        self.0.lock().unwrap().schema = Some(catalogue.to_seed());
    }

    fn asked(&self) -> usize {
        self.0.lock().unwrap().asked
    }

    fn boxed(&self) -> Box<dyn SchemaSource> {
        Box::new(self.clone())
    }
}

impl SchemaSource for Node {
    fn schema(&mut self) -> Result<Seed, NodeError> {
        let mut state = self.0.lock().unwrap();
        state.asked += 1;
        let down = NodeError::TimedOut { endpoint: "node:9042".into(), after: Duration::from_secs(1) };
        state.schema.clone().ok_or(down)
    }

    /// A digest of the schema, as the node's own is.
    fn schema_version(&mut self) -> Result<Uuid, NodeError> {
        let seed = self.schema()?;
        let mut catalogue = Catalogue::new();
        catalogue.seed(&seed);
        let text = catalogue.export(false);
        Ok(Uuid::from_u128(xxhash_rust::xxh3::xxh3_128(text.as_bytes())))
    }
}

/// Returns the mutations that change a user's keyspace, with what they change.
fn changing(version: &str, set: &str) -> Vec<(Logged, Vec<SchemaChange>)> {
    let mut catalogue = Catalogue::new();
    let mut found = Vec::new();
    for logged in logged(version, set) {
        let changes = user_changes(catalogue.apply(&logged.mutation, logged.position));
        if !changes.is_empty() {
            found.push((logged, changes));
        }
    }
    found
}

fn user_changes(mut changes: Vec<SchemaChange>) -> Vec<SchemaChange> {
    changes.retain(|change| !change.is_system());
    changes
}

fn read_to(position: Position) -> Progress {
    let mut progress = Progress::default();
    progress.read_to(position);
    progress
}

fn before(position: Position) -> Progress {
    read_to(Position { offset: position.offset - 1, ..position })
}

fn assert_same_users(left: &Catalogue, right: &Catalogue, at: &str) {
    let users = |catalogue: &Catalogue| -> Vec<_> {
        catalogue.keyspaces().filter(|keyspace| !keyspace.name.starts_with("system")).cloned().collect()
    };
    assert_eq!(users(left), users(right), "{at}");
    for (_, table) in right.tables().filter(|(keyspace, _)| !keyspace.starts_with("system")) {
        let id = table.id.unwrap();
        assert_eq!(left.table(id), right.table(id), "{at} {}", table.name);
    }
}

/// Opens a schema for a log that is read from its beginning, with a node that has nothing yet.
fn started(directory: &Path, node: &Node) -> LiveSchema {
    let mut live = LiveSchema::open(directory, &Progress::default(), node.boxed()).unwrap();
    assert!(live.needs_node());
    live.ask(Position::START).unwrap();
    live
}

/// Wherever the agent is stopped, it goes on with the schema, and the news, of that place.
#[test]
fn a_restart_at_any_position_has_the_schema_and_the_changes_of_that_position() {
    for version in VERSIONS {
        let steps = changing(version, "ddl");
        let directory = tempfile::tempdir().unwrap();
        let mut live = started(directory.path(), &Node::with(&Catalogue::new()));
        let mut states = vec![live.catalogue().clone()];
        for (logged, expected) in &steps {
            assert_eq!(&user_changes(live.apply(&logged.mutation, logged.position)), expected, "{version}");
            live.save(logged.position).unwrap();
            states.push(live.catalogue().clone());
        }
        drop(live);
        for (at, (logged, expected)) in steps.iter().enumerate().rev() {
            let progress = before(logged.position);
            let mut live = LiveSchema::open(directory.path(), &progress, Node::down().boxed()).unwrap();
            assert!(!live.needs_node(), "{:?}", live.origin());
            assert_same_users(live.catalogue(), &states[at], &format!("{version} {at}"));
            assert_eq!(live.catalogue().export(true), states[at].export(true), "{version} {at}");
            assert_eq!(
                &user_changes(live.apply(&logged.mutation, logged.position)),
                expected,
                "{version} {at}"
            );
            assert_eq!(
                user_changes(live.apply(&logged.mutation, logged.position)),
                [],
                "a repeat is no news"
            );
        }
    }
}

#[test]
fn an_abort_goes_back_to_what_was_saved_before_the_position() {
    let steps = changing("4.1", "ddl");
    let directory = tempfile::tempdir().unwrap();
    let mut live = started(directory.path(), &Node::with(&Catalogue::new()));
    for (logged, _) in &steps[..5] {
        live.apply(&logged.mutation, logged.position);
    }
    let committed = steps[4].0.position;
    live.save(committed).unwrap();
    let state = live.catalogue().export(true);
    for (logged, _) in &steps[5..9] {
        live.apply(&logged.mutation, logged.position);
        live.save(logged.position).unwrap();
    }
    // The last of the batches was not even saved.
    live.apply(&steps[9].0.mutation, steps[9].0.position);
    live.rewind(&read_to(committed)).unwrap();
    assert_eq!(live.catalogue().export(true), state);
    for (logged, expected) in &steps[5..] {
        assert_eq!(&user_changes(live.apply(&logged.mutation, logged.position)), expected);
    }
    live.save(steps.last().unwrap().0.position).unwrap();
    assert_same_users(live.catalogue(), &followed("4.1", "ddl"), "at the end");
}

#[test]
fn a_rewind_to_where_nothing_changed_since_reads_nothing() {
    let steps = changing("5.0", "ddl");
    let directory = tempfile::tempdir().unwrap();
    let mut live = started(directory.path(), &Node::with(&Catalogue::new()));
    live.apply(&steps[0].0.mutation, steps[0].0.position);
    live.save(steps[0].0.position).unwrap();
    let files = fs::read_dir(directory.path()).unwrap().count();
    live.save(steps[1].0.position).unwrap();
    assert_eq!(fs::read_dir(directory.path()).unwrap().count(), files, "nothing changed, nothing is written");
    for file in fs::read_dir(directory.path()).unwrap() {
        let file = file.unwrap();
        assert_eq!(file.metadata().unwrap().permissions().mode() & 0o777, 0o600);
        fs::remove_file(file.path()).unwrap();
    }
    live.rewind(&read_to(steps[0].0.position)).unwrap();
    assert!(live.catalogue().keyspace("dd").is_some());
}

#[test]
fn what_no_restart_can_want_is_removed_and_the_rest_stays_right() {
    let steps = changing("4.0", "ddl");
    let directory = tempfile::tempdir().unwrap();
    let mut live = started(directory.path(), &Node::with(&Catalogue::new()));
    for (logged, _) in &steps {
        live.apply(&logged.mutation, logged.position);
        live.save(logged.position).unwrap();
    }
    assert!(live.is_crowded());
    let kept_from = steps[steps.len() - 3].0.position;
    live.forget_before(&read_to(kept_from)).unwrap();
    assert_eq!(fs::read_dir(directory.path()).unwrap().count(), 3);
    assert!(!live.is_crowded());
    // Segments that were read and forgotten are not named any more; the newest is.
    let mut later = Progress::default();
    later.finish(kept_from.segment + 1);
    let live = LiveSchema::open(directory.path(), &later, Node::down().boxed()).unwrap();
    assert_same_users(live.catalogue(), &followed("4.0", "ddl"), "at the end");
}

/// The newest snapshot, cut or changed anywhere, is noticed; the node then says what is missing.
#[test]
fn a_damaged_snapshot_is_never_an_empty_schema() {
    let steps = changing("4.1", "ddl");
    let end = followed("4.1", "ddl");
    let directory = tempfile::tempdir().unwrap();
    let mut live = started(directory.path(), &Node::with(&Catalogue::new()));
    for (logged, _) in &steps[..12] {
        live.apply(&logged.mutation, logged.position);
    }
    live.save(steps[11].0.position).unwrap();
    let rec = end.table_by_name("dd", "rec").unwrap().id();
    for (logged, _) in &steps[12..] {
        live.apply(&logged.mutation, logged.position);
    }
    let last = steps.last().unwrap().0.position;
    live.save(last).unwrap();
    drop(live);
    let path = directory.path().join(format!("{}-{}.json", last.segment, last.offset));
    let whole = fs::read(&path).unwrap();
    let head = whole.iter().position(|byte| *byte == b'\n').unwrap();
    let mut damages: Vec<Vec<u8>> =
        [0, 1, head, head + 1, whole.len() / 2, whole.len() - 1].map(|cut| whole[..cut].to_vec()).into();
    for at in (0..=head).chain((head..whole.len()).step_by(997)) {
        let mut flipped = whole.clone();
        flipped[at] ^= 1;
        damages.push(flipped);
    }
    for damaged in damages {
        fs::write(&path, &damaged).unwrap();
        let node = Node::down();
        let mut live = LiveSchema::open(directory.path(), &read_to(last), node.boxed()).unwrap();
        assert!(matches!(live.origin(), Origin::Damaged(_)));
        assert!(live.ask(last).is_err(), "the node is down");
        assert!(live.needs_node() && live.retry_delay() >= Duration::from_secs(1));
        node.set(&end);
        let changes = live.ask(last).unwrap();
        assert!(!live.needs_node());
        assert_same_users(live.catalogue(), &end, "asked");
        assert!(changes.iter().any(|change| change.table_id == Some(rec)), "made since the snapshot before");
        drop(live);
    }
    assert!(directory.path().join("start.json").exists());
}

#[test]
fn a_first_start_without_the_node_waits_and_later_ones_do_not() {
    let end = followed("5.0", "ops");
    let directory = tempfile::tempdir().unwrap();
    let node = Node::down();
    let mut live = LiveSchema::open(directory.path(), &Progress::default(), node.boxed()).unwrap();
    assert!(live.needs_node() && live.ask(Position::START).is_err() && live.needs_node());
    node.set(&end);
    live.ask(Position::START).unwrap();
    assert_same_users(live.catalogue(), &end, "first");
    drop(live);
    let live = LiveSchema::open(directory.path(), &Progress::default(), Node::down().boxed()).unwrap();
    assert!(!live.needs_node());
    assert_same_users(live.catalogue(), &end, "second");
}

/// The seed of the first start is newer than the log, which is read in several runs of the agent.
#[test]
fn a_restart_in_a_backlog_still_gives_way_to_the_older_log() {
    for version in VERSIONS {
        let truth = followed(version, "ddl");
        let steps = changing(version, "ddl");
        let directory = tempfile::tempdir().unwrap();
        let mut live = started(directory.path(), &Node::with(&truth));
        let mut unbroken = live.catalogue().clone();
        for (logged, _) in &steps {
            let expected = unbroken.apply(&logged.mutation, logged.position);
            let changes = live.apply(&logged.mutation, logged.position);
            assert_eq!(changes, expected, "{version} {}", logged.position);
            live.save(logged.position).unwrap();
            let at = read_to(logged.position);
            live = LiveSchema::open(directory.path(), &at, Node::down().boxed()).unwrap();
            assert_same_users(live.catalogue(), &unbroken, version);
        }
        assert_same_users(live.catalogue(), &truth, version);
    }
}

fn unknown_table(id: TableId) -> MutationError {
    // One update of the table, and nothing behind its id: the id is looked up first.
    let mut bytes = vec![1];
    bytes.extend(id.0.as_bytes());
    let error = MutationDecoder::new(Version::V7).decode(&bytes, &Catalogue::new()).unwrap_err();
    assert!(error.is_schema(), "{error:?}");
    error
}

#[test]
fn the_node_is_asked_once_for_a_table_that_nobody_knows() {
    let end = followed("4.1", "ddl");
    let directory = tempfile::tempdir().unwrap();
    let node = Node::with(&Catalogue::new());
    let mut live = started(directory.path(), &node);
    let known = end.table_by_name("dd", "t").unwrap().id();
    let nobodys = TableId(Uuid::from_u128(7));
    let asked = node.asked();
    assert!(matches!(live.unknown(&unknown_table(nobodys)), Ask::StillUnknown));
    assert!(matches!(live.unknown(&unknown_table(nobodys)), Ask::StillUnknown));
    assert_eq!(node.asked(), asked + 1);
    node.set(&end);
    assert!(matches!(live.unknown(&unknown_table(known)), Ask::Learned));
    assert_eq!(node.asked(), asked + 2);
    assert_eq!(live.table(known), end.table(known));
    // The rest of the node's schema may be news that the log is yet to tell.
    assert!(live.catalogue().table_by_name("dd", "ren").is_none());
    live.save(Position { segment: 1, offset: 1 }).unwrap();
    let at = read_to(Position { segment: 1, offset: 1 });
    let live = LiveSchema::open(directory.path(), &at, Node::down().boxed()).unwrap();
    assert_eq!(live.table(known), end.table(known));
}

#[test]
fn a_node_that_does_not_answer_is_not_asked_for_every_entry() {
    let directory = tempfile::tempdir().unwrap();
    let node = Node::with(&Catalogue::new());
    let mut live = started(directory.path(), &node);
    node.0.lock().unwrap().schema = None;
    let asked = node.asked();
    for number in 0..100 {
        let ask = live.unknown(&unknown_table(TableId(Uuid::from_u128(number))));
        assert!(matches!(ask, Ask::Unreachable { .. }), "{ask:?}");
    }
    assert_eq!(node.asked(), asked + 1);
}

#[test]
fn after_a_gap_the_schema_is_the_nodes_and_the_changes_are_told() {
    for version in VERSIONS {
        let steps = changing(version, "ddl");
        let end = followed(version, "ddl");
        let directory = tempfile::tempdir().unwrap();
        let node = Node::with(&Catalogue::new());
        let mut live = started(directory.path(), &node);
        for (logged, _) in &steps[..9] {
            live.apply(&logged.mutation, logged.position);
        }
        node.set(&end);
        let last = steps.last().unwrap().0.position;
        let changes = live.gap(last).unwrap();
        assert_same_users(live.catalogue(), &end, version);
        let dropped: Vec<_> = changes.iter().flat_map(|change| change.dropped.keys()).collect();
        assert!(dropped.iter().any(|name| &***name == "aa"), "{version} {dropped:?}");
        let created = |name| changes.iter().any(|c| c.change == ChangeKind::Create && &*c.name == name);
        assert!(created("rec") && !created("t"), "{version}");
        // What the log still has of it is no news.
        for (logged, _) in &steps[steps.len() - 2..] {
            assert_eq!(user_changes(live.apply(&logged.mutation, logged.position)), [], "{version}");
        }
        assert_same_users(live.catalogue(), &end, version);
    }
}

#[test]
fn a_difference_is_believed_when_it_lasts() {
    let steps = changing("4.1", "ddl");
    let directory = tempfile::tempdir().unwrap();
    let node = Node::with(&Catalogue::new());
    let mut live = started(directory.path(), &node);
    let mut real = live.catalogue().clone();
    let at = steps[5].0.position;
    for (logged, _) in &steps[..5] {
        real.apply(&logged.mutation, logged.position);
        live.apply(&logged.mutation, logged.position);
    }
    node.set(&real);
    assert_eq!(live.check(at).unwrap(), Check::Same);
    // The node is ahead of the log, which then tells the same.
    real.apply(&steps[5].0.mutation, at);
    real.apply(&steps[9].0.mutation, at);
    node.set(&real);
    assert_eq!(live.check(at).unwrap(), Check::Suspicious);
    live.apply(&steps[5].0.mutation, at);
    live.apply(&steps[9].0.mutation, at);
    assert_eq!(live.check(at).unwrap(), Check::Same);
    let asked = node.asked();
    assert_eq!(live.check(at).unwrap(), Check::Same);
    assert_eq!(node.asked(), asked + 1, "only the version");
    // This one the log never has.
    real.apply(&steps[10].0.mutation, at);
    node.set(&real);
    assert_eq!(live.check(at).unwrap(), Check::Suspicious);
    let Check::Mended(changes) = live.check(at).unwrap() else { panic!("it lasts") };
    assert_eq!(changes.len(), 1, "{changes:?}");
    assert_same_users(live.catalogue(), &real, "mended");
    assert_eq!(live.check(at).unwrap(), Check::Same);
}

#[test]
fn a_state_of_a_later_position_serves_as_the_nodes_word() {
    let steps = changing("4.1", "ddl");
    let end = followed("4.1", "ddl");
    let directory = tempfile::tempdir().unwrap();
    let mut live = started(directory.path(), &Node::with(&Catalogue::new()));
    for (logged, _) in &steps {
        live.apply(&logged.mutation, logged.position);
        live.save(logged.position).unwrap();
    }
    live.forget_before(&read_to(steps.last().unwrap().0.position)).unwrap();
    drop(live);
    // The positions were deleted, the schema was not: the log is read again from its beginning.
    let mut live = LiveSchema::open(directory.path(), &Progress::default(), Node::down().boxed()).unwrap();
    assert!(matches!(live.origin(), Origin::LaterSnapshot(_)));
    assert!(!live.needs_node());
    for (logged, _) in &steps {
        live.apply(&logged.mutation, logged.position);
    }
    assert_same_users(live.catalogue(), &end, "at the end");
}

#[test]
fn what_a_crash_left_half_written_is_removed_and_other_files_are_left_alone() {
    let directory = tempfile::tempdir().unwrap();
    fs::write(directory.path().join("5-7.json.tmp"), "half").unwrap();
    fs::write(directory.path().join("notes.txt"), "mine").unwrap();
    let live = LiveSchema::open(directory.path(), &Progress::default(), Node::down().boxed()).unwrap();
    assert!(live.needs_node());
    assert!(!directory.path().join("5-7.json.tmp").exists() && directory.path().join("notes.txt").exists());
}
