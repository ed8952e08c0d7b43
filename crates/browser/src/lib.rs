//! Driving Chromium: sessions that observe and act, each behind its own egress policy.
//!
//! Callers know two traits, [`BrowserSupply`] and [`BrowserSession`] (`api.rs`); the farm service gives the same two over the wire.
//! Here they are real: one Node driver shared by a few Chromium processes (`chromium.rs`), each holding isolated contexts
//! (`session.rs`). A session settles by events (`settle.rs`), observes in one evaluation of `page_script.js` (`observe.rs`), with
//! every secret masked in texts and painted over in the picture (`mask.rs`), acts with trusted input (`act.rs`) and reaches the network
//! only through its own checking proxy (`egress.rs`, rules in `policy.rs`).

mod act;
mod address;
mod api;
mod chromium;
mod driver;
mod egress;
mod keys;
mod mask;
mod observe;
mod outline;
mod policy;
mod session;
mod settle;
mod tab;

pub use api::{BrowserError, BrowserSession, BrowserSupply, EgressPolicy, INSTANCE_HEADER, Observed, SessionSpec};
pub use chromium::{ChromiumOptions, ChromiumSupply};
pub use egress::{EgressProxy, Refusal};
pub use outline::accessibility_outline;
