//! A load of which every write can be recognised on Kafka.

mod bulk;
mod kinds;
mod run;
mod schema;
mod write;

pub(crate) use self::write::is_conditional;
pub use self::{
    bulk::{BulkReport, create_bulk_table, write_bulk},
    kinds::{Kind, Mix},
    run::{Coordinator, Limit, Load, LoadOptions, LoadReport, connect},
    schema::{CHECKED_KEYSPACE, ONE_REPLICA, create_checked_tables},
};
