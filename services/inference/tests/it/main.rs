//! The tests of the pool through its faces, as one program: a program each would cost more to link than to run.
#![allow(clippy::unwrap_used, clippy::expect_used, missing_docs)]

mod accounts;
mod aim;
mod face;
mod fleet;
mod kserve;
mod local;
mod pool;
mod shared_budget;
mod triton;
