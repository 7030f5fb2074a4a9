//! Carries statements out on definitions, as a node would.

use std::collections::BTreeMap;

use cassandra_commitlog::schema::{ColumnKind, TableFlags, TableId};
use thiserror::Error;

use super::{
    error::CqlError,
    names::quote_name,
    reader::parse_statements,
    statement::{LocatedStatement, NewIndex, NewView, QualifiedName, Statement, TableChange, TypeChange},
};
use crate::schema::{
    definition::{
        ColumnDefinition, DroppedColumnDefinition, IndexDefinition, KeyspaceDefinition, OptionValue,
        TableDefinition, TypeDefinition, ViewDefinition,
    },
    type_text::TypeText,
};

/// Keyspaces by name.
pub type Keyspaces = BTreeMap<Box<str>, KeyspaceDefinition>;

/// Statements read from a text.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Script {
    /// The statements in order.
    pub statements: Vec<LocatedStatement>,
}

/// A statement that was passed over.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Skipped {
    /// Line, from 1.
    pub line: usize,
    /// Its first words.
    pub statement: String,
}

/// A statement that cannot be carried out.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("line {line}, column {column}: {problem}")]
pub struct ExecuteError {
    /// Line of the statement, from 1.
    pub line: usize,
    /// Column of the statement, from 1.
    pub column: usize,
    /// What is wrong.
    pub problem: Problem,
}

/// What is wrong with a statement.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum Problem {
    /// A name without keyspace, and no `USE` before it.
    #[error("`{0}` has no keyspace, and there is no USE before it")]
    NoKeyspace(Box<str>),
    /// Something does not exist.
    #[error("{object} `{name}` does not exist")]
    Unknown {
        /// Which kind of thing.
        object: &'static str,
        /// Its name.
        name: Box<str>,
    },
    /// Something exists already.
    #[error("{object} `{name}` exists already")]
    Exists {
        /// Which kind of thing.
        object: &'static str,
        /// Its name.
        name: Box<str>,
    },
}

impl Script {
    /// Reads a text.
    pub fn parse(text: &str) -> Result<Self, CqlError> {
        Ok(Self { statements: parse_statements(text)? })
    }

    /// Returns the statements that do not define what ringtap follows: functions, roles, data …
    pub fn skipped(&self) -> Vec<Skipped> {
        let skipped = self.statements.iter().filter_map(|located| match &located.statement {
            Statement::Skipped(statement) => {
                Some(Skipped { line: located.line, statement: statement.clone() })
            }
            _ => None,
        });
        skipped.collect()
    }

    /// Carries all statements out on definitions.
    ///
    /// # Errors
    /// The first statement that names what does not exist, or creates what does; `keyspaces` then has the
    /// effect of those before it.
    pub fn execute(&self, keyspaces: &mut Keyspaces) -> Result<(), ExecuteError> {
        let mut session = Session { keyspaces, used: None };
        for located in &self.statements {
            session.execute(&located.statement).map_err(|problem| ExecuteError {
                line: located.line,
                column: located.column,
                problem,
            })?;
        }
        Ok(())
    }
}

struct Session<'a> {
    keyspaces: &'a mut Keyspaces,
    used: Option<Box<str>>,
}

