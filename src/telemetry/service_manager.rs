//! What systemd is told: ready, status, watchdog, reload, stop. Nothing where there is no systemd.
//!
//! The messages are those of `sd_notify(3)`.

use std::{
    env, io,
    os::{
        linux::net::SocketAddrExt as _,
        unix::{
            ffi::OsStrExt as _,
            net::{SocketAddr, UnixDatagram},
        },
    },
    path::PathBuf,
    time::Duration,
};

use sd_notify::NotifyState;

use super::log::Repeats;

/// How often it is said that systemd could not be told.
static FAILURES: Repeats = Repeats::new(Duration::from_secs(60));

/// The service manager that started this process, if there is one.
#[derive(Debug, Clone, Default)]
pub struct ServiceManager {
    socket: Option<PathBuf>,
    watchdog: Option<Duration>,
}

impl ServiceManager {
    /// Returns the one that the environment names (`NOTIFY_SOCKET`, `WATCHDOG_USEC`).
    pub fn from_environment() -> Self {
        Self::new(env::var_os("NOTIFY_SOCKET").map(Into::into), sd_notify::watchdog_enabled())
    }

    /// Returns one at a socket (a path, or `@` and a name), with the time within which it wants to hear from us.
    pub fn new(socket: Option<PathBuf>, watchdog: Option<Duration>) -> Self {
        Self { socket, watchdog: watchdog.filter(|watchdog| !watchdog.is_zero()) }
    }

    /// Returns how often to say that all is well: twice within the time that is allowed.
    pub fn watchdog_interval(&self) -> Option<Duration> {
        self.socket.as_ref().and(self.watchdog).map(|allowed| allowed / 2)
    }

    /// Tells that the agent is up.
    pub fn ready(&self) {
        self.notify(&[NotifyState::Ready]);
    }

    /// Tells how the agent gets on, in one line.
    pub fn status(&self, line: &str) {
        self.notify(&[NotifyState::Status(&line.replace(['\n', '\r'], " "))]);
    }

    /// Tells that all is well. Only to be called while it is.
    pub fn watchdog(&self) {
        self.notify(&[NotifyState::Watchdog]);
    }

    /// Tells that the configuration is read again; [`ready`](Self::ready) ends it.
    pub fn reloading(&self) {
        match NotifyState::monotonic_usec_now() {
            Ok(now) => self.notify(&[NotifyState::Reloading, now]),
            Err(error) => tracing::warn!(%error, "no monotonic clock; systemd is not told of the reload"),
        }
    }

    /// Tells that the agent ends.
    pub fn stopping(&self) {
        self.notify(&[NotifyState::Stopping]);
    }

    /// Asks for more time to start or to stop.
    pub fn extend_timeout(&self, time: Duration) {
        let microseconds = u32::try_from(time.as_micros()).unwrap_or(u32::MAX);
        self.notify(&[NotifyState::ExtendTimeoutUsec(microseconds)]);
    }

    fn notify(&self, states: &[NotifyState<'_>]) {
        if let Err(error) = self.send(states) {
            // The agent's work does not hang on it; and if the watchdog is not heard, systemd acts.
            if let Some(repeated) = FAILURES.admit() {
                tracing::warn!(%error, repeated, "systemd could not be told");
            }
        }
    }

    fn send(&self, states: &[NotifyState<'_>]) -> io::Result<()> {
        let Some(path) = &self.socket else { return Ok(()) };
        let mut message = String::new();
        for state in states {
            message.push_str(&state.to_string());
            message.push('\n');
        }
        let address = match path.as_os_str().as_bytes().strip_prefix(b"@") {
            Some(name) => SocketAddr::from_abstract_name(name)?,
            None => SocketAddr::from_pathname(path)?,
        };
        let socket = UnixDatagram::unbound()?;
        socket.connect_addr(&address)?;
        // A manager that does not read must not hold the agent.
        socket.set_nonblocking(true)?;
        socket.send(message.as_bytes()).map(drop)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn receive(socket: &UnixDatagram) -> String {
        let mut buffer = [0; 1024];
        let length = socket.recv(&mut buffer).unwrap();
        String::from_utf8(buffer[..length].to_vec()).unwrap()
    }

    #[test]
    fn messages_are_what_systemd_reads() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("notify");
        let socket = UnixDatagram::bind(&path).unwrap();
        socket.set_read_timeout(Some(Duration::from_secs(10))).unwrap();
        let manager = ServiceManager::new(Some(path), Some(Duration::from_secs(30)));
        assert_eq!(manager.watchdog_interval(), Some(Duration::from_secs(15)));
        manager.ready();
        assert_eq!(receive(&socket), "READY=1\n");
        manager.status("running\nREADY=0");
        assert_eq!(receive(&socket), "STATUS=running READY=0\n");
        manager.watchdog();
        assert_eq!(receive(&socket), "WATCHDOG=1\n");
        manager.reloading();
        let message = receive(&socket);
        assert!(message.starts_with("RELOADING=1\nMONOTONIC_USEC="), "{message}");
        manager.extend_timeout(Duration::from_secs(2));
        assert_eq!(receive(&socket), "EXTEND_TIMEOUT_USEC=2000000\n");
        manager.stopping();
        assert_eq!(receive(&socket), "STOPPING=1\n");
    }

    #[test]
    fn an_abstract_socket_is_one_too() {
        let name = format!("ringtap-test-{}", std::process::id());
        let socket = UnixDatagram::bind_addr(&SocketAddr::from_abstract_name(&name).unwrap()).unwrap();
        socket.set_read_timeout(Some(Duration::from_secs(10))).unwrap();
        ServiceManager::new(Some(format!("@{name}").into()), None).ready();
        assert_eq!(receive(&socket), "READY=1\n");
    }

    #[test]
    fn without_systemd_nothing_happens() {
        let manager = ServiceManager::new(None, Some(Duration::from_secs(1)));
        assert_eq!(manager.watchdog_interval(), None);
        assert!(manager.send(&[NotifyState::Ready]).is_ok());
    }

    #[test]
    fn a_manager_that_is_gone_is_no_harm() {
        let directory = tempfile::tempdir().unwrap();
        let manager = ServiceManager::new(Some(directory.path().join("gone")), None);
        assert!(manager.send(&[NotifyState::Ready]).is_err());
        manager.ready();
    }
}
