//! The schema: what tables looked like at each position of the log.
//!
//! [`Catalogue`] follows the `system_schema` mutations of the log, from seeds ([`Seed`]: CQL text, an exported
//! file, a node), and keeps its history. Identity is the table id, never the name.

mod build;
mod catalogue;
pub mod cql;
pub mod definition;
mod diff;
mod export;
mod fingerprint;
#[cfg(feature = "agent")]
pub mod live;
#[cfg(feature = "agent")]
pub mod node;
mod resolve;
mod rows;
mod seed;
mod system_tables;
#[cfg(test)]
mod tests;
mod type_text;
mod value;

pub use catalogue::{Catalogue, CatalogueAt, TableVersion, UnreadableReason, UnreadableTable};
pub use diff::{ChangeKind, ObjectKind, SchemaChange, creations, is_system_keyspace};
pub use export::ImportError;
pub use fingerprint::Fingerprint;
pub use seed::Seed;
pub use system_tables::SystemTables;
pub use type_text::{Generic, TypeError, TypeText};
