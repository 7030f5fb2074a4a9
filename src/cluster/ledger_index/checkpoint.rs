//! As of what the index of the ledger is.

use std::{collections::BTreeMap, fmt, str::FromStr};

use crate::{checkpoint::Progress, cluster::names::HostId, dedup::store::Mark};

/// As of what an index of the ledger is, and what is durable with it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct LedgerCheckpoint {
    /// The uuid of the owners topic's first record, once that was read. With another one the topics were made anew, and
    /// nothing of this counts.
    pub topics: Option<u128>,
    /// Of each host's partition of the ledger, the offset of what is read next: all before is in the index.
    pub positions: BTreeMap<HostId, u64>,
    /// How far the own log is audited: all of it is confirmed by the ledger.
    pub audit: Progress,
    /// To which time of the ledger the audit has come, in milliseconds since 1970: no change that is still to be audited has a
    /// copy that was in the ledger a window before. The index forgets by it. 0: not known yet, nothing is forgotten.
    pub audited_ms: u64,
}

/// What stands in the journal.
///
/// As text, separated by spaces: version, [`newest_ms`](Self::newest_ms), [`missed_until_ms`](Self::missed_until_ms),
/// `audited_ms`, `topics` (32 hexadecimal digits or `-`), `audit` (or `-` if empty), then `<host id>=<offset>` for each
/// position, in order of the ids.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct LedgerMark {
    pub(super) checkpoint: LedgerCheckpoint,
    /// The greatest time of a record of the ledger that was read.
    pub(super) newest_ms: u64,
    /// Up to when the ledger could not be read.
    pub(super) missed_until_ms: u64,
}

/// A text that is no [`LedgerMark`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not a checkpoint of the ledger's index")]
pub(super) struct NoLedgerMark;

const VERSION: &str = "1";
/// What is not there.
const NONE: &str = "-";

impl Mark for LedgerMark {
    const KIND: &'static str = "ledger-index";
}

impl fmt::Display for LedgerMark {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { checkpoint, newest_ms, missed_until_ms } = self;
        let LedgerCheckpoint { topics, positions, audit, audited_ms } = checkpoint;
        write!(f, "{VERSION} {newest_ms} {missed_until_ms} {audited_ms} ")?;
        match topics {
            Some(uuid) => write!(f, "{uuid:032x} ")?,
            None => write!(f, "{NONE} ")?,
        }
        if audit.is_empty() {
            f.write_str(NONE)?;
        } else {
            audit.fmt(f)?;
        }
        for (host, offset) in positions {
            write!(f, " {host}={offset}")?;
        }
        Ok(())
    }
}

impl FromStr for LedgerMark {
    type Err = NoLedgerMark;

    fn from_str(text: &str) -> Result<Self, NoLedgerMark> {
        let mut words = text.split(' ');
        let mut next = || words.next().ok_or(NoLedgerMark);
        if next()? != VERSION {
            return Err(NoLedgerMark);
        }
        let number = |word: &str| word.parse::<u64>().map_err(|_| NoLedgerMark);
        let (newest_ms, missed_until_ms, audited_ms) = (number(next()?)?, number(next()?)?, number(next()?)?);
        let topics = match next()? {
            NONE => None,
            uuid => Some(u128::from_str_radix(uuid, 16).map_err(|_| NoLedgerMark)?),
        };
        let audit = match next()? {
            NONE => Progress::default(),
            audit => audit.parse().map_err(|_| NoLedgerMark)?,
        };
        let mut positions = BTreeMap::new();
        for word in words {
            let (host, offset) = word.split_once('=').ok_or(NoLedgerMark)?;
            positions.insert(HostId(host.parse().map_err(|_| NoLedgerMark)?), number(offset)?);
        }
        let checkpoint = LedgerCheckpoint { topics, positions, audit, audited_ms };
        Ok(Self { checkpoint, newest_ms, missed_until_ms })
    }
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::*;

    /// As version 1 wrote it.
    const GOLDEN: &str = "1 1700000000000 1690000000000 1699999999999 000000000000000000000000000000ff 5-7,8=17 \
                          00000000-0000-0000-0000-000000000007=12 f2419411-3222-4518-8862-5817f027e851=0";

    #[test]
    fn the_text_is_what_version_1_wrote() {
        let mark: LedgerMark = GOLDEN.parse().unwrap();
        assert_eq!(mark.to_string(), GOLDEN);
        assert_eq!((mark.newest_ms, mark.missed_until_ms), (1_700_000_000_000, 1_690_000_000_000));
        let LedgerCheckpoint { topics, positions, audit, audited_ms } = mark.checkpoint;
        assert_eq!((topics, audited_ms), (Some(255), 1_699_999_999_999));
        assert_eq!(audit.to_string(), "5-7,8=17");
        assert_eq!(positions[&HostId(Uuid::from_u128(7))], 12);
        assert_eq!(positions.len(), 2);
    }

    #[test]
    fn an_empty_one_reads_back_and_others_are_refused() {
        let empty = LedgerMark::default();
        assert_eq!(empty.to_string(), "1 0 0 0 - -");
        assert_eq!(empty.to_string().parse(), Ok(empty));
        for wrong in [
            "",
            "1",
            "2 0 0 0 - -",
            "1 0 0 0 -",
            "1 0 0 0 - 5=",
            "1 0 0 0 - - x",
            "1 0 0 0 - - x=1",
            "1 -1 0 0 - -",
        ] {
            assert_eq!(wrong.parse::<LedgerMark>(), Err(NoLedgerMark), "{wrong}");
        }
    }
}
