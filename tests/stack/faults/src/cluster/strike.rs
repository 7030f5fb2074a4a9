//! Each fault of a cluster, done to the real processes.

use std::{
    path::PathBuf,
    sync::Arc,
    thread::sleep,
    time::{Duration, Instant, SystemTime, UNIX_EPOCH},
};

use anyhow::{Context as _, Result, bail};
use ringtap::checker::Findings;
use rustix::process::Signal;
use tokio::runtime::Handle;

use super::{
    ClusterAct, Strike, clock,
    member::{AgentTemplate, Member},
    quiescence::unrest,
};
use crate::{
    journal::Journal,
    load::{CHECKED_KEYSPACE, Coordinator, Kind, Limit, Load, LoadOptions, LoadReport, Mix},
    process::signal,
    stack::{Brokers, Cluster, Server as _},
};

/// How long an agent may take until it is ready.
pub(super) const READY_MAX: Duration = Duration::from_secs(120);
/// How long it may take until another agent has taken over.
const TAKE_OVER_MAX: Duration = Duration::from_secs(90);
/// How long it may take until an agent owns tokens again that others have taken over.
const OWNER_MAX: Duration = Duration::from_secs(120);
/// How long what was taken over is published by the successor before the victim comes back.
const AFTER_TAKE_OVER: Duration = Duration::from_secs(5);
/// How long an agent may take to end in order.
const TERM_MAX: Duration = Duration::from_secs(20);
/// How long a node is away, or its clock wrong.
const AWAY: Duration = Duration::from_secs(15);
/// Longer than a node holds a write that it has not done yet: what was sent to the held ones is not done when they go on.
const FORGOTTEN_AFTER: Duration = Duration::from_secs(5);
/// Writes that one node alone gets, each time.
const ONE_REPLICA_WRITES: u64 = 400;
/// Writes in a second, and under way at a time.
const ONE_REPLICA_RATE: u32 = 200;
const ONE_REPLICA_CONCURRENCY: usize = 16;
/// How far ahead a wrong clock is.
pub(super) const CLOCK_AHEAD_SECONDS: u32 = 300;
/// How long an agent whose node leaves may take until it has nothing more to do.
const DRAINED_WITHIN: Duration = Duration::from_secs(120);
/// Where a node that is added stands.
const PLACE_OF_ADDED: &str = "dc1:r1";

/// Everything that faults are done to.
pub(super) struct Stage {
    pub(super) cluster: Cluster,
    pub(super) brokers: Brokers,
    pub(super) members: Vec<Member>,
    pub(super) load: Load,
    pub(super) journal: Arc<Journal>,
    pub(super) template: AgentTemplate,
    pub(super) work: PathBuf,
    pub(super) prefix: String,
    pub(super) runtime: Handle,
    pub(super) random: fastrand::Rng,
    pub(super) one_replica: LoadReport,
    pub(super) one_replica_refusals: Vec<Findings>,
    /// Of writes to one replica, so that the values of each time are its own.
    pub(super) rounds: u32,
    /// What befell which host's agent, and when, in milliseconds since 1970.
    pub(super) victims: Vec<(ClusterAct, String, i64)>,
    pub(super) clocks_apart_seconds: u32,
    pub(super) findings: Vec<String>,
}

impl Stage {
    /// Does a fault, and undoes it: when this returns, everything runs again.
    pub(super) fn strike(&mut self, strike: Strike) -> Result<()> {
        let at = strike.member;
        match strike.act {
            ClusterAct::AgentKill => self.kill_agent(at),
            ClusterAct::AgentPause => self.pause_agent(at),
            ClusterAct::NodeStop => {
                self.member(at)?.node.stop()?;
                sleep(AWAY);
                self.member(at)?.node.start()
            }
            ClusterAct::NodeKill => {
                self.member(at)?.node.kill()?;
                sleep(AWAY);
                self.member(at)?.node.start()
            }
            ClusterAct::OneReplica => self.write_to_one_replica(at),
            ClusterAct::Repair => {
                self.member(at)?.node.nodetool(&["repair", "-full", CHECKED_KEYSPACE]).map(drop)
            }
            ClusterAct::BrokerKill => {
                self.brokers.one(at)?.kill()?;
                sleep(Duration::from_millis(self.random.u64(0..4000)));
                self.brokers.one(at)?.start()
            }
            ClusterAct::ClockAhead => self.put_clock_ahead(at),
            ClusterAct::NodeJoin => self.add_member(),
            ClusterAct::NodeLeave => self.remove_member(at),
        }
    }

