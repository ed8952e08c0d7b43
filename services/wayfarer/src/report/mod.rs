//! What attempts at tasks of the worlds came to, held against what the worlds know: pure arithmetic, and a page.

mod agreement;
mod baseline;
mod diversity;
mod page;
mod tally;

pub use agreement::{Agreement, Share};
pub use baseline::Baseline;
pub use diversity::{Proposed, diversity};
pub use page::page;
pub use tally::{Attempted, Report, tally};

/// The name of a unit variant on every wire.
pub fn wire_name(value: &impl serde::Serialize) -> String {
    serde_json::to_value(value).ok().and_then(|value| value.as_str().map(str::to_owned)).unwrap_or_default()
}
