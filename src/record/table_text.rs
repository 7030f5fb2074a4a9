//! What is the same in all records of a table, written once.

use std::sync::Arc;

use cassandra_commitlog::{
    mutation::ColumnIndex,
    schema::{Column, TableSchema},
    types::{CqlType, NativeType},
};

use super::{
    Node,
    json_text::{push_optional, push_string},
};

/// Ready-made text for the records of one table at one schema.
#[derive(Debug)]
pub(super) struct TableText {
    schema: Arc<TableSchema>,
    /// `{"name":` for the first key column, `,"name":` for the others.
    key_names: Box<[Box<str>]>,
    /// How many of the clustering columns stand in keys: the hidden one of a static compact table does not.
    clustering_columns: usize,
    /// True if the key that names a row is the key as it was logged in any case: there are no decimals in clusterings.
    keys_are_as_logged: bool,
    /// `"name":{`, for each static and regular column.
    value_names: Box<[Box<str>]>,
    dropped_names: Box<[Box<str>]>,
    /// The source block up to the segment's id.
    source: Box<str>,
    fingerprint: Arc<str>,
}

impl TableText {
    pub(super) fn new(schema: Arc<TableSchema>, fingerprint: &str, node: &Node) -> Self {
        let clustering_columns =
            if schema.flags().is_static_compact() { 0 } else { schema.clustering().len() };
        let keys_are_as_logged =
            !schema.clustering().iter().take(clustering_columns).any(|column| may_hold_decimal(&column.ty));
        let keys = schema.partition_key().iter().chain(schema.clustering().iter().take(clustering_columns));
        let key_names = keys
            .enumerate()
            .map(|(at, column)| {
                let mut text = String::from(if at == 0 { "{" } else { "," });
                push_string(&column.name, &mut text);
                text.push(':');
                text.into()
            })
            .collect();
        let value_name = |column: &Column| {
            let mut text = String::new();
            push_string(&column.name, &mut text);
            text.push_str(":{");
            text.into()
        };
        let value_names = schema.values().iter().map(value_name).collect();
        let dropped_names = schema.dropped().iter().map(|dropped| value_name(&dropped.column)).collect();
        let source = source_text(&schema, fingerprint, node).into();
        Self {
            schema,
            key_names,
            clustering_columns,
            keys_are_as_logged,
            value_names,
            dropped_names,
            source,
            fingerprint: fingerprint.into(),
        }
    }

    pub(super) fn schema(&self) -> &Arc<TableSchema> {
        &self.schema
    }

    /// Returns the partition key columns with their text in a key.
    pub(super) fn partition_key(&self) -> impl Iterator<Item = (&Column, &str)> {
        self.schema.partition_key().iter().zip(self.key_names.iter().map(|name| &**name))
    }

    /// Returns the clustering columns that stand in keys, with their text.
    pub(super) fn clustering(&self) -> impl Iterator<Item = (&Column, &str)> {
        let names = self.key_names.iter().skip(self.schema.partition_key().len());
        self.schema.clustering().iter().take(self.clustering_columns).zip(names.map(|name| &**name))
    }

    /// Returns a column with its text in `cells`.
    pub(super) fn value(&self, index: ColumnIndex) -> Option<(&Column, &str)> {
        match index {
            ColumnIndex::Current(at) => {
                Some((self.schema.values().get(at as usize)?, self.value_names.get(at as usize)?))
            }
            ColumnIndex::Dropped(at) => {
                Some((&self.schema.dropped().get(at as usize)?.column, self.dropped_names.get(at as usize)?))
            }
        }
    }

    /// Returns true if keys have clustering columns: they don't always tell rows apart if not.
    pub(super) fn has_clustering_in_keys(&self) -> bool {
        self.clustering_columns > 0
    }

    /// Returns true if both ways to write a key's decimals give the same keys.
    pub(super) fn keys_are_as_logged(&self) -> bool {
        self.keys_are_as_logged
    }

    pub(super) fn fingerprint(&self) -> &Arc<str> {
        &self.fingerprint
    }

    pub(super) fn source(&self) -> &str {
        &self.source
    }
}

fn may_hold_decimal(ty: &CqlType) -> bool {
    match ty {
        CqlType::Native(native) => *native == NativeType::Decimal,
        CqlType::List(element, _) | CqlType::Set(element, _) | CqlType::Vector(element, _) => {
            may_hold_decimal(element)
        }
        CqlType::Map(entry, _) => may_hold_decimal(&entry.0) || may_hold_decimal(&entry.1),
        CqlType::Tuple(types) | CqlType::Composite(types) => types.iter().any(may_hold_decimal),
        CqlType::DynamicComposite(types) => types.iter().any(|(_, ty)| may_hold_decimal(ty)),
        CqlType::UserType(definition, _) => definition.fields.iter().any(|field| may_hold_decimal(&field.ty)),
        CqlType::Custom(_) => false,
        // Types that are not known here yet.
        _ => true,
    }
}

fn source_text(schema: &TableSchema, fingerprint: &str, node: &Node) -> String {
    let mut text = node_text(node);
    text.push_str(r#","keyspace":"#);
    push_string(schema.keyspace(), &mut text);
    text.push_str(r#","table":"#);
    push_string(schema.name(), &mut text);
    text.push_str(r#","table_id":""#);
    text.push_str(&schema.id().to_string());
    text.push_str(r#"","schema":"#);
    push_string(fingerprint, &mut text);
    text.push_str(r#","segment":"#);
    text
}

/// Returns the source block's part that says which node it is.
pub(super) fn node_text(node: &Node) -> String {
    let mut text = String::from(r#","source":{"cluster":"#);
    push_optional(node.cluster.as_deref(), &mut text);
    text.push_str(r#","host_id":"#);
    push_optional(node.host_id.as_deref(), &mut text);
    text
}
