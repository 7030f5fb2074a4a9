//! `[cassandra]`: the node that the agent stands beside.

use std::{path::PathBuf, time::Duration};

use uuid::Uuid;

use crate::{
    config::{CassandraYaml, Secret, problem::Origin, setting::Setting as _, values::Values},
    schema::node::{ClientCertificate, Login, NodeOptions, TlsOptions},
};

/// How the node is asked for its schema and its identity.
#[derive(Debug, Clone)]
pub struct CassandraConfig {
    /// Its address for clients; by default `rpc_address` of `cassandra.yaml`.
    pub address: String,
    /// Its port; by default that of `cassandra.yaml`.
    pub port: u16,
    /// The name to log in with; none if the node asks for none.
    pub username: Option<String>,
    /// The password to log in with.
    pub password: Option<Secret>,
    /// TLS; none for plain connections.
    pub tls: Option<CassandraTls>,
    /// The cluster's name, if it shall not be taken from the node.
    pub cluster: Option<String>,
    /// The node's host id, if it shall not be taken from the node.
    pub host_id: Option<Uuid>,
    /// How long a connection may take to come up, in milliseconds.
    pub connect_timeout_ms: u64,
    /// How long an answer may take, in milliseconds.
    pub request_timeout_ms: u64,
    /// How often the schema is looked at if nothing hints at a change, in milliseconds.
    pub schema_refresh_interval_ms: u64,
}

/// TLS to the node.
#[derive(Debug, Clone)]
pub struct CassandraTls {
    /// Certificates of the authorities that signed the node's, PEM.
    pub ca_file: PathBuf,
    /// Our own certificate, if the node asks for one, PEM.
    pub certificate_file: Option<PathBuf>,
    /// The key of our certificate, PEM.
    pub key_file: Option<PathBuf>,
    /// Whether the node's certificate must be made out to the IP address that is connected to.
    pub verify_address: bool,
}

impl CassandraConfig {
    pub(in crate::config) fn take(values: &mut Values, yaml: Option<&CassandraYaml>) -> Self {
        let address = values.take_optional::<String>("cassandra.address");
        let address = address.unwrap_or_else(|| {
            let (address, origin) = match yaml {
                Some(yaml) => (yaml.client_address(), Origin::CassandraYaml),
                None => ("127.0.0.1".to_owned(), Origin::Default),
            };
            values.derived("cassandra.address", address.shown(), origin);
            address
        });
        let port = values.take_optional_number("cassandra.port", 1..=65_535).map(|port| port as u16);
        let port = port.unwrap_or_else(|| {
            let (port, origin) = match yaml {
                Some(yaml) => (yaml.native_transport_port, Origin::CassandraYaml),
                None => (9042, Origin::Default),
            };
            values.derived("cassandra.port", port.to_string(), origin);
            port
        });
        let username = values.take_optional::<String>("cassandra.username");
        let password = values.take_secret("cassandra.password");
        let is_told =
            values.was_refused("cassandra.password_file") || values.was_refused("cassandra.password");
        match (&username, &password) {
            (Some(_), None) if !is_told => values.unfit(
                "cassandra.username",
                "needs its password: give cassandra.password_file or $RINGTAP_CASSANDRA_PASSWORD",
            ),
            (None, Some(_)) => {
                values.unfit("cassandra.password_file", "a password without a name: give cassandra.username");
            }
            _ => {}
        }
        Self {
            address,
            port,
            username,
            password,
            tls: take_tls(values, yaml),
            cluster: values.take_optional("cassandra.cluster"),
            host_id: values.take_optional("cassandra.host_id"),
            connect_timeout_ms: values.take_number("cassandra.connect_timeout_ms", 5_000, 100..=300_000),
            request_timeout_ms: values.take_number("cassandra.request_timeout_ms", 10_000, 100..=300_000),
            schema_refresh_interval_ms: values.take_number(
                "cassandra.schema_refresh_interval_ms",
                60_000,
                1_000..=3_600_000,
            ),
        }
    }

    /// Returns how to connect to the node.
    pub fn node_options(&self) -> NodeOptions {
        let login = self.username.as_ref().zip(self.password.as_ref());
        let tls = self.tls.as_ref().map(|tls| TlsOptions {
            ca_file: tls.ca_file.clone(),
            client: tls
                .certificate_file
                .clone()
                .zip(tls.key_file.clone())
                .map(|(certificate_file, key_file)| ClientCertificate { certificate_file, key_file }),
            verify_address: tls.verify_address,
        });
        NodeOptions {
            address: self.address.clone(),
            port: self.port,
            login: login.map(|(username, password)| Login {
                username: username.clone(),
                password: password.expose().into(),
            }),
            tls,
            connect_timeout: Duration::from_millis(self.connect_timeout_ms),
            request_timeout: Duration::from_millis(self.request_timeout_ms),
        }
    }
}

fn take_tls(values: &mut Values, yaml: Option<&CassandraYaml>) -> Option<CassandraTls> {
    let ca_file = values.take_optional::<PathBuf>("cassandra.tls_ca_file");
    let certificate_file = values.take_optional::<PathBuf>("cassandra.tls_certificate_file");
    let key_file = values.take_optional::<PathBuf>("cassandra.tls_key_file");
    let verify_address = values.take("cassandra.tls_verify_address", true);
    if certificate_file.is_some() != key_file.is_some() {
        let key = if certificate_file.is_some() { "certificate_file" } else { "key_file" };
        values.unfit(
            &format!("cassandra.tls_{key}"),
            "a certificate and its key go together: give cassandra.tls_certificate_file and cassandra.tls_key_file",
        );
    }
    if ca_file.is_none() && certificate_file.is_some() {
        values.unfit("cassandra.tls_certificate_file", "TLS needs cassandra.tls_ca_file, too");
    }
    if ca_file.is_none() && yaml.is_some_and(|yaml| yaml.client_tls_required) {
        values.warn(
            "cassandra.tls_ca_file",
            "cassandra.yaml takes clients with TLS only (client_encryption_options); give the authority's certificate",
        );
    }
    ca_file.map(|ca_file| CassandraTls { ca_file, certificate_file, key_file, verify_address })
}
