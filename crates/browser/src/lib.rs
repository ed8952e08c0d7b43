//! Driving Chromium: sessions that observe and act, each behind its own egress policy.
//!
//! Callers know two traits, [`BrowserSupply`] and [`BrowserSession`] (`api.rs`); the farm service gives the same two over the wire.
//! Here they are real: a few Chromium processes (`process.rs`), each spoken to over one pipe (`wire.rs`) that they share with Playwright's
//! Node driver (`driver.rs`, `sieve.rs`, `relay.rs`), kept by `browsers.rs`; `chromium.rs` keeps sessions ready. Each browser holds isolated contexts
//! (`session.rs`). A session settles by events (`settle.rs`) and observes in one evaluation of `page_script.js` (`observe.rs`), and one
//! more for each document that the first cannot see into (`foreign.rs`), with every secret masked in texts and painted over in the
//! picture (`mask.rs`). It acts with trusted input (`act.rs`, `pointer.rs`, `files.rs`; docs/actions.md tells what each action does) and
//! reaches the network only through its own checking proxy (`egress.rs`, rules in `policy.rs`, names in `resolve.rs`).

mod act;
mod address;
mod api;
mod browsers;
mod chromium;
mod clipboard;
mod driver;
mod egress;
mod files;
mod foreign;
mod guard;
mod hosted;
mod keys;
mod link;
mod mask;
mod nested;
mod notes;
mod observe;
mod outline;
mod pointer;
mod policy;
mod process;
mod recorder;
mod relay;
mod remote;
mod replay;
mod resolve;
mod screencast;
mod session;
mod settle;
mod sieve;
mod tab;
mod usage;
mod wire;

pub use api::{
    AllowedFile, BrowserError, BrowserSession, BrowserSupply, DANGEROUS_PORTS, Drive, EgressPolicy, EgressScheme, INSTANCE_HEADER,
    MAX_FILES_BYTES, Observed, Priority, Recording, SessionSpec, StorageState,
};
pub use chromium::{ChromiumOptions, ChromiumSupply};
pub use egress::{Denial, EgressProxy, EgressRule, Refusal};
pub use link::{CdpCalls, CdpLink, CdpMessages};
pub use outline::accessibility_outline;
pub use remote::{RemoteBrowser, RemoteProtocol};
pub use resolve::{Resolver, SystemResolver};
pub use screencast::{Frame, ScreencastOptions};
pub use usage::Limits;