impl Session<'_> {
    fn execute(&mut self, statement: &Statement) -> Result<(), Problem> {
        match statement {
            Statement::Use(name) => {
                self.used = Some(name.clone());
                Ok(())
            }
            Statement::CreateKeyspace { name, if_not_exists, options } => {
                if self.keyspaces.contains_key(name) {
                    return exists(*if_not_exists, "keyspace", name);
                }
                let keyspace =
                    self.keyspaces.entry(name.clone()).or_insert_with(|| KeyspaceDefinition::new(name));
                set_keyspace_options(keyspace, options);
                Ok(())
            }
            Statement::AlterKeyspace { name, options } => {
                let keyspace = self.keyspaces.get_mut(name).ok_or_else(|| unknown("keyspace", name))?;
                set_keyspace_options(keyspace, options);
                Ok(())
            }
            Statement::DropKeyspace { name } => {
                self.keyspaces.remove(name);
                Ok(())
            }
            Statement::CreateType { .. } | Statement::AlterType { .. } | Statement::DropType { .. } => {
                self.execute_on_type(statement)
            }
            Statement::CreateTable { name, if_not_exists, table } => {
                let keyspace = self.keyspace(name)?;
                if keyspace.table_or_view(&name.name).is_some() {
                    return exists(*if_not_exists, "table", &name.name);
                }
                keyspace.tables.insert(name.name.clone(), (**table).clone());
                Ok(())
            }
            Statement::AlterTable { name, change } => alter_table(self.keyspace(name)?, &name.name, change),
            Statement::DropTable { name } => {
                self.keyspace(name)?.tables.remove(&name.name);
                Ok(())
            }
            Statement::CreateView { name, if_not_exists, view } => {
                let keyspace = self.keyspace(name)?;
                if keyspace.table_or_view(&name.name).is_some() {
                    return exists(*if_not_exists, "view", &name.name);
                }
                create_view(keyspace, &name.name, view)
            }
            Statement::AlterView { name, options } => {
                let views = &mut self.keyspace(name)?.views;
                let view = views.get_mut(&name.name).ok_or_else(|| unknown("view", &name.name))?;
                view.options.extend(options.clone());
                Ok(())
            }
            Statement::DropView { name } => {
                self.keyspace(name)?.views.remove(&name.name);
                Ok(())
            }
            Statement::CreateIndex(index) => create_index(self.keyspace(&index.table)?, index),
            Statement::DropIndex { name } => {
                for table in self.keyspace(name)?.tables.values_mut() {
                    table.indexes.remove(&name.name);
                }
                Ok(())
            }
            Statement::Skipped(_) => Ok(()),
        }
    }

    fn execute_on_type(&mut self, statement: &Statement) -> Result<(), Problem> {
        match statement {
            Statement::CreateType { name, if_not_exists, fields } => {
                let types = &mut self.keyspace(name)?.types;
                if types.contains_key(&name.name) {
                    return exists(*if_not_exists, "type", &name.name);
                }
                let definition = TypeDefinition { name: name.name.clone(), fields: fields.clone() };
                types.insert(name.name.clone(), definition);
            }
            Statement::AlterType { name, change } => {
                let types = &mut self.keyspace(name)?.types;
                let definition = types.get_mut(&name.name).ok_or_else(|| unknown("type", &name.name))?;
                alter_type(definition, change)?;
            }
            Statement::DropType { name } => {
                self.keyspace(name)?.types.remove(&name.name);
            }
            _ => {}
        }
        Ok(())
    }

    fn keyspace(&mut self, name: &QualifiedName) -> Result<&mut KeyspaceDefinition, Problem> {
        let keyspace = name.keyspace.as_ref().or(self.used.as_ref());
        let keyspace = keyspace.ok_or_else(|| Problem::NoKeyspace(name.name.clone()))?;
        self.keyspaces.get_mut(keyspace).ok_or_else(|| unknown("keyspace", keyspace))
    }
}

fn unknown(object: &'static str, name: &str) -> Problem {
    Problem::Unknown { object, name: name.into() }
}

fn exists(allowed: bool, object: &'static str, name: &str) -> Result<(), Problem> {
    if allowed {
        return Ok(());
    }
    Err(Problem::Exists { object, name: name.into() })
}

fn set_keyspace_options(keyspace: &mut KeyspaceDefinition, options: &super::statement::Options) {
    if let Some(OptionValue::Map(map)) = options.get("replication") {
        keyspace.replication.clone_from(map);
    }
    if let Some(OptionValue::Boolean(durable)) = options.get("durable_writes") {
        keyspace.durable_writes = *durable;
    }
}

fn alter_type(definition: &mut TypeDefinition, change: &TypeChange) -> Result<(), Problem> {
    match change {
        TypeChange::Add(fields) => definition.fields.extend(fields.iter().cloned()),
        TypeChange::Rename(pairs) => {
            for (from, to) in pairs {
                let field = definition.fields.iter_mut().find(|field| field.name == *from);
                field.ok_or_else(|| unknown("field", from))?.name = to.clone();
            }
        }
        TypeChange::Alter(new) => {
            let field = definition.fields.iter_mut().find(|field| field.name == new.name);
            field.ok_or_else(|| unknown("field", &new.name))?.type_text = new.type_text.clone();
        }
    }
    Ok(())
}

