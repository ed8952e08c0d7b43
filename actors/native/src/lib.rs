//! Native agents: one model that looks at screenshots and says actions (Fara-7B, Fara1.5), spoken to as it was trained.
//!
//! ```text
//!  screenshot ─▶ picture (picture.rs) ─▶ history.rs: what is still shown ─▶ model ─▶ reply ─▶ thought + action (parse.rs)
//!                profile.rs: how a model family wants to be spoken to                 space.rs: where its coordinates lie
//! ```
//!
//! `canary.rs` asks whether a model clicks where it means to. `agent.rs` is one step: it has a session in its hands and a model to ask. The rest is pure: values in, values out.

mod agent;
pub mod canary;
pub mod history;
pub mod parse;
mod picture;
pub mod profile;
pub mod prompts;
pub mod space;

pub use agent::{NativeDeps, open};
pub use canary::{Canary, canary};
pub use history::{Beside, History};
pub use parse::{Habits, Parsed, parse};
pub use picture::seen_by;
pub use profile::{Profile, ProfileError, Window};
pub use prompts::Prompts;
pub use space::Space;
