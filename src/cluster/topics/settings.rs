//! How the topics must be set up, and what is said of those that are not.
//!
//! | setting | owners | ledger | relay |
//! |---|---|---|---|
//! | `cleanup.policy` has `compact` | refused: records have no keys | refused | refused |
//! | `retention.ms` | other than -1: refused | less than `dedup_window`: refused; less than `ledger_retention`: warned of | – |
//! | `retention.bytes` other than -1 | refused | warned of: it may be less than the window | – |
//! | `unclean.leader.election.enable=true` | refused | refused | – |
//! | `min.insync.replicas=1` with more replicas | refused | refused | – |
//! | `min.insync.replicas` above the replicas | refused: nothing could be written | refused | refused |
//! | one replica | warned of | warned of | – |
//! | `max.message.bytes` | too small for a record: refused | too small for a record: refused | less than `record_bytes_max`: warned of |
//! | `message.timestamp.type` other than `LogAppendTime` | – | warned of: the agents' clocks decide what is old | – |
//! | more than one partition | refused | – | – |
//! | nothing can be seen (no right `DescribeConfigs`) | warned of | warned of | – |
//!
//! Refused is what lets two agents publish the same change or loses one, without anybody noticing. Warned of is what an
//! operator may want, or what costs at worst changes that appear again.

use std::{fmt, time::Duration};

use crate::{cluster::record::RECORD_BYTES_MAX, sink::kafka::SettingValues};

/// Kafka's own names.
const POLICY: &str = "cleanup.policy";
const RETENTION_MS: &str = "retention.ms";
const RETENTION_BYTES: &str = "retention.bytes";
const UNCLEAN: &str = "unclean.leader.election.enable";
const INSYNC: &str = "min.insync.replicas";
const MESSAGE_BYTES: &str = "max.message.bytes";
const TIMESTAMPS: &str = "message.timestamp.type";

/// What the brokers take by default.
const MESSAGE_BYTES_DEFAULT: usize = 1_048_588;
/// What a batch of one record may need besides the record.
pub(super) const BATCH_OVERHEAD: usize = 200;
/// How long relayed changes are kept: they are sent again until the ledger confirms them.
const RELAY_RETENTION: Duration = Duration::from_secs(3_600);

/// Which of the topics.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(super) enum Role {
    Owners,
    Ledger,
    Relay,
}

/// What settings depend on.
#[derive(Debug, Clone)]
pub(super) struct Wanted {
    pub(super) replication: u16,
    pub(super) ledger_retention: Duration,
    pub(super) window: Duration,
    pub(super) record_bytes_max: usize,
}

/// What is wrong with a topic's settings, in words.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Findings(Vec<String>);

impl Wanted {
    /// Returns the settings that a topic is made with.
    pub(super) fn of(&self, role: Role) -> Vec<(&'static str, String)> {
        let never = "-1".to_owned();
        let (retention, bytes) = match role {
            Role::Owners => (never.clone(), MESSAGE_BYTES_DEFAULT),
            Role::Ledger => (self.ledger_retention.as_millis().to_string(), MESSAGE_BYTES_DEFAULT),
            Role::Relay => (RELAY_RETENTION.as_millis().to_string(), self.relay_bytes()),
        };
        let insync = if self.replication >= 3 { 2 } else { self.replication.max(1) };
        vec![
            (POLICY, "delete".into()),
            (RETENTION_MS, retention),
            (RETENTION_BYTES, never),
            (UNCLEAN, "false".into()),
            (INSYNC, insync.to_string()),
            (MESSAGE_BYTES, bytes.to_string()),
            (TIMESTAMPS, "LogAppendTime".into()),
        ]
    }

    /// A relayed change is about as long as its record, and has the table's definition with it.
    pub(super) fn relay_bytes(&self) -> usize {
        self.record_bytes_max.max(MESSAGE_BYTES_DEFAULT) + (1 << 20)
    }
}

