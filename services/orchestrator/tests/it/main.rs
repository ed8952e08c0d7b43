//! The tests of the service on a real NATS, as one program: a program each would cost more to link than to run.
#![allow(clippy::unwrap_used, clippy::expect_used, missing_docs)]

mod cancel;
mod common;
mod lost;
mod outage;
