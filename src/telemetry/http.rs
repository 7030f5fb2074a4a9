//! Metrics, health and status over HTTP.

mod listener;

use std::{
    io,
    net::{SocketAddr, TcpListener},
    sync::Arc,
    thread::{self, JoinHandle},
};

use axum::{
    Router,
    extract::State,
    http::{StatusCode, header},
    response::{IntoResponse, Response},
    routing::get,
};
use serde::Serialize;
use serde_json::json;
use tokio::sync::oneshot;

use self::listener::BoundedListener;
use super::{exporter::Exporter, status::AgentStatus};

/// The most connections at a time; others wait.
const CONNECTIONS_MAX: usize = 32;

#[derive(Debug, Clone)]
struct Shared {
    status: Arc<AgentStatus>,
    exporter: Exporter,
}

/// Serves `/metrics`, `/health/live`, `/health/ready` and `/status` in a thread of its own. Ends when it is dropped.
#[derive(Debug)]
pub struct HttpServer {
    address: SocketAddr,
    stop: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl HttpServer {
    /// Listens at an address; port 0 takes a free one.
    pub fn start(listen: SocketAddr, status: Arc<AgentStatus>, exporter: Exporter) -> io::Result<Self> {
        let listener = TcpListener::bind(listen)?;
        listener.set_nonblocking(true)?;
        let address = listener.local_addr()?;
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        let (stop, stopped) = oneshot::channel();
        let router = router(Shared { status, exporter });
        let thread = thread::Builder::new().name("http".into()).spawn(move || {
            let served: io::Result<()> = runtime.block_on(async move {
                let listener = tokio::net::TcpListener::from_std(listener)?;
                let listener = BoundedListener::new(listener, CONNECTIONS_MAX);
                // Connections that are open when the agent ends are cut: nothing here is worth waiting for.
                tokio::select! {
                    served = axum::serve(listener, router) => served,
                    _ = stopped => Ok(()),
                }
            });
            if let Err(error) = served {
                tracing::error!(%error, "metrics and health are not served any more");
            }
        })?;
        Ok(Self { address, stop: Some(stop), thread: Some(thread) })
    }

    /// Returns the address at which it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }
}

impl Drop for HttpServer {
    fn drop(&mut self) {
        drop(self.stop.take());
        if let Some(thread) = self.thread.take()
            && thread.join().is_err()
        {
            tracing::error!("the thread of metrics and health panicked");
        }
    }
}

fn router(shared: Shared) -> Router {
    Router::new()
        .route("/metrics", get(metrics))
        .route("/health/live", get(live))
        .route("/health/ready", get(ready))
        .route("/status", get(status))
        .with_state(shared)
}

async fn metrics(State(shared): State<Shared>) -> Response {
    let page = shared.exporter.render(&shared.status);
    ([(header::CONTENT_TYPE, "text/plain; version=0.0.4; charset=utf-8")], page).into_response()
}

fn json(code: StatusCode, body: &impl Serialize) -> Response {
    match serde_json::to_string(body) {
        Ok(text) => (code, [(header::CONTENT_TYPE, "application/json")], text).into_response(),
        Err(error) => {
            tracing::error!(%error, "a page could not be written");
            StatusCode::INTERNAL_SERVER_ERROR.into_response()
        }
    }
}

fn code(is_well: bool) -> StatusCode {
    if is_well { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE }
}

async fn live(State(shared): State<Shared>) -> Response {
    let is_live = shared.status.is_live();
    json(code(is_live), &json!({ "live": is_live, "threads": shared.status.threads() }))
}

async fn ready(State(shared): State<Shared>) -> Response {
    let status = &shared.status;
    let is_ready = status.is_ready();
    let body = json!({
        "ready": is_ready,
        "state": status.state(),
        "missing": status.missing(),
        "degraded": status.degradations(),
    });
    json(code(is_ready), &body)
}

async fn status(State(shared): State<Shared>) -> Response {
    json(StatusCode::OK, &shared.status.page())
}

#[cfg(test)]
mod tests {
    use std::{
        io::{Read as _, Write as _},
        net::TcpStream,
        time::Duration,
    };

    use super::*;
    use crate::telemetry::{AgentState, Identity, Milestone};

