//! Reads CQL text into statements.

use super::{
    cursor::{Cursor, Read},
    error::{CqlError, line_and_column},
    lexer::{TokenKind, tokenize},
    properties::{options, value_map},
    read_table::{alter_table, create_table, create_view},
    read_type::read_type,
    statement::{LocatedStatement, NewIndex, Options, Statement, TypeChange},
};
use crate::schema::{definition::FieldDefinition, type_text::TypeText};

/// Reads all statements of a text.
///
/// # Errors
/// The first thing that does not fit, with line and column. Statements that do not define keyspaces, types,
/// tables, views or indexes are skipped up to their `;` and never fail.
pub fn parse_statements(text: &str) -> Result<Vec<LocatedStatement>, CqlError> {
    let tokens = tokenize(text)?;
    let mut cursor = Cursor::new(text, &tokens);
    let mut statements = Vec::new();
    while !cursor.is_at_end() {
        if cursor.symbol(';') {
            continue;
        }
        let (line, column) = line_and_column(text, cursor.offset());
        let statement = statement(&mut cursor)?;
        if !cursor.is_at_end() && !cursor.symbol(';') {
            return Err(cursor.error("`;`"));
        }
        statements.push(LocatedStatement { line, column, statement });
    }
    Ok(statements)
}

/// Reads a text that is one type.
pub(in crate::schema) fn parse_type(text: &str) -> Result<TypeText, CqlError> {
    let tokens = tokenize(text)?;
    let mut cursor = Cursor::new(text, &tokens);
    let ty = read_type(&mut cursor)?;
    if cursor.is_at_end() { Ok(ty) } else { Err(cursor.error("the end of the type")) }
}

fn statement(cursor: &mut Cursor<'_>) -> Read<Statement> {
    let found = match cursor.peek() {
        Some(TokenKind::Word(word)) => match word.as_str() {
            "create" => create(cursor)?,
            "alter" => alter(cursor)?,
            "drop" => drop_statement(cursor)?,
            "use" => {
                cursor.advance();
                Some(Statement::Use(cursor.name("a keyspace")?))
            }
            _ => None,
        },
        _ => return Err(cursor.error("a statement")),
    };
    if let Some(statement) = found {
        return Ok(statement);
    }
    let mut words = Vec::new();
    while words.len() < 3 {
        let Some(TokenKind::Word(word)) = cursor.peek_at(words.len()) else {
            break;
        };
        words.push(word.to_uppercase());
    }
    cursor.skip_statement();
    Ok(Statement::Skipped(words.join(" ")))
}

fn create(cursor: &mut Cursor<'_>) -> Read<Option<Statement>> {
    if cursor.words(&["create", "keyspace"]) || cursor.words(&["create", "schema"]) {
        let if_not_exists = cursor.if_not_exists();
        let name = cursor.name("a keyspace")?;
        let options = with_options(cursor)?;
        return Ok(Some(Statement::CreateKeyspace { name, if_not_exists, options }));
    }
    if cursor.words(&["create", "type"]) {
        let if_not_exists = cursor.if_not_exists();
        let name = cursor.qualified("a type's name")?;
        cursor.expect_symbol('(')?;
        let fields = cursor.list(')', field)?;
        return Ok(Some(Statement::CreateType { name, if_not_exists, fields }));
    }
    if cursor.words(&["create", "table"]) || cursor.words(&["create", "columnfamily"]) {
        return create_table(cursor).map(Some);
    }
    if cursor.words(&["create", "materialized", "view"]) {
        return create_view(cursor).map(Some);
    }
    if cursor.words(&["create", "index"]) {
        return create_index(cursor, false).map(Some);
    }
    if cursor.words(&["create", "custom", "index"]) {
        return create_index(cursor, true).map(Some);
    }
    Ok(None)
}

fn alter(cursor: &mut Cursor<'_>) -> Read<Option<Statement>> {
    if cursor.words(&["alter", "keyspace"]) || cursor.words(&["alter", "schema"]) {
        cursor.if_exists();
        let name = cursor.name("a keyspace")?;
        let options = with_options(cursor)?;
        return Ok(Some(Statement::AlterKeyspace { name, options }));
    }
    if cursor.words(&["alter", "type"]) {
        cursor.if_exists();
        let name = cursor.qualified("a type's name")?;
        let change = type_change(cursor)?;
        return Ok(Some(Statement::AlterType { name, change }));
    }
    if cursor.words(&["alter", "table"]) || cursor.words(&["alter", "columnfamily"]) {
        return alter_table(cursor).map(Some);
    }
    if cursor.words(&["alter", "materialized", "view"]) {
        cursor.if_exists();
        let name = cursor.qualified("a view's name")?;
        let options = with_options(cursor)?;
        return Ok(Some(Statement::AlterView { name, options }));
    }
    Ok(None)
}

