//! The other nodes of the cluster, and where keyspaces are replicated: `system.peers` and `system_schema.keyspaces`.

use std::{collections::BTreeMap, net::IpAddr};

use scylla::client::session::Session;
use uuid::Uuid;

use super::{
    NodeError,
    fetch::{FetchedRow, fetch},
};
use crate::schema::{SystemTables, rows::LOCAL_KEYSPACES, value::Value};

/// What a node knows of another. Rows are written bit by bit as gossip brings them, so any value but the address may be
/// missing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Peer {
    /// Where the other nodes reach it.
    pub address: IpAddr,
    /// Its host id.
    pub host_id: Option<Uuid>,
    /// Its data center.
    pub data_center: Option<Box<str>>,
    /// Its rack.
    pub rack: Option<Box<str>>,
    /// Release of Cassandra.
    pub release: Option<Box<str>>,
    /// Its tokens, as the partitioner writes them. None until it has joined the ring.
    pub tokens: Vec<Box<str>>,
}

/// The table of 4.0 and later, which tells nodes with one address apart by their ports, and the one of 3.x. 4.0 has both.
const TABLES: [&str; 2] = ["peers_v2", "peers"];

type Row = BTreeMap<Box<str>, Value>;

pub(super) async fn read(session: &Session, endpoint: &str) -> Result<Vec<Peer>, NodeError> {
    let [newer, older] = TABLES;
    match read_table(session, endpoint, newer).await {
        Err(error) if error.is_invalid_query() => read_table(session, endpoint, older).await,
        read => read,
    }
}

async fn read_table(session: &Session, endpoint: &str, table: &str) -> Result<Vec<Peer>, NodeError> {
    let query =
        format!("SELECT peer, host_id, data_center, rack, release_version, tokens FROM system.{table}");
    let mut peers = Vec::new();
    fetch(session, endpoint, &query, |row| {
        let row = decoded("system", table, &row)?;
        let text = |name: &str| row.get(name).and_then(Value::as_text).map(Into::into);
        let tokens = row.get("tokens").and_then(Value::as_texts).unwrap_or_default();
        peers.push(Peer {
            address: row.get("peer").and_then(Value::as_address).ok_or("a peer without address")?,
            host_id: row.get("host_id").and_then(Value::as_uuid),
            data_center: text("data_center"),
            rack: text("rack"),
            release: text("release_version"),
            tokens: tokens.into_iter().map(Into::into).collect(),
        });
        Ok(())
    })
    .await?;
    Ok(peers)
}

pub(super) async fn replication(
    session: &Session,
    endpoint: &str,
) -> Result<BTreeMap<Box<str>, BTreeMap<String, String>>, NodeError> {
    let query = "SELECT keyspace_name, replication FROM system_schema.keyspaces";
    let mut keyspaces = BTreeMap::new();
    fetch(session, endpoint, query, |row| {
        let row = decoded("system_schema", "keyspaces", &row)?;
        let name = row.get("keyspace_name").and_then(Value::as_text).ok_or("a keyspace without name")?;
        let options = row.get("replication").and_then(Value::as_text_map);
        if !LOCAL_KEYSPACES.contains(&name) {
            keyspaces.insert(name.into(), options.ok_or_else(|| format!("the replication of `{name}`"))?);
        }
        Ok(())
    })
    .await?;
    Ok(keyspaces)
}

/// Returns the columns of a row of a system table that have a value.
fn decoded(keyspace: &str, table: &str, row: &FetchedRow<'_>) -> Result<Row, String> {
    let layout = SystemTables::get().by_name(keyspace, table).ok_or("a table that is not known")?;
    let mut values = Row::new();
    for (name, bytes) in row {
        let keys = layout.partition_key().iter().chain(layout.clustering());
        let key = keys.into_iter().find(|column| &*column.name == *name).map(|column| &column.ty);
        let ty = key.or_else(|| layout.value_column(name.as_bytes()).map(|column| &column.ty));
        if let (Some(ty), Some(bytes)) = (ty, bytes) {
            let value = Value::decode(ty, bytes).ok_or_else(|| format!("the bytes of `{name}`"))?;
            values.insert((*name).into(), value);
        }
    }
    Ok(values)
}
