//! A thread that looks at the whole from time to time: the room in `cdc_raw`, systemd's watchdog and status line.

use std::{
    path::PathBuf,
    sync::{
        Arc,
        mpsc::{self, RecvTimeoutError, Sender},
    },
    thread::{self, JoinHandle},
    time::{Duration, Instant},
};

use super::{
    log::Repeats,
    service_manager::ServiceManager,
    space::{SpaceLevel, SpaceUse, SpaceWatch},
    state::AgentState,
    status::AgentStatus,
};
use crate::config::{SourceConfig, default_cdc_space_bytes};

/// How often the room in `cdc_raw` is looked at.
const SPACE_INTERVAL: Duration = Duration::from_secs(5);

/// How often the thread looks whether there is something to say, at most.
const TICK: Duration = Duration::from_secs(1);

/// How often a failure to look at `cdc_raw` is told.
const FAILURE_INTERVAL: Duration = Duration::from_secs(600);

/// Where the room in `cdc_raw` is measured.
#[derive(Debug)]
struct Space {
    directory: PathBuf,
    limit_bytes: Option<u64>,
    watch: SpaceWatch,
    failures: Repeats,
}

impl Space {
    fn limit_bytes(&self) -> Option<u64> {
        self.limit_bytes.or_else(|| {
            let volume = rustix::fs::statvfs(&self.directory).ok()?;
            Some(default_cdc_space_bytes(volume.f_blocks.saturating_mul(volume.f_frsize)))
        })
    }

    fn look(&mut self, at: Duration, status: &AgentStatus) {
        let taken = match SpaceUse::measure(&self.directory) {
            Ok(taken) => taken,
            Err(error) => {
                if let Some(held_back) = self.failures.admit() {
                    let directory = self.directory.display();
                    tracing::warn!(%error, %directory, held_back, "cdc_raw cannot be looked at");
                }
                return;
            }
        };
        let Some(limit_bytes) = self.limit_bytes() else { return };
        let forecast = self.watch.observe(at, taken.bytes, limit_bytes);
        status.set_space(taken, limit_bytes, forecast);
        let Some(from) = forecast.crossed_from else { return };
        let (bytes, segments) = (taken.bytes, taken.segments);
        let full_in_seconds = forecast.full_in.map(|time| time.as_secs());
        match forecast.level {
            SpaceLevel::Critical => tracing::error!(
                bytes,
                limit_bytes,
                segments,
                full_in_seconds,
                "cdc_raw is almost full; when it is, the node refuses writes to CDC tables"
            ),
            SpaceLevel::Warn if from == SpaceLevel::Fine => {
                tracing::warn!(bytes, limit_bytes, segments, full_in_seconds, "cdc_raw fills");
            }
            SpaceLevel::Warn | SpaceLevel::Fine => {
                tracing::info!(bytes, limit_bytes, segments, "cdc_raw has more room again");
            }
        }
    }
}

