//! Queries with named parameters, and rows as values that templates see.

use minijinja::Value;
use rusqlite::{Connection, Row, Statement};
use std::collections::BTreeMap;

/// Values by parameter name, without the colon. A parameter that is not here reads as the empty text.
pub(crate) type Params = BTreeMap<String, rusqlite::types::Value>;

/// A text as a parameter.
pub(crate) fn text(value: impl Into<String>) -> rusqlite::types::Value {
    rusqlite::types::Value::Text(value.into())
}

fn bind(statement: &mut Statement<'_>, params: &Params) -> rusqlite::Result<()> {
    for index in 1..=statement.parameter_count() {
        let name = statement.parameter_name(index).map(|name| name.trim_start_matches([':', '@', '$']).to_owned()).unwrap_or_default();
        match params.get(&name) {
            Some(value) => statement.raw_bind_parameter(index, value)?,
            None => statement.raw_bind_parameter(index, "")?,
        }
    }
    Ok(())
}

/// All rows of a query, each a map from column to value.
pub(crate) fn rows(db: &Connection, sql: &str, params: &Params) -> rusqlite::Result<Vec<Value>> {
    Ok(records(db, sql, params)?
        .into_iter()
        .map(|record| Value::from_pairs(record.iter().map(|(name, value)| (name.clone(), shown(value)))))
        .collect())
}

/// All rows of a query as columns and values, in order.
pub(crate) fn records(db: &Connection, sql: &str, params: &Params) -> rusqlite::Result<Vec<Vec<(String, rusqlite::types::Value)>>> {
    let mut statement = db.prepare_cached(sql)?;
    bind(&mut statement, params)?;
    let names: Vec<String> = statement.column_names().map(str::to_owned).collect();
    let mut found = statement.raw_query();
    let mut records = Vec::new();
    while let Some(row) = found.next()? {
        records.push(record(&names, row)?);
    }
    Ok(records)
}

fn record(names: &[String], row: &Row<'_>) -> rusqlite::Result<Vec<(String, rusqlite::types::Value)>> {
    names.iter().enumerate().map(|(index, name)| Ok((name.clone(), row.get(index)?))).collect()
}

/// Runs a statement; the id of the row that it inserted, if it did.
pub(crate) fn run(db: &Connection, sql: &str, params: &Params) -> rusqlite::Result<i64> {
    let mut statement = db.prepare_cached(sql)?;
    bind(&mut statement, params)?;
    let mut found = statement.raw_query();
    while found.next()?.is_some() {}
    drop(found);
    Ok(db.last_insert_rowid())
}

/// Whether an expression is true.
pub(crate) fn is_true(db: &Connection, expression: &str, params: &Params) -> rusqlite::Result<bool> {
    let records = records(db, &format!("SELECT ({expression})"), params)?;
    let value = records.into_iter().flatten().next().map(|(_, value)| value);
    Ok(matches!(value, Some(rusqlite::types::Value::Integer(number)) if number != 0)
        || matches!(value, Some(rusqlite::types::Value::Real(number)) if number != 0.0))
}

/// A value as a template sees it.
pub(crate) fn shown(value: &rusqlite::types::Value) -> Value {
    match value {
        rusqlite::types::Value::Null => Value::from(()),
        rusqlite::types::Value::Integer(number) => Value::from(*number),
        rusqlite::types::Value::Real(number) => Value::from(*number),
        rusqlite::types::Value::Text(text) => Value::from(text.as_str()),
        rusqlite::types::Value::Blob(bytes) => Value::from(bytes.clone()),
    }
}

/// A value as plain text: what a person would write.
pub(crate) fn plain(value: &rusqlite::types::Value) -> String {
    match value {
        rusqlite::types::Value::Null | rusqlite::types::Value::Blob(_) => String::new(),
        rusqlite::types::Value::Integer(number) => number.to_string(),
        rusqlite::types::Value::Real(number) => number.to_string(),
        rusqlite::types::Value::Text(text) => text.clone(),
    }
}

/// A name in SQL.
pub(crate) fn quoted(name: &str) -> String {
    format!("\"{}\"", name.replace('"', "\"\""))
}

/// A text in SQL.
pub(crate) fn literal(text: &str) -> String {
    format!("'{}'", text.replace('\'', "''"))
}
