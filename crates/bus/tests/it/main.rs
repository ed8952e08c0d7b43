//! The tests on a real NATS, as one program: a program each would cost more to link than to run.
#![allow(clippy::unwrap_used, clippy::expect_used, missing_docs)]

mod common;
mod connection;
mod events;
mod work;
