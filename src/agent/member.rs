//! The agent as a member of its cluster: each change is published once, by whichever agent owns its token.
//!
//! ```text
//! own log -> entry -> mutation -> changes --head---> owned and unknown: record -> batch --+
//!                                    |                                                    |
//!                                    +----audit--> in the ledger? else pending            v
//! following thread  owners, ledger, relays -> the protocol's core <- what is committed  sending thread: records and
//!                                    |                                                  ledger in one transaction
//!                                    +-> what all is confirmed of is durable, and its segments are released
//! ```
//!
//! The reading thread has the protocol's core ([`crate::cluster::core`]) and does what it asks for. See
//! `src/cluster/PROTOCOL.md` for the rules.

mod audit_positions;
mod kept_entries;
mod log_position;
mod membership;
mod mode;
mod node_watch;
mod placing;
mod reading;
mod records;
mod relaying;
mod runtime;
mod settings_digest;
mod standing;
mod streamed;
mod upkeep;
mod view;
mod work;

pub(super) use self::{mode::is_member, runtime::run};