    fn get(address: SocketAddr, path: &str) -> (u16, String) {
        let mut stream = TcpStream::connect(address).unwrap();
        write!(stream, "GET {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n").unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        let code = answer.split(' ').nth(1).unwrap().parse().unwrap();
        (code, answer.split_once("\r\n\r\n").unwrap().1.to_owned())
    }

    #[test]
    fn an_agent_is_ready_when_it_is_and_live_while_its_threads_are() {
        let (exporter, status) = Exporter::new().unwrap();
        let server =
            HttpServer::start("127.0.0.1:0".parse().unwrap(), Arc::clone(&status), exporter).unwrap();
        let address = server.address();
        let (code, body) = get(address, "/health/ready");
        assert_eq!(code, 503);
        assert!(body.contains("\"missing\":[\"identity\",\"schema\",\"first_scan\",\"sink\"]"), "{body}");
        status.set_identity(Identity { cluster: "c".into(), host_id: uuid::Uuid::nil().to_string() });
        for milestone in Milestone::ALL {
            status.reach(milestone);
        }
        status.set_state(AgentState::Running, "");
        assert_eq!(get(address, "/health/ready").0, 200);

        let heartbeat = status.register_thread("reading", Duration::from_secs(60));
        assert_eq!(get(address, "/health/live").0, 200);
        drop(heartbeat);
        let (code, body) = get(address, "/health/live");
        assert_eq!(code, 503);
        assert!(body.contains("\"name\":\"reading\""), "{body}");

        let (code, body) = get(address, "/status");
        assert_eq!(code, 200);
        let page: crate::telemetry::StatusPage = serde_json::from_str(&body).unwrap();
        assert!(page.is_ready && !page.is_live);
        let (code, body) = get(address, "/metrics");
        assert_eq!(code, 200);
        assert!(body.contains("\nringtap_ready 1\n"), "{body}");
        assert_eq!(get(address, "/other").0, 404);
    }

    #[test]
    fn connections_beyond_the_most_wait() {
        let (exporter, status) = Exporter::new().unwrap();
        let server = HttpServer::start("127.0.0.1:0".parse().unwrap(), status, exporter).unwrap();
        let held: Vec<TcpStream> =
            (0..CONNECTIONS_MAX).map(|_| TcpStream::connect(server.address()).unwrap()).collect();
        let mut late = TcpStream::connect(server.address()).unwrap();
        late.set_read_timeout(Some(Duration::from_millis(200))).unwrap();
        late.write_all(b"GET /health/ready HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n").unwrap();
        assert!(late.read(&mut [0; 16]).is_err());
        drop(held);
        late.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
        let mut answer = String::new();
        late.read_to_string(&mut answer).unwrap();
        assert!(answer.starts_with("HTTP/1.1 503"), "{answer}");
    }

    #[test]
    fn pages_hold_no_secrets_of_the_configuration() {
        let directory = tempfile::tempdir().unwrap();
        let text = format!(
            "topic_prefix = \"shop\"\nkafka.brokers = \"127.0.0.1:9092\"\ncassandra.username = \"u\"\n\
             source.cdc_raw_directory = {0:?}\nsource.commitlog_directory = \"/commitlog\"\n\
             source.keystore_file = \"/keys\"\n",
            directory.path()
        );
        let overrides = crate::config::Overrides::default()
            .with_variable("RINGTAP_CASSANDRA_PASSWORD", "canary")
            .with_variable("RINGTAP_SOURCE_KEYSTORE_PASSWORD", "canary");
        let config = crate::config::Config::parse("ringtap.toml".as_ref(), &text, &overrides).unwrap();
        let (exporter, status) = Exporter::new().unwrap();
        let manager = crate::telemetry::ServiceManager::default();
        let reporter =
            crate::telemetry::Reporter::start(Arc::clone(&status), manager, &config.source).unwrap();
        let server = HttpServer::start("127.0.0.1:0".parse().unwrap(), status, exporter).unwrap();
        for path in ["/metrics", "/status", "/health/live", "/health/ready"] {
            let (_, body) = get(server.address(), path);
            assert!(!body.is_empty() && !body.contains("canary"), "{path}: {body}");
        }
        drop(reporter);
    }
}
