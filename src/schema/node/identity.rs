//! Which node it is: `system.local`.

use std::net::IpAddr;

use scylla::client::session::Session;
use uuid::Uuid;

use super::{NodeError, fetch::fetch};
use crate::schema::{SystemTables, value::Value};

/// What a node says of itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LiveIdentity {
    /// Name of its cluster.
    pub cluster: Box<str>,
    /// Its host id.
    pub host_id: Uuid,
    /// Release of Cassandra, such as `5.0.5`.
    pub release: Box<str>,
    /// Its data center.
    pub data_center: Box<str>,
    /// Its rack.
    pub rack: Box<str>,
    /// Class name of the cluster's partitioner.
    pub partitioner: Box<str>,
    /// Its tokens, as the partitioner writes them, in order of their texts.
    pub tokens: Vec<Box<str>>,
    /// Where the other nodes reach it (`broadcast_address`).
    pub address: Option<IpAddr>,
    /// Whether it has joined the ring: a name of Cassandra's `SystemKeyspace.BootstrapState`.
    pub bootstrapped: Option<Box<str>>,
}

const IDENTITY_QUERY: &str = "SELECT cluster_name, host_id, release_version, data_center, rack, partitioner, tokens, \
                              broadcast_address, bootstrapped FROM system.local WHERE key = 'local'";

const VERSION_QUERY: &str = "SELECT schema_version FROM system.local WHERE key = 'local'";

pub(super) async fn read(session: &Session, endpoint: &str) -> Result<LiveIdentity, NodeError> {
    let values = local(session, endpoint, IDENTITY_QUERY).await?;
    let missing = |name: &str| unknown(endpoint, IDENTITY_QUERY, name);
    let value = |name: &str| values.iter().find(|(column, _)| column == name).map(|(_, value)| value);
    let text = |name: &str| -> Result<Box<str>, NodeError> {
        value(name).and_then(Value::as_text).map(Into::into).ok_or_else(|| missing(name))
    };
    // A node that does not own any token has none.
    let tokens = value("tokens").and_then(Value::as_texts);
    Ok(LiveIdentity {
        cluster: text("cluster_name")?,
        host_id: value("host_id").and_then(Value::as_uuid).ok_or_else(|| missing("host_id"))?,
        release: text("release_version")?,
        data_center: text("data_center")?,
        rack: text("rack")?,
        partitioner: text("partitioner")?,
        tokens: tokens.unwrap_or_default().into_iter().map(Into::into).collect(),
        address: value("broadcast_address").and_then(Value::as_address),
        bootstrapped: value("bootstrapped").and_then(Value::as_text).map(Into::into),
    })
}

pub(super) async fn schema_version(session: &Session, endpoint: &str) -> Result<Uuid, NodeError> {
    let values = local(session, endpoint, VERSION_QUERY).await?;
    let version = values.first().and_then(|(_, value)| value.as_uuid());
    version.ok_or_else(|| unknown(endpoint, VERSION_QUERY, "schema_version"))
}

fn unknown(endpoint: &str, query: &str, column: &str) -> NodeError {
    let reason = format!("`{column}` has no value of its type");
    NodeError::UnknownAnswer { endpoint: endpoint.into(), query: query.into(), reason }
}

/// Returns the columns of the node's own row that have a value.
async fn local(session: &Session, endpoint: &str, query: &str) -> Result<Vec<(String, Value)>, NodeError> {
    let table = SystemTables::get().by_name("system", "local");
    let mut values = Vec::new();
    fetch(session, endpoint, query, |row| {
        for (name, bytes) in row {
            let column = table.and_then(|table| table.value_column(name.as_bytes()));
            if let (Some(column), Some(bytes)) = (column, bytes) {
                let value =
                    Value::decode(&column.ty, bytes).ok_or_else(|| format!("the bytes of `{name}`"))?;
                values.push((name.to_owned(), value));
            }
        }
        Ok(())
    })
    .await?;
    Ok(values)
}
