//! Synthetic worlds: small websites with real state and known truth.
//!
//! Agents need places where buying, booking and sending cost nothing and where it is known afterwards, to the row, what was done. This
//! crate serves three of them on one port: a shop and a restaurant booking site, each attempt in a fresh world of its own
//! (`instance`), and the Python documentation, which no one here wrote (`docs`). [`truth`] compares what an attempt left behind
//! with what its task asked for; agents and judges never see it.
//!
//! Most worlds are data alone (`worlds/`, served by [`engine`]); two are code. Start reading at `server`; a world of code is its data (`catalogue`, `guide`), its state (`state`), its handlers (`pages`) and
//! its templates.

mod dates;
mod docs;
pub mod engine;
mod error;
mod instance;
mod page;
mod seeded;
mod server;
mod shop;
mod tables;
pub mod truth;
mod web;

pub use docs::docs_folder;
pub use error::SandboxError;
pub use server::{Sandbox, SandboxOptions};
