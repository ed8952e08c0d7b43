//! The Proposer's prompts.

pub mod classify;
pub mod explore;
pub mod intents;
pub mod inventory;
pub mod refine;
pub mod template;
