//! How an endpoint wants to be spoken to, learned from what it refuses. Pure.
//!
//! OpenAI-compatible servers differ in three parameters: newer hosted models refuse `max_tokens` (they want `max_completion_tokens`) and
//! any `temperature` but their own; older servers do not know `response_format`, or not its form with a schema.

use serde_json::Value;
use wayfarer_core::prompt::SchemaMode;

/// Words by which a refusal names the format of the reply; servers with guided decoding speak of the grammar that they make of a schema.
const FORMAT_WORDS: [&str; 5] = ["response_format", "json_schema", "json_object", "json schema", "grammar"];
/// A bound that only is too big for the model or its context is known well: another name for it would be refused too, or be ignored.
const SIZE_WORDS: [&str; 5] = ["too large", "less than", "at least", "at most", "context length"];

/// What is sent in place of the three parameters. Each can only move on, from the first form to the last.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Dialect {
    pub bound: Bound,
    pub temperature: Temperature,
    pub format: Format,
}

/// The parameter that bounds the reply.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Bound {
    MaxTokens,
    MaxCompletionTokens,
}

/// Whether `temperature` is sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Temperature {
    Asked,
    ModelsOwn,
}

/// The `response_format` of a question that has a schema.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Format {
    JsonSchema,
    JsonObject,
    Unsaid,
}

impl Dialect {
    /// Of an endpoint that has refused nothing yet.
    pub(crate) fn new(mode: SchemaMode) -> Self {
        let format = if mode == SchemaMode::Off { Format::Unsaid } else { Format::JsonSchema };
        Self { bound: Bound::MaxTokens, temperature: Temperature::Asked, format }
    }

    /// What to try after `body` was refused with these words; `None` if they blame nothing that could be said otherwise.
    pub(crate) fn after_refusal(self, body: &Value, said: &str, mode: SchemaMode) -> Option<Self> {
        let refusal = Refusal::read(said);
        if self.bound == Bound::MaxTokens && refusal.blames("max_tokens", &["max_tokens"]) && !refusal.names_any(&SIZE_WORDS) {
            return Some(Self { bound: Bound::MaxCompletionTokens, ..self });
        }
        if body.get("temperature").is_some() && refusal.blames("temperature", &["temperature"]) {
            return Some(Self { temperature: Temperature::ModelsOwn, ..self });
        }
        if mode == SchemaMode::Auto && body.get("response_format").is_some() && refusal.blames("response_format", &FORMAT_WORDS) {
            let format = if self.format == Format::JsonSchema { Format::JsonObject } else { Format::Unsaid };
            return Some(Self { format, ..self });
        }
        None
    }

    /// What two calls learned, together.
    pub(crate) fn merged(self, other: Self) -> Self {
        Self {
            bound: self.bound.max(other.bound),
            temperature: self.temperature.max(other.temperature),
            format: self.format.max(other.format),
        }
    }
}

/// An error body: the parameter that it blames in so many words, or only its text.
struct Refusal {
    parameter: Option<String>,
    text: String,
}

impl Refusal {
    fn read(said: &str) -> Self {
        let json: Value = serde_json::from_str(said).unwrap_or_default();
        let parameter = json["error"]["param"].as_str().filter(|name| !name.is_empty()).map(str::to_owned);
        Self { parameter, text: said.to_lowercase() }
    }

    fn blames(&self, parameter: &str, words: &[&str]) -> bool {
        match &self.parameter {
            // `response_format.json_schema.schema` is the format too
            Some(blamed) => blamed.split('.').next() == Some(parameter),
            None => self.names_any(words),
        }
    }

    fn names_any(&self, words: &[&str]) -> bool {
        words.iter().any(|word| self.text.contains(word))
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::expect_used)]
mod tests {
    use super::*;
    use serde_json::json;

    fn sent() -> Value {
        json!({"max_tokens": 9, "temperature": 0.0, "response_format": {"type": "json_schema"}})
    }

    fn after(said: &str) -> Option<Dialect> {
        Dialect::new(SchemaMode::Auto).after_refusal(&sent(), said, SchemaMode::Auto)
    }

    #[test]
    fn only_what_is_blamed_is_said_otherwise() {
        let first = Dialect::new(SchemaMode::Auto);
        let completion_tokens = Some(Dialect { bound: Bound::MaxCompletionTokens, ..first });
        let own_temperature = Some(Dialect { temperature: Temperature::ModelsOwn, ..first });
        let any_object = Some(Dialect { format: Format::JsonObject, ..first });
        for (said, next) in [
            (r#"{"error": {"message": "Use 'max_completion_tokens' instead.", "param": "max_tokens"}}"#, completion_tokens),
            ("Unrecognized request argument supplied: max_tokens", completion_tokens),
            (r#"{"error": {"message": "'temperature' does not support 0.0", "param": "temperature"}}"#, own_temperature),
            (r#"{"detail": [{"loc": ["body", "response_format"], "msg": "Extra inputs are not permitted"}]}"#, any_object),
            (r#"{"error": {"message": "bad schema", "param": "response_format.json_schema.schema"}}"#, any_object),
            ("The provided JSON schema contains features not supported by xgrammar.", any_object),
            // the conversation may be echoed: a parameter that is blamed by name is the only one
            (r#"{"error": {"message": "max_tokens temperature response_format", "param": "messages"}}"#, None),
            ("'max_tokens' or 'max_completion_tokens' is too large: 32000", None),
            ("max_tokens must be at least 1, got -186", None),
            ("no such model", None),
        ] {
            assert_eq!(after(said), next, "{said}");
        }
    }

    #[test]
    fn what_was_not_sent_cannot_be_blamed_and_the_last_form_is_the_last() {
        let mode = SchemaMode::Auto;
        let last = Dialect { bound: Bound::MaxCompletionTokens, temperature: Temperature::ModelsOwn, format: Format::Unsaid };
        let body = json!({"max_completion_tokens": 9});
        assert_eq!(last.after_refusal(&body, "max_tokens, temperature and response_format are unknown", mode), None);
        assert_eq!(Dialect::new(mode).merged(last), last);
    }

    #[test]
    fn a_schema_that_must_be_sent_stays() {
        let mode = SchemaMode::On;
        assert_eq!(Dialect::new(mode).after_refusal(&sent(), "response_format is unknown", mode), None);
    }
}
