//! What an instance begins as: the schema, the rows, and a log of visited pages.

use crate::engine::attack::OBEYED;
use crate::engine::content::{described, environment};
use crate::engine::files::Files;
use crate::error::SandboxError;
use minijinja::Value;
use minijinja::value::Serde;
use time::Date;

/// Pages that were opened in an instance, for the oracle; no page shows it.
const VISITS: &str = "CREATE TABLE _visit (id INTEGER PRIMARY KEY, path TEXT NOT NULL, query TEXT NOT NULL);\n";

/// All statements that build the template of a world's instances. `data.sql` is itself a template over the tables of `data.toml`.
pub(crate) fn statements(files: &Files, seed: u64, today: Date) -> Result<String, SandboxError> {
    let schema = files.required("schema.sql")?;
    let data = match files.text("data.toml")? {
        Some(text) => toml::from_str::<toml::Table>(text).map_err(|error| files.fault("data.toml", error))?,
        None => toml::Table::new(),
    };
    let rows = match files.text("data.sql")? {
        Some(source) => environment(seed, today)
            .render_str(source, Value::from(Serde(data)))
            .map_err(|error| files.fault("data.sql", described(&error)))?,
        None => String::new(),
    };
    Ok(format!("BEGIN;\n{VISITS}{OBEYED}{schema}\n{rows}\nCOMMIT;\n"))
}
