//! What is on Kafka at the end of a run.

use std::{collections::BTreeMap, path::PathBuf, sync::Arc};

use anyhow::Result;
use ringtap::checker::TopicReader;

use super::{
    ClusterAct, ClusterOptions, LatencyFigures, Publishers, SideTraffic, TakeOver,
    ownership::Ownership,
    run::{TOPIC_PREFIX, VALUE_PREFIX},
    strike::Stage,
    timeline::Timeline,
};
use crate::verify::{RunFiles, Verification, VerificationReport, replay_segments};

/// The name that all nodes of the scripts give their cluster.
const CASSANDRA_CLUSTER: &str = "ringtap";

/// What was read at the end.
#[derive(Default)]
pub(super) struct Found {
    pub(super) verification: Option<VerificationReport>,
    pub(super) side_traffic: SideTraffic,
    pub(super) latency: LatencyFigures,
    pub(super) take_overs: Vec<TakeOver>,
}

impl Found {
    /// Reads everything from the beginning, with all checks.
    pub(super) fn read(&mut self, options: &ClusterOptions, stage: &Stage, files: RunFiles) -> Result<()> {
        let (brokers, data) = (stage.brokers.addresses(), stage.brokers.data()?);
        let folders: Vec<PathBuf> = stage.members.iter().map(|member| member.segments().to_owned()).collect();
        replay_segments(&options.binary, &folders, &files.log)?;
        self.side_traffic = SideTraffic::read(&brokers, &data, CASSANDRA_CLUSTER)?;
        let topics = TopicReader::new(&brokers, &[]).topics(TOPIC_PREFIX)?;
        let ownership = Ownership::read(&brokers, CASSANDRA_CLUSTER)?;
        let publishers = Arc::new(Publishers::read(&ownership, &data, CASSANDRA_CLUSTER, topics.keys())?);
        let mut timeline = Timeline::new(stage.journal.path(), VALUE_PREFIX)?;
        let verification = Verification {
            clocks_apart_seconds: i64::from(stage.clocks_apart_seconds),
            publishers: Some(Arc::clone(&publishers)),
            ..Verification::of_run(brokers, TOPIC_PREFIX, (stage.journal.path(), VALUE_PREFIX), files)
        };
        let report =
            verification.run_with(&mut |record, change| timeline.observe(record, change, &publishers))?;
        self.verification = Some(report);
        self.latency = timeline.latencies();
        for (act, victim, at_ms) in &stage.victims {
            let seconds = timeline.take_over_seconds(&ownership, victim, *at_ms);
            self.take_overs.push(TakeOver { act: *act, victim: victim.clone(), at_ms: *at_ms, seconds });
        }
        Ok(())
    }

    /// Returns in words which faults had no effect: they show nothing.
    pub(super) fn faults_without_effect(&self, faults: &BTreeMap<ClusterAct, u32>) -> Vec<String> {
        let unnoticed = self.take_overs.iter().filter(|took| took.seconds.is_none());
        let mut words: Vec<String> = unnoticed
            .map(|TakeOver { act, victim, .. }| {
                format!("{act:?}: no record of what {victim} had published came by another agent")
            })
            .collect();
        let relayed = self.verification.as_ref().map_or(0, |verification| verification.order.relayed);
        if faults.contains_key(&ClusterAct::OneReplica) && relayed == 0 {
            words.push("no change was relayed, although one replica alone had some".to_owned());
        }
        words
    }
}
