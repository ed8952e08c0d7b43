//! What attempts at tasks of the worlds came to, held against what the worlds know: pure arithmetic, and a page.

mod agreement;
mod tally;

pub use agreement::{Agreement, Share};
pub use tally::{Attempted, Report, tally};