    fn member(&mut self, at: usize) -> Result<&mut Member> {
        self.members.get_mut(at).with_context(|| format!("there is no member {at}"))
    }

    /// Starts an agent where it does not run, and waits until it is ready.
    pub(super) fn start_agent(&mut self, at: usize) -> Result<()> {
        let member = self.member(at)?;
        if member.agent.pid().is_none() {
            member.agent.start()?;
        }
        member.agent.wait_until_ready(READY_MAX)
    }

    fn kill_agent(&mut self, at: usize) -> Result<()> {
        self.wait_until_owner(at)?;
        let before = self.take_overs(at);
        self.befalls(ClusterAct::AgentKill, at)?;
        self.member(at)?.agent.kill(None, Duration::ZERO)?;
        self.wait_for_take_over(at, before);
        self.start_agent(at)
    }

    /// Holds an agent until another one has taken over. It has to go on by itself then.
    fn pause_agent(&mut self, at: usize) -> Result<()> {
        self.wait_until_owner(at)?;
        let before = self.take_overs(at);
        let pid = self.member(at)?.agent.pid().context("the agent doesn't run")?;
        self.befalls(ClusterAct::AgentPause, at)?;
        signal(pid, Signal::STOP)?;
        self.wait_for_take_over(at, before);
        signal(pid, Signal::CONT)?;
        sleep(Duration::from_secs(2));
        if let Some(status) = self.member(at)?.agent.ended()? {
            self.findings.push(format!("agent {} ended with {status} after it was held", at + 1));
        }
        self.start_agent(at)
    }

    /// Waits until an agent has tokens that can be taken over: one that was away gets them back after a while.
    fn wait_until_owner(&mut self, at: usize) -> Result<()> {
        let began = Instant::now();
        while self.member(at)?.cluster_number("owned_ranges").unwrap_or(0) == 0 {
            if began.elapsed() > OWNER_MAX {
                self.findings.push(format!("agent {} owns nothing for {OWNER_MAX:?}", at + 1));
                break;
            }
            sleep(Duration::from_millis(200));
        }
        Ok(())
    }

    fn befalls(&mut self, act: ClusterAct, at: usize) -> Result<()> {
        let host = self.member(at)?.host_id.clone();
        self.victims.push((act, host, now_ms()));
        Ok(())
    }

    /// Returns how often the others have taken over, in all.
    fn take_overs(&self, victim: usize) -> u64 {
        let others = self.members.iter().enumerate().filter(|(at, member)| *at != victim && member.is_in);
        others.filter_map(|(_, member)| member.cluster_number("take_overs")).sum()
    }

    fn wait_for_take_over(&mut self, victim: usize, before: u64) {
        let began = Instant::now();
        while self.take_overs(victim) <= before {
            if began.elapsed() > TAKE_OVER_MAX {
                let words = format!("nobody took over from agent {} within {TAKE_OVER_MAX:?}", victim + 1);
                self.findings.push(words);
                return;
            }
            sleep(Duration::from_millis(200));
        }
        sleep(AFTER_TAKE_OVER);
    }

    /// Writes to one node while the others are held, and waits until the others would do nothing of it any more.
    fn write_to_one_replica(&mut self, at: usize) -> Result<()> {
        self.pause_load()?;
        self.member(at)?.node.nodetool(&["disablehandoff"])?;
        let others: Vec<u32> = self
            .members
            .iter()
            .enumerate()
            .filter(|(other, member)| *other != at && member.is_in)
            .map(|(_, member)| member.node.pid())
            .collect::<Result<_>>()?;
        for pid in &others {
            signal(*pid, Signal::STOP)?;
        }
        let written = self.load_one_replica(at);
        sleep(FORGOTTEN_AFTER);
        for pid in &others {
            signal(*pid, Signal::CONT)?;
        }
        let LoadReport { acknowledged, unknown, seconds } = written?;
        self.one_replica.acknowledged += acknowledged;
        self.one_replica.unknown += unknown;
        self.one_replica.seconds += seconds;
        self.member(at)?.node.nodetool(&["enablehandoff"])?;
        self.load.pause(false);
        Ok(())
    }