fn alter_table(keyspace: &mut KeyspaceDefinition, name: &str, change: &TableChange) -> Result<(), Problem> {
    let types = std::mem::take(&mut keyspace.types);
    let table = keyspace.tables.get_mut(name).ok_or_else(|| unknown("table", name));
    let altered = table.and_then(|table| change_table(table, &types, change));
    keyspace.types = types;
    altered?;
    for view in keyspace.views.values_mut() {
        if view.view.as_ref().is_some_and(|view| &*view.base_table == name) {
            carry_to_view(view, change);
        }
    }
    Ok(())
}

type Types = BTreeMap<Box<str>, TypeDefinition>;

fn change_table(table: &mut TableDefinition, types: &Types, change: &TableChange) -> Result<(), Problem> {
    match change {
        TableChange::Add(columns) => {
            for column in columns {
                if table.column(&column.name).is_some() {
                    return exists(false, "column", &column.name);
                }
                table.columns.push(column.clone());
            }
        }
        TableChange::Drop { columns, at } => {
            for name in columns {
                drop_column(table, types, name, at.unwrap_or(0))?;
            }
        }
        TableChange::Rename(pairs) => {
            for (from, to) in pairs {
                rename_column(table, from, to)?;
            }
        }
        TableChange::AlterType { column, type_text } => {
            let found = table.columns.iter_mut().find(|known| known.name == *column);
            found.ok_or_else(|| unknown("column", column))?.type_text = type_text.clone();
        }
        TableChange::With(options) => table.options.extend(options.clone()),
        TableChange::DropCompactStorage => {
            table.flags = TableFlags { counter: table.flags.counter, ..TableFlags::CQL }
        }
        TableChange::Mask => {}
    }
    table.sort_columns();
    Ok(())
}

fn rename_column(table: &mut TableDefinition, from: &str, to: &str) -> Result<(), Problem> {
    let column = table.columns.iter_mut().find(|column| &*column.name == from);
    let column = column.ok_or_else(|| unknown("column", from))?;
    column.name = to.into();
    column.name_bytes = to.as_bytes().into();
    Ok(())
}

fn drop_column(table: &mut TableDefinition, types: &Types, name: &str, at: i64) -> Result<(), Problem> {
    let place = table.columns.iter().position(|column| &*column.name == name);
    let column = table.columns.remove(place.ok_or_else(|| unknown("column", name))?);
    table.dropped.retain(|dropped| dropped.name != column.name);
    table.dropped.push(DroppedColumnDefinition {
        type_text: expand_user_types(&column.type_text, types),
        name: column.name,
        kind: column.kind,
        dropped_at: at,
    });
    Ok(())
}

/// Replaces user-defined types by tuples of their fields, as Cassandra does for dropped columns. A type that
/// is not known stays as it is.
fn expand_user_types(type_text: &str, types: &Types) -> Box<str> {
    match TypeText::parse(type_text) {
        Ok(ty) => expand(ty, types, 0).to_string().into(),
        Err(_) => type_text.into(),
    }
}

fn expand(ty: TypeText, types: &Types, depth: usize) -> TypeText {
    /// Only a type that contains itself, which no node allows, is deeper.
    const DEPTH_MAX: usize = 64;
    if depth > DEPTH_MAX {
        return ty;
    }
    match ty {
        TypeText::Named(name) => match types.get(&name) {
            Some(definition) => {
                let fields = definition.fields.iter().map(|field| {
                    let parsed = TypeText::parse(&field.type_text);
                    let ty = parsed.unwrap_or_else(|_| TypeText::Named(field.type_text.clone()));
                    expand(ty, types, depth + 1)
                });
                TypeText::Generic(crate::schema::type_text::Generic::Tuple, fields.collect())
            }
            None => TypeText::Named(name),
        },
        TypeText::Generic(generic, parts) => {
            TypeText::Generic(generic, parts.into_iter().map(|part| expand(part, types, depth + 1)).collect())
        }
        TypeText::Vector(element, dimension) => {
            TypeText::Vector(Box::new(expand(*element, types, depth + 1)), dimension)
        }
        TypeText::Custom(class) => TypeText::Custom(class),
    }
}

