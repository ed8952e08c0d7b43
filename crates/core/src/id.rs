//! Identities. Each is a newtype, so that a task id can never stand where a run id is meant.

use crate::hash;
use serde::{Deserialize, Serialize};
use std::fmt;

/// An id that cannot be a NATS token, a file name and a Redis key at once.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
#[error("{kind} id {value:?} must be 1 to 80 characters of a-z, A-Z, 0-9, '-' and '_'")]
pub struct InvalidId {
    kind: &'static str,
    value: String,
}

fn valid(value: &str) -> bool {
    (1..=80).contains(&value.len()) && value.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'_')
}

macro_rules! id {
    ($(#[$doc:meta])* $name:ident, $kind:literal) => {
        $(#[$doc])*
        #[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
        #[serde(try_from = "String", into = "String")]
        pub struct $name(String);

        impl $name {
            /// Accepts 1 to 80 characters of `a-z A-Z 0-9 - _`: safe in a NATS subject, a file name and a Redis key.
            pub fn new(value: impl Into<String>) -> Result<Self, InvalidId> {
                let value = value.into();
                if valid(&value) { Ok(Self(value)) } else { Err(InvalidId { kind: $kind, value }) }
            }

            /// The id that follows from what it names: the first 16 hex digits of SHA-256 over the parts, behind a prefix.
            /// The same parts give the same id, so work that is done twice lands on the same row.
            pub fn derived(prefix: &str, parts: &[&str]) -> Self {
                let digest = hash::sha256_hex(parts.join("\u{1f}").as_bytes());
                let prefix: String = prefix.chars().filter(|c| c.is_ascii_alphanumeric() || *c == '-').take(40).collect();
                Self(format!("{prefix}-{}", &digest[..16]))
            }

            /// The id as text.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }

        impl TryFrom<String> for $name {
            type Error = InvalidId;
            fn try_from(value: String) -> Result<Self, InvalidId> {
                Self::new(value)
            }
        }

        impl From<$name> for String {
            fn from(id: $name) -> String {
                id.0
            }
        }
    };
}

id!(
    /// A campaign of tasks.
    RunId, "run"
);
id!(
    /// A seed of a run.
    SeedId, "seed"
);
id!(
    /// A task of a run.
    TaskId, "task"
);
id!(
    /// One isolated browser context.
    SessionId, "session"
);
id!(
    /// Owner, quota, budget, policy and isolation boundary.
    TenantId, "tenant"
);

impl Default for TenantId {
    /// The tenant of a cluster that has only one.
    fn default() -> Self {
        Self("default".into())
    }
}
