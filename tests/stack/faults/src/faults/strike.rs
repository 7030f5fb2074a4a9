//! Each fault, done to the real processes.

use std::{
    collections::BTreeMap,
    fs,
    os::unix::fs::PermissionsExt as _,
    path::PathBuf,
    sync::Arc,
    thread::sleep,
    time::{Duration, Instant},
};

use anyhow::{Context as _, Result, bail};
use ringtap::{checker::Outcome, telemetry::phase::Phase};
use scylla::client::session::Session;
use tokio::runtime::Handle;

use super::{Act, disk::Disk, report::Kills};
use crate::{
    journal::Journal,
    load::Load,
    stack::{Agent, Broker, Node, Server as _},
};

/// How long the driver may take to find the node again.
const CONNECTION_WITHIN: Duration = Duration::from_secs(60);
/// How long the agent may take until it is ready.
const READY_MAX: Duration = Duration::from_secs(90);
/// How long it may take to end in order.
const TERM_MAX: Duration = Duration::from_secs(15);
/// How long a kill waits for the phase that it is to strike in.
const PHASE_MAX: Duration = Duration::from_secs(8);
/// Longer than the transactions' time-out in the harness's configuration.
const AGENT_PAUSE: Duration = Duration::from_secs(14);
/// Longer than the load's and the agent's requests may take.
const NODE_PAUSE: Duration = Duration::from_secs(12);
/// Longer than a session with the broker lasts.
const BROKER_PAUSE: Duration = Duration::from_secs(14);
/// How long a disk stays full, and a directory closed.
const TROUBLE: Duration = Duration::from_secs(8);
/// How long the node may take until it refuses CDC writes.
const CDC_FULL_MAX: Duration = Duration::from_secs(120);

/// Phases that kills are spread over.
const WANTED: [Phase; 6] = [
    Phase::Reading,
    Phase::Sending,
    Phase::TransactionOpen,
    Phase::Committing,
    Phase::Checkpoint,
    Phase::Release,
];

/// Everything that faults are done to.
pub(super) struct Stage {
    pub(super) node: Node,
    pub(super) broker: Broker,
    pub(super) agent: Agent,
    pub(super) load: Load,
    pub(super) session: Arc<Session>,
    pub(super) journal: Arc<Journal>,
    pub(super) state_disk: Disk,
    pub(super) quarantine_disk: Disk,
    pub(super) runtime: Handle,
    pub(super) random: fastrand::Rng,
    pub(super) prefix: String,
    pub(super) kills: Kills,
    pub(super) kills_by_phase: BTreeMap<&'static str, u32>,
    pub(super) slowest_start: Duration,
    pub(super) schema_changes: u32,
}

impl Stage {
    /// Does a fault, and undoes it: when this returns, everything runs again.
    pub(super) fn strike(&mut self, act: Act) -> Result<()> {
        match act {
            Act::AgentKill => {
                self.kill_agent()?;
                self.start_agent()
            }
            Act::AgentKillTwice => {
                self.kill_agent()?;
                self.agent.start()?;
                sleep(Duration::from_millis(self.random.u64(5..800)));
                self.kill_agent_at(None)?;
                self.start_agent()
            }
            Act::AgentTerm => {
                let status = self.agent.terminate(TERM_MAX)?;
                if !status.success() {
                    bail!("the agent ended with {status} after SIGTERM");
                }
                self.start_agent()
            }
            Act::AgentPause => self.pause_agent(),
            Act::NodeKill => {
                self.node.kill()?;
                self.kills.node += 1;
                self.node.start()
            }
            Act::NodePause => self.node.pause(NODE_PAUSE),
            Act::BrokerKill => {
                self.broker.kill()?;
                self.kills.broker += 1;
                sleep(Duration::from_millis(self.random.u64(0..4000)));
                self.broker.start()
            }
            Act::BrokerPause => self.broker.pause(BROKER_PAUSE),
            Act::AgentAndBrokerKill => self.kill_both(false, true),
            Act::AgentAndNodeKill => self.kill_both(true, false),
            Act::AllKill => self.kill_both(true, true),
            Act::StateDiskFull => self.full_disk(true),
            Act::QuarantineDiskFull => self.full_disk(false),
            Act::CdcRawFull => self.cdc_raw_full(),
            Act::PermissionLost => self.permission_lost(),
            Act::SchemaChange => self.schema_change(),
        }
    }

