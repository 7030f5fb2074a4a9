//! One GET over a plain connection. HTTP/1.0, so that the answer is neither chunked nor kept open.

use std::{
    io::{self, Read as _, Write as _},
    net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, TcpStream},
    time::Duration,
};

/// The longest answer that is read, in bytes.
const ANSWER_BYTES_MAX: u64 = 4 << 20;

/// Returns the body of a page.
pub(super) fn get(address: SocketAddr, path: &str, timeout: Duration) -> io::Result<String> {
    let mut stream = TcpStream::connect_timeout(&reachable(address), timeout)?;
    stream.set_read_timeout(Some(timeout))?;
    stream.set_write_timeout(Some(timeout))?;
    write!(stream, "GET {path} HTTP/1.0\r\nHost: {address}\r\nAccept: application/json\r\n\r\n")?;
    let mut answer = Vec::new();
    stream.take(ANSWER_BYTES_MAX).read_to_end(&mut answer)?;
    body(&answer)
}

/// An agent that listens at all addresses is asked at this machine's own.
fn reachable(address: SocketAddr) -> SocketAddr {
    match address.ip() {
        IpAddr::V4(ip) if ip.is_unspecified() => SocketAddr::new(Ipv4Addr::LOCALHOST.into(), address.port()),
        IpAddr::V6(ip) if ip.is_unspecified() => SocketAddr::new(Ipv6Addr::LOCALHOST.into(), address.port()),
        _ => address,
    }
}

fn body(answer: &[u8]) -> io::Result<String> {
    let refused = |text: String| io::Error::new(io::ErrorKind::InvalidData, text);
    let text = str::from_utf8(answer).map_err(|_| refused("its answer is not UTF-8".into()))?;
    let (head, body) = text.split_once("\r\n\r\n").ok_or_else(|| refused("its answer is not HTTP".into()))?;
    let first = head.lines().next().unwrap_or_default();
    if !first.starts_with("HTTP/1.") {
        return Err(refused("its answer is not HTTP".into()));
    }
    match first.split(' ').nth(1) {
        Some("200") => Ok(body.to_owned()),
        code => Err(refused(format!("it answers {}: is that an agent?", code.unwrap_or("nothing")))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_good_answer_is_taken() {
        assert_eq!(body(b"HTTP/1.0 200 OK\r\nA: b\r\n\r\n{}").unwrap(), "{}");
        for (answer, error) in [
            (&b"HTTP/1.0 404 Not Found\r\n\r\n"[..], "it answers 404: is that an agent?"),
            (b"SSH-2.0-x\r\n\r\n", "its answer is not HTTP"),
            (b"HTTP/1.0 200 OK\r\n", "its answer is not HTTP"),
            (b"\xff\xff", "its answer is not UTF-8"),
        ] {
            assert_eq!(body(answer).unwrap_err().to_string(), error);
        }
    }

    #[test]
    fn an_agent_that_listens_everywhere_is_asked_here() {
        assert_eq!(reachable("0.0.0.0:9187".parse().unwrap()).to_string(), "127.0.0.1:9187");
        assert_eq!(reachable("[::]:9187".parse().unwrap()).to_string(), "[::1]:9187");
    }
}
