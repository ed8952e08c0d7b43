//! Domain records as documents on the wire, and back.

use serde::{Serialize, de::DeserializeOwned};
use wayfarer_core::Usage;
use wayfarer_core::trajectory::SCHEMA_VERSION;
use wayfarer_proto::v1;

/// Why a record cannot be put on the wire or read from it.
#[derive(Debug, thiserror::Error)]
pub enum DocumentError {
    /// It has no JSON form.
    #[error("a {kind} cannot be written as JSON: {why}")]
    Unwritable {
        /// The type of the record.
        kind: &'static str,
        /// Why.
        why: String,
    },
    /// It is not what it should be.
    #[error("the document is not a {kind}: {why}")]
    Unreadable {
        /// The type that was wanted.
        kind: &'static str,
        /// Why.
        why: String,
    },
    /// It comes from a newer Wayfarer.
    #[error("the document has schema version {found}, but this program reads up to {SCHEMA_VERSION}; update it")]
    Newer {
        /// Its version.
        found: u32,
    },
}

/// The record as a document.
pub fn document<T: Serialize>(record: &T) -> Result<v1::Document, DocumentError> {
    let json = serde_json::to_vec(record).map_err(|error| DocumentError::Unwritable { kind: kind::<T>(), why: error.to_string() })?;
    Ok(v1::Document { schema_version: SCHEMA_VERSION, json: json.into() })
}

/// The record that a document holds.
pub fn read_document<T: DeserializeOwned>(document: &v1::Document) -> Result<T, DocumentError> {
    if document.schema_version > SCHEMA_VERSION {
        return Err(DocumentError::Newer { found: document.schema_version });
    }
    serde_json::from_slice(&document.json).map_err(|error| DocumentError::Unreadable { kind: kind::<T>(), why: error.to_string() })
}

/// `wayfarer_core::task::Task` → `Task`
fn kind<T>() -> &'static str {
    std::any::type_name::<T>().rsplit("::").next().unwrap_or("record")
}

/// Usage, for the wire.
pub fn usage_to_proto(usage: &Usage) -> v1::Usage {
    v1::Usage {
        model_calls: usage.model_calls,
        prompt_tokens: usage.prompt_tokens,
        completion_tokens: usage.completion_tokens,
        cost_usd: usage.cost_usd,
        cached_tokens: usage.cached_tokens,
    }
}

/// Usage, from the wire.
pub fn usage_from_proto(usage: &v1::Usage) -> Usage {
    Usage {
        model_calls: usage.model_calls,
        prompt_tokens: usage.prompt_tokens,
        completion_tokens: usage.completion_tokens,
        cost_usd: usage.cost_usd,
        cached_tokens: usage.cached_tokens,
    }
}