/// The thread. Ends when it is dropped.
#[derive(Debug)]
pub struct Reporter {
    stop: Option<Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl Reporter {
    /// Starts the thread: it measures `cdc_raw`, tells systemd the status when it changes, and feeds the watchdog as
    /// long as the agent is live.
    pub fn start(
        status: Arc<AgentStatus>,
        manager: ServiceManager,
        source: &SourceConfig,
    ) -> std::io::Result<Self> {
        let mut space = Space {
            directory: source.cdc_raw_directory.clone(),
            limit_bytes: source.cdc_space_bytes,
            watch: SpaceWatch::new(source.space),
            failures: Repeats::new(FAILURE_INTERVAL),
        };
        let tick = manager.watchdog_interval().map_or(TICK, |interval| interval.min(TICK));
        let (stop, stopped) = mpsc::channel();
        let thread = thread::Builder::new().name("reporter".into()).spawn(move || {
            let started = Instant::now();
            let mut spoken = Spoken::default();
            let mut space_at = None;
            loop {
                let now = Instant::now();
                if space_at.is_none_or(|last| now.duration_since(last) >= SPACE_INTERVAL) {
                    space.look(now.duration_since(started), &status);
                    space_at = Some(now);
                }
                spoken.speak(now, &status, &manager);
                if stopped.recv_timeout(tick) != Err(RecvTimeoutError::Timeout) {
                    return;
                }
            }
        })?;
        Ok(Self { stop: Some(stop), thread: Some(thread) })
    }
}

impl Drop for Reporter {
    fn drop(&mut self) {
        drop(self.stop.take());
        if let Some(thread) = self.thread.take()
            && thread.join().is_err()
        {
            tracing::error!("the reporter panicked");
        }
    }
}

/// How often the status line is told while only its numbers change.
const LINE_INTERVAL: Duration = Duration::from_secs(10);

/// What systemd has been told.
#[derive(Debug, Default)]
struct Spoken {
    line_at: Option<Instant>,
    state: Option<AgentState>,
    watchdog_at: Option<Instant>,
    is_hung: bool,
}

impl Spoken {
    fn speak(&mut self, now: Instant, status: &AgentStatus, manager: &ServiceManager) {
        let state = status.state();
        let is_due =
            |last: Option<Instant>, interval| last.is_none_or(|last| now.duration_since(last) >= interval);
        if self.state != Some(state) || is_due(self.line_at, LINE_INTERVAL) {
            manager.status(&status.page().line());
            self.state = Some(state);
            self.line_at = Some(now);
        }
        let is_live = status.is_live();
        if !is_live && !self.is_hung {
            let threads: Vec<String> = status
                .threads()
                .into_iter()
                .filter(|thread| !thread.is_live)
                .map(|thread| format!("{} for {:.0} s", thread.name, thread.silent_seconds))
                .collect();
            tracing::error!(?threads, "threads make no progress");
        }
        self.is_hung = !is_live;
        // Half the interval, less the tick by which it may be late.
        let Some(interval) = manager.watchdog_interval() else { return };
        if is_live && is_due(self.watchdog_at, interval.saturating_sub(TICK)) {
            manager.watchdog();
            self.watchdog_at = Some(now);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::net::UnixDatagram;

    use super::*;
    use crate::config::{Config, Overrides};

    fn source(cdc_raw: &std::path::Path) -> SourceConfig {
        let text = format!(
            "topic_prefix = \"shop\"\nkafka.brokers = \"127.0.0.1:9092\"\nsource.cdc_raw_directory = {cdc_raw:?}\n\
             source.commitlog_directory = \"/commitlog\"\nsource.cdc_space_bytes = 1000\n"
        );
        Config::parse("ringtap.toml".as_ref(), &text, &Overrides::default()).unwrap().source
    }

    fn messages(socket: &UnixDatagram, wanted: &str) -> Vec<String> {
        let mut messages = Vec::new();
        let mut buffer = [0; 1024];
        loop {
            let Ok(length) = socket.recv(&mut buffer) else { return messages };
            messages.push(String::from_utf8_lossy(&buffer[..length]).into_owned());
            if messages.last().is_some_and(|message| message.starts_with(wanted)) {
                return messages;
            }
        }
    }

    #[test]
    fn the_watchdog_is_fed_only_while_the_threads_get_on() {
        let directory = tempfile::tempdir().unwrap();
        std::fs::write(directory.path().join("CommitLog-7-1.log"), [0; 900]).unwrap();
        let path = directory.path().join("notify");
        let socket = UnixDatagram::bind(&path).unwrap();
        socket.set_read_timeout(Some(Duration::from_secs(10))).unwrap();
        let status = Arc::new(AgentStatus::default());
        let heartbeat = status.register_thread("reading", Duration::from_secs(600));
        let manager = ServiceManager::new(Some(path), Some(Duration::from_millis(40)));
        let reporter = Reporter::start(Arc::clone(&status), manager, &source(directory.path())).unwrap();
        let first = messages(&socket, "WATCHDOG=1");
        assert_eq!(first, ["STATUS=starting\n", "WATCHDOG=1\n"]);
        assert_eq!(messages(&socket, "WATCHDOG=1"), ["WATCHDOG=1\n"]);
        assert_eq!(status.space_level(), SpaceLevel::Critical);
        drop(heartbeat);
        socket.set_read_timeout(Some(Duration::from_millis(300))).unwrap();
        // What was said before the thread ended may still be on its way; then there is silence.
        messages(&socket, "nothing");
        assert_eq!(messages(&socket, "WATCHDOG=1"), [] as [&str; 0]);
        drop(reporter);
    }
}
