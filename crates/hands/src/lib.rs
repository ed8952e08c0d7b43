//! What every agent that surfs has in its hands, whatever model decides: a browser session whose actions pass the critical-point gate,
//! whose pictures are kept and whose secrets are hidden (`hands.rs`), and an actor that takes its orders one by one (`surfer.rs`).
//!
//! ```text
//!  order ─▶ Surfer (an actor) ─▶ Surfing: a ledger's surfer, a native agent ─▶ Hands ─▶ gate ─┬─ pass, permitted ─▶ browser
//!                                                                                             └─ held: nothing is done
//! ```

mod hands;
mod surfer;

pub use hands::{Done, Hands, HandsOptions, Stopped, failed};
pub use surfer::{ACQUIRE_BOUND, Spent, SurferHandle, Surfing};
