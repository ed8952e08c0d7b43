//! What a server says that it serves: a model may be exchanged under its name.

use serde_json::{Map, Value};

/// What of a model's entry in `GET /models` says which model it is; the rest (when it was listed, who may use it) changes by itself.
const TELLING: [&str; 4] = ["id", "root", "parent", "revision"];

/// What a server says that it serves, as far as it says anything.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Served {
    /// `model` of its last reply.
    pub model: Option<String>,
    /// `system_fingerprint` of its last reply.
    pub fingerprint: Option<String>,
    /// Its entry in the list of models: name, root, parent and revision.
    pub listed: Option<String>,
}

impl Served {
    /// Whether something is said to be another than it was. What was not said before is no change.
    pub fn differs_from(&self, before: &Self) -> bool {
        let differs = |now: &Option<String>, before: &Option<String>| matches!((now, before), (Some(now), Some(before)) if now != before);
        differs(&self.model, &before.model) || differs(&self.fingerprint, &before.fingerprint) || differs(&self.listed, &before.listed)
    }

    /// This, and of what it does not say what was known before.
    #[must_use]
    pub fn or(self, before: Self) -> Self {
        Self {
            model: self.model.or(before.model),
            fingerprint: self.fingerprint.or(before.fingerprint),
            listed: self.listed.or(before.listed),
        }
    }
}

/// The entry of a model in a list of models; that of the only one, if none has the name.
pub(crate) fn listed(models: &Value, name: &str) -> Option<String> {
    let entries = models["data"].as_array()?;
    let named = entries.iter().find(|entry| entry["id"] == name);
    let only = || if entries.len() == 1 { entries.first() } else { None };
    let entry = named.or_else(only)?;
    let told: Map<String, Value> = TELLING.into_iter().filter_map(|key| Some((key.to_owned(), entry.get(key)?.clone()))).collect();
    Some(Value::Object(told).to_string())
}