fn drop_statement(cursor: &mut Cursor<'_>) -> Read<Option<Statement>> {
    if cursor.words(&["drop", "keyspace"]) || cursor.words(&["drop", "schema"]) {
        cursor.if_exists();
        let name = cursor.name("a keyspace")?;
        return Ok(Some(Statement::DropKeyspace { name }));
    }
    if cursor.words(&["drop", "type"]) {
        cursor.if_exists();
        let name = cursor.qualified("a type's name")?;
        return Ok(Some(Statement::DropType { name }));
    }
    if cursor.words(&["drop", "table"]) || cursor.words(&["drop", "columnfamily"]) {
        cursor.if_exists();
        let name = cursor.qualified("a table's name")?;
        return Ok(Some(Statement::DropTable { name }));
    }
    if cursor.words(&["drop", "materialized", "view"]) {
        cursor.if_exists();
        let name = cursor.qualified("a view's name")?;
        return Ok(Some(Statement::DropView { name }));
    }
    if cursor.words(&["drop", "index"]) {
        cursor.if_exists();
        let name = cursor.qualified("an index's name")?;
        return Ok(Some(Statement::DropIndex { name }));
    }
    Ok(None)
}

fn with_options(cursor: &mut Cursor<'_>) -> Read<Options> {
    if cursor.word("with") { options(cursor) } else { Ok(Options::new()) }
}

fn field(cursor: &mut Cursor<'_>) -> Read<FieldDefinition> {
    let name = cursor.name("a field's name")?;
    let type_text = read_type(cursor)?.to_string().into();
    Ok(FieldDefinition { name, type_text })
}

fn type_change(cursor: &mut Cursor<'_>) -> Read<TypeChange> {
    if cursor.word("add") {
        cursor.if_not_exists();
        let mut fields = vec![field(cursor)?];
        while cursor.symbol(',') {
            fields.push(field(cursor)?);
        }
        return Ok(TypeChange::Add(fields));
    }
    if cursor.word("rename") {
        cursor.if_exists();
        return Ok(TypeChange::Rename(renames(cursor)?));
    }
    if cursor.word("alter") {
        let name = cursor.name("a field's name")?;
        cursor.expect_word("type")?;
        let type_text = read_type(cursor)?.to_string().into();
        return Ok(TypeChange::Alter(FieldDefinition { name, type_text }));
    }
    Err(cursor.error("`ADD`, `RENAME` or `ALTER`"))
}

/// Reads `a TO b AND c TO d`.
pub(super) fn renames(cursor: &mut Cursor<'_>) -> Read<Vec<(Box<str>, Box<str>)>> {
    let mut pairs = Vec::new();
    loop {
        let from = cursor.name("a name")?;
        cursor.expect_word("to")?;
        pairs.push((from, cursor.name("a name")?));
        if !cursor.word("and") {
            return Ok(pairs);
        }
    }
}

fn create_index(cursor: &mut Cursor<'_>, custom: bool) -> Read<Statement> {
    let if_not_exists = cursor.if_not_exists();
    let name = if matches!(cursor.peek(), Some(TokenKind::Word(word)) if word == "on") {
        None
    } else {
        Some(cursor.name("an index's name or `ON`")?)
    };
    cursor.expect_word("on")?;
    let table = cursor.qualified("a table's name")?;
    cursor.expect_symbol('(')?;
    let (mut function, mut column) = (None, cursor.name("a column")?);
    if cursor.symbol('(') {
        function = Some(column);
        column = cursor.name("a column")?;
        cursor.expect_symbol(')')?;
    }
    cursor.expect_symbol(')')?;
    let using =
        if cursor.word("using") { Some(cursor.string("a class name in single quotes")?) } else { None };
    let mut options = std::collections::BTreeMap::new();
    if cursor.word("with") {
        cursor.expect_word("options")?;
        cursor.expect_symbol('=')?;
        options = value_map(cursor)?;
    }
    Ok(Statement::CreateIndex(Box::new(NewIndex {
        name,
        table,
        if_not_exists,
        custom,
        function,
        column,
        using,
        options,
    })))
}
