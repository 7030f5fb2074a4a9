//! The tables that the load writes.

use anyhow::{Context as _, Result};
use scylla::client::session::Session;

/// Keyspace of the checked tables. The one without CDC begins with the same name.
pub const CHECKED_KEYSPACE: &str = "faults";

/// How the keyspaces are replicated where there is one node.
pub const ONE_REPLICA: &str = "{'class': 'SimpleStrategy', 'replication_factor': 1}";

/// Every table has a column `u` for the unique value of the write; of `counts` it is part of the key.
const TABLES: [&str; 6] = [
    "CREATE TABLE IF NOT EXISTS faults.events (pk bigint, ck int, u text, n int, note text, PRIMARY KEY (pk, ck)) \
     WITH CLUSTERING ORDER BY (ck DESC) AND cdc = true",
    "CREATE TABLE IF NOT EXISTS faults.profiles (pk bigint, ck int, su text static, u text, tags set<text>, \
     attributes map<text, text>, names list<text>, PRIMARY KEY (pk, ck)) WITH cdc = true",
    "CREATE TABLE IF NOT EXISTS faults.sessions (pk bigint PRIMARY KEY, u text, data blob) WITH cdc = true",
    "CREATE TABLE IF NOT EXISTS faults.turns (pk text PRIMARY KEY, u text) WITH cdc = true",
    "CREATE TABLE IF NOT EXISTS faults.counts (pk bigint, u text, n counter, PRIMARY KEY (pk, u)) WITH cdc = true",
    "CREATE TABLE IF NOT EXISTS faults_silent.t (pk bigint PRIMARY KEY, u text)",
];

/// Creates the checked tables where they are missing, with that replication.
pub async fn create_checked_tables(session: &Session, replication: &str) -> Result<()> {
    let keyspaces = [CHECKED_KEYSPACE, "faults_silent"]
        .map(|name| format!("CREATE KEYSPACE IF NOT EXISTS {name} WITH replication = {replication}"));
    for statement in keyspaces.iter().map(String::as_str).chain(TABLES) {
        session.query_unpaged(statement, ()).await.with_context(|| statement.to_owned())?;
    }
    Ok(())
}
