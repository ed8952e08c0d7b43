//! The browser farm: isolated sessions under leases.
//!
//! ```text
//!  Acquire ──▶ place free? ──▶ session of the supply ──▶ lease (token, end) ──▶ Renew … Renew ──▶ Release
//!                                                            │ not renewed in time, or a newer owner of the task came
//!                                                            ▼
//!                                                        ended at once; every later call is told why
//! ```
//!
//! `lease.rs` holds one leased session, `farm.rs` all of them, `server.rs` the gRPC face. The lease ends with this process: a lost
//! farm is a lost session, and a new attempt.

mod farm;
mod lease;
mod memory;
mod server;

pub use farm::{Farm, FarmOptions, Standing};
pub use lease::Ended;
pub use server::{Serving, serve};
