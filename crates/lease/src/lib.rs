//! One atomic truth across replicas, in Redis: who holds what, who is where, what is left to spend, what was seen.
//!
//! Each question is one Lua script or one command, decided by the server's clock, so that two replicas can never both be right. Nothing
//! here must survive Redis: a lease that is lost with it is taken anew (its fencing token still grows), a service registers again with
//! its next heartbeat. What must survive is in NATS and in the store.

pub mod budget;
pub mod connection;
pub mod leases;
pub mod registry;
pub mod seen;
pub mod tally;

mod names;

pub use budget::{Budget, Ceilings, Left};
pub use connection::{LeaseError, Redis};
pub use leases::{LeaseToken, Leases};
pub use registry::{Registration, Registry};
pub use seen::{Claimed, Seen};
pub use tally::Tally;
