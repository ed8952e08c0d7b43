//! The gateway role: runs as people and programs drive them (create, list, watch, cancel, audit), the sweep that turns poison into
//! counted dead letters, and the figures of queues and runs.

mod audit;
pub mod runs;
mod sample;
mod server;
mod sweep;

pub use audit::{AuditReport, audit};
pub use sample::sample;
pub use server::serve;
pub use sweep::sweep;
