//! Table schemas for reading rows, from definitions.

use std::{
    cell::RefCell,
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use cassandra_commitlog::{
    schema::{Column, ColumnKind, DroppedColumn, TableDefinition as SchemaParts, TableId, TableSchema},
    types::{CqlType, UserType, UserTypeField, UserTypeLookup},
};

use super::{
    definition::{ColumnDefinition, KeyspaceDefinition, TableDefinition, TypeDefinition},
    type_text::{TypeError, TypeText},
};

/// Resolves the types of one keyspace, each user-defined type once.
pub(super) struct TypeResolver<'a> {
    keyspace: &'a KeyspaceDefinition,
    user_types: BTreeMap<Box<str>, Arc<UserType>>,
    /// Types by their text: a keyspace has few types and many columns.
    known: RefCell<BTreeMap<Box<str>, CqlType>>,
}

impl UserTypeLookup for TypeResolver<'_> {
    fn user_type(&self, keyspace: &str, name: &str) -> Option<Arc<UserType>> {
        if keyspace != &*self.keyspace.name {
            return None;
        }
        self.user_types.get(name).cloned()
    }
}

impl<'a> TypeResolver<'a> {
    /// Resolves the keyspace's user-defined types. One that cannot be is unknown to those that use it.
    pub(super) fn new(keyspace: &'a KeyspaceDefinition) -> Self {
        let mut resolver = Self { keyspace, user_types: BTreeMap::new(), known: RefCell::default() };
        for definition in types_in_order(keyspace) {
            if let Ok(fields) = resolver.fields(definition) {
                let user_type =
                    UserType { keyspace: keyspace.name.clone(), name: definition.name.clone(), fields };
                resolver.user_types.insert(definition.name.clone(), Arc::new(user_type));
            }
        }
        resolver
    }

    fn resolve(&self, type_text: &str) -> Result<CqlType, TypeError> {
        if let Some(known) = self.known.borrow().get(type_text) {
            return Ok(known.clone());
        }
        let ty = CqlType::parse(type_text, &self.keyspace.name, self)
            .map_err(|source| TypeError { text: type_text.into(), source })?;
        self.known.borrow_mut().insert(type_text.into(), ty.clone());
        Ok(ty)
    }

    /// What is nested in a user-defined type is frozen, whether or not its text says so.
    fn fields(&self, definition: &TypeDefinition) -> Result<Box<[UserTypeField]>, TypeError> {
        let mut fields = Vec::new();
        for field in &definition.fields {
            let mut ty = self.resolve(&field.type_text)?;
            if ty.is_multi_cell() {
                ty = self.resolve(&format!("frozen<{}>", field.type_text))?;
            }
            let name = field.name.clone();
            fields.push(UserTypeField { name, ty });
        }
        Ok(fields.into())
    }

    /// Returns what reading the table's rows needs.
    pub(super) fn table(&self, id: TableId, table: &TableDefinition) -> Result<SchemaParts, TypeError> {
        let mut columns = Vec::new();
        for column in &table.columns {
            columns.push(self.column(column)?);
        }
        let mut dropped = Vec::new();
        for column in &table.dropped {
            let parts = ColumnDefinition::new(&column.name, column.kind, 0, &column.type_text);
            dropped.push(DroppedColumn { column: self.column(&parts)?, dropped_at: column.dropped_at });
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

    fn column(&self, column: &ColumnDefinition) -> Result<Column, TypeError> {
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

/// Adds the static and regular columns of another schema that are neither there nor dropped. Each update in the
/// log names its columns, so a superset reads the rows of every version.
pub(super) fn add_missing_columns(parts: &mut SchemaParts, other: &TableSchema) {
    for column in other.values() {
        let columns = parts.columns.iter();
        let dropped = parts.dropped.iter().map(|dropped| &dropped.column);
        let known = columns.chain(dropped).any(|known| known.name_bytes == column.name_bytes);
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
