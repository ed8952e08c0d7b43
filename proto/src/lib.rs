//! The contracts: every message that crosses a process, over gRPC or NATS, in the package `wayfarer.v1`; and one that is not ours, by which
//! model servers are reached.

/// The types that `proto/wayfarer/v1/*.proto` define.
pub mod v1 {
    #![allow(missing_docs, clippy::all, clippy::pedantic)]
    tonic::include_proto!("wayfarer.v1");
}

/// KServe's Open Inference Protocol (v2) with Triton's streams, as `proto/kserve/v2.proto` has it.
pub mod kserve {
    #![allow(missing_docs, clippy::all, clippy::pedantic)]
    tonic::include_proto!("inference");
}
