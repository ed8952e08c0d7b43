//! Skills: what the stand-in knows of sites, as data.
//!
//! A language model has met a thousand booking forms; rules have not. A skill is what one would tell a newcomer about one kind of task
//! on one site: how the task is worded, which controls lead there, where the answer stands, what the page says when it is done. It is
//! read from `skills/<site>.toml`, never from a world's own files: the stand-in does not see ground truth.
//!
//! `store` reads the files, `fill` puts a task's values into their words, `walk` decides the next step, and the judges use what a skill
//! says about pages (`crate::judge`).

mod fill;
mod store;
mod walk;

pub use fill::{Told, tell};
pub use store::{Ends, Note, Skill, SkillError, install, skills};
pub use walk::{decide, invented, premature};
