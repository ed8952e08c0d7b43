//! The stand-in model: a rule-based program behind the OpenAI-compatible wire of any language model.
//!
//! A machine without a model can run the whole product with it, and failing on demand ([`faults`]) measures judges, gates and repair. It
//! reads the same prompts as a language model would ([`request`]), sees nothing but what is in them, keeps nothing between requests, and
//! says in every reply what it is.
//!
//! What it knows of most sites is data ([`skill`]). Where to read first: [`goal`] (what a task asks for), [`brain`] (what to do next), [`judge`] (what was done), [`native`] (pixels in,
//! actions out, in one shop), [`server`] (the wire).

pub mod answer;
pub mod brain;
pub mod dates;
pub mod faults;
pub mod goal;
pub mod judge;
pub mod native;
pub mod orchestrate;
pub mod propose;
pub mod reading;
pub mod request;
pub mod server;
pub mod skill;
pub mod step;
pub mod surf;
pub mod user;
pub mod words;

pub use faults::{FaultKind, Faults};
pub use server::{Standin, StandinError, StandinOptions};
