//! From the file to the catalogue.

use std::{collections::BTreeMap, sync::Arc};

use cassandra_commitlog::{
    Position,
    schema::{ColumnKind, TableFlags, TableId, TableSchema},
};
use uuid::Uuid;

use super::{ImportError, format};
use crate::schema::{
    Catalogue, Seed, SystemTables, TableVersion, TypeText,
    definition::{
        ColumnDefinition, DroppedColumnDefinition, FieldDefinition, IndexDefinition, KeyspaceDefinition,
        OpaqueDefinition, OptionValue, TableDefinition, TypeDefinition, ViewDefinition,
    },
    resolve::{TypeResolver, add_missing_columns},
    rows::SchemaTable,
    value::unhex,
};

impl Seed {
    /// Reads an exported file as a seed; its history, if it has one, is not used. [`Seed::up_to`] is not set:
    /// set it if the log to be read is that of the node that the file is from.
    pub fn from_export(text: &str) -> Result<Self, ImportError> {
        seed(file(text)?.keyspaces)
    }
}

impl Catalogue {
    /// Returns the catalogue that [`Catalogue::export`] wrote with its history: it goes on where that one stood.
    /// Without history in the file it is a catalogue with the file as its seed.
    pub fn import(text: &str) -> Result<Self, ImportError> {
        let file = file(text)?;
        let mut catalogue = Self::new();
        let seed = seed(file.keyspaces)?;
        let Some(history) = file.history else {
            catalogue.seed(&seed);
            return Ok(catalogue);
        };
        for deletion in history.deletions {
            let table = SchemaTable::from_name(&deletion.schema_table)
                .ok_or_else(|| invalid("schema_table", &deletion.schema_table))?;
            let rows = catalogue.rows.keyspaces.entry(deletion.keyspace).or_default();
            rows.remember_deletion(table, deletion.name, deletion.deleted_at);
        }
        for version in history.versions {
            restore_version(&mut catalogue, version)?;
        }
        for versions in catalogue.tables.values_mut() {
            versions.sort_by_key(|version| version.position);
        }
        let position = file.position.as_deref().map(position).transpose()?;
        catalogue.restore_rows(&seed);
        if let Some(seeds) = history.seeds {
            restore_standing(&mut catalogue, &seeds)?;
        }
        catalogue.restore(&seed, position);
        Ok(catalogue)
    }
}

/// Gives the rows the standing to the log that they had.
fn restore_standing(catalogue: &mut Catalogue, seeds: &format::Seeds) -> Result<(), ImportError> {
    catalogue.seeded_up_to = seeds.up_to.as_deref().map(position).transpose()?;
    for rows in catalogue.rows.keyspaces.values_mut() {
        rows.forget_standing();
    }
    for row in &seeds.rows {
        let table = SchemaTable::from_name(&row.schema_table)
            .ok_or_else(|| invalid("schema_table", &row.schema_table))?;
        if let Some(rows) = catalogue.rows.keyspaces.get_mut(&row.keyspace) {
            rows.set_standing(table, &row.name, (row.seed, row.seeded_at, row.rewound));
        }
    }
    Ok(())
}

fn invalid(field: &'static str, value: &str) -> ImportError {
    ImportError::Invalid { field, value: value.into() }
}

fn file(text: &str) -> Result<format::File, ImportError> {
    let value: serde_json::Value = serde_json::from_str(text)?;
    // First the version: a newer file may differ in anything else.
    let version =
        value.get("ringtap_schema").and_then(serde_json::Value::as_u64).ok_or(ImportError::NotASchema)?;
    if version != format::VERSION {
        return Err(ImportError::UnknownVersion(version));
    }
    Ok(serde_json::from_str(text)?)
}

fn position(text: &str) -> Result<Position, ImportError> {
    text.parse().map_err(|_| invalid("position", text))
}

