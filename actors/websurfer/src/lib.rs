//! The WebSurfer: owns the browser session of one attempt, decides on one action at a time, and passes every action through the
//! critical-point gate before it reaches the browser.
//!
//! `actor.rs` opens one, `act.rs` is one step; session, gate and pictures are in its hands (wayfarer-hands); pure parts: `tools.rs` (what is legal now), `translate.rs` (tool call
//! to action), `som.rs` (the set-of-marks picture). How a page reads in a prompt is `wayfarer_core::view`.

mod act;
mod actor;
mod som;
#[cfg(test)]
mod testing;
pub mod tools;
pub mod translate;

pub use actor::{SurferDeps, longest_order, open};
