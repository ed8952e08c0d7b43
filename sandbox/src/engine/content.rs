//! The templates of a world: what they can call, and how values are shown.

use crate::engine::files::Files;
use crate::error::SandboxError;
use crate::{dates, page, seeded};
use minijinja::value::Rest;
use minijinja::{Environment, Error, ErrorKind, Value};
use time::Date;

/// An environment with the filters and functions of every world.
pub(crate) fn environment(seed: u64, today: Date) -> Environment<'static> {
    let mut environment = Environment::new();
    environment.add_filter("money", |cents: i64| page::money(cents));
    environment.add_filter("date", |iso: String| date(&iso).map(dates::long));
    environment.add_filter("short_date", |iso: String| date(&iso).map(dates::short));
    environment.add_filter("weekday", |iso: String| date(&iso).map(|date| date.weekday().to_string()));
    environment.add_filter("add_days", |iso: String, days: i64| date(&iso).map(|date| dates::iso(date + time::Duration::days(days))));
    environment.add_filter("clock", |minutes: i64| format!("{:02}:{:02}", minutes.rem_euclid(1440) / 60, minutes.rem_euclid(60)));
    environment.add_filter("sql", |value: Value| sql_literal(&value));
    environment.add_filter("slug", |text: String| slug(&text));
    environment.add_function("below", move |bound: u64, key: Rest<Value>| seeded::below(seed, &parts(&key), bound));
    environment.add_function("chance", move |percent: u64, key: Rest<Value>| seeded::chance(seed, &parts(&key), percent));
    environment.add_function("pick", move |list: Value, key: Rest<Value>| pick(seed, &list, &parts(&key)));
    environment.add_function("days_on", move |offset: i64| dates::iso(today + time::Duration::days(offset)));
    environment.add_global("today", dates::iso(today));
    environment
}

/// The same with a world's own templates, and those that worlds share, so that a broken one is known at start.
pub(crate) fn templates(files: &Files, seed: u64, today: Date) -> Result<Environment<'static>, SandboxError> {
    let mut environment = environment(seed, today);
    for (name, source) in page::SHARED {
        environment.add_template(name, source).map_err(|error| files.fault(name, described(&error)))?;
    }
    for path in files.below("templates/") {
        let source = files.required(path)?.to_owned();
        let name = path.trim_start_matches("templates/").to_owned();
        environment.add_template_owned(name, source).map_err(|error| files.fault(path, described(&error)))?;
    }
    Ok(environment)
}

/// A template's error with all its causes, in one line.
pub(crate) fn described(error: &Error) -> String {
    format!("{error:#}").split_whitespace().collect::<Vec<_>>().join(" ")
}

fn parts(key: &[Value]) -> Vec<String> {
    key.iter().map(ToString::to_string).collect()
}

fn pick(seed: u64, list: &Value, key: &[String]) -> Result<Value, Error> {
    let items: Vec<Value> = list.try_iter()?.collect();
    let index = usize::try_from(seeded::below(seed, key, items.len() as u64)).unwrap_or(0);
    items.get(index).cloned().ok_or_else(|| Error::new(ErrorKind::InvalidOperation, "pick needs a list with at least one item"))
}

fn date(iso: &str) -> Result<Date, Error> {
    dates::parse(iso).ok_or_else(|| Error::new(ErrorKind::InvalidOperation, format!("{iso:?} is not a date")))
}

fn sql_literal(value: &Value) -> String {
    if value.is_none() || value.is_undefined() {
        "NULL".into()
    } else if value.is_number() {
        value.to_string()
    } else {
        crate::engine::sql::literal(&value.to_string())
    }
}

/// `Casa do Mar` as `casa-do-mar`.
fn slug(text: &str) -> String {
    let lower: String = text.to_lowercase().chars().map(|c| if c.is_ascii_alphanumeric() { c } else { '-' }).collect();
    lower.split('-').filter(|part| !part.is_empty()).collect::<Vec<_>>().join("-")
}
