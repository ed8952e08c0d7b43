//! Curation: what a judged attempt becomes for others.
//!
//! A run's folder speaks our own words. The tools that exist around the reference system read another layout (a folder a task, with
//! `web_surfer.log`, numbered screenshots and a score file), so every judged attempt is written in that one as well, and a card tells
//! strangers what they are looking at. What the files hold is decided by pure functions; [`curate`] alone touches the store, and may
//! be called again at any time: the same documents give the same bytes.
//!
//! ```text
//! harness/traj/<id>/            <id> = the task's id; from the second attempt on the attempt's (task-a2, task-a3, …)
//!   web_surfer.log              one JSON object a line: what was thought, done and seen
//!   <id>_final_answer.json      the answer, the screenshots' names, tokens
//!   screenshot_0.png …          0 is the start page, N the page after the N-th action that reached the browser
//!   times.json · core.log · task_data.json
//!   scores/mmrubric_0.8-5-3.json
//! ```

mod card;
mod curate;
mod errors;
mod events;
mod flags;
mod harness;
mod pixel;
mod score;
mod task_data;

pub use card::dataset_card;
pub use curate::{curate, is_curated};
pub use errors::CurateError;
pub use harness::{FinalAnswer, HarnessFiles, HarnessText, Screenshot, Times, TokenUsage, harness_files, harness_id};
pub use pixel::{PixelAction, pixel_action};
pub use score::{EVAL_HASH, Score};
