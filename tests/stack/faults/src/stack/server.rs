//! A node and a broker, run by the scripts.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
    time::{Duration, Instant},
};

use anyhow::{Context as _, Result, bail};
use rustix::process::Signal;

use super::scripts;
use crate::process::{is_alive, signal};

/// How long a process that was killed may take to be gone.
const GONE_MAX: Duration = Duration::from_secs(30);

/// A server that one of the scripts starts.
pub trait Server {
    /// Starts it; it answers when this returns.
    fn start(&self) -> Result<()>;

    /// Returns its process.
    fn pid(&self) -> Result<u32>;

    /// Returns its name in reports.
    fn name(&self) -> &'static str;

    /// Ends it at once, with SIGKILL.
    fn kill(&self) -> Result<()> {
        let pid = self.pid()?;
        signal(pid, Signal::KILL)?;
        let started = Instant::now();
        while is_alive(pid) {
            if started.elapsed() > GONE_MAX {
                bail!("the {} (pid {pid}) is still there {GONE_MAX:?} after SIGKILL", self.name());
            }
            std::thread::sleep(Duration::from_millis(20));
        }
        Ok(())
    }

    /// Holds it for a time.
    fn pause(&self, time: Duration) -> Result<()> {
        let pid = self.pid()?;
        signal(pid, Signal::STOP)?;
        std::thread::sleep(time);
        Ok(signal(pid, Signal::CONT)?)
    }
}

/// Runs one of the scripts; returns what it prints.
pub(crate) fn run(script: &str, arguments: &[String]) -> Result<String> {
    let output =
        Command::new(scripts().join(script)).args(arguments).output().with_context(|| script.to_owned())?;
    if !output.status.success() {
        let error = String::from_utf8_lossy(&output.stderr);
        bail!("{script} {} ended with {}: {error}", arguments.join(" "), output.status);
    }
    Ok(String::from_utf8_lossy(&output.stdout).trim().to_owned())
}

pub(super) fn read_pid(file: &Path) -> Result<u32> {
    let text = fs::read_to_string(file).with_context(|| file.display().to_string())?;
    text.trim().parse().with_context(|| file.display().to_string())
}

/// A Cassandra node.
#[derive(Debug, Clone)]
pub struct Node {
    name: String,
    version: String,
    state: PathBuf,
    address: String,
    settings: Vec<String>,
}

impl Node {
    /// Names a node; `settings` are the script's `KEY=VALUE`.
    pub fn new(name: &str, version: &str, address: &str, state: &Path, settings: &[String]) -> Self {
        Self {
            name: name.to_owned(),
            version: version.to_owned(),
            state: state.to_owned(),
            address: address.to_owned(),
            settings: settings.to_vec(),
        }
    }

    /// Returns the address on which it answers clients.
    pub fn address(&self) -> &str {
        &self.address
    }

    /// Returns its state folder: conf, `cdc_raw`, commitlog.
    pub fn state(&self) -> &Path {
        &self.state
    }

    fn action(&self, action: &str) -> Vec<String> {
        let mut words = vec![action.to_owned(), self.name.clone()];
        if action == "start" {
            words.push(self.version.clone());
            words.push(format!("address={}", self.address));
            words.extend(self.settings.iter().cloned());
        }
        words.push(format!("dir={}", self.state.display()));
        words
    }

    /// Ends it in order: drained, everything flushed.
    pub fn stop(&self) -> Result<()> {
        run("cassandra", &self.action("stop")).map(drop)
    }

    /// Kills it where it runs, and deletes its state.
    pub fn remove(&self) -> Result<()> {
        run("cassandra", &self.action("remove")).map(drop)
    }

    /// Runs one of nodetool's commands.
    pub fn nodetool(&self, arguments: &[&str]) -> Result<String> {
        let mut words =
            vec!["nodetool".to_owned(), self.name.clone(), format!("dir={}", self.state.display())];
        words.extend(arguments.iter().map(|word| (*word).to_owned()));
        run("cassandra", &words)
    }
}

impl Server for Node {
    fn start(&self) -> Result<()> {
        run("cassandra", &self.action("start")).map(drop)
    }

    fn pid(&self) -> Result<u32> {
        read_pid(&self.state.join("pid"))
    }

    fn name(&self) -> &'static str {
        "node"
    }
}

/// A Kafka broker.
#[derive(Debug, Clone)]
pub struct Broker {
    name: String,
    port: u16,
    state: PathBuf,
    options: Vec<String>,
}

impl Broker {
    /// Names a broker; `options` are its own, `KEY=VALUE`.
    pub fn new(name: &str, port: u16, options: &[&str]) -> Result<Self> {
        let state = PathBuf::from(run("kafka", &["path".to_owned(), name.to_owned()])?);
        let options = options.iter().map(|option| (*option).to_owned()).collect();
        Ok(Self { name: name.to_owned(), port, state, options })
    }

    /// Returns the address for clients.
    pub fn address(&self) -> String {
        format!("127.0.0.1:{}", self.port)
    }

    /// Returns the folder with the partitions' logs.
    pub fn data(&self) -> PathBuf {
        self.state.join("data")
    }

    /// Kills it where it runs, and deletes its state.
    pub fn remove(&self) -> Result<()> {
        run("kafka", &["remove".to_owned(), self.name.clone()]).map(drop)
    }
}

impl Server for Broker {
    fn start(&self) -> Result<()> {
        let mut words = vec!["start".to_owned(), self.name.clone(), format!("port={}", self.port)];
        words.extend(self.options.iter().cloned());
        run("kafka", &words).map(drop)
    }

    fn pid(&self) -> Result<u32> {
        read_pid(&self.state.join("pid"))
    }

    fn name(&self) -> &'static str {
        "broker"
    }
}
