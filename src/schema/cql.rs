//! CQL text: reads statements that define a schema, and writes them.

mod cursor;
mod error;
mod execute;
mod lexer;
mod names;
mod properties;
mod read_table;
mod read_type;
mod reader;
pub mod statement;
mod write_alter;
mod write_create;

pub use error::CqlError;
pub use execute::{ExecuteError, Keyspaces, Problem, Script, Skipped};
pub use names::{quote_name, quote_text};
pub use reader::parse_statements;
pub(super) use reader::parse_type;
pub(super) use write_alter::renamed_columns;
pub use write_alter::{
    alter_keyspace, alter_table, alter_type, drop_index, drop_keyspace, drop_table, drop_type,
};
pub use write_create::{TableText, create_index, create_keyspace, create_table, create_type};
