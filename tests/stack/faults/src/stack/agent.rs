//! The agent as a process of ours.

use std::{
    fs::{self, File, OpenOptions},
    os::unix::{fs::PermissionsExt as _, process::CommandExt as _},
    path::{Path, PathBuf},
    process::{Child, Command, ExitStatus, Stdio},
    time::{Duration, Instant},
};

use anyhow::{Context as _, Result, bail};
use ringtap::telemetry::phase::{Lane, PHASE_FILE_VARIABLE, Phase, read_phases};
use rustix::process::Signal;

use super::get;
use crate::process::signal;

/// The user that the agent runs as when we are root: one without rights of its own, so that permissions count.
const NOBODY: u32 = 65_534;
/// How long a look at the phase file waits before the next.
const LOOK: Duration = Duration::from_micros(50);

/// What the agent is told.
#[derive(Debug, Clone)]
pub struct AgentSettings {
    /// The binary.
    pub binary: PathBuf,
    /// The node's `cassandra.yaml`.
    pub cassandra_yaml: PathBuf,
    /// Prefix of its topics.
    pub topic_prefix: String,
    /// Brokers.
    pub brokers: String,
    /// Where its HTTP server listens.
    pub http: String,
    /// Its folder: configuration, state, log.
    pub folder: PathBuf,
    /// More lines of the configuration.
    pub lines: Vec<String>,
}

/// An agent that can be started, killed and asked.
#[derive(Debug)]
pub struct Agent {
    settings: AgentSettings,
    child: Option<Child>,
    environment: Vec<(String, String)>,
    phases: File,
    starts: u32,
}

impl Agent {
    /// Writes the configuration. The agent has not begun when this returns.
    pub fn new(settings: AgentSettings) -> Result<Self> {
        let folder = &settings.folder;
        let state = folder.join("state");
        fs::create_dir_all(&state).with_context(|| state.display().to_string())?;
        if is_root() {
            std::os::unix::fs::chown(&state, Some(NOBODY), Some(NOBODY))?;
            for path in [folder.clone(), state.clone()] {
                fs::set_permissions(&path, fs::Permissions::from_mode(0o755))?;
            }
        }
        let mut text = format!(
            "cassandra_yaml = '{}'\ntopic_prefix = {:?}\nkafka.brokers = {:?}\nstate_directory = '{}'\nhttp.listen = {:?}\n",
            settings.cassandra_yaml.display(),
            settings.topic_prefix,
            settings.brokers,
            state.display(),
            settings.http
        );
        for line in &settings.lines {
            text.push_str(line);
            text.push('\n');
        }
        fs::write(folder.join("ringtap.toml"), text)?;
        // Somebody else's binary may lie where nobody else may look.
        fs::copy(&settings.binary, folder.join("ringtap"))
            .with_context(|| settings.binary.display().to_string())?;
        let phase_file = folder.join("phase");
        fs::write(&phase_file, "")?;
        if is_root() {
            std::os::unix::fs::chown(&phase_file, Some(NOBODY), Some(NOBODY))?;
        }
        Ok(Self {
            phases: File::open(&phase_file)?,
            settings,
            child: None,
            environment: Vec::new(),
            starts: 0,
        })
    }

    /// Returns its state folder.
    pub fn state(&self) -> PathBuf {
        self.settings.folder.join("state")
    }

    /// Returns the file that holds what it says.
    pub fn log(&self) -> PathBuf {
        self.settings.folder.join("agent.log")
    }

    /// Sets variables of its environment, from the next start on.
    pub fn set_environment(&mut self, environment: Vec<(String, String)>) {
        self.environment = environment;
    }

    /// Returns how often it was started.
    pub fn starts(&self) -> u32 {
        self.starts
    }

    /// Returns its process, if it runs.
    pub fn pid(&self) -> Option<u32> {
        self.child.as_ref().map(Child::id)
    }

