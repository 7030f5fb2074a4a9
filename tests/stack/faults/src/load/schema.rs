//! The tables that the load writes.

use anyhow::{Context as _, Result};
use scylla::client::session::Session;

/// Keyspace of the checked tables. The one without CDC begins with the same name.
pub const CHECKED_KEYSPACE: &str = "faults";

/// Every table has a column `u` for the unique value of the write, but `turns`, whose value is its own.
const STATEMENTS: [&str; 7] = [
    "CREATE KEYSPACE IF NOT EXISTS faults WITH replication = {'class': 'SimpleStrategy', 'replication_factor': 1}",
    "CREATE TABLE IF NOT EXISTS faults.events (pk bigint, ck int, u text, n int, note text, PRIMARY KEY (pk, ck)) \
     WITH CLUSTERING ORDER BY (ck DESC) AND cdc = true",
    "CREATE TABLE IF NOT EXISTS faults.profiles (pk bigint, ck int, su text static, u text, tags set<text>, \
     attributes map<text, text>, names list<text>, PRIMARY KEY (pk, ck)) WITH cdc = true",
    "CREATE TABLE IF NOT EXISTS faults.sessions (pk bigint PRIMARY KEY, u text, data blob) WITH cdc = true",
    "CREATE TABLE IF NOT EXISTS faults.turns (pk text PRIMARY KEY, u text) WITH cdc = true",
    "CREATE KEYSPACE IF NOT EXISTS faults_silent WITH replication = {'class': 'SimpleStrategy', 'replication_factor': 1}",
    "CREATE TABLE IF NOT EXISTS faults_silent.t (pk bigint PRIMARY KEY, u text)",
];

/// Creates the checked tables where they are missing.
pub async fn create_checked_tables(session: &Session) -> Result<()> {
    for statement in STATEMENTS {
        session.query_unpaged(statement, ()).await.with_context(|| statement.to_owned())?;
    }
    Ok(())
}
