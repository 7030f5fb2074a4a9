//! Table schemas for reading rows, from definitions.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use cassandra_commitlog::{
    schema::{Column, ColumnKind, DroppedColumn, TableDefinition as SchemaParts, TableId, TableSchema},
    types::{CqlType, UserType},
};

use super::{
    definition::{ColumnDefinition, KeyspaceDefinition, TableDefinition, TypeDefinition},
    type_text::{self, TypeError, TypeText},
};

/// Resolves the types of one keyspace, each user-defined type once.
pub(super) struct TypeResolver<'a> {
    keyspace: &'a KeyspaceDefinition,
    resolved: BTreeMap<Box<str>, Arc<UserType>>,
    open: BTreeSet<Box<str>>,
}

impl<'a> TypeResolver<'a> {
    pub(super) fn new(keyspace: &'a KeyspaceDefinition) -> Self {
        Self {
            keyspace,
            resolved: BTreeMap::new(),
            open: BTreeSet::new(),
        }
    }

    /// Returns the type that a text means in this keyspace.
    pub(super) fn resolve(&mut self, type_text: &str) -> Result<CqlType, TypeError> {
        TypeText::parse(type_text)?.resolve(&mut |name| self.user_type(name))
    }

    fn user_type(&mut self, name: &str) -> Result<Arc<UserType>, TypeError> {
        if let Some(known) = self.resolved.get(name) {
            return Ok(Arc::clone(known));
        }
        let keyspace = self.keyspace;
        let definition = keyspace
            .types
            .get(name)
            .ok_or_else(|| TypeError::UnknownType(name.into()))?;
        if !self.open.insert(name.into()) {
            return Err(TypeError::Recursive(name.into()));
        }
        let fields = self.fields(definition);
        self.open.remove(name);
        let user_type = type_text::user_type(&keyspace.name, name, fields?);
        self.resolved.insert(name.into(), Arc::clone(&user_type));
        Ok(user_type)
    }

    fn fields(&mut self, definition: &TypeDefinition) -> Result<Vec<(Box<str>, CqlType)>, TypeError> {
        let mut fields = Vec::new();
        for field in &definition.fields {
            fields.push((field.name.clone(), self.resolve(&field.type_text)?));
        }
        Ok(fields)
    }

    /// Returns what reading the table's rows needs.
    pub(super) fn table(&mut self, id: TableId, table: &TableDefinition) -> Result<SchemaParts, TypeError> {
        let mut columns = Vec::new();
        for column in &table.columns {
            columns.push(self.column(column)?);
        }
        let mut dropped = Vec::new();
        for column in &table.dropped {
            let parts = ColumnDefinition::new(&column.name, column.kind, 0, &column.type_text);
            dropped.push(DroppedColumn {
                column: self.column(&parts)?,
                dropped_at: column.dropped_at,
            });
        }
        Ok(SchemaParts {
            id,
            keyspace: self.keyspace.name.clone(),
            name: table.name.clone(),
            cdc: table.cdc(),
            is_view: table.view.is_some(),
            flags: table.flags,
            columns,
            dropped,
        })
    }

    fn column(&mut self, column: &ColumnDefinition) -> Result<Column, TypeError> {
        let ty = self.resolve(&column.type_text)?;
        Ok(Column {
            name: column.name.clone(),
            name_bytes: column.name_bytes.clone(),
            kind: column.kind,
            position: column.position,
            ty,
            reversed: column.reversed,
        })
    }
}

/// Adds the static and regular columns of another schema that are missing. Columns are named in each update
/// (format.md §13.3), so a superset reads the rows of every version.
pub(super) fn add_missing_columns(parts: &mut SchemaParts, other: &TableSchema) {
    for column in other.values() {
        let known = parts
            .columns
            .iter()
            .any(|known| known.name_bytes == column.name_bytes);
        if !known && matches!(column.kind, ColumnKind::Static | ColumnKind::Regular) {
            parts.columns.push(column.clone());
        }
    }
}

/// Returns the user-defined types so that each comes after those that it uses.
pub(super) fn types_in_order(keyspace: &KeyspaceDefinition) -> Vec<&TypeDefinition> {
    let mut ordered = Vec::new();
    let mut seen = BTreeSet::new();
    for definition in keyspace.types.values() {
        visit(keyspace, definition, &mut seen, &mut ordered);
    }
    ordered
}

/// Each type is visited once, so this ends for types that contain each other, too.
fn visit<'a>(
    keyspace: &'a KeyspaceDefinition,
    definition: &'a TypeDefinition,
    seen: &mut BTreeSet<&'a str>,
    ordered: &mut Vec<&'a TypeDefinition>,
) {
    if !seen.insert(&definition.name) {
        return;
    }
    for field in &definition.fields {
        let Ok(ty) = TypeText::parse(&field.type_text) else {
            continue;
        };
        let mut used = Vec::new();
        ty.user_types(&mut |name| used.push(Box::<str>::from(name)));
        for name in used {
            if let Some(used) = keyspace.types.get(&name) {
                visit(keyspace, used, seen, ordered);
            }
        }
    }
    ordered.push(definition);
}
