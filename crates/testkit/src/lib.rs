//! For tests only: real servers that are gone with the test, and smallest values of the vocabulary.
//!
//! A test names what it is about and leaves the rest to a builder: `a_task("Find the cheapest mug")` is a whole task. What a builder
//! leaves open is a field to set: `Task { category: Category::Reference, ..a_task("…") }`.
//!
//! Whatever fails here fails the test that asked, so these functions panic with what was missing and the remedy.

// A test's set-up has nobody to hand an error to.
#![allow(clippy::expect_used, clippy::panic)]

pub mod records;
pub mod servers;

pub use records::{
    a_mark, a_run, a_run_id, a_seed, a_step, a_task, a_task_id, a_trajectory, a_url, a_verdict, an_attempt, an_observation, an_opinion,
};
pub use servers::{Servers, a_folder, a_store};
