//! What models cost, from a file of its own: prices change more often than addresses, and several roles share a model.

use crate::load::ConfigError;
use crate::place::{Place, line_at, line_of};
use serde::Deserialize;
use std::collections::BTreeMap;
use std::path::Path;

/// US dollars per million tokens of one model.
#[derive(Debug, Clone, Copy, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ModelPrices {
    /// Sent.
    pub input: f64,
    /// Sent, and still in the server's memory; as for others if absent.
    #[serde(default)]
    pub cached_input: Option<f64>,
    /// Received.
    pub output: f64,
}

/// Prices by the names of models. A name that ends with `*` stands for all that begin so; the longest that fits counts, a whole name before
/// all of them.
#[derive(Debug, Clone, PartialEq, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PriceList {
    models: BTreeMap<String, ModelPrices>,
}

impl PriceList {
    /// Reads a file; [`ConfigError::PriceList`] names the line that is wrong.
    pub fn read(path: &Path) -> Result<Self, ConfigError> {
        let wrong = |line: usize, why: String| ConfigError::PriceList { place: Place::File { path: path.to_owned(), line }, why };
        let text = std::fs::read_to_string(path)
            .map_err(|error| wrong(0, format!("the price list cannot be read ({error}); name another with inference.price_list")))?;
        let list: Self = toml::from_str(&text).map_err(|error| {
            let line = error.span().map_or(0, |span| line_at(&text, span.start));
            wrong(line, error.message().to_owned())
        })?;
        for (name, prices) in &list.models {
            let line = |key: &str| line_of(&text, &["models".to_owned(), name.clone(), key.to_owned()]);
            if name.trim_end_matches('*').contains('*') || name.ends_with("**") {
                return Err(wrong(line(""), format!("{name:?}: a * may stand at the end of a name only")));
            }
            let named = [("input", Some(prices.input)), ("cached_input", prices.cached_input), ("output", Some(prices.output))];
            for (key, price) in named.into_iter().filter_map(|(key, price)| Some((key, price?))) {
                if !price.is_finite() || price < 0.0 {
                    return Err(wrong(line(key), format!("the price `{key}` of {name:?} must be 0 or more US dollars per million tokens")));
                }
            }
        }
        Ok(list)
    }

    /// What a model costs, if the list knows.
    pub fn of(&self, model: &str) -> Option<ModelPrices> {
        let by_beginning = || {
            let fits = |name: &&String| name.strip_suffix('*').is_some_and(|beginning| model.starts_with(beginning));
            let longest = self.models.keys().filter(fits).max_by_key(|name| name.len())?;
            self.models.get(longest)
        };
        self.models.get(model).or_else(by_beginning).copied()
    }
}
