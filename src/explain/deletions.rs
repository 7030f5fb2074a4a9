//! Deletions of one scope, for finding the one that took something away.

/// Deletions that concern the same things, in order of the log, each newer than all before it. Others never
/// take anything away: what they could is gone already.
#[derive(Debug, Clone, Default)]
pub(super) struct Deletions {
    /// Number of the event and write time; both grow.
    steps: Vec<(usize, i64)>,
}

impl Deletions {
    /// Adds a deletion; events come in order of their numbers.
    pub(super) fn push(&mut self, event: usize, timestamp: i64) {
        if self.steps.last().is_none_or(|(_, newest)| timestamp > *newest) {
            self.steps.push((event, timestamp));
        }
    }

    /// Returns the deletion that takes away what event `event` wrote at `timestamp`: one before it in the log,
    /// else the first one after it.
    pub(super) fn first_meeting(&self, event: usize, timestamp: i64) -> Option<usize> {
        let before = self.steps.partition_point(|(at, _)| *at < event);
        let newest_before = before.checked_sub(1).and_then(|at| self.steps.get(at));
        if let Some((at, _)) = newest_before.filter(|(_, newest)| *newest >= timestamp) {
            return Some(*at);
        }
        let new_enough = self.steps.partition_point(|(_, time)| *time < timestamp);
        self.steps.get(new_enough.max(before)).map(|(at, _)| *at)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_deletion_that_is_new_enough_takes_it() {
        let mut deletions = Deletions::default();
        for (event, timestamp) in [(2, 10), (4, 5), (6, 30), (8, 40)] {
            deletions.push(event, timestamp);
        }
        assert_eq!(deletions.first_meeting(1, 10), Some(2), "equal times: the deletion wins");
        assert_eq!(deletions.first_meeting(1, 11), Some(6));
        assert_eq!(deletions.first_meeting(5, 7), Some(2), "already deleted when it came");
        assert_eq!(deletions.first_meeting(7, 35), Some(8));
        assert_eq!(deletions.first_meeting(1, 41), None);
        assert_eq!(deletions.first_meeting(9, 40), Some(8));
    }
}
