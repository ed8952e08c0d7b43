//! NATS, hidden: names, provisioning, the fetch loop, the event log with fencing, dead letters, orders within an attempt.
//!
//! ```text
//!   publish_work ──▶ stream WORK ──▶ Worker::fetch ──▶ Delivery ──▶ ack │ retry_after │ dead_letter ──▶ stream DEAD
//!              ▲                                         ├─ give_back, wait_out: queued anew, no delivery counted
//!              └─────────────────────────────────────────┘
//!                                                        └─ five deliveries without an end ──▶ poison ──▶ stream DEAD
//!   NatsEventLog::append (fenced) ──▶ stream EVENTS ──▶ read · events_after · watch
//!   request ──▶ serve_queue (any websurfer) · serve (the attempt's own)
//!   tell_standing ──▶ farm_standings (no acknowledgement: the next word follows)
//!   put_run ──▶ bucket runs
//! ```
//!
//! Work is delivered at least once; what was done is decided by the event log, whose appends are fenced by the server itself. So the
//! order is always: append the event, publish what follows from it, acknowledge the delivery.

pub mod connection;
pub mod conversions;
pub mod dead;
pub mod delivery;
pub mod errors;
pub mod event_log;
pub mod farms;
pub mod follow;
pub mod history;
pub mod log;
pub mod names;
pub mod orders;
pub mod provision;
mod publish;
pub mod queued;
pub mod runs;
pub mod work_loop;
pub mod worker;

pub use connection::{Bus, BusOptions};
pub use conversions::{DocumentError, document, read_document, usage_from_proto, usage_to_proto};
pub use dead::Poison;
pub use delivery::{Delivery, KeepAlive};
pub use errors::{BusError, is_outage};
pub use event_log::NatsEventLog;
pub use follow::RunFollower;
pub use log::{EventLog, LogError, Logged, from_lines, to_lines};
pub use names::Queue;
pub use orders::{Incoming, Orders};
pub use queued::Queued;
pub use worker::{QueueDepth, Worker};
