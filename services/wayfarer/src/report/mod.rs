//! What attempts at tasks of the worlds came to, held against what the worlds know: pure arithmetic, and a page.

mod agreement;
mod baseline;
mod page;
mod tally;

pub use agreement::{Agreement, Share};
pub use baseline::Baseline;
pub use page::page;
pub use tally::{Attempted, Report, tally};