fn seed(keyspaces: Vec<format::Keyspace>) -> Result<Seed, ImportError> {
    let mut seed = Seed::default();
    for exported in keyspaces {
        set_times(&mut seed, &exported);
        let keyspace = keyspace(exported)?;
        seed.keyspaces.insert(keyspace.name.clone(), keyspace);
    }
    Ok(seed)
}

fn set_times(seed: &mut Seed, keyspace: &format::Keyspace) {
    let mut set = |table: SchemaTable, key: &[&str], time: Option<i64>| {
        if let Some(time) = time {
            seed.set_write_time(table.name(), &keyspace.name, key, time);
        }
    };
    set(SchemaTable::Keyspaces, &[], keyspace.write_time);
    for definition in &keyspace.types {
        set(SchemaTable::Types, &[&definition.name], definition.write_time);
    }
    for table in keyspace.tables.iter().chain(&keyspace.views) {
        let name = &*table.name;
        let schema_table = if table.view.is_some() { SchemaTable::Views } else { SchemaTable::Tables };
        set(schema_table, &[name], table.write_time);
        for column in &table.columns {
            set(SchemaTable::Columns, &[name, &column.name], column.write_time);
        }
        for dropped in &table.dropped {
            set(SchemaTable::DroppedColumns, &[name, &dropped.name], dropped.write_time);
        }
        for index in &table.indexes {
            set(SchemaTable::Indexes, &[name, &index.name], index.write_time);
        }
    }
    for opaque in &keyspace.opaque {
        if let Some(table) = SchemaTable::from_name(&opaque.schema_table) {
            let key: Vec<&str> = opaque.name.iter().map(String::as_str).collect();
            set(table, &key, opaque.write_time);
        }
    }
}

fn keyspace(exported: format::Keyspace) -> Result<KeyspaceDefinition, ImportError> {
    let mut keyspace = KeyspaceDefinition::new(&exported.name);
    keyspace.replication = exported.replication;
    keyspace.durable_writes = exported.durable_writes;
    keyspace.types = types(exported.types)?;
    for exported in exported.tables.into_iter().chain(exported.views) {
        let table = table(exported)?;
        let tables = if table.view.is_some() { &mut keyspace.views } else { &mut keyspace.tables };
        tables.insert(table.name.clone(), table);
    }
    let opaque = exported.opaque.into_iter().map(|opaque| OpaqueDefinition {
        schema_table: opaque.schema_table,
        name: opaque.name,
        cells: opaque.cells,
    });
    keyspace.opaque = opaque.collect();
    Ok(keyspace)
}

fn types(exported: Vec<format::Type>) -> Result<BTreeMap<Box<str>, TypeDefinition>, ImportError> {
    let mut types = BTreeMap::new();
    for exported in exported {
        let mut fields = Vec::new();
        for field in exported.fields {
            let type_text = type_text(&field.type_text)?;
            fields.push(FieldDefinition { name: field.name, type_text });
        }
        let name = exported.name.clone();
        types.insert(exported.name, TypeDefinition { name, fields });
    }
    Ok(types)
}

/// A type is brought to its one spelling, as files may be written by hand.
fn type_text(text: &str) -> Result<Box<str>, ImportError> {
    let ty = TypeText::parse(text).map_err(|_| invalid("type", text))?;
    Ok(ty.to_string().into())
}

