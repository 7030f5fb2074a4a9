//! Which live node to ask, and how to speak to it.

use std::{env, fs, path::PathBuf, time::Duration};

use clap::Args;
use secrecy::SecretString;

use super::CliError;
use crate::schema::node::{CQL_PORT, CassandraNode, ClientCertificate, Login, NodeOptions, TlsOptions};

/// The environment variable that may hold the password.
const PASSWORD_VARIABLE: &str = "RINGTAP_CASSANDRA_PASSWORD";

/// A live node.
#[derive(Debug, Args)]
pub(super) struct NodeArgs {
    /// Ask this live node over CQL instead of reading a log
    #[arg(long, value_name = "ADDRESS[:PORT]", conflicts_with_all = ["paths", "history"])]
    from_node: Option<String>,
    /// Role to log in with; its password is in --password-file or `RINGTAP_CASSANDRA_PASSWORD`
    #[arg(long, value_name = "ROLE", requires = "from_node")]
    username: Option<String>,
    /// File with the role's password on its first line
    #[arg(long, value_name = "FILE", requires = "username")]
    password_file: Option<PathBuf>,
    /// Speak TLS; the node's certificate must be signed by one of this PEM file
    #[arg(long, value_name = "FILE", requires = "from_node")]
    tls_ca: Option<PathBuf>,
    /// Our certificate (PEM), where the node asks for one
    #[arg(long, value_name = "FILE", requires = "tls_ca", requires = "tls_key")]
    tls_certificate: Option<PathBuf>,
    /// Its private key (PEM)
    #[arg(long, value_name = "FILE", requires = "tls_certificate")]
    tls_key: Option<PathBuf>,
    /// Refuse a certificate that is not made out to the node's IP address
    #[arg(long, requires = "tls_ca")]
    tls_verify_address: bool,
    /// How long connecting may take, in ms; a query may take twice that
    #[arg(long, value_name = "MS", default_value_t = 5000, requires = "from_node",
          value_parser = clap::value_parser!(u64).range(1..=600_000))]
    timeout_ms: u64,
}

impl NodeArgs {
    /// Connects to the node, if one is named.
    pub(super) fn connect(&self) -> Result<Option<CassandraNode>, CliError> {
        let Some(node) = &self.from_node else { return Ok(None) };
        let (address, port) = address_and_port(node)?;
        let mut options = NodeOptions::new(address, port);
        options.login = self.login()?;
        options.tls = self.tls_ca.as_ref().map(|ca_file| TlsOptions {
            ca_file: ca_file.clone(),
            client: self.client_certificate(),
            verify_address: self.tls_verify_address,
        });
        options.connect_timeout = Duration::from_millis(self.timeout_ms);
        options.request_timeout = options.connect_timeout * 2;
        Ok(Some(CassandraNode::connect(&options)?))
    }

    fn client_certificate(&self) -> Option<ClientCertificate> {
        Some(ClientCertificate {
            certificate_file: self.tls_certificate.clone()?,
            key_file: self.tls_key.clone()?,
        })
    }

    fn login(&self) -> Result<Option<Login>, CliError> {
        let Some(username) = self.username.clone() else { return Ok(None) };
        let password = match &self.password_file {
            Some(path) => {
                let text = fs::read_to_string(path)
                    .map_err(|source| CliError::File { path: path.clone(), source })?;
                text.lines().next().unwrap_or_default().to_owned()
            }
            None => env::var(PASSWORD_VARIABLE).map_err(|_| {
                CliError::Usage(format!("--username needs --password-file or {PASSWORD_VARIABLE}"))
            })?,
        };
        Ok(Some(Login { username, password: SecretString::from(password) }))
    }
}

/// Splits `address:port`, `[v6]:port` or an address alone.
fn address_and_port(text: &str) -> Result<(&str, u16), CliError> {
    let wrong = || CliError::Usage(format!("`{text}` is no ADDRESS[:PORT]"));
    let (address, port) = if let Some(rest) = text.strip_prefix('[') {
        let (address, rest) = rest.split_once(']').ok_or_else(wrong)?;
        (address, rest.strip_prefix(':').or_else(|| rest.is_empty().then_some("")).ok_or_else(wrong)?)
    } else {
        match text.split_once(':') {
            // More than one colon: an IPv6 address without a port.
            Some((_, rest)) if rest.contains(':') => (text, ""),
            Some((address, "")) => return Err(CliError::Usage(format!("`{address}:` lacks the port"))),
            Some(parts) => parts,
            None => (text, ""),
        }
    };
    if address.is_empty() {
        return Err(wrong());
    }
    let port = if port.is_empty() { CQL_PORT } else { port.parse().map_err(|_| wrong())? };
    Ok((address, port))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_come_with_and_without_a_port_and_in_both_families() {
        for (text, expected) in [
            ("10.0.0.1", ("10.0.0.1", 9042)),
            ("node:9142", ("node", 9142)),
            ("::1", ("::1", 9042)),
            ("[::1]", ("::1", 9042)),
            ("[fe80::2]:9142", ("fe80::2", 9142)),
        ] {
            assert_eq!(address_and_port(text).unwrap(), expected);
        }
        for wrong in ["", ":9042", "a:", "a:x", "a:70000", "[::1", "[::1]9042", "[]:1"] {
            assert!(address_and_port(wrong).is_err(), "{wrong}");
        }
    }
}
