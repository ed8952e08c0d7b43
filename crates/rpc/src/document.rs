//! Domain records on the wire: the very JSON in which they are stored.

use serde::Serialize;
use serde::de::DeserializeOwned;
use tonic::Status;
use wayfarer_core::trajectory::SCHEMA_VERSION;
use wayfarer_proto::v1::Document;

/// Wraps a record.
pub fn document<T: Serialize>(record: &T) -> Result<Document, Status> {
    let json = serde_json::to_vec(record).map_err(|error| Status::internal(format!("a record cannot be written as JSON: {error}")))?;
    Ok(Document { schema_version: SCHEMA_VERSION, json: json.into() })
}

/// Reads a record; `what` names it in errors.
pub fn read_document<T: DeserializeOwned>(document: Option<Document>, what: &str) -> Result<T, Status> {
    let document = document.ok_or_else(|| Status::invalid_argument(format!("the message has no {what}")))?;
    if document.schema_version > SCHEMA_VERSION {
        return Err(Status::invalid_argument(format!(
            "{what} has schema version {}, newer than {SCHEMA_VERSION}; update this process first",
            document.schema_version
        )));
    }
    serde_json::from_slice(&document.json).map_err(|error| Status::invalid_argument(format!("{what} cannot be read: {error}")))
}
