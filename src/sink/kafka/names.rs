//! How ringtap calls things in Kafka.

use std::fmt::{Display, Write as _};

/// Names in Kafka that belong to one Cassandra cluster.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ClusterNames {
    part: String,
}

impl ClusterNames {
    /// Makes the names of the cluster of this name.
    pub fn new(cluster: &str) -> Self {
        Self { part: topic_part(cluster) }
    }

    /// Returns the transactional id of the agent beside this node. Its peers use it too, to fence it.
    pub fn transactional_id(&self, host_id: impl Display) -> String {
        format!("ringtap.{}.{host_id}", self.part)
    }

    /// Returns the topic of positions.
    pub fn positions(&self) -> String {
        self.topic("positions")
    }

    /// Returns the topic of who publishes for which tokens.
    pub fn owners(&self) -> String {
        self.topic("owners")
    }

    /// Returns the topic of what was published.
    pub fn ledger(&self) -> String {
        self.topic("ledger")
    }

    /// Returns the topic of changes for their owners.
    pub fn relay(&self) -> String {
        self.topic("relay")
    }

    fn topic(&self, of: &str) -> String {
        format!("__ringtap.{}.{of}", self.part)
    }
}

/// Kafka allows letters, digits, `.`, `_` and `-` in a topic's name; Cassandra allows anything in a cluster's. What is not
/// allowed stands as `_` and the number of its bytes' values, so that two clusters' topics are never one.
fn topic_part(cluster: &str) -> String {
    let mut part = String::new();
    for character in cluster.chars() {
        if character.is_ascii_alphanumeric() || character == '-' || character == '.' {
            part.push(character);
        } else {
            part.push('_');
            let mut bytes = [0; 4];
            for byte in character.encode_utf8(&mut bytes).bytes() {
                // Writing to a String cannot fail.
                let _ = write!(part, "{byte:02x}");
            }
        }
    }
    part
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_clusters_become_parts_of_topics_and_stay_different() {
        assert_eq!(topic_part("Test Cluster"), "Test_20Cluster");
        assert_eq!(topic_part("prod-1.eu"), "prod-1.eu");
        assert_ne!(topic_part("a b"), topic_part("a_b"));
        assert_eq!(topic_part("ü"), "_c3bc");
    }

    #[test]
    fn what_is_shared_has_the_same_name_for_all_agents() {
        let names = ClusterNames::new("prod");
        assert_eq!(names.transactional_id("h1"), "ringtap.prod.h1");
        assert_eq!(names.positions(), "__ringtap.prod.positions");
        assert_eq!(names.ledger(), "__ringtap.prod.ledger");
    }
}