/// A view follows its base table's new columns if it selects `*`, and always its renames.
fn carry_to_view(view: &mut TableDefinition, change: &TableChange) {
    let all = view.view.as_ref().is_some_and(|view| view.include_all_columns);
    match change {
        TableChange::Add(columns) if all => {
            let regular = columns.iter().filter(|column| column.kind == ColumnKind::Regular);
            view.columns.extend(regular.cloned());
        }
        TableChange::Rename(pairs) => {
            for (from, to) in pairs {
                // A view need not have the column.
                let _ = rename_column(view, from, to);
            }
        }
        _ => {}
    }
    view.sort_columns();
}

fn create_view(keyspace: &mut KeyspaceDefinition, name: &str, new: &NewView) -> Result<(), Problem> {
    let base = keyspace.tables.get(&new.base.name);
    let base = base.ok_or_else(|| unknown("table", &new.base.name))?;
    let mut view = TableDefinition::new(name);
    view.id = new.properties.id.map(TableId);
    view.options = new.properties.options.clone();
    let typed = |name: &str, kind, position| {
        let column = base.column(name).ok_or_else(|| unknown("column", name))?;
        Ok(ColumnDefinition::new(name, kind, position, &column.type_text))
    };
    for (position, column) in new.partition_key.iter().enumerate() {
        view.columns.push(typed(column, ColumnKind::PartitionKey, position as u16)?);
    }
    for (position, name) in new.clustering.iter().enumerate() {
        let mut column = typed(name, ColumnKind::Clustering, position as u16)?;
        // Without an order of its own a view takes that of the base table's clustering column.
        let order = new.properties.clustering_order.iter().find(|(ordered, _)| ordered == name);
        column.reversed = order.is_some_and(|(_, reversed)| *reversed);
        view.columns.push(column);
    }
    let selected: Vec<Box<str>> = match &new.select {
        Some(names) => names.clone(),
        None => base
            .columns
            .iter()
            .filter(|column| column.kind != ColumnKind::Static)
            .map(|column| column.name.clone())
            .collect(),
    };
    for name in selected {
        if view.column(&name).is_none() {
            view.columns.push(typed(&name, ColumnKind::Regular, 0)?);
        }
    }
    view.sort_columns();
    view.view = Some(ViewDefinition {
        base_table_id: base.id,
        base_table: base.name.clone(),
        where_clause: new.where_clause.clone(),
        include_all_columns: new.select.is_none(),
    });
    keyspace.views.insert(name.into(), view);
    Ok(())
}

fn create_index(keyspace: &mut KeyspaceDefinition, new: &NewIndex) -> Result<(), Problem> {
    let table = keyspace.tables.get_mut(&new.table.name);
    let table = table.ok_or_else(|| unknown("table", &new.table.name))?;
    let column = table.column(&new.column).ok_or_else(|| unknown("column", &new.column))?;
    let multi_cell = ["list<", "set<", "map<"].iter().any(|start| column.type_text.starts_with(start));
    let quoted = quote_name(&new.column);
    let target = match &new.function {
        Some(function) => format!("{function}({quoted})"),
        None if multi_cell => format!("values({quoted})"),
        None => quoted.into_owned(),
    };
    let name = new.name.clone().unwrap_or_else(|| {
        format!("{}_{}_idx", table.name, new.column.replace(|c: char| !c.is_alphanumeric() && c != '_', ""))
            .into()
    });
    if table.indexes.contains_key(&name) {
        return exists(new.if_not_exists, "index", &name);
    }
    let mut options = new.options.clone();
    options.insert("target".to_owned(), target);
    if let Some(class) = &new.using {
        options.insert("class_name".to_owned(), class.clone());
    }
    let custom = new.custom || new.using.is_some();
    let kind = match (custom, table.flags.compound || table.flags.dense) {
        (true, _) => "CUSTOM",
        (false, true) => "COMPOSITES",
        (false, false) => "KEYS",
    };
    let index = IndexDefinition { name: name.clone(), kind: kind.into(), options };
    table.indexes.insert(name, index);
    Ok(())
}
