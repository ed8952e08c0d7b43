//! The contracts: every message that crosses a process, over gRPC or NATS, in the package `wayfarer.v1`.

/// The types that `proto/wayfarer/v1/*.proto` define.
pub mod v1 {
    #![allow(missing_docs, clippy::all, clippy::pedantic)]
    tonic::include_proto!("wayfarer.v1");
}
