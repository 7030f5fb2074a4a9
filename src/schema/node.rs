//! The node's own word on its schema and on itself, over CQL.
//!
//! Only the one node is contacted, and only `system` and `system_schema` are read, which each node keeps for itself.
//! The driver's own model of the schema is not used: it lacks ids, `cdc`, clustering order and dropped columns.

mod error;
mod fetch;
mod identity;
mod peers;
mod seed;
mod tls;

use std::{collections::BTreeMap, net::SocketAddr, path::PathBuf, sync::Arc, time::Duration};

use scylla::{
    client::{
        PoolSize, execution_profile::ExecutionProfile, session::Session, session_builder::SessionBuilder,
    },
    policies::{host_filter::AllowListHostFilter, retry::FallthroughRetryPolicy},
    statement::Consistency,
};
use secrecy::{ExposeSecret, SecretString};
use tokio::runtime::Runtime;
use uuid::Uuid;

pub use self::{error::NodeError, identity::LiveIdentity, peers::Peer};
use super::Seed;

/// Cassandra's `native_transport_port` where none is given.
pub const CQL_PORT: u16 = 9042;

/// How often the schema is read anew because it changed while it was read.
const SCHEMA_READS_MAX: u32 = 5;

/// Pause before the schema is read anew: a change of it takes a node some 100 ms.
const SCHEMA_READ_PAUSE: Duration = Duration::from_millis(200);

/// The driver fetches the list of nodes again this often; we never use it.
const METADATA_REFRESH_INTERVAL: Duration = Duration::from_secs(3600);

/// Where a node answers CQL, and how to speak to it.
#[derive(Debug, Clone)]
pub struct NodeOptions {
    /// The node's address for clients (`rpc_address`): a name or an IP address.
    pub address: String,
    /// Its port for clients (`native_transport_port`).
    pub port: u16,
    /// Role and password, if the node asks for them. The role needs no permission: every role may read the tables
    /// that are read here.
    pub login: Option<Login>,
    /// TLS, if the node wants it (`client_encryption_options`).
    pub tls: Option<TlsOptions>,
    /// How long connecting may take, all of it: name, TCP, TLS, login.
    pub connect_timeout: Duration,
    /// How long one query may take.
    pub request_timeout: Duration,
}

/// A role with its password.
#[derive(Debug, Clone)]
pub struct Login {
    /// Name of the role.
    pub username: String,
    /// Its password.
    pub password: SecretString,
}

/// How TLS is spoken to a node.
#[derive(Debug, Clone)]
pub struct TlsOptions {
    /// The certificates (PEM) by which the node's own is known.
    pub ca_file: PathBuf,
    /// Our certificate (PEM, with those between it and the node's trust) and key, where the node asks for one
    /// (`require_client_auth`).
    pub client: Option<ClientCertificate>,
    /// Whether the node's certificate must be made out to the IP address that is connected to. Without it, any
    /// certificate of `ca_file` will do: what Cassandra's own clients are content with.
    pub verify_address: bool,
}

/// A client's certificate with its key.
#[derive(Debug, Clone)]
pub struct ClientCertificate {
    /// PEM file of the certificate chain.
    pub certificate_file: PathBuf,
    /// PEM file of the private key.
    pub key_file: PathBuf,
}

impl NodeOptions {
    /// Returns options without login and TLS, with time-outs of 5 s for connecting and 10 s for a query.
    pub fn new(address: impl Into<String>, port: u16) -> Self {
        Self {
            address: address.into(),
            port,
            login: None,
            tls: None,
            connect_timeout: Duration::from_secs(5),
            request_timeout: Duration::from_secs(10),
        }
    }

    /// Returns `address:port`, an IPv6 address in brackets.
    pub fn endpoint(&self) -> String {
        if self.address.contains(':') {
            format!("[{}]:{}", self.address, self.port)
        } else {
            format!("{}:{}", self.address, self.port)
        }
    }
}

/// A connection to one node, for threads that may block. Ends when it is dropped.
pub struct CassandraNode {
    session: Session,
    /// Behind the session, as that has tasks in it.
    runtime: ShutInBackground,
    endpoint: String,
}

/// A runtime that does not wait for its tasks when it is dropped.
struct ShutInBackground(Option<Runtime>);

impl Drop for ShutInBackground {
    fn drop(&mut self) {
        if let Some(runtime) = self.0.take() {
            runtime.shutdown_background();
        }
    }
}

impl ShutInBackground {
    fn block_on<T>(&self, future: impl Future<Output = T>) -> T {
        self.0.as_ref().expect("the runtime is taken in drop only").block_on(future)
    }
}

