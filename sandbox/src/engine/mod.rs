//! Worlds as data: a folder of TOML, SQL and templates is a website with state, task families and ground truth.
//!
//! ```text
//! worlds/<name>/world.toml    what the site is, and its pages and actions (route ▶ SQL ▶ template)
//!               schema.sql    tables of an instance
//!               data.sql      the rows that every instance begins with; a template over data.toml, with seeded functions
//!               templates/    pages        static/   what they load
//!               tasks.toml    task families: wording, draw from the data, ground truth
//! ```
//! SQLite is the logic, minijinja the display; what worlds share (instances, cookies, uploads, slow and failing responses, injected
//! content, row-by-row truth) is here, once. `docs/worlds.md` shows how to add a world in an afternoon.

mod attack;
mod coded;
mod content;
mod data;
mod files;
mod oracle;
mod serve;
mod spec;
mod sql;
mod tasks;
mod world;

pub use attack::{Aim, Attack, AttackPlan, Place};
pub use oracle::{Known, WorldOracle};
pub use tasks::{Critical, FamilyInfo, Level, Permission, TaskKind, WorldTask};
pub use world::{WorldInfo, Worlds};
