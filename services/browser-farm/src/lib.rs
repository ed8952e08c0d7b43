//! The browser farm: isolated sessions under leases.
//!
//! ```text
//!  Acquire ──▶ place free? ──▶ session of the supply ──▶ lease (token, end) ──▶ Renew … Renew ──▶ Release
//!                                                            │ not renewed in time, or a newer owner of the task came
//!                                                            ▼
//!                                                        ended at once; every later call is told why
//! ```
//!
//! `queue.rs` says who gets a place and `machine.rs` whether there is room for it; `lease.rs` holds one leased session, `farm.rs` all of
//! them, `server.rs` the gRPC face, `face/` the one over HTTP. The lease ends with this process: a lost
//! farm is a lost session, and a new attempt.

mod face;
mod farm;
mod lease;
mod machine;
mod queue;
mod server;

pub use face::{FaceOptions, FaceServing, serve_face};
pub use farm::{Farm, FarmOptions, Standing};
pub use lease::Ended;
pub use machine::Reserve;
pub use server::{Serving, serve};
