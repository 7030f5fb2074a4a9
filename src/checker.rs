//! Checks of what is on Kafka: nothing lost, nothing twice, in order, and the tables as they were written.
//!
//! The checks only read records: they know the record format (`src/record/FORMAT.md`) and share nothing with the code
//! that writes it. They take records one by one, so that a topic may be larger than memory is, and can be used on a
//! live topic: [`TopicReader`] reads what was committed up to a moment.
//!
//! | check | shows |
//! |---|---|
//! | [`Ledger`] | every acknowledged unique value is there exactly once, an unacknowledged one at most once, nothing else |
//! | [`PartCheck`] | no part of a change (row marker, cell, element, deletion) twice, whoever published it |
//! | [`OrderCheck`] | one Cassandra partition is in one Kafka partition, in the order of the node's log, no place of the log twice |
//! | [`HeaderCheck`] | headers say what the value says, a Kafka tombstone is the next record of its key after the deletion |
//! | [`Reconstruction`] | the records in the order of the log, from which the tables can be rebuilt |

mod change_view;
mod findings;
mod headers;
mod key_shape;
mod ledger;
mod murmur2;
mod order;
mod parts;
mod reconstruction;
mod record;
#[cfg(feature = "agent")]
mod topics;

#[cfg(feature = "agent")]
pub use self::topics::{ReadTopicsError, TopicReader};
pub use self::{
    change_view::{ChangeView, Place, ViewError, unique_values},
    findings::Findings,
    headers::HeaderCheck,
    key_shape::KeyShapes,
    ledger::{Ledger, LedgerReport, Outcome},
    murmur2::{kafka_partition, murmur2},
    order::{OrderCheck, OrderReport},
    parts::{PartCheck, PartReport},
    reconstruction::Reconstruction,
    record::ConsumedRecord,
};
