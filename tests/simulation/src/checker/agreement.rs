//! The ledger says of a transaction what it publishes, no less and no more.

use ringtap::{
    cluster::record::{Entry, LedgerKind, LedgerRecord},
    dedup::{Atom, ChangeId},
};

use super::Problem;

/// A part that a transaction publishes, by what its copies are known.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Published {
    /// Identity.
    pub id: ChangeId,
    /// The minute of the write time.
    pub minute: i32,
    /// Fingerprint.
    pub atom: Atom,
}

/// Compares what a transaction publishes with what it says in the ledger, under its session.
pub fn agreement(
    transaction: usize,
    session: u64,
    published: &[Published],
    ledger: &[LedgerRecord],
) -> Result<(), Problem> {
    let wrong = |what: String| Err(Problem::Disagreement { transaction, what });
    let mut said = 0;
    for record in ledger {
        if record.session.0 != session {
            return wrong(format!("session {} instead of {session}", record.session.0));
        }
        let LedgerKind::Published(entries) = &record.kind else { continue };
        for Entry { id, minute, atoms } in entries {
            for atom in atoms {
                said += 1;
                let part = Published { id: *id, minute: *minute, atom: *atom };
                if !published.contains(&part) {
                    return wrong(format!("it says {part:?}, which is not published"));
                }
            }
        }
    }
    if said == published.len() {
        return Ok(());
    }
    wrong(format!("it publishes {} parts and says {said}", published.len()))
}

#[cfg(test)]
mod tests {
    use ringtap::cluster::names::Session;

    use super::*;

    fn part(atom: Atom) -> Published {
        Published { id: ChangeId { high: 1, low: 1 }, minute: 5, atom }
    }

    fn record(atoms: &[Atom]) -> LedgerRecord {
        let entry = Entry { id: part(0).id, minute: 5, atoms: atoms.to_vec() };
        LedgerRecord { session: Session(7), kind: LedgerKind::Published(vec![entry]) }
    }

    #[test]
    fn each_part_is_said_once() {
        assert_eq!(agreement(0, 7, &[part(1), part(2)], &[record(&[1]), record(&[2])]), Ok(()));
        for (published, said) in [
            (vec![part(1)], vec![1, 2]),
            (vec![part(1), part(2)], vec![1]),
            (vec![], vec![1]),
            (vec![part(1)], vec![]),
        ] {
            assert!(agreement(0, 7, &published, &[record(&said)]).is_err(), "{published:?} {said:?}");
        }
        assert!(agreement(0, 8, &[part(1)], &[record(&[1])]).is_err(), "of another session");
    }
}
