//! Reads the statements about tables and views.

use cassandra_commitlog::schema::{ColumnKind, TableFlags, TableId};

use super::{
    cursor::{Cursor, Read},
    lexer::TokenKind,
    properties::{options, properties},
    read_type::read_type,
    reader::renames,
    statement::{NewView, Properties, Statement, TableChange},
};
use crate::schema::definition::{ColumnDefinition, TableDefinition};

/// Reads what follows `CREATE TABLE`.
pub(super) fn create_table(cursor: &mut Cursor<'_>) -> Read<Statement> {
    let if_not_exists = cursor.if_not_exists();
    let name = cursor.qualified("a table's name")?;
    cursor.expect_symbol('(')?;
    let elements = cursor.list(')', element)?;
    let mut columns = Vec::new();
    let mut key = None;
    for element in elements {
        match element {
            Element::Column(column, is_key) => {
                if is_key {
                    key = Some((vec![column.name.clone()], Vec::new()));
                }
                columns.push(column);
            }
            Element::Key(partition, clustering) => key = Some((partition, clustering)),
        }
    }
    let Some((partition, clustering)) = key else {
        return Err(cursor.error("a `PRIMARY KEY` before this"));
    };
    let properties = if cursor.word("with") { properties(cursor)? } else { Properties::default() };
    let mut table = TableDefinition::new(&name.name);
    table.columns = columns;
    set_key(cursor, &mut table, &partition, &clustering)?;
    set_properties(cursor, &mut table, properties)?;
    Ok(Statement::CreateTable { name, if_not_exists, table: Box::new(table) })
}

type Names = Vec<Box<str>>;

enum Element {
    /// A column, and whether `PRIMARY KEY` follows it.
    Column(ColumnDefinition, bool),
    /// Partition key and clustering.
    Key(Names, Names),
}

fn element(cursor: &mut Cursor<'_>) -> Read<Element> {
    if cursor.words(&["primary", "key"]) {
        let (partition, clustering) = primary_key(cursor)?;
        return Ok(Element::Key(partition, clustering));
    }
    let column = column(cursor)?;
    let is_key = cursor.words(&["primary", "key"]);
    Ok(Element::Column(column, is_key))
}

/// Reads `(a, b)` or `((a, b), c)`.
fn primary_key(cursor: &mut Cursor<'_>) -> Read<(Names, Names)> {
    let name = |cursor: &mut Cursor<'_>| cursor.name("a column");
    cursor.expect_symbol('(')?;
    let partition = if cursor.symbol('(') { cursor.list(')', name)? } else { vec![name(cursor)?] };
    if cursor.symbol(')') {
        return Ok((partition, Vec::new()));
    }
    cursor.expect_symbol(',')?;
    let clustering = cursor.list(')', name)?;
    Ok((partition, clustering))
}

/// Reads `name type [STATIC] [MASKED WITH …]`.
fn column(cursor: &mut Cursor<'_>) -> Read<ColumnDefinition> {
    let name = cursor.name("a column")?;
    let type_text = read_type(cursor)?.to_string();
    let kind = if cursor.word("static") { ColumnKind::Static } else { ColumnKind::Regular };
    let mut column = ColumnDefinition::new(&name, kind, 0, &type_text);
    if cursor.words(&["masked", "with"]) {
        column.mask = Some(mask(cursor).into());
    }
    Ok(column)
}

/// Goes over a mask: `DEFAULT` or a function call. Returns its text.
fn mask<'a>(cursor: &mut Cursor<'a>) -> &'a str {
    let start = cursor.offset();
    let mut depth = 0_usize;
    while let Some(token) = cursor.peek() {
        match token {
            TokenKind::Symbol('(') => depth += 1,
            TokenKind::Symbol(')') if depth > 0 => depth -= 1,
            TokenKind::Symbol(')' | ',' | ';') if depth == 0 => break,
            TokenKind::Word(word) if depth == 0 && word == "primary" => break,
            _ => {}
        }
        cursor.advance();
    }
    cursor.text_between(start, cursor.previous_end())
}

fn set_key(
    cursor: &Cursor<'_>,
    table: &mut TableDefinition,
    partition: &[Box<str>],
    clustering: &[Box<str>],
) -> Read<()> {
    for (kind, names) in [(ColumnKind::PartitionKey, partition), (ColumnKind::Clustering, clustering)] {
        for (position, name) in names.iter().enumerate() {
            let Some(column) = table.columns.iter_mut().find(|column| column.name == *name) else {
                return Err(cursor.error(format!("a definition of key column `{name}` before this")));
            };
            column.kind = kind;
            column.position = position as u16;
        }
    }
    Ok(())
}

fn set_properties(cursor: &Cursor<'_>, table: &mut TableDefinition, properties: Properties) -> Read<()> {
    table.id = properties.id.map(TableId);
    table.options = properties.options;
    table.dropped = properties.dropped;
    set_order(cursor, table, &properties.clustering_order)?;
    table.flags.counter = table.columns.iter().any(|column| &*column.type_text == "counter");
    if properties.compact_storage {
        make_compact(table);
    }
    table.sort_columns();
    Ok(())
}

fn set_order(cursor: &Cursor<'_>, table: &mut TableDefinition, order: &[(Box<str>, bool)]) -> Read<()> {
    for (name, reversed) in order {
        let Some(column) = table
            .columns
            .iter_mut()
            .find(|column| column.name == *name && column.kind == ColumnKind::Clustering)
        else {
            return Err(cursor.error(format!("`{name}` in the clustering order to be a clustering column")));
        };
        column.reversed = *reversed;
    }
    Ok(())
}

