//! The order of records: all of a token in one partition, and there, as long as one session publishes it, in the order of its
//! log. What was relayed follows when it comes.

use super::Problem;

/// A committed record.
#[derive(Debug, Clone, Copy)]
pub struct Seen {
    /// Its partition.
    pub partition: usize,
    /// Number of the keyspace, and token.
    pub token: (usize, i64),
    /// Host and session that published it.
    pub publisher: (usize, u64),
    /// Where it stands in that host's log; `None` if it was relayed.
    pub position: Option<u64>,
}

/// What is known of a token so far.
#[derive(Debug)]
struct Last {
    token: (usize, i64),
    partition: usize,
    publisher: (usize, u64),
    position: u64,
}

/// Judges committed records, each partition's in its order.
pub fn order(records: impl IntoIterator<Item = Seen>) -> Result<(), Problem> {
    let mut lasts: Vec<Last> = Vec::new();
    for seen in records {
        let Some(last) = lasts.iter_mut().find(|last| last.token == seen.token) else {
            let Seen { partition, token, publisher, position } = seen;
            lasts.push(Last { token, partition, publisher, position: position.unwrap_or(0) });
            continue;
        };
        if last.partition != seen.partition {
            return Err(Problem::TwoPartitions { token: seen.token.1 });
        }
        let Some(position) = seen.position else { continue };
        if last.publisher == seen.publisher && position < last.position {
            let positions = (last.position, position);
            return Err(Problem::OutOfOrder { token: seen.token.1, host: seen.publisher.0, positions });
        }
        (last.publisher, last.position) = (seen.publisher, position);
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn seen(token: i64, publisher: (usize, u64), position: u64) -> Seen {
        Seen { partition: 0, token: (0, token), publisher, position: Some(position) }
    }

    #[test]
    fn a_session_keeps_the_order_of_its_log() {
        let records = [seen(5, (0, 1), 3), seen(6, (0, 1), 2), seen(5, (0, 1), 4)];
        assert_eq!(order(records), Ok(()));
        let records = [seen(5, (0, 1), 3), seen(6, (0, 1), 2), seen(5, (0, 1), 1)];
        assert_eq!(order(records), Err(Problem::OutOfOrder { token: 5, host: 0, positions: (3, 1) }));
    }

    #[test]
    fn a_successor_has_its_own_order_and_a_relay_has_none() {
        let relayed = Seen { position: None, ..seen(5, (0, 1), 0) };
        assert_eq!(order([seen(5, (0, 1), 3), relayed, seen(5, (0, 1), 4), seen(5, (1, 9), 0)]), Ok(()));
        assert_eq!(order([seen(5, (0, 1), 3), seen(5, (0, 2), 0), seen(5, (0, 2), 1)]), Ok(()));
        let unordered = [seen(5, (0, 1), 3), relayed, seen(5, (0, 1), 2)];
        assert_eq!(order(unordered), Err(Problem::OutOfOrder { token: 5, host: 0, positions: (3, 2) }));
    }

    #[test]
    fn a_token_has_one_partition() {
        let elsewhere = Seen { partition: 1, ..seen(5, (0, 1), 4) };
        assert_eq!(order([seen(5, (0, 1), 3), elsewhere]), Err(Problem::TwoPartitions { token: 5 }));
        let other_keyspace = Seen { token: (1, 5), ..elsewhere };
        assert_eq!(order([seen(5, (0, 1), 3), other_keyspace]), Ok(()));
    }
}
