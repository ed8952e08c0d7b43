//! Native agents: one model that looks at screenshots and says actions (Fara-7B, Fara1.5), spoken to as it was trained.
//!
//! ```text
//!  history ──▶ request (history.rs: what of it is still shown) ──▶ model ──▶ reply ──▶ thought + action (parse.rs)
//!              profile.rs: how a model family wants to be spoken to       space.rs: where its coordinates lie
//! ```
//!
//! Pure: values in, values out.

pub mod parse;
pub mod space;

pub use parse::{Parsed, parse};
pub use space::{Resizing, Space, smart_resize};