    fn load_one_replica(&mut self, at: usize) -> Result<LoadReport> {
        self.rounds += 1;
        let options = LoadOptions {
            prefix: format!("{}one-{}-", self.prefix, self.rounds),
            // These need other nodes.
            mix: Mix::everything().without(&[Kind::LoggedBatch, Kind::Conditional, Kind::ConditionalUpdate]),
            rate: Some(ONE_REPLICA_RATE),
            concurrency: ONE_REPLICA_CONCURRENCY,
            seed: self.random.u64(..),
        };
        let coordinators = [Coordinator::one(&self.member(at)?.session)];
        let (load, journal) = (Load::new(), Arc::clone(&self.journal));
        let written = load.run(&coordinators, journal, &options, Limit::Writes(ONE_REPLICA_WRITES));
        let report = self.runtime.block_on(written)?;
        self.one_replica_refusals.push(load.refusals());
        Ok(report)
    }

    /// Holds the load, and waits until nothing of it is under way.
    pub(super) fn pause_load(&self) -> Result<()> {
        const WRITTEN_WITHIN: Duration = Duration::from_secs(60);
        self.load.pause(true);
        let began = Instant::now();
        while self.load.is_busy() {
            if began.elapsed() > WRITTEN_WITHIN {
                bail!("writes are still under way after {WRITTEN_WITHIN:?}");
            }
            sleep(Duration::from_millis(10));
        }
        Ok(())
    }

    /// Runs a node and its agent with a clock that is ahead for a while. A node takes what comes from one that is behind for
    /// too old, so it is told not to look at that.
    fn put_clock_ahead(&mut self, at: usize) -> Result<()> {
        let clock = format!("clock={CLOCK_AHEAD_SECONDS}");
        self.restart_with_clock(at, &[&clock, "internode_timeout=false"])?;
        self.clocks_apart_seconds = CLOCK_AHEAD_SECONDS;
        sleep(AWAY);
        self.restart_with_clock(at, &[])
    }

    /// Restarts a node with settings, and its agent with the same clock.
    fn restart_with_clock(&mut self, at: usize, settings: &[&str]) -> Result<()> {
        self.end_agent(at)?;
        self.member(at)?.node.stop()?;
        self.member(at)?.node.start_with(settings)?;
        let environment = match settings {
            [] => Vec::new(),
            _ => clock::ahead_by(CLOCK_AHEAD_SECONDS, &self.work)?,
        };
        self.member(at)?.agent.set_environment(environment);
        self.start_agent(at)
    }

    fn end_agent(&mut self, at: usize) -> Result<()> {
        let status = self.member(at)?.agent.terminate(TERM_MAX)?;
        if !status.success() {
            self.findings.push(format!("agent {} ended with {status} after SIGTERM", at + 1));
        }
        Ok(())
    }

    fn add_member(&mut self) -> Result<()> {
        let node = self.cluster.add(PLACE_OF_ADDED)?;
        let member = Member::new(node, &self.template, &self.work, &self.runtime)?;
        self.members.push(member);
        self.start_agent(self.members.len() - 1)
    }

    /// Decommissions a node. Its agent ends when it has published and audited all of the log.
    fn remove_member(&mut self, at: usize) -> Result<()> {
        self.member(at)?.node.nodetool(&["decommission"])?;
        let began = Instant::now();
        while let Some(words) = unrest(self.member(at)?) {
            if began.elapsed() > DRAINED_WITHIN {
                self.findings
                    .push(format!("decommissioned, and not drained within {DRAINED_WITHIN:?}: {words}"));
                break;
            }
            sleep(Duration::from_millis(500));
        }
        self.end_agent(at)?;
        let member = self.member(at)?;
        member.is_in = false;
        member.node.stop()
    }
}

fn now_ms() -> i64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_millis() as i64)
}
