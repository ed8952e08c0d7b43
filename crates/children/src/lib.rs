//! Servers that this process starts for itself, and that never outlive it.
//!
//! `wayfarer generate` and the tests run over a real nats-server and a real redis-server. Both are children on free ports, found by
//! [`Tools`], started by [`NatsServer`] and [`RedisServer`], and gone when their handle is dropped, when they are stopped, and also
//! when this process is killed: the kernel ends them then ([`server`] says how).

pub mod errors;
pub mod nats;
pub mod redis;
pub mod server;
pub mod tools;

pub use errors::ChildError;
pub use nats::{NatsOptions, NatsServer};
pub use redis::{RedisOptions, RedisServer};
pub use server::{ChildCommand, ChildServer};
pub use tools::{TOOLS_VARIABLE, ToolMissing, Tools};
