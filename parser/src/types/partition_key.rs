//! Serialized partition keys.

use super::{ValueError, wire::composite_component};

/// Returns the components of a serialized partition key of a table with `columns` partition key columns.
///
/// One column's key is the value itself; several are a composite: length, bytes and a zero byte each
/// (`CompositeType`).
#[derive(Debug, Clone)]
pub struct Components<'a> {
    rest: &'a [u8],
    columns: usize,
    given: usize,
}

/// Returns an iterator over the components of `key`, one for each of `columns` columns.
///
/// After an error, which a key that does not have exactly that many components gives, the iterator is at its
/// end.
pub fn components(key: &[u8], columns: usize) -> Components<'_> {
    Components { rest: key, columns, given: 0 }
}

impl<'a> Iterator for Components<'a> {
    type Item = Result<&'a [u8], ValueError>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.given >= self.columns {
            return None;
        }
        self.given += 1;
        if self.columns == 1 {
            return Some(Ok(self.rest));
        }
        let read = composite_component(self.rest).and_then(|(rest, component)| {
            let surplus = self.given == self.columns && !rest.is_empty();
            if surplus { Err(ValueError::TrailingBytes(rest.len())) } else { Ok((rest, component)) }
        });
        Some(match read {
            Ok((rest, component)) => {
                self.rest = rest;
                Ok(component)
            }
            Err(error) => {
                self.given = self.columns;
                Err(error)
            }
        })
    }
}
