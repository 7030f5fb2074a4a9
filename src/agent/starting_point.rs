//! Where to begin: what Kafka says is published against what the local state says.

use crate::{
    checkpoint::{Progress, StateOwner},
    sink::kafka::StoredPosition,
};

use super::error::AgentError;

/// Which of two positions that contradict each other the operator believes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub enum AcceptPosition {
    /// Kafka's: the local index is moved away, and reading begins where Kafka says
    Kafka,
    /// The local one: reading begins where the local state says, and Kafka's is overwritten
    Local,
}

/// Where reading begins.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct StartingPoint {
    /// Up to here the dedup index knows everything: reading begins behind it.
    pub(super) local: Progress,
    /// Up to here everything is published.
    pub(super) published: Progress,
    /// Nothing was ever published for this node.
    pub(super) is_first_start: bool,
    /// The index is of another history.
    pub(super) forgets_index: bool,
    /// There was a position in Kafka, but no local state.
    has_lost_state: bool,
}

impl StartingPoint {
    /// Compares the two. `is_on_disk` says of a segment whether it is still there: a position may have forgotten the others.
    pub(super) fn find(
        local: Progress,
        committed: Option<StoredPosition>,
        node: &StateOwner,
        accept: Option<AcceptPosition>,
        is_on_disk: impl Fn(i64) -> bool,
    ) -> Result<Self, AgentError> {
        let nowhere = Self {
            local: Progress::default(),
            published: Progress::default(),
            is_first_start: true,
            forgets_index: false,
            has_lost_state: false,
        };
        let Some(committed) = committed else {
            return match accept {
                _ if local.is_empty() => Ok(nowhere),
                Some(AcceptPosition::Local) => {
                    Ok(Self { published: local.clone(), local, is_first_start: false, ..nowhere })
                }
                Some(AcceptPosition::Kafka) => Ok(Self { forgets_index: true, ..nowhere }),
                None => Err(contradiction(&local, "none")),
            };
        };
        check_owner(&committed, node)?;
        let published = committed.progress;
        if local.is_empty() {
            return Ok(Self {
                local: published.clone(),
                published,
                is_first_start: false,
                has_lost_state: true,
                ..nowhere
            });
        }
        if includes(&published, &local, is_on_disk) {
            return Ok(Self { local, published, is_first_start: false, ..nowhere });
        }
        match accept {
            None => Err(contradiction(&local, &published.to_string())),
            Some(AcceptPosition::Local) => {
                Ok(Self { published: local.clone(), local, is_first_start: false, ..nowhere })
            }
            Some(AcceptPosition::Kafka) => Ok(Self {
                local: published.clone(),
                published,
                is_first_start: false,
                forgets_index: true,
                ..nowhere
            }),
        }
    }

    /// Tells the operator.
    pub(super) fn say(&self) {
        if self.forgets_index {
            tracing::warn!(position = %self.published, "going on from Kafka's position, as was asked for");
        } else if self.is_first_start {
            tracing::info!("first start: nothing was published for this node before");
        } else if self.has_lost_state {
            tracing::warn!(
                position = %self.published,
                "the local state is empty, but Kafka has a position: going on from there; copies of what was published \
                 before are not recognised until the dedup window is filled again"
            );
        } else {
            tracing::info!(local = %self.local, published = %self.published, "going on");
        }
    }
}

/// Returns true if everything that the older, local position covers is published. A segment that the older position names
/// and the newer one does not was forgotten, once it was gone from the disk.
pub(super) fn includes(published: &Progress, local: &Progress, is_on_disk: impl Fn(i64) -> bool) -> bool {
    let mut still_there = local.clone();
    for (segment, _) in local.iter() {
        if published.of(segment).is_none() && !is_on_disk(segment) {
            still_there.forget(segment);
        }
    }
    published.includes(&still_there)
}

fn check_owner(committed: &StoredPosition, node: &StateOwner) -> Result<(), AgentError> {
    let is_ours = committed.host_id.as_ref().is_none_or(|host_id| *host_id == node.host_id);
    if is_ours {
        return Ok(());
    }
    Err(AgentError::Position(format!(
        "the position in Kafka is of node {}, and this is node {}",
        committed.host_id.as_deref().unwrap_or_default(),
        node.host_id
    )))
}

fn contradiction(local: &Progress, kafka: &str) -> AgentError {
    AgentError::Position(format!(
        "the local state says `{local}`, the positions topic in Kafka says `{kafka}`, which is not behind it: is this another \
         Kafka, or was the topic deleted or restored? Nothing was read. Start once with `--accept-position local` to go on \
         from the local position, or with `--accept-position kafka` to go on from Kafka's (from the oldest segment if there \
         is none), which may publish some changes again"
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn node() -> StateOwner {
        StateOwner { cluster: "c".into(), host_id: "h".into() }
    }

    fn progress(text: &str) -> Progress {
        text.parse().unwrap()
    }

    fn find(
        local: &str,
        committed: Option<&str>,
        accept: Option<AcceptPosition>,
    ) -> Result<StartingPoint, AgentError> {
        let committed = committed
            .map(|text| StoredPosition { host_id: Some("h".into()), ..StoredPosition::new(progress(text)) });
        // Of the segments below 10 none is on disk any more.
        StartingPoint::find(progress(local), committed, &node(), accept, |segment| segment >= 10)
    }

    #[test]
    fn nothing_anywhere_is_a_first_start() {
        assert!(find("", None, None).unwrap().is_first_start);
    }

    #[test]
    fn what_kafka_is_ahead_of_the_local_state_is_learnt() {
        let point = find("10,11=5", Some("10,11=9"), None).unwrap();
        assert_eq!((point.local, point.published), (progress("10,11=5"), progress("10,11=9")));
        assert!(!point.forgets_index && !point.is_first_start);
    }

    #[test]
    fn segments_that_are_gone_may_be_forgotten_by_the_newer_position() {
        assert!(find("7,8,10=5", Some("10=9"), None).is_ok());
        assert!(find("10,11=5", Some("11=9"), None).is_err());
    }

    #[test]
    fn a_local_state_ahead_of_kafka_needs_the_operator() {
        for kafka in [Some("10=4"), None] {
            let error = find("10=5", kafka, None).unwrap_err().to_string();
            assert!(error.contains("--accept-position"), "{error}");
            let local = find("10=5", kafka, Some(AcceptPosition::Local)).unwrap();
            assert_eq!((local.local, local.published), (progress("10=5"), progress("10=5")));
            let accepted = find("10=5", kafka, Some(AcceptPosition::Kafka)).unwrap();
            assert_eq!(accepted.local, progress(kafka.unwrap_or_default()));
            assert!(accepted.forgets_index);
            assert_eq!(accepted.is_first_start, kafka.is_none());
        }
    }

    #[test]
    fn a_lost_state_goes_on_from_kafkas_position() {
        let point = find("", Some("10=9"), None).unwrap();
        assert_eq!((&point.local, &point.published), (&progress("10=9"), &progress("10=9")));
        assert!(point.has_lost_state);
    }

    #[test]
    fn another_nodes_position_is_refused() {
        let committed = StoredPosition { host_id: Some("x".into()), ..StoredPosition::new(progress("1=1")) };
        assert!(StartingPoint::find(Progress::default(), Some(committed), &node(), None, |_| true).is_err());
    }
}
