//! Turns seeds into tasks.
//!
//! Three strategies (spec/faragen.md A), one file each: `targeted.rs` reads a page and its neighbours, `exploration.rs` walks a site in
//! a browser and rewrites the task as it learns, `exemplar.rs` refills the template of a known task. All of them share the work on a
//! seed (`work.rs`), pass every proposal through the same table of gates (`gates.rs`) and the same search for near-duplicates
//! (`dedup.rs`). What a gate turns away is a [`Dropped`](wayfarer_core::event::Dropped) with its reason, never an error; errors are for
//! what may be better in a minute.

mod dates;
pub mod dedup;
mod exemplar;
mod exploration;
pub mod gates;
pub mod page;
mod ports;
mod prompts;
mod proposal;
mod seen;
mod targeted;
pub mod template;
mod work;

pub use dedup::IntentIndex;
pub use ports::{FetchError, FetchedPage, PageFetcher, ProposerDeps, SeenIntents};
pub use proposal::{Proposal, ProposeError, propose};
pub use seen::MemorySeen;