/// Refused, and warned of.
pub(super) fn judge(
    role: Role,
    values: Option<&SettingValues>,
    (partitions, replicas): (usize, usize),
    wanted: &Wanted,
) -> (Findings, Findings) {
    let mut judge = Judge { values, refused: Vec::new(), warned: Vec::new() };
    if role == Role::Owners && partitions > 1 {
        judge.refuse(format!("it has {partitions} partitions, but one order needs one"));
    }
    if replicas == 1 && role != Role::Relay {
        judge.warn("it has one replica: with that broker's disk, all agents lose what they know".into());
    }
    if values.is_none() && role != Role::Relay {
        judge.warn(
            "its settings can't be seen (no right `DescribeConfigs`): make sure yourself that they are as described".into(),
        );
    }
    judge.policy();
    judge.retention(role, wanted);
    judge.replicas(role, replicas);
    judge.sizes(role, wanted);
    if role == Role::Ledger && judge.text(TIMESTAMPS).is_some_and(|its| its != "LogAppendTime") {
        judge.warn(format!("`{TIMESTAMPS}` is not LogAppendTime: the agents' clocks decide what is old"));
    }
    (Findings(judge.refused), Findings(judge.warned))
}

struct Judge<'v> {
    values: Option<&'v SettingValues>,
    refused: Vec<String>,
    warned: Vec<String>,
}

impl Judge<'_> {
    fn refuse(&mut self, what: String) {
        self.refused.push(what);
    }

    fn warn(&mut self, what: String) {
        self.warned.push(what);
    }

    fn text(&self, name: &str) -> Option<&str> {
        self.values?.get(name).map(String::as_str)
    }

    fn number(&self, name: &str) -> Option<i64> {
        self.text(name)?.trim().parse().ok()
    }

    fn policy(&mut self) {
        if self.text(POLICY).is_some_and(|its| its.split(',').any(|policy| policy.trim() == "compact")) {
            self.refuse(format!("`{POLICY}` must be `delete`: its records have no keys to be compacted by"));
        }
    }

    fn retention(&mut self, role: Role, wanted: &Wanted) {
        let (ms, bytes) = (self.number(RETENTION_MS), self.number(RETENTION_BYTES));
        let is_limited = |value: Option<i64>| value.filter(|value| *value >= 0);
        match role {
            Role::Owners => {
                for (name, value) in [(RETENTION_MS, ms), (RETENTION_BYTES, bytes)] {
                    if let Some(value) = is_limited(value) {
                        self.refuse(format!(
                            "`{name}` is {value}, must be -1: it never expires, or a token gets two owners"
                        ));
                    }
                }
            }
            Role::Ledger => {
                if let Some(ms) = is_limited(ms) {
                    let kept = Duration::from_millis(ms.unsigned_abs());
                    if kept < wanted.window {
                        let least = wanted.window.as_millis();
                        self.refuse(format!(
                            "`{RETENTION_MS}` is {ms}, must be {least} (`dedup_window`) at least: what was published would be \
                             forgotten too early, and published again"
                        ));
                    } else if kept < wanted.ledger_retention {
                        let least = wanted.ledger_retention.as_millis();
                        self.warn(format!(
                            "`{RETENTION_MS}` is {ms}, less than `ledger_retention` ({least})"
                        ));
                    }
                }
                if let Some(bytes) = is_limited(bytes) {
                    self.warn(format!(
                        "`{RETENTION_BYTES}` is {bytes}: under load that may be less than `dedup_window`, set -1"
                    ));
                }
            }
            Role::Relay => {}
        }
    }

    fn replicas(&mut self, role: Role, replicas: usize) {
        let insync = self.number(INSYNC).and_then(|number| usize::try_from(number).ok());
        if let Some(insync) = insync.filter(|insync| replicas > 0 && *insync > replicas) {
            self.refuse(format!(
                "`{INSYNC}` is {insync}, but there are {replicas} replicas: nothing can be written"
            ));
        }
        if role == Role::Relay {
            return;
        }
        if insync == Some(1) && replicas > 1 {
            self.refuse(format!(
                "`{INSYNC}` is 1 of {replicas} replicas, must be 2: one broker that fails could lose what it acknowledged"
            ));
        }
        if self.text(UNCLEAN) == Some("true") {
            self.refuse(format!(
                "`{UNCLEAN}` must be false: a broker that lags behind could become the leader"
            ));
        }
    }

    fn sizes(&mut self, role: Role, wanted: &Wanted) {
        let Some(bytes) = self.number(MESSAGE_BYTES).and_then(|bytes| usize::try_from(bytes).ok()) else {
            return;
        };
        let least = RECORD_BYTES_MAX + BATCH_OVERHEAD;
        match role {
            Role::Owners | Role::Ledger if bytes < least => {
                self.refuse(format!("`{MESSAGE_BYTES}` is {bytes}, must be {least} at least"));
            }
            Role::Relay if bytes < wanted.record_bytes_max => {
                let least = wanted.relay_bytes();
                self.warn(format!(
                    "`{MESSAGE_BYTES}` is {bytes}: large changes can't be relayed, and are put aside if the owner does not have them; set {least}"
                ));
            }
            _ => {}
        }
    }
}