    /// Starts the agent where it does not run, and waits until it is ready. An agent that ends by itself is started again, as
    /// systemd would.
    pub(super) fn start_agent(&mut self) -> Result<()> {
        let began = Instant::now();
        if self.agent.pid().is_none() {
            self.agent.start()?;
        }
        self.agent.wait_until_ready(READY_MAX)?;
        self.slowest_start = self.slowest_start.max(began.elapsed());
        Ok(())
    }

    /// Kills the agent, half of the time in a phase that was struck least.
    fn kill_agent(&mut self) -> Result<()> {
        let wanted = self.random.bool().then(|| self.least_struck());
        self.kill_agent_at(wanted)
    }

    fn least_struck(&self) -> Phase {
        let struck = |phase: &Phase| self.kills_by_phase.get(phase.name()).copied().unwrap_or(0);
        WANTED.into_iter().min_by_key(struck).unwrap_or(Phase::Reading)
    }

    fn kill_agent_at(&mut self, wanted: Option<Phase>) -> Result<()> {
        let phases = self.agent.kill(wanted, PHASE_MAX)?;
        self.kills.agent += 1;
        for phase in phases.into_iter().flatten() {
            *self.kills_by_phase.entry(phase.name()).or_default() += 1;
        }
        Ok(())
    }

    /// Holds the agent. One that ends by itself afterwards, as it was fenced, is started again.
    fn pause_agent(&mut self) -> Result<()> {
        self.agent.pause(AGENT_PAUSE)?;
        sleep(Duration::from_secs(1));
        self.agent.ended()?;
        self.start_agent()
    }

    /// Kills the agent with the node or the broker, and starts it first, while they are still down.
    fn kill_both(&mut self, node: bool, broker: bool) -> Result<()> {
        if broker {
            self.broker.kill()?;
            self.kills.broker += 1;
        }
        if node {
            self.node.kill()?;
            self.kills.node += 1;
        }
        sleep(Duration::from_millis(self.random.u64(0..1500)));
        self.kill_agent_at(None)?;
        self.agent.start()?;
        sleep(Duration::from_millis(self.random.u64(0..2000)));
        if broker {
            self.broker.start()?;
        }
        if node {
            self.node.start()?;
        }
        // It may have given up while nobody answered.
        self.agent.ended()?;
        self.start_agent()
    }

    fn full_disk(&mut self, state: bool) -> Result<()> {
        let disk = if state { &self.state_disk } else { &self.quarantine_disk };
        if !disk.can_be_filled() {
            return Ok(());
        }
        disk.fill()?;
        sleep(TROUBLE);
        // A restart in the middle of it must not lie either.
        if self.random.bool() && self.agent.ended()?.is_none() {
            self.kill_agent_at(None)?;
            self.agent.start()?;
            sleep(TROUBLE / 2);
        }
        let disk = if state { &self.state_disk } else { &self.quarantine_disk };
        disk.free()?;
        self.agent.ended().ok();
        self.start_agent()
    }

    /// Holds the agent until the node refuses CDC writes, then lets it go on until the node takes them again.
    fn cdc_raw_full(&mut self) -> Result<()> {
        let Some(pid) = self.agent.pid() else { bail!("the agent doesn't run") };
        crate::process::signal(pid, rustix::process::Signal::STOP)?;
        let (_, refused_before) = self.load.counts();
        let filled = self.fill_cdc_raw(refused_before);
        crate::process::signal(pid, rustix::process::Signal::CONT)?;
        filled?;
        sleep(Duration::from_secs(1));
        self.agent.ended()?;
        self.start_agent()?;
        let began = Instant::now();
        loop {
            let (acknowledged, _) = self.load.counts();
            sleep(Duration::from_millis(500));
            if self.load.counts().0 > acknowledged + 10 {
                return Ok(());
            }
            if began.elapsed() > CDC_FULL_MAX {
                bail!("the node takes no CDC writes {CDC_FULL_MAX:?} after the agent went on");
            }
        }
    }

