//! Driving Chromium: sessions that observe and act, each behind its own egress policy.
//!
//! Callers know two traits, [`BrowserSupply`] and [`BrowserSession`] (`api.rs`); the farm service gives the same two over the wire.
//! Here they are real: one Node driver shared by a few Chromium processes (`browsers.rs`; `chromium.rs` keeps sessions ready), each holding isolated contexts
//! (`session.rs`). A session settles by events (`settle.rs`) and observes in one evaluation of `page_script.js` (`observe.rs`), and one
//! more for each document that the first cannot see into (`foreign.rs`), with every secret masked in texts and painted over in the
//! picture (`mask.rs`). It acts with trusted input (`act.rs`, `pointer.rs`, `files.rs`; docs/actions.md tells what each action does) and
//! reaches the network only through its own checking proxy (`egress.rs`, rules in `policy.rs`, names in `resolve.rs`).

mod act;
mod address;
mod api;
mod browsers;
mod chromium;
mod driver;
mod egress;
mod files;
mod foreign;
mod keys;
mod mask;
mod observe;
mod outline;
mod pointer;
mod policy;
mod resolve;
mod session;
mod settle;
mod tab;

pub use api::{
    AllowedFile, BrowserError, BrowserSession, BrowserSupply, DANGEROUS_PORTS, EgressPolicy, EgressScheme, INSTANCE_HEADER,
    MAX_FILES_BYTES, Observed, SessionSpec,
};
pub use chromium::{ChromiumOptions, ChromiumSupply};
pub use egress::{Denial, EgressProxy, EgressRule, Refusal};
pub use outline::accessibility_outline;
pub use resolve::{Resolver, SystemResolver};
