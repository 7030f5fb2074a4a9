//! Writes of non-frozen collections and user-defined types.

use cassandra_commitlog::{
    mutation::{Cell, CellContent},
    schema::Column,
    types::{CqlType, ValueError},
};

use super::{
    Approximation, ChangeWriter,
    cell_map::CellKey,
    lifetime::Lifetime,
    lists::{Known, is_prepended, timeuuid_order},
    literal::literal,
    statement::{KeyText, push_delete, push_update},
    write::{Assignment, RowParts},
};
use crate::{change::Cleared, schema::cql::quote_name};

/// A row's clustering, and the text of its key.
type RowKey<'k, 'a> = (Option<&'k [Option<&'a [u8]>]>, &'k KeyText);

/// Elements or fields that live equally long: their paths, with values unless they are a set's.
type Puts = Vec<(Lifetime, Vec<(String, Option<String>)>)>;

/// A list's element: cell path and literal.
type ListElement<'e> = (&'e [u8], String);

impl ChangeWriter<'_, '_> {
    pub(super) fn write_complex(
        &mut self,
        (column, name): (&Column, &str),
        cleared: Option<Cleared>,
        elements: &[Cell<'_>],
        (clustering, key): RowKey<'_, '_>,
        parts: &mut RowParts,
    ) -> Result<(), ValueError> {
        let is_overwrite =
            cleared.is_some_and(|cleared| cleared.timestamp.checked_add(1) == Some(self.change.timestamp));
        if let Some(cleared) = cleared
            && !is_overwrite
        {
            let time = self.write_time(cleared.timestamp);
            push_delete(&[name.to_owned()], self.names.table(), time, key.relations(), self.out);
        }
        if let CqlType::List(element_type, _) = &column.ty {
            let cell_key = self.cell_key(clustering, &column.name);
            if let Some(cleared) = cleared {
                self.lists.cleared(&cell_key, cleared.timestamp);
            }
            return self.write_list((element_type, name), is_overwrite, elements, (&cell_key, key), parts);
        }
        let puts = self.puts(&column.ty, name, is_overwrite, elements, parts)?;
        if puts.is_empty() && is_overwrite {
            parts.assign_null(name);
        }
        let mut is_first = is_overwrite;
        for (lifetime, elements) in puts {
            let is_whole = std::mem::take(&mut is_first);
            if matches!(column.ty, CqlType::UserType(..)) && !is_whole {
                for (field, value) in elements {
                    let value = value.unwrap_or_default();
                    parts.assign(lifetime, Assignment::Part(format!("{name}.{field} = {value}")));
                }
                continue;
            }
            let value = braces(&elements);
            parts.assign(
                lifetime,
                if is_whole {
                    Assignment::Whole { name: name.into(), value }
                } else {
                    Assignment::Part(format!("{name} = {name} + {value}"))
                },
            );
        }
        Ok(())
    }

    /// Returns the elements that are put, and adds those that are removed to `parts`.
    fn puts(
        &mut self,
        ty: &CqlType,
        name: &str,
        is_overwrite: bool,
        elements: &[Cell<'_>],
        parts: &mut RowParts,
    ) -> Result<Puts, ValueError> {
        let mut puts = Puts::new();
        for element in elements {
            let Some((path, value_type)) = path_text(ty, element.path.unwrap_or_default())? else {
                self.notes.add(Approximation::Value);
                continue;
            };
            let removal = if matches!(ty, CqlType::UserType(..)) {
                format!("{name}.{path}")
            } else {
                format!("{name}[{path}]")
            };
            let Some((value, lifetime)) = self.live(element) else {
                // An overwrite removes what was there by itself.
                if !is_overwrite || matches!(element.content, CellContent::Tombstone(_)) {
                    parts.removals.push(removal);
                }
                continue;
            };
            let value = value_type.map(|value_type| literal(value_type, value)).transpose()?;
            if value == Some(None) {
                self.notes.add(Approximation::Value);
                parts.removals.push(removal);
                continue;
            }
            let put = (path, value.flatten());
            match puts.iter_mut().find(|(known, _)| *known == lifetime) {
                Some((_, puts)) => puts.push(put),
                None => puts.push((lifetime, vec![put])),
            }
        }
        Ok(puts)
    }

    /// Returns an element's value and how long it lives; `None` if it is removed, or has expired.
    fn live<'a>(&mut self, element: &Cell<'a>) -> Option<(&'a [u8], Lifetime)> {
        let (value, expiration) = match element.content {
            CellContent::Live(value) => (value, None),
            CellContent::Expiring(value, expiration) => (value, Some(expiration)),
            CellContent::Tombstone(_) => return None,
        };
        let lifetime = self.lifetime(expiration);
        (lifetime != Lifetime::Expired).then_some((value, lifetime))
    }

    /// Writes a list: known elements by their index, new ones in front or at the end.
    fn write_list(
        &mut self,
        (element_type, name): (&CqlType, &str),
        is_overwrite: bool,
        elements: &[Cell<'_>],
        (cell_key, key): (&CellKey, &KeyText),
        parts: &mut RowParts,
    ) -> Result<(), ValueError> {
        let timestamp = self.change.timestamp;
        let time = self.write_time(timestamp);
        let mut new: Vec<(Lifetime, ListElement<'_>)> = Vec::new();
        for element in elements {
            let path = element.path.unwrap_or_default();
            let known = self.lists.find(cell_key, path);
            let live = match self.live(element) {
                Some((value, lifetime)) => {
                    let value = literal(element_type, value)?;
                    if value.is_none() {
                        self.notes.add(Approximation::Value);
                    }
                    value.map(|value| (lifetime, value))
                }
                None => None,
            };
            match (known, live) {
                (Known::At(index), Some((lifetime, value))) => {
                    let assignment = [format!("{name}[{index}] = {value}")];
                    let using = (time, self.ttl(lifetime));
                    push_update(assignment.iter(), self.names.table(), using, key.relations(), self.out);
                    self.lists.rewritten(cell_key, path, timestamp);
                }
                (Known::At(index), None) => {
                    let what = [format!("{name}[{index}]")];
                    push_delete(&what, self.names.table(), time, key.relations(), self.out);
                    self.lists.removed(cell_key, path, timestamp);
                }
                (Known::Removed(removed_at), _) if timestamp <= removed_at => {}
                (_, Some((lifetime, value))) => {
                    self.notes.add(Approximation::ListElement);
                    new.push((lifetime, (path, value)));
                }
                // What has expired may as well not have been added.
                (_, None) if is_overwrite || element.value().is_some() => {}
                (Known::Removed(_), None) => {}
                (Known::No, None) => self.notes.add(Approximation::UnknownListElement),
            }
        }
        new.sort_by_cached_key(|(_, (path, _))| timeuuid_order(path));
        let in_front =
            if is_overwrite { 0 } else { new.partition_point(|(_, (path, _))| is_prepended(path)) };
        let appended = new.split_off(in_front);
        self.prepend((name, cell_key, key), new);
        self.append((name, cell_key, key), is_overwrite, appended, parts);
        Ok(())
    }

    fn prepend(
        &mut self,
        (name, cell_key, key): (&str, &CellKey, &KeyText),
        new: Vec<(Lifetime, ListElement<'_>)>,
    ) {
        let time = self.write_time(self.change.timestamp);
        // The last one comes first, as each statement puts its elements before those of the others.
        for (lifetime, run) in runs(new).into_iter().rev() {
            let (paths, values): (Vec<_>, Vec<_>) = run.into_iter().unzip();
            let assignment = [format!("{name} = [{}] + {name}", values.join(", "))];
            let using = (time, self.ttl(lifetime));
            push_update(assignment.iter(), self.names.table(), using, key.relations(), self.out);
            self.lists.added(cell_key, &paths, self.change.timestamp, true);
        }
    }

    fn append(
        &mut self,
        (name, cell_key, key): (&str, &CellKey, &KeyText),
        is_overwrite: bool,
        new: Vec<(Lifetime, ListElement<'_>)>,
        parts: &mut RowParts,
    ) {
        let time = self.write_time(self.change.timestamp);
        let runs = runs(new);
        if runs.is_empty() && is_overwrite {
            parts.assign_null(name);
        }
        // Elements of several lifetimes need statements that run in the order of the elements.
        let is_one_run = runs.len() == 1;
        let mut is_whole = is_overwrite;
        for (lifetime, run) in runs {
            let (paths, values): (Vec<_>, Vec<_>) = run.into_iter().unzip();
            let value = format!("[{}]", values.join(", "));
            let part =
                if is_whole { format!("{name} = {value}") } else { format!("{name} = {name} + {value}") };
            if !is_one_run {
                let using = (time, self.ttl(lifetime));
                push_update([part].iter(), self.names.table(), using, key.relations(), self.out);
            } else if is_whole {
                parts.assign(lifetime, Assignment::Whole { name: name.into(), value });
            } else {
                parts.assign(lifetime, Assignment::Part(part));
            }
            is_whole = false;
            self.lists.added(cell_key, &paths, self.change.timestamp, false);
        }
    }
}

/// Returns the literal of a set, a map or a user-defined type.
fn braces(elements: &[(String, Option<String>)]) -> String {
    let mut text = String::from("{");
    for (at, (path, value)) in elements.iter().enumerate() {
        text.push_str(if at == 0 { "" } else { ", " });
        text.push_str(path);
        if let Some(value) = value {
            text.push_str(": ");
            text.push_str(value);
        }
    }
    text.push('}');
    text
}

/// Splits a list's elements where the lifetime changes.
fn runs(elements: Vec<(Lifetime, ListElement<'_>)>) -> Vec<(Lifetime, Vec<ListElement<'_>>)> {
    let mut runs: Vec<(Lifetime, Vec<ListElement<'_>>)> = Vec::new();
    for (lifetime, element) in elements {
        match runs.last_mut() {
            Some((last, run)) if *last == lifetime => run.push(element),
            _ => runs.push((lifetime, vec![element])),
        }
    }
    runs
}

/// Returns how CQL names an element, and the type of its value, `None` if it has none. Without a literal for
/// a path the whole is `None`.
fn path_text<'t>(ty: &'t CqlType, path: &[u8]) -> Result<Option<(String, Option<&'t CqlType>)>, ValueError> {
    match ty {
        CqlType::Set(element, _) => Ok(literal(element, path)?.map(|text| (text, None))),
        CqlType::Map(entry, _) => Ok(literal(&entry.0, path)?.map(|text| (text, Some(&entry.1)))),
        CqlType::UserType(user_type, _) => {
            let index = path.first_chunk().map(|index| usize::from(u16::from_be_bytes(*index)));
            let field = index.and_then(|index| user_type.fields.get(index)).ok_or(ValueError::Truncated)?;
            Ok(Some((quote_name(&field.name).into_owned(), Some(&field.ty))))
        }
        _ => Err(ValueError::UnexpectedNull),
    }
}