/// Gives a table the layout of `COMPACT STORAGE`, hidden columns included.
fn make_compact(table: &mut TableDefinition) {
    let clusterings = table.columns_of(ColumnKind::Clustering).count();
    let has_regular = table.columns_of(ColumnKind::Regular).next().is_some();
    let counter = table.flags.counter;
    table.flags =
        TableFlags { compound: clusterings > 1, counter, dense: clusterings > 0, super_column_family: false };
    if clusterings == 0 {
        for column in &mut table.columns {
            if column.kind == ColumnKind::Regular {
                column.kind = ColumnKind::Static;
            }
        }
        let value_type = if counter { "counter" } else { "blob" };
        add_hidden(table, &["column1", "column2", "column3"], ColumnKind::Clustering, "text");
        add_hidden(table, &["value", "value1", "value2"], ColumnKind::Regular, value_type);
    } else if !has_regular {
        add_hidden(table, &["value", "value1", "value2"], ColumnKind::Regular, "empty");
    }
}

/// Adds a hidden column by the first name that is free (`CompactTables.DefaultNames`).
fn add_hidden(table: &mut TableDefinition, names: &[&str], kind: ColumnKind, type_text: &str) {
    let free = names.iter().find(|name| table.column(name).is_none());
    if let Some(name) = free {
        table.columns.push(ColumnDefinition::new(name, kind, 0, type_text));
    }
}

/// Reads what follows `ALTER TABLE`.
pub(super) fn alter_table(cursor: &mut Cursor<'_>) -> Read<Statement> {
    cursor.if_exists();
    let name = cursor.qualified("a table's name")?;
    let change = table_change(cursor)?;
    Ok(Statement::AlterTable { name, change })
}

fn table_change(cursor: &mut Cursor<'_>) -> Read<TableChange> {
    if cursor.word("add") {
        cursor.if_not_exists();
        return Ok(TableChange::Add(maybe_enclosed(cursor, column)?));
    }
    if cursor.words(&["drop", "compact", "storage"]) {
        return Ok(TableChange::DropCompactStorage);
    }
    if cursor.word("drop") {
        cursor.if_exists();
        let columns = maybe_enclosed(cursor, |cursor| cursor.name("a column"))?;
        let at = if cursor.words(&["using", "timestamp"]) {
            Some(cursor.integer("a time in microseconds")?)
        } else {
            None
        };
        return Ok(TableChange::Drop { columns, at });
    }
    if cursor.word("rename") {
        cursor.if_exists();
        return Ok(TableChange::Rename(renames(cursor)?));
    }
    if cursor.word("with") {
        return Ok(TableChange::With(options(cursor)?));
    }
    if cursor.word("alter") {
        cursor.if_exists();
        let column = cursor.name("a column")?;
        if cursor.word("type") {
            let type_text = read_type(cursor)?.to_string().into();
            return Ok(TableChange::AlterType { column, type_text });
        }
        if cursor.words(&["masked", "with"]) || cursor.words(&["drop", "masked"]) {
            cursor.skip_statement();
            return Ok(TableChange::Mask);
        }
        return Err(cursor.error("`TYPE` or `MASKED`"));
    }
    Err(cursor.error("`ADD`, `DROP`, `RENAME`, `ALTER` or `WITH`"))
}

/// Reads items separated by commas, in parentheses or not.
fn maybe_enclosed<'a, T>(
    cursor: &mut Cursor<'a>,
    mut item: impl FnMut(&mut Cursor<'a>) -> Read<T>,
) -> Read<Vec<T>> {
    if cursor.symbol('(') {
        return cursor.list(')', item);
    }
    let mut items = vec![item(cursor)?];
    while cursor.symbol(',') {
        items.push(item(cursor)?);
    }
    Ok(items)
}

/// Reads what follows `CREATE MATERIALIZED VIEW`.
pub(super) fn create_view(cursor: &mut Cursor<'_>) -> Read<Statement> {
    let if_not_exists = cursor.if_not_exists();
    let name = cursor.qualified("a view's name")?;
    cursor.expect_word("as")?;
    cursor.expect_word("select")?;
    let select = if cursor.symbol('*') {
        None
    } else {
        let mut columns = vec![cursor.name("a column or `*`")?];
        while cursor.symbol(',') {
            columns.push(cursor.name("a column")?);
        }
        Some(columns)
    };
    cursor.expect_word("from")?;
    let base = cursor.qualified("the base table's name")?;
    cursor.expect_word("where")?;
    let start = cursor.offset();
    while !cursor.words(&["primary", "key"]) {
        if cursor.is_at_end() || cursor.peek() == Some(&TokenKind::Symbol(';')) {
            return Err(cursor.error("`PRIMARY KEY`"));
        }
        cursor.advance();
    }
    let where_clause = where_text(cursor, start);
    let (partition_key, clustering) = primary_key(cursor)?;
    let properties = if cursor.word("with") { properties(cursor)? } else { Properties::default() };
    Ok(Statement::CreateView {
        name,
        if_not_exists,
        view: Box::new(NewView { base, select, where_clause, partition_key, clustering, properties }),
    })
}

/// Returns the text from an offset up to the `PRIMARY KEY` just read.
fn where_text(cursor: &Cursor<'_>, start: usize) -> Box<str> {
    let text = cursor.text_between(start, cursor.previous_end()).trim_end();
    let without_key = text.get(..text.len().saturating_sub("key".len())).unwrap_or("");
    let without_key = without_key.trim_end();
    let clause = without_key.get(..without_key.len().saturating_sub("primary".len())).unwrap_or("");
    clause.trim().into()
}
