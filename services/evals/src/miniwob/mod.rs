//! MiniWoB++ (PyPI `miniwob`, MIT): its pages served with a hook that starts an episode and tells its reward, and rules that play them.
//!
//! ```text
//!  pages (harness.rs) ── hook.js ──▶ instruction, reward
//!     ▲ look, click, type (hands.rs)
//!  rules (solver/), which see an instruction and an observation, and nothing of the page's own scripts
//! ```

mod hands;
mod harness;
mod play;
mod report;
mod solver;

pub use harness::{Harness, HarnessError, matching, tasks_in};
pub use play::{Episode, Plan, play, show};
pub use report::{Report, Row};
pub use solver::{LEFT_OUT, is_known};
