//! Asking the agent's own HTTP server.

use std::{
    io::{Read as _, Write as _},
    net::TcpStream,
    time::Duration,
};

use anyhow::{Context as _, Result, bail};

/// How long an answer may take.
const ANSWER_MAX: Duration = Duration::from_secs(5);

/// Returns the status and body of an answer.
pub fn get(address: &str, path: &str) -> Result<(u16, String)> {
    let parsed = address.parse().with_context(|| format!("address {address}"))?;
    let mut stream = TcpStream::connect_timeout(&parsed, ANSWER_MAX)?;
    stream.set_read_timeout(Some(ANSWER_MAX))?;
    // 1.0: the answer ends with the connection.
    write!(stream, "GET {path} HTTP/1.0\r\nHost: {address}\r\n\r\n")?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer)?;
    let Some((head, body)) = answer.split_once("\r\n\r\n") else {
        bail!("no HTTP answer from {address}{path}")
    };
    let status =
        head.split_whitespace().nth(1).and_then(|code| code.parse().ok()).context("no HTTP status")?;
    Ok((status, body.to_owned()))
}
