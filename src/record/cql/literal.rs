//! Values as they stand in statements.

use cassandra_commitlog::types::{CqlType, Dialect, ValueError, write_cql_literal};

/// Returns the literal of a value, on one line; `None` if CQL has none.
pub(super) fn literal(ty: &CqlType, bytes: &[u8]) -> Result<Option<String>, ValueError> {
    let mut text = String::new();
    match write_cql_literal(ty, bytes, Dialect::Ringtap, &mut text) {
        Ok(()) => Ok(Some(text)),
        Err(ValueError::NoCqlLiteral | ValueError::NoCassandraText | ValueError::TimeOutOfRange(_)) => {
            Ok(None)
        }
        Err(error) => Err(error),
    }
}
