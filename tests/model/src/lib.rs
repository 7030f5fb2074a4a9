//! An independent model of what ringtap's records say.
//!
//! It reads nothing but records of the native JSON format, rebuilds every table by the documented rules, and compares the
//! result with what Cassandra itself returned through CQL: values to the byte, write times to the microsecond, no row more or
//! less. It shares no code with the program that it judges, not even the reading of JSON and of types.

#![forbid(unsafe_code)]

mod calendar;
mod change;
mod compare;
mod cql_type;
mod ddl;
mod dump;
mod encode;
mod identity;
mod json;
mod order;
mod record;
mod report;
mod schema;
mod state;
mod tables;
mod token;

pub use compare::{Info, compare};
pub use report::{Difference, Moment, NotCompared, Report};
pub use state::Row;
pub use tables::{TableRows, Tables};