    /// Starts it; it need not be ready when this returns.
    pub fn start(&mut self) -> Result<()> {
        if self.child.is_some() {
            bail!("the agent runs already");
        }
        let folder = &self.settings.folder;
        let log = OpenOptions::new().create(true).append(true).open(self.log())?;
        let mut command = Command::new(folder.join("ringtap"));
        command.arg("run").arg("--config").arg(folder.join("ringtap.toml"));
        command.envs(self.environment.iter().map(|(name, value)| (name, value)));
        command.env(PHASE_FILE_VARIABLE, folder.join("phase"));
        command.stdin(Stdio::null()).stdout(log.try_clone()?).stderr(log).current_dir(folder);
        if is_root() {
            command.uid(NOBODY).gid(NOBODY);
        }
        self.child = Some(command.spawn().context("starting the agent")?);
        self.starts += 1;
        Ok(())
    }

    /// Waits until it says that it is ready; says so if it ends instead.
    pub fn wait_until_ready(&mut self, within: Duration) -> Result<()> {
        let started = Instant::now();
        loop {
            if let Some(status) = self.ended()? {
                bail!("the agent ended with {status}, see {}", self.log().display());
            }
            if get(&self.settings.http, "/health/ready").is_ok_and(|(status, _)| status == 200) {
                return Ok(());
            }
            if started.elapsed() > within {
                bail!("the agent is not ready after {within:?}, see {}", self.log().display());
            }
            std::thread::sleep(Duration::from_millis(50));
        }
    }

    /// Returns how it ended, if it did by itself.
    pub fn ended(&mut self) -> Result<Option<ExitStatus>> {
        let Some(child) = &mut self.child else { bail!("the agent was not started") };
        let status = child.try_wait()?;
        if status.is_some() {
            self.child = None;
        }
        Ok(status)
    }

    /// Kills it with SIGKILL, when it is in that phase if one is wanted; returns the phases in which the kill struck.
    ///
    /// A phase that does not come `within` is not waited for any longer.
    pub fn kill(&mut self, wanted: Option<Phase>, within: Duration) -> Result<[Option<Phase>; Lane::COUNT]> {
        let Some(mut child) = self.child.take() else { bail!("the agent doesn't run") };
        let started = Instant::now();
        while let Some(wanted) = wanted {
            if read_phases(&self.phases)?.contains(&Some(wanted)) || started.elapsed() > within {
                break;
            }
            std::thread::sleep(LOOK);
        }
        child.kill()?;
        child.wait()?;
        Ok(read_phases(&self.phases)?)
    }

    /// Ends it with SIGTERM and waits; an error if it takes longer than `within`.
    pub fn terminate(&mut self, within: Duration) -> Result<ExitStatus> {
        let Some(mut child) = self.child.take() else { bail!("the agent doesn't run") };
        signal(child.id(), Signal::TERM)?;
        let started = Instant::now();
        loop {
            if let Some(status) = child.try_wait()? {
                return Ok(status);
            }
            if started.elapsed() > within {
                child.kill()?;
                child.wait()?;
                bail!("the agent had not ended {within:?} after SIGTERM, see {}", self.log().display());
            }
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    /// Holds it for a time.
    pub fn pause(&self, time: Duration) -> Result<()> {
        let pid = self.pid().context("the agent doesn't run")?;
        signal(pid, Signal::STOP)?;
        std::thread::sleep(time);
        Ok(signal(pid, Signal::CONT)?)
    }

    /// Returns what it says of itself.
    pub fn status(&self) -> Result<serde_json::Value> {
        let (code, body) = get(&self.settings.http, "/status")?;
        if code != 200 {
            bail!("/status answers {code}: {body}");
        }
        Ok(serde_json::from_str(&body)?)
    }

    /// Returns its metrics, as Prometheus gets them.
    pub fn metrics(&self) -> Result<String> {
        Ok(get(&self.settings.http, "/metrics")?.1)
    }
}

impl Drop for Agent {
    fn drop(&mut self) {
        if let Some(child) = &mut self.child {
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}

/// Says whether we are root.
pub(crate) fn is_root() -> bool {
    rustix::process::geteuid().is_root()
}

/// Lets the agent's user write in a directory, and read what is in it.
pub fn open_to_agent(path: &Path) -> Result<()> {
    fs::create_dir_all(path).with_context(|| path.display().to_string())?;
    if is_root() {
        fs::set_permissions(path, fs::Permissions::from_mode(0o777))?;
    }
    Ok(())
}
