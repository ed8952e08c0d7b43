//! Layers the sources and tells what is wrong where.

use crate::place::{Place, line_at, line_of};
use crate::prices::PriceList;
use crate::{Config, check};
use figment::error::Kind;
use figment::providers::{Env, Format, Serialized, Toml};
use figment::value::Value;
use figment::{Figment, Metadata, Source};
use serde::Serialize;
use std::path::{Path, PathBuf};

/// The file that is read from the working folder when none is named.
pub const DEFAULT_FILE: &str = "wayfarer.toml";
/// Environment variables that are settings begin so; parts of the key are separated by two underscores.
pub const ENVIRONMENT_PREFIX: &str = "WAYFARER__";
/// How flags are named among the sources.
const FLAGS: &str = "flags";

/// What is wrong with the configuration.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// The file cannot be read.
    #[error("configuration file {} cannot be read ({why}); give another with --config", path.display())]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// Why.
        why: String,
    },
    /// The file is no TOML.
    #[error("{place}: this is not TOML: {why}")]
    Syntax {
        /// File and line.
        place: Place,
        /// What the parser says.
        why: String,
    },
    /// There is no such key.
    #[error("{place}: unknown key `{key}`{}", hint.as_ref().map(|hint| format!("; did you mean `{hint}`?")).unwrap_or_default())]
    UnknownKey {
        /// Where it stands.
        place: Place,
        /// The key, with its section.
        key: String,
        /// The known key that is most like it, or the list of them.
        hint: Option<String>,
    },
    /// The value does not fit.
    #[error("{place}: `{key}` {why}")]
    Wrong {
        /// Where it stands.
        place: Place,
        /// The key, with its section.
        key: String,
        /// What is wrong, and what would be right.
        why: String,
    },
    /// The price list does not fit.
    #[error("{place}: {why}")]
    PriceList {
        /// Its file and line.
        place: Place,
        /// What is wrong, and what would be right.
        why: String,
    },
}

impl Config {
    /// Defaults < file < environment (`WAYFARER__SECTION__KEY`) < `overrides` (the flags that were given, in the shape of [`Config`];
    /// absent ones as `None`). Without a path, `wayfarer.toml` of the working folder is read if there is one.
    pub fn load(path: Option<&Path>, overrides: impl Serialize) -> Result<Self, ConfigError> {
        let file = match path {
            Some(path) => Some(path),
            None => Some(Path::new(DEFAULT_FILE)).filter(|path| path.is_file()),
        };
        let file = file.map(SourceFile::read).transpose()?;

        let mut figment = Figment::from(Serialized::defaults(Self::default()));
        if let Some(file) = &file {
            file.check_syntax()?;
            figment = figment.merge(Toml::file_exact(&file.path));
        }
        figment = figment.merge(Env::prefixed(ENVIRONMENT_PREFIX).split("__"));
        let given = Value::serialize(overrides).map_err(|error| ConfigError::Wrong {
            place: Place::Flags,
            key: "flags".into(),
            why: format!("cannot be read: {error}"),
        })?;
        let flags = Flags(without_absent(given));
        let figment = figment.merge(flags);

        let mut config: Self = figment.extract().map_err(|error| explain(error, file.as_ref()))?;
        check::check(&config).map_err(|fault| {
            let keys: Vec<String> = fault.key.split('.').map(str::to_owned).collect();
            let place = place_of(figment.find_metadata(&fault.key), &keys, file.as_ref());
            ConfigError::Wrong { place, key: fault.key, why: fault.why }
        })?;
        if let Some(path) = &config.inference.price_list {
            config.inference.prices = PriceList::read(path)?;
        }
        Ok(config)
    }

    /// Every key with its default and what it is for, as a file to start from.
    pub fn example() -> &'static str {
        include_str!("example.toml")
    }
}

struct SourceFile {
    path: PathBuf,
    text: String,
}

impl SourceFile {
    fn read(path: &Path) -> Result<Self, ConfigError> {
        match std::fs::read_to_string(path) {
            Ok(text) => Ok(Self { path: path.to_owned(), text }),
            Err(error) => Err(ConfigError::Unreadable { path: path.to_owned(), why: error.to_string() }),
        }
    }

    fn check_syntax(&self) -> Result<(), ConfigError> {
        let Err(error) = toml::de::DeTable::parse(&self.text) else { return Ok(()) };
        let line = error.span().map_or(0, |span| line_at(&self.text, span.start));
        Err(ConfigError::Syntax { place: Place::File { path: self.path.clone(), line }, why: error.message().to_owned() })
    }
}

/// The flags as a source of their own, so that errors can name them.
struct Flags(Value);

impl figment::Provider for Flags {
    fn metadata(&self) -> Metadata {
        Metadata::named(FLAGS)
    }

    fn data(&self) -> Result<figment::value::Map<figment::Profile, figment::value::Dict>, figment::Error> {
        Serialized::defaults(&self.0).data()
    }
}

/// A flag that was not given must not override anything.
fn without_absent(value: Value) -> Value {
    match value {
        Value::Dict(tag, dict) => {
            let kept = dict.into_iter().filter(|(_, value)| !matches!(value, Value::Empty(..)));
            Value::Dict(tag, kept.map(|(key, value)| (key, without_absent(value))).collect())
        }
        Value::Empty(tag, _) => Value::Dict(tag, Default::default()),
        other => other,
    }
}

fn explain(error: figment::Error, file: Option<&SourceFile>) -> ConfigError {
    let mut keys = error.path.clone();
    match &error.kind {
        Kind::UnknownField(name, known) => {
            if keys.last() != Some(name) {
                keys.push(name.clone());
            }
            let place = place_of(error.metadata.as_ref(), &keys, file);
            ConfigError::UnknownKey { place, key: keys.join("."), hint: most_like(name, known) }
        }
        kind => {
            let place = place_of(error.metadata.as_ref(), &keys, file);
            ConfigError::Wrong { place, key: keys.join("."), why: format!("does not fit: {kind}") }
        }
    }
}

fn most_like(name: &str, known: &[&str]) -> Option<String> {
    let close = known.iter().map(|known| (strsim::damerau_levenshtein(name, known), known)).min()?;
    Some(if close.0 <= name.len().div_ceil(2) { (*close.1).to_owned() } else { known.join("` or `") })
}

fn place_of(metadata: Option<&Metadata>, keys: &[String], file: Option<&SourceFile>) -> Place {
    let Some(metadata) = metadata else { return Place::Defaults };
    match (&metadata.source, file) {
        (Some(Source::File(_)), Some(file)) => Place::File { path: file.path.clone(), line: line_of(&file.text, keys) },
        _ if metadata.name == FLAGS => Place::Flags,
        _ if metadata.name.contains("environment") => {
            Place::Environment(format!("{ENVIRONMENT_PREFIX}{}", keys.join("__").to_ascii_uppercase()))
        }
        _ => Place::Defaults,
    }
}
