//! From the catalogue to the file.

use std::collections::BTreeSet;

use cassandra_commitlog::{
    Position,
    schema::TableSchema,
    types::{CqlType, UserType},
};

use super::format;
use crate::schema::{
    Catalogue, TableVersion,
    definition::{ColumnDefinition, KeyspaceDefinition, OptionValue, TableDefinition},
    rows::{KeyspaceRows, LOCAL_KEYSPACES, RawRow, SchemaTable},
    seed::{UNKNOWN_TIME, flag_names, kind_name},
    value::hex,
};

impl Catalogue {
    /// Returns the catalogue as JSON text, the same for the same content: keyspaces, tables and so on in order
    /// of their names. `system` and `system_schema`, which are built in, are left out.
    ///
    /// With `history` it is all that [`Catalogue::import`] needs to go on where this catalogue stands: earlier
    /// versions of tables with their positions, and deletions.
    pub fn export(&self, history: bool) -> String {
        let rows = |name: &str| self.rows.keyspaces.get(name).cloned().unwrap_or_default();
        let keyspaces = self
            .keyspaces()
            .filter(|keyspace| !LOCAL_KEYSPACES.contains(&&*keyspace.name))
            .map(|definition| keyspace(definition, &Times(&rows(&definition.name))));
        let file = format::File {
            ringtap_schema: format::VERSION,
            position: self.applied_up_to.map(|position| position.to_string()),
            keyspaces: keyspaces.collect(),
            history: history.then(|| format::History {
                versions: versions(self),
                deletions: deletions(self),
                seeds: Some(seeds(self)),
            }),
        };
        // Strings, numbers and maps with text keys always have a JSON text.
        serde_json::to_string_pretty(&file).unwrap_or_default() + "\n"
    }
}

/// Write times of one keyspace's rows.
struct Times<'a>(&'a KeyspaceRows);

impl Times<'_> {
    fn of(&self, table: SchemaTable, key: &[&str]) -> Option<i64> {
        let key: Vec<String> = key.iter().map(|part| (*part).to_owned()).collect();
        let written_at = self.0.row(table, &key).and_then(RawRow::written_at)?;
        (written_at != UNKNOWN_TIME).then_some(written_at)
    }
}

fn keyspace(keyspace: &KeyspaceDefinition, times: &Times<'_>) -> format::Keyspace {
    let types = keyspace.types.values().map(|definition| format::Type {
        name: definition.name.clone(),
        fields: fields(definition.fields.iter().map(|field| (&field.name, &field.type_text))),
        write_time: times.of(SchemaTable::Types, &[&definition.name]),
    });
    let opaque = keyspace.opaque.iter().map(|opaque| format::Opaque {
        schema_table: opaque.schema_table.clone(),
        name: opaque.name.clone(),
        cells: opaque.cells.clone(),
        write_time: SchemaTable::from_name(&opaque.schema_table).and_then(|table| {
            let key: Vec<&str> = opaque.name.iter().map(String::as_str).collect();
            times.of(table, &key)
        }),
    });
    format::Keyspace {
        name: keyspace.name.clone(),
        replication: keyspace.replication.clone(),
        durable_writes: keyspace.durable_writes,
        write_time: times.of(SchemaTable::Keyspaces, &[]),
        types: types.collect(),
        tables: keyspace.tables.values().map(|definition| table(definition, times)).collect(),
        views: keyspace.views.values().map(|definition| table(definition, times)).collect(),
        opaque: opaque.collect(),
    }
}

fn fields<'a>(fields: impl Iterator<Item = (&'a Box<str>, &'a Box<str>)>) -> Vec<format::Field> {
    let fields =
        fields.map(|(name, type_text)| format::Field { name: name.clone(), type_text: type_text.clone() });
    fields.collect()
}

fn table(table: &TableDefinition, times: &Times<'_>) -> format::Table {
    let name = &*table.name;
    let dropped = table.dropped.iter().map(|dropped| format::Dropped {
        name: dropped.name.clone(),
        kind: kind_name(dropped.kind).into(),
        type_text: dropped.type_text.clone(),
        at: dropped.dropped_at,
        write_time: times.of(SchemaTable::DroppedColumns, &[name, &dropped.name]),
    });
    let indexes = table.indexes.values().map(|index| format::Index {
        name: index.name.clone(),
        kind: index.kind.clone(),
        options: index.options.clone(),
        write_time: times.of(SchemaTable::Indexes, &[name, &index.name]),
    });
    let options = table.options.iter().map(|(name, value)| (name.clone(), option(value)));
    let schema_table = if table.view.is_some() { SchemaTable::Views } else { SchemaTable::Tables };
    format::Table {
        name: table.name.clone(),
        id: table.id.map(|id| id.to_string()),
        flags: flag_names(table.flags).into_iter().map(Into::into).collect(),
        columns: table.columns.iter().map(|definition| column(definition, name, times)).collect(),
        dropped: dropped.collect(),
        options: options.collect(),
        indexes: indexes.collect(),
        view: table.view.as_ref().map(|view| format::View {
            base_table_id: view.base_table_id.map(|id| id.to_string()),
            base_table: view.base_table.clone(),
            where_clause: view.where_clause.clone(),
            include_all_columns: view.include_all_columns,
        }),
        write_time: times.of(schema_table, &[name]),
    }
}

