//! The agent's own places: state, quarantine, the HTTP address.

use std::{
    fs, io,
    net::TcpListener,
    path::Path,
    time::{SystemTime, UNIX_EPOCH},
};

use rustix::fs::{Access, access};
use serde::Deserialize;

use super::findings::{Area, Findings};
use crate::{config::Config, telemetry::Identity};

/// What the state directory says of whose it is.
#[derive(Debug, Deserialize)]
struct StoredIdentity {
    cluster: String,
    host_id: String,
}

/// A clock before this (2024-01-01) has never been set.
const CLOCK_EARLIEST_S: u64 = 1_704_067_200;

/// The largest identity file that is read, in bytes.
const IDENTITY_BYTES_MAX: u64 = 64 * 1024;

pub(super) fn check(config: &Config, identity: Option<&Identity>, findings: &mut Findings) {
    check_writable(&config.state_directory, "state directory", findings);
    if !config.quarantine.directory.starts_with(&config.state_directory) {
        check_writable(&config.quarantine.directory, "quarantine directory", findings);
    }
    check_owner(config, identity, findings);
    check_listen(config, findings);
    let now = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs());
    if now < CLOCK_EARLIEST_S {
        findings.error(
            Area::Agent,
            "this machine's clock has not been set",
            "start its time service: write times and the dedup window hang on the clock",
        );
    }
}

fn check_writable(path: &Path, name: &str, findings: &mut Findings) {
    let shown = path.display();
    let existing = path.ancestors().find(|ancestor| ancestor.exists());
    let Some(existing) = existing else { return };
    if !existing.is_dir() {
        findings.error(
            Area::State,
            format!("{name} {shown}: {} is no directory", existing.display()),
            "name another",
        );
    } else if access(existing, Access::WRITE_OK | Access::EXEC_OK).is_err() {
        let what = if existing == path { "may not be written" } else { "is missing and may not be made" };
        let user = rustix::process::geteuid().as_raw();
        findings.error(
            Area::State,
            format!("{name} {shown} {what} by user {user}"),
            format!("mkdir -p {shown} && chown {user} {shown}"),
        );
    } else {
        findings.ok(Area::State, format!("{name} {shown} can be written"));
    }
}

/// Returns what the state directory says of whose it is: the second line of its file `identity`.
fn stored_identity(directory: &Path) -> io::Result<Option<StoredIdentity>> {
    let path = directory.join("identity");
    match fs::metadata(&path) {
        Ok(metadata) if metadata.len() > IDENTITY_BYTES_MAX => {
            return Err(io::Error::new(io::ErrorKind::InvalidData, "too long"));
        }
        Ok(_) => {}
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(error),
    }
    let text = fs::read_to_string(&path)?;
    let body = text.split_once('\n').map_or("", |(_, body)| body);
    serde_json::from_str(body).map(Some).map_err(|_| io::Error::new(io::ErrorKind::InvalidData, "damaged"))
}

fn check_owner(config: &Config, identity: Option<&Identity>, findings: &mut Findings) {
    let shown = config.state_directory.display();
    let stored = match stored_identity(&config.state_directory) {
        Ok(Some(stored)) => stored,
        Ok(None) => return,
        Err(error) => {
            findings.error(
                Area::State,
                format!("{shown}/identity: {error}"),
                "restore it, or move the directory away",
            );
            return;
        }
    };
    let host_id = identity
        .map(|identity| identity.host_id.clone())
        .or_else(|| config.cassandra.host_id.map(|id| id.to_string()));
    let cluster = identity.map(|identity| &identity.cluster).or(config.cassandra.cluster.as_ref());
    let is_other = host_id.as_ref().is_some_and(|host_id| !host_id.eq_ignore_ascii_case(&stored.host_id))
        || cluster.is_some_and(|cluster| *cluster != stored.cluster);
    if is_other {
        findings.error(
            Area::State,
            format!(
                "state directory {shown} is of node {} of cluster {:?}, not of this node",
                stored.host_id, stored.cluster
            ),
            "give each node its own; if the node was replaced, move the directory away",
        );
    } else {
        findings.ok(Area::State, format!("state directory {shown} is of node {}", stored.host_id));
    }
}

fn check_listen(config: &Config, findings: &mut Findings) {
    let Some(address) = config.http.listen else { return };
    match TcpListener::bind(address) {
        Ok(_) => findings.ok(Area::Agent, format!("http.listen {address} is free")),
        Err(error) if error.kind() == io::ErrorKind::AddrInUse => findings.warn(
            Area::Agent,
            format!("http.listen {address} is taken"),
            "well, if the agent runs; else set another http.listen",
        ),
        Err(error) => {
            findings.error(Area::Agent, format!("http.listen {address}: {error}"), "set another http.listen");
        }
    }
}