impl CassandraNode {
    /// Connects to a node. Blocks for [`NodeOptions::connect_timeout`] at most; not to be called from async code.
    pub fn connect(options: &NodeOptions) -> Result<Self, NodeError> {
        let endpoint = options.endpoint();
        let tls = options.tls.as_ref().map(tls::client_config).transpose()?;
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(1)
            .thread_name("ringtap-cql")
            .enable_all()
            .build()
            .map_err(|source| NodeError::Runtime { source: Arc::new(source) })?;
        let runtime = ShutInBackground(Some(runtime));
        let connecting = async {
            let connecting = connect(options, tls);
            match tokio::time::timeout(options.connect_timeout, connecting).await {
                Ok(session) => session,
                Err(_) => {
                    Err(NodeError::TimedOut { endpoint: endpoint.clone(), after: options.connect_timeout })
                }
            }
        };
        let session = runtime.block_on(connecting)?;
        Ok(Self { session, runtime, endpoint })
    }

    /// Returns what the node says of itself.
    pub fn identity(&self) -> Result<LiveIdentity, NodeError> {
        self.runtime.block_on(identity::read(&self.session, &self.endpoint))
    }

    /// Returns what the node knows of the others of its cluster.
    pub fn peers(&self) -> Result<Vec<Peer>, NodeError> {
        self.runtime.block_on(peers::read(&self.session, &self.endpoint))
    }

    /// Returns how each keyspace is replicated: the options by their names, `class` among them. Cassandra's keyspaces that
    /// each node has for itself alone are not in it.
    pub fn replication(&self) -> Result<BTreeMap<Box<str>, BTreeMap<String, String>>, NodeError> {
        self.runtime.block_on(peers::replication(&self.session, &self.endpoint))
    }

    /// Returns the version of the node's schema. It is the same on all nodes that agree, and another one after every
    /// change.
    pub fn schema_version(&self) -> Result<Uuid, NodeError> {
        self.runtime.block_on(identity::schema_version(&self.session, &self.endpoint))
    }

    /// Returns the node's schema as it stands, with the times at which its rows were written. `system` and
    /// `system_schema` are not in it, as they are built in.
    ///
    /// [`Seed::up_to`] is not set: CQL does not tell where in the log the node is, so every entry that is not yet
    /// read may be older than the seed. The write times put it right entry by entry.
    pub fn schema(&self) -> Result<Seed, NodeError> {
        self.runtime.block_on(self.read_schema())
    }

    /// Reads until the schema's version is the same before and after.
    async fn read_schema(&self) -> Result<Seed, NodeError> {
        let (session, endpoint) = (&self.session, &*self.endpoint);
        let mut before = identity::schema_version(session, endpoint).await?;
        for _ in 0..SCHEMA_READS_MAX {
            let seed = seed::read(session, endpoint).await?;
            let after = identity::schema_version(session, endpoint).await?;
            if before == after {
                return Ok(seed);
            }
            before = after;
            tokio::time::sleep(SCHEMA_READ_PAUSE).await;
        }
        Err(NodeError::SchemaInMotion { endpoint: endpoint.into(), reads: SCHEMA_READS_MAX })
    }
}

/// Resolves the name, and makes a session that knows this address only.
async fn connect(
    options: &NodeOptions,
    tls: Option<Arc<rustls::ClientConfig>>,
) -> Result<Session, NodeError> {
    let endpoint = options.endpoint();
    let unreachable = |source: std::io::Error| NodeError::Unreachable {
        endpoint: endpoint.clone(),
        source: Arc::new(source),
    };
    let resolved = tokio::net::lookup_host(&endpoint).await.map_err(unreachable)?;
    let mut addresses: Vec<SocketAddr> = resolved.collect();
    // One address: a name with several would else be several nodes.
    addresses.sort_by_key(|address| !address.is_ipv4());
    let Some(address) = addresses.first().copied() else {
        return Err(unreachable(std::io::ErrorKind::AddrNotAvailable.into()));
    };
    let filter = AllowListHostFilter::new([address]).map_err(unreachable)?;
    let profile = ExecutionProfile::builder()
        .consistency(Consistency::One)
        .request_timeout(Some(options.request_timeout))
        .retry_policy(Arc::new(FallthroughRetryPolicy::new()))
        .build();
    let mut builder = SessionBuilder::new()
        .known_node_addr(address)
        .host_filter(Arc::new(filter))
        .default_execution_profile_handle(profile.into_handle())
        .connection_timeout(options.connect_timeout)
        .pool_size(PoolSize::PerHost(std::num::NonZeroUsize::MIN))
        .disallow_shard_aware_port(true)
        .fetch_schema_metadata(false)
        .auto_await_schema_agreement(false)
        .cluster_metadata_refresh_interval(METADATA_REFRESH_INTERVAL)
        .tls_context(tls);
    if let Some(login) = &options.login {
        builder = builder.user(&login.username, login.password.expose_secret());
    }
    builder.build().await.map_err(|error| NodeError::from_connecting(endpoint, error))
}