    /// Writes large rows until the node refuses writes to CDC tables.
    fn fill_cdc_raw(&self, refused_before: u64) -> Result<()> {
        let began = Instant::now();
        let filler = vec![7_u8; 64 << 10];
        let insert = "INSERT INTO faults.sessions (pk, u, data) VALUES (?, ?, ?)";
        let mut number = 0_u64;
        while self.load.counts().1 < refused_before + 20 {
            if began.elapsed() > CDC_FULL_MAX {
                bail!("the node still takes CDC writes after {CDC_FULL_MAX:?}: is cdc_total_space small?");
            }
            number += 1;
            let value = format!("{}full-{}-{number}", self.prefix, self.schema_changes);
            let values = [format!("{value}-{}", self.journal_mark())];
            self.journal.trying(&values)?;
            let row = (-1_i64, values.first().map_or("", String::as_str), &filler);
            let done = self.runtime.block_on(self.session.query_unpaged(insert, row));
            let outcome = if done.is_ok() { Outcome::Acknowledged } else { Outcome::Unknown };
            self.journal.ended(&values, outcome)?;
        }
        Ok(())
    }

    /// Returns a number that grows, so that values of several rounds differ.
    fn journal_mark(&self) -> u64 {
        fs::metadata(self.journal.path()).map_or(0, |file| file.len())
    }

    fn permission_lost(&mut self) -> Result<()> {
        let cdc_raw: PathBuf = self.node.state().join("cdc_raw");
        let set =
            |mode: u32| fs::set_permissions(&cdc_raw, fs::Permissions::from_mode(mode)).context("chmod");
        set(0o700)?;
        sleep(TROUBLE);
        if self.random.bool() && self.agent.ended()?.is_none() {
            self.kill_agent_at(None)?;
            self.agent.start()?;
            sleep(TROUBLE / 2);
        }
        set(0o777)?;
        self.agent.ended().ok();
        self.start_agent()
    }

    /// Adds a column, writes it, drops it and adds it again; every second time the agent is down meanwhile.
    fn schema_change(&mut self) -> Result<()> {
        self.wait_for_connection()?;
        self.schema_changes += 1;
        let number = self.schema_changes;
        let is_down = number.is_multiple_of(2);
        if is_down {
            self.kill_agent()?;
        }
        let column = format!("extra_{}", number % 5);
        for round in 0..2 {
            self.alter(&format!("ALTER TABLE faults.events ADD {column} text"))?;
            for row in 0..3_i32 {
                self.write_column(&column, &format!("{}ddl-{number}-{round}-{row}", self.prefix), row)?;
            }
            if round == 0 || self.random.bool() {
                self.alter(&format!("ALTER TABLE faults.events DROP {column}"))?;
            }
        }
        // What is left of it goes, so that the next change can add it.
        let _ = self.alter(&format!("ALTER TABLE faults.events DROP {column}"));
        self.start_agent()
    }

    /// The driver takes its time to notice that a node which was killed is back.
    fn wait_for_connection(&self) -> Result<()> {
        let until = Instant::now() + CONNECTION_WITHIN;
        loop {
            let asked = self.session.query_unpaged("SELECT key FROM system.local", ());
            match self.runtime.block_on(asked) {
                Ok(_) => return Ok(()),
                Err(error) if Instant::now() >= until => {
                    return Err(error).context("waiting for the node to answer");
                }
                Err(_) => sleep(Duration::from_millis(200)),
            }
        }
    }

    fn alter(&self, statement: &str) -> Result<()> {
        let done = self.runtime.block_on(self.session.query_unpaged(statement, ()));
        done.with_context(|| statement.to_owned()).map(drop)
    }

    fn write_column(&self, column: &str, value: &str, row: i32) -> Result<()> {
        let values = [value.to_owned()];
        self.journal.trying(&values)?;
        let statement = format!("UPDATE faults.events SET {column} = ? WHERE pk = -1 AND ck = ?");
        let done = self.runtime.block_on(self.session.query_unpaged(statement, (value, row)));
        let outcome = if done.is_ok() { Outcome::Acknowledged } else { Outcome::Unknown };
        Ok(self.journal.ended(&values, outcome)?)
    }
}
