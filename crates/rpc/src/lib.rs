//! gRPC between the rooms: the traits of `chat` and `browser` over the wire, and what all servers and clients share.
//!
//! Callers never see the wire: [`GrpcModel`] is a `Model`, [`GrpcBrowserSupply`] a `BrowserSupply`. Errors cross it by one table
//! (`error.rs`), traces by one header (`trace.rs`), domain records as documents (`document.rs`).

mod browser;
pub mod channel;
pub mod chat;
pub mod document;
pub mod error;
mod health;
pub mod keys;
mod model;
mod placement;
pub mod server;
pub mod trace;

pub use browser::{GrpcBrowserSupply, SupplyOptions};
pub use channel::Endpoints;
pub use keys::Keys;
pub use model::GrpcModel;
pub use placement::{Board, STANDING_TTL};

/// The biggest message that is sent or taken: a prompt with a few screenshots stays well below.
pub const MAX_MESSAGE_BYTES: usize = 32 * 1024 * 1024;