impl Findings {
    pub(super) fn one(what: String) -> Self {
        Self(vec![what])
    }

    /// Returns each finding.
    pub fn texts(&self) -> &[String] {
        &self.0
    }

    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl fmt::Display for Findings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0.join("; "))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn wanted(replication: u16) -> Wanted {
        Wanted {
            replication,
            ledger_retention: Duration::from_secs(86_400),
            window: Duration::from_secs(21_600),
            record_bytes_max: 1_000_000,
        }
    }

    /// The settings that a topic is made with, and some others.
    fn judged(role: Role, replicas: usize, others: &[(&str, &str)]) -> (Vec<String>, Vec<String>) {
        let wanted = wanted(u16::try_from(replicas).unwrap());
        let made = wanted.of(role).into_iter().map(|(name, value)| (name.to_owned(), value));
        let mut values: SettingValues = made.collect();
        values.extend(others.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())));
        let (refused, warned) = judge(role, Some(&values), (1, replicas), &wanted);
        (refused.0, warned.0)
    }

    #[test]
    fn topics_as_they_are_made_are_all_right() {
        for role in [Role::Owners, Role::Ledger, Role::Relay] {
            for replicas in [2, 3, 5] {
                assert_eq!(judged(role, replicas, &[]), (vec![], vec![]), "{role:?} {replicas}");
            }
        }
    }

    #[test]
    fn what_breaks_a_promise_is_refused_and_what_is_dear_is_warned_of() {
        use Role::{Ledger, Owners, Relay};
        const COMPACT: &str = "delete, compact";
        for (role, name, value, refusals, warnings) in [
            (Owners, POLICY, "compact", 1, 0),
            (Ledger, POLICY, COMPACT, 1, 0),
            (Relay, POLICY, COMPACT, 1, 0),
            (Owners, RETENTION_MS, "604800000", 1, 0),
            (Ledger, RETENTION_MS, "21599999", 1, 0),
            (Ledger, RETENTION_MS, "21600000", 0, 1),
            (Ledger, RETENTION_MS, "86400000", 0, 0),
            (Ledger, RETENTION_MS, "-1", 0, 0),
            (Relay, RETENTION_MS, "1000", 0, 0),
            (Owners, RETENTION_BYTES, "1000000", 1, 0),
            (Ledger, RETENTION_BYTES, "1000000", 0, 1),
            (Relay, RETENTION_BYTES, "1000000", 0, 0),
            (Owners, UNCLEAN, "true", 1, 0),
            (Ledger, UNCLEAN, "true", 1, 0),
            (Relay, UNCLEAN, "true", 0, 0),
            (Owners, INSYNC, "1", 1, 0),
            (Ledger, INSYNC, "1", 1, 0),
            (Relay, INSYNC, "1", 0, 0),
            (Relay, INSYNC, "4", 1, 0),
            (Owners, MESSAGE_BYTES, "500000", 1, 0),
            (Ledger, MESSAGE_BYTES, "500000", 1, 0),
            (Relay, MESSAGE_BYTES, "500000", 0, 1),
            (Owners, TIMESTAMPS, "CreateTime", 0, 0),
            (Ledger, TIMESTAMPS, "CreateTime", 0, 1),
        ] {
            let (refused, warned) = judged(role, 3, &[(name, value)]);
            let counts = (refused.len(), warned.len());
            assert_eq!(counts, (refusals, warnings), "{role:?} {name}={value}: {refused:?} {warned:?}");
        }
    }

    #[test]
    fn one_replica_is_the_operators_choice_and_unseen_settings_are_told() {
        let (refused, warned) = judged(Role::Owners, 1, &[]);
        assert_eq!((refused.len(), warned.len()), (0, 1));
        let (refused, warned) = judge(Role::Ledger, None, (3, 3), &wanted(3));
        assert_eq!((refused.0.len(), warned.0.len()), (0, 1));
        let (refused, _) = judge(Role::Owners, None, (3, 3), &wanted(3));
        assert!(refused.to_string().contains("3 partitions"));
    }
}