fn column(column: &ColumnDefinition, table: &str, times: &Times<'_>) -> format::Column {
    let plain = *column.name_bytes == *column.name.as_bytes();
    format::Column {
        name: column.name.clone(),
        name_bytes: (!plain).then(|| hex(&column.name_bytes)),
        kind: kind_name(column.kind).into(),
        position: column.position,
        type_text: column.type_text.clone(),
        reversed: column.reversed,
        write_time: times.of(SchemaTable::Columns, &[table, &column.name]),
    }
}

fn option(value: &OptionValue) -> serde_json::Value {
    match value {
        OptionValue::Text(text) => text.as_str().into(),
        OptionValue::Integer(number) => (*number).into(),
        OptionValue::Float(number) => (*number).into(),
        OptionValue::Boolean(value) => (*value).into(),
        OptionValue::Map(map) => map
            .iter()
            .map(|(key, value)| (key.clone(), value.as_str().into()))
            .collect::<serde_json::Map<_, _>>()
            .into(),
        OptionValue::BlobMap(map) => map
            .iter()
            .map(|(key, value)| (key.clone(), hex(value).into()))
            .collect::<serde_json::Map<_, _>>()
            .into(),
    }
}

fn versions(catalogue: &Catalogue) -> Vec<format::Version> {
    let mut ids: Vec<_> = catalogue.tables.keys().copied().collect();
    ids.sort_unstable();
    let nothing = KeyspaceRows::default();
    let mut versions = Vec::new();
    for id in ids {
        for version in catalogue.versions(id) {
            if LOCAL_KEYSPACES.contains(&version.schema.keyspace()) {
                continue;
            }
            versions.push(format::Version {
                keyspace: version.schema.keyspace().into(),
                position: position_text(version),
                types: used_types(&version.schema),
                table: table(&version.definition, &Times(&nothing)),
            });
        }
    }
    versions
}

fn position_text(version: &TableVersion) -> Option<String> {
    (version.position != Position::START).then(|| version.position.to_string())
}

/// Returns the user-defined types in a table's columns, each after those that it uses.
fn used_types(schema: &TableSchema) -> Vec<format::Type> {
    let mut types = Vec::new();
    let mut seen = BTreeSet::new();
    let keys = schema.partition_key().iter().chain(schema.clustering());
    for column in keys.chain(schema.values()) {
        collect_types(&column.ty, &mut seen, &mut types);
    }
    types
}

fn collect_types(ty: &CqlType, seen: &mut BTreeSet<Box<str>>, types: &mut Vec<format::Type>) {
    match ty {
        CqlType::List(element, _) | CqlType::Set(element, _) | CqlType::Vector(element, _) => {
            collect_types(element, seen, types);
        }
        CqlType::Map(entry, _) => {
            collect_types(&entry.0, seen, types);
            collect_types(&entry.1, seen, types);
        }
        CqlType::Tuple(parts) => parts.iter().for_each(|part| collect_types(part, seen, types)),
        CqlType::UserType(user_type, _) => collect_user_type(user_type, seen, types),
        _ => {}
    }
}

fn collect_user_type(user_type: &UserType, seen: &mut BTreeSet<Box<str>>, types: &mut Vec<format::Type>) {
    if !seen.insert(user_type.name.clone()) {
        return;
    }
    for field in &user_type.fields {
        collect_types(&field.ty, seen, types);
    }
    let fields = user_type
        .fields
        .iter()
        .map(|field| format::Field { name: field.name.clone(), type_text: field.ty.to_string().into() });
    types.push(format::Type { name: user_type.name.clone(), fields: fields.collect(), write_time: None });
}

fn deletions(catalogue: &Catalogue) -> Vec<format::Deletion> {
    let mut deletions = Vec::new();
    for (keyspace, rows) in &catalogue.rows.keyspaces {
        for (table, key, deleted_at) in rows.deletions() {
            deletions.push(format::Deletion {
                schema_table: table.name().into(),
                keyspace: keyspace.clone(),
                name: key.cloned(),
                deleted_at,
            });
        }
    }
    deletions
}

fn seeds(catalogue: &Catalogue) -> format::Seeds {
    let mut rows = Vec::new();
    for (keyspace, keyspace_rows) in &catalogue.rows.keyspaces {
        if LOCAL_KEYSPACES.contains(&&**keyspace) {
            continue;
        }
        for (table, key, row) in keyspace_rows.seeded() {
            rows.push(format::Standing {
                schema_table: table.name().into(),
                keyspace: keyspace.clone(),
                name: key.clone(),
                seed: row.seed,
                seeded_at: row.seeded_at,
                rewound: row.rewound,
            });
        }
    }
    format::Seeds { up_to: catalogue.seeded_up_to.map(|position| position.to_string()), rows }
}
