//! What readers of committed records have seen.

use super::Problem;

/// Parts of the writes that are visible. Bit n of a mask stands for part n.
#[derive(Debug, Default)]
pub struct Visible {
    parts: Vec<u8>,
}

impl Visible {
    /// Returns the visible parts of a write.
    pub fn of(&self, write: u16) -> u8 {
        self.parts.get(usize::from(write)).copied().unwrap_or(0)
    }

    /// A record became visible. `logged` are the write's parts that stood in any log; 0 if there is no such write.
    pub fn publish(&mut self, write: u16, parts: u8, logged: u8) -> Result<(), Problem> {
        if parts == 0 || parts & !logged != 0 {
            return Err(Problem::Foreign { write, parts });
        }
        let again = self.of(write) & parts;
        if again != 0 {
            return Err(Problem::Twice { write, part: again.trailing_zeros() as u8 });
        }
        if self.parts.len() <= usize::from(write) {
            self.parts.resize(usize::from(write) + 1, 0);
        }
        self.parts[usize::from(write)] |= parts;
        Ok(())
    }

    /// A log dropped a row change.
    pub fn release(&self, host: usize, position: u64, write: u16, parts: u8) -> Result<(), Problem> {
        let missing = parts & !self.of(write);
        if missing == 0 { Ok(()) } else { Err(Problem::Lost { write, parts: missing, host, position }) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_part_may_come_once() {
        let mut visible = Visible::default();
        assert_eq!(visible.publish(3, 0b0101, 0b1111), Ok(()));
        assert_eq!(visible.publish(3, 0b1010, 0b1111), Ok(()));
        assert_eq!(visible.publish(3, 0b1000, 0b1111), Err(Problem::Twice { write: 3, part: 3 }));
    }

    #[test]
    fn what_no_log_had_is_foreign() {
        let mut visible = Visible::default();
        assert_eq!(visible.publish(0, 0b0011, 0b0001), Err(Problem::Foreign { write: 0, parts: 0b0011 }));
        assert_eq!(visible.publish(0, 0b0001, 0), Err(Problem::Foreign { write: 0, parts: 0b0001 }));
        assert_eq!(visible.publish(0, 0, 0b0001), Err(Problem::Foreign { write: 0, parts: 0 }));
    }

    #[test]
    fn what_is_released_unseen_is_lost() {
        let mut visible = Visible::default();
        assert_eq!(visible.publish(1, 0b0001, 0b0011), Ok(()));
        assert_eq!(visible.release(0, 7, 1, 0b0001), Ok(()));
        let lost = Problem::Lost { write: 1, parts: 0b0010, host: 0, position: 7 };
        assert_eq!(visible.release(0, 7, 1, 0b0011), Err(lost));
    }
}
