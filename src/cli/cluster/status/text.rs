//! The report, for people.

use std::fmt::{self, Display, Formatter};

use super::report::{AgentReport, KeyspaceReport, NodeReport, RangeReport, Report, TopicReport};
use crate::telemetry::duration_text;

impl Display for Report {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        writeln!(
            f,
            "cluster {:?} on {}: {} agents, {} records of owners, identities of version {}",
            self.cluster,
            self.brokers,
            self.agents.len(),
            self.owners_records,
            self.identity_version
        )?;
        match (&self.ring_told_by, &self.ring_problem) {
            (Some(node), _) => {
                writeln!(f, "ring of {} nodes, told by {node}", self.ring_nodes.unwrap_or_default())?;
            }
            (None, Some(problem)) => writeln!(f, "ring not known: {problem}")?,
            (None, None) => writeln!(f, "ring not asked for (no configuration of a node)")?,
        }
        writeln!(f, "\nagents")?;
        for agent in &self.agents {
            writeln!(f, "  {agent}")?;
        }
        for node in &self.nodes_without_agent {
            writeln!(f, "  {} {node}: no agent", node.host_id)?;
        }
        writeln!(f, "\nkeyspaces")?;
        for keyspace in &self.keyspaces {
            write!(f, "{keyspace}")?;
        }
        match &self.schema_owner {
            Some(host) => writeln!(f, "  changes of the schema: {host}")?,
            None => writeln!(f, "  changes of the schema: nobody")?,
        }
        if let Some(ranges) = &self.ranges {
            writeln!(f, "\nranges")?;
            for range in ranges {
                writeln!(f, "  {range}")?;
            }
        }
        writeln!(f, "\ntopics")?;
        writeln!(f, "  {}; copies are recognised for {}", self.ledger, duration_text(self.window_ms))?;
        writeln!(f, "  {}", self.relay)?;
        for warning in &self.warnings {
            writeln!(f, "  warning: {warning}")?;
        }
        writeln!(f, "\n{} findings", self.findings.len())?;
        for finding in &self.findings {
            writeln!(f, "  {finding}")?;
        }
        Ok(())
    }
}

impl Display for NodeReport {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let address = self.address.as_deref().unwrap_or("address not known");
        write!(f, "{address} {} {}", self.data_center, self.rack)
    }
}

impl Display for AgentReport {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.host_id)?;
        if let Some(node) = &self.node {
            write!(f, " {node}")?;
        }
        write!(f, ": partition {}, ringtap {}, ", self.partition, self.version)?;
        match (&self.session, self.heard_ago_ms) {
            (Some(session), Some(ago)) => {
                write!(f, "session {session} heard {} ago", duration_text(ago))?;
            }
            _ => f.write_str("never heard")?,
        }
        match (self.beat, self.done, self.beat_ago_ms) {
            (Some(beat), Some(done), Some(ago)) => {
                write!(f, ", beat {beat} (done {done}) {} ago", duration_text(ago))?;
            }
            _ => f.write_str(", no beat")?,
        }
        write!(f, "; owns {} ranges, {:.1} %", self.owned_ranges, self.owned_share_percent)?;
        if !self.agrees {
            f.write_str("; its settings differ")?;
        }
        Ok(())
    }
}

impl Display for KeyspaceReport {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        write!(f, "  {}: {} ranges", self.keyspace, self.ranges)?;
        write!(f, ", generations {} to {}", self.generation_min, self.generation_max)?;
        if let Some(share) = self.with_first_replica_percent {
            write!(f, ", {share:.1} % with their first replica")?;
        }
        let rest = [
            (self.unowned_ranges, "with nobody"),
            (self.released_ranges, "released"),
            (self.stale_ranges, "of sessions that are over"),
            (self.wanted_ranges, "wanted by others"),
        ];
        for (count, what) in rest {
            if count > 0 {
                write!(f, ", {count} {what}")?;
            }
        }
        match (self.is_in_ring, self.has_cdc) {
            (Some(false), _) => f.write_str("; it was dropped")?,
            (_, Some(false)) => f.write_str("; no table with CDC is wanted in it")?,
            _ => {}
        }
        writeln!(f)?;
        for owner in &self.owners {
            writeln!(f, "    {} {} ranges, {:.1} %", owner.host_id, owner.ranges, owner.share_percent)?;
        }
        Ok(())
    }
}

impl Display for RangeReport {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        write!(f, "{} ({}, {}]", self.keyspace, self.after, self.up_to)?;
        match (&self.owner, &self.session) {
            (Some(owner), Some(session)) => {
                write!(f, " {owner} session {session} generation {}", self.generation)?;
            }
            _ => f.write_str(" nobody")?,
        }
        if self.is_released {
            f.write_str(", released")?;
        }
        if self.is_stale {
            f.write_str(", of a session that is over")?;
        }
        if let Some(wanted_by) = &self.wanted_by {
            write!(f, ", wanted by {wanted_by}")?;
        }
        Ok(())
    }
}

impl Display for TopicReport {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {} partitions, {} records", self.topic, self.partitions, self.records)?;
        if self.hidden_records > 0 {
            write!(f, ", {} of them behind open transactions", self.hidden_records)?;
        }
        if let Some(ago) = self.oldest_ago_ms {
            write!(f, ", the oldest {} old", duration_text(ago))?;
        }
        if let Some(retention) = self.retention_ms {
            write!(f, ", kept for {}", duration_text(retention))?;
        }
        Ok(())
    }
}