fn table(exported: format::Table) -> Result<TableDefinition, ImportError> {
    let mut table = TableDefinition::new(&exported.name);
    table.id = exported.id.as_deref().map(id).transpose()?;
    table.flags = flags(&exported.flags)?;
    for exported in exported.columns {
        let mut column = ColumnDefinition::new(
            &exported.name,
            kind(&exported.kind)?,
            exported.position,
            &type_text(&exported.type_text)?,
        );
        if let Some(bytes) = exported.name_bytes {
            column.name_bytes = unhex(&bytes).ok_or_else(|| invalid("name_bytes", &bytes))?.into();
        }
        column.reversed = exported.reversed;
        table.columns.push(column);
    }
    for dropped in exported.dropped {
        table.dropped.push(DroppedColumnDefinition {
            type_text: type_text(&dropped.type_text)?,
            name: dropped.name,
            kind: kind(&dropped.kind)?,
            dropped_at: dropped.at,
        });
    }
    for (name, value) in exported.options {
        let option = option(&name, value)?;
        table.options.insert(name, option);
    }
    for index in exported.indexes {
        let definition =
            IndexDefinition { name: index.name.clone(), kind: index.kind, options: index.options };
        table.indexes.insert(index.name, definition);
    }
    if let Some(view) = exported.view {
        table.view = Some(ViewDefinition {
            base_table_id: view.base_table_id.as_deref().map(id).transpose()?,
            base_table: view.base_table,
            where_clause: view.where_clause,
            include_all_columns: view.include_all_columns,
        });
    }
    table.sort_columns();
    Ok(table)
}

fn id(text: &str) -> Result<TableId, ImportError> {
    let uuid = Uuid::parse_str(text).map_err(|_| invalid("id", text))?;
    Ok(TableId(uuid))
}

fn flags(names: &[Box<str>]) -> Result<TableFlags, ImportError> {
    let mut flags = TableFlags { compound: false, ..TableFlags::CQL };
    for name in names {
        match &**name {
            "compound" => flags.compound = true,
            "counter" => flags.counter = true,
            "dense" => flags.dense = true,
            "super" => flags.super_column_family = true,
            other => return Err(invalid("flags", other)),
        }
    }
    Ok(flags)
}

fn kind(name: &str) -> Result<ColumnKind, ImportError> {
    Ok(match name {
        "partition_key" => ColumnKind::PartitionKey,
        "clustering" => ColumnKind::Clustering,
        "static" => ColumnKind::Static,
        "regular" => ColumnKind::Regular,
        other => return Err(invalid("kind", other)),
    })
}

fn option(name: &str, value: serde_json::Value) -> Result<OptionValue, ImportError> {
    Ok(match value {
        serde_json::Value::String(text) => OptionValue::Text(text),
        serde_json::Value::Bool(value) => OptionValue::Boolean(value),
        serde_json::Value::Number(number) => match (number.as_i64(), number.as_f64()) {
            (Some(number), _) => OptionValue::Integer(number),
            (None, Some(number)) => OptionValue::Float(number),
            (None, None) => return Err(invalid("options", name)),
        },
        serde_json::Value::Object(map) => {
            let mut texts = BTreeMap::new();
            for (key, value) in map {
                let serde_json::Value::String(text) = value else {
                    return Err(invalid("options", name));
                };
                texts.insert(key, text);
            }
            if name == "extensions" {
                let blobs = texts.into_iter().map(|(key, text)| Some((key, unhex(&text)?)));
                OptionValue::BlobMap(blobs.collect::<Option<_>>().ok_or_else(|| invalid("options", name))?)
            } else {
                OptionValue::Map(texts)
            }
        }
        serde_json::Value::Null | serde_json::Value::Array(_) => return Err(invalid("options", name)),
    })
}

fn restore_version(catalogue: &mut Catalogue, exported: format::Version) -> Result<(), ImportError> {
    let position = exported.position.as_deref().map_or(Ok(Position::START), position)?;
    let mut keyspace = KeyspaceDefinition::new(&exported.keyspace);
    keyspace.types = types(exported.types)?;
    let table = table(exported.table)?;
    let Some(id) = table.id else {
        return Err(invalid("id", "none in a version"));
    };
    let mut parts =
        TypeResolver::new(&keyspace).table(id, &table).map_err(|_| invalid("type", &table.name))?;
    if let Some(builtin) = SystemTables::get().table(id) {
        add_missing_columns(&mut parts, builtin);
    }
    catalogue.tables.entry(id).or_default().push(TableVersion {
        position,
        schema: Arc::new(TableSchema::new(parts)),
        definition: Arc::new(table),
    });
    Ok(())
}
