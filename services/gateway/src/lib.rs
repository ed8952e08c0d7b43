//! The gateway role: runs as people and programs drive them (create, list, watch, cancel, audit), and the sweep that turns poison into
//! counted dead letters.

mod audit;
pub mod runs;
mod server;
mod sweep;

pub use audit::{AuditReport, audit};
pub use server::serve;
pub use sweep::sweep;
