//! What a server says when it does not answer, and what that means. Pure.
//!
//! Codes tell little: a backend in Python answers INTERNAL to a prompt that is too long as well as to an engine that has died, and an error
//! within a stream may come without a code. So words are looked at where codes are silent.

use tonic::{Code, Status};

/// What a fault means for the call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Meaning {
    /// It has too much to do.
    Load,
    /// It may pass.
    MayPass,
    /// This request will never be answered.
    Unfit,
}

/// Triton's words for a queue that is full (`ModelQueuePolicy.max_queue_size`).
const LOAD_WORDS: [&str; 3] = ["maximum queue size", "queue is full", "too many requests"];
/// A model that is being loaded.
const LOADING_WORDS: [&str; 2] = ["no available versions", "is not ready"];
/// Words by which backends refuse what was asked.
const UNFIT_WORDS: [&str; 12] = [
    "longer than",
    "too long",
    "exceeds",
    "max_model_len",
    "maximum model length",
    "only supported",
    "not supported",
    "unsupported",
    "invalid",
    "unexpected",
    "must be",
    "expected",
];

/// What a status means.
pub(crate) fn of_status(status: &Status) -> Meaning {
    match status.code() {
        Code::ResourceExhausted if status.message().contains("larger than max") => Meaning::Unfit,
        Code::ResourceExhausted => Meaning::Load,
        Code::InvalidArgument | Code::FailedPrecondition | Code::OutOfRange | Code::AlreadyExists | Code::Unimplemented => Meaning::Unfit,
        Code::Unauthenticated | Code::PermissionDenied => Meaning::Unfit,
        Code::NotFound if has_any(status.message(), &LOADING_WORDS) => Meaning::MayPass,
        Code::NotFound => Meaning::Unfit,
        // the transport's own words are about the connection
        _ if std::error::Error::source(status).is_some() => Meaning::MayPass,
        Code::Unavailable if !has_any(status.message(), &LOAD_WORDS) => Meaning::MayPass,
        _ => of_words(status.message()),
    }
}

/// What an error without a code means.
pub(crate) fn of_words(said: &str) -> Meaning {
    match () {
        () if has_any(said, &LOAD_WORDS) => Meaning::Load,
        () if has_any(said, &LOADING_WORDS) => Meaning::MayPass,
        () if has_any(said, &UNFIT_WORDS) => Meaning::Unfit,
        () => Meaning::MayPass,
    }
}

/// A status with its causes.
pub(crate) fn told(status: &Status) -> String {
    let mut said = format!("{:?}: {}", status.code(), status.message());
    let mut cause = std::error::Error::source(status);
    while let Some(error) = cause {
        said = format!("{said}: {error}");
        cause = error.source();
    }
    said
}

fn has_any(said: &str, words: &[&str]) -> bool {
    let said = said.to_lowercase();
    words.iter().any(|word| said.contains(word))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_decide_where_codes_are_silent() {
        for (status, meaning) in [
            (Status::unavailable("Exceeds maximum queue size"), Meaning::Load),
            (Status::unavailable("Request timeout expired"), Meaning::MayPass),
            (Status::resource_exhausted("busy"), Meaning::Load),
            (Status::resource_exhausted("Received message larger than max (9 vs. 4)"), Meaning::Unfit),
            (Status::not_found("Request for unknown model: 'm' is not found"), Meaning::Unfit),
            (Status::not_found("Request for unknown model: 'm' has no available versions"), Meaning::MayPass),
            (
                Status::internal("Error generating stream: the prompt (40000) is longer than the maximum model length of 32768"),
                Meaning::Unfit,
            ),
            (Status::internal("Streaming is only supported in decoupled mode."), Meaning::Unfit),
            (Status::internal("EngineDeadError"), Meaning::MayPass),
            (Status::invalid_argument("unexpected inference input"), Meaning::Unfit),
            (Status::cancelled(""), Meaning::MayPass),
        ] {
            assert_eq!(of_status(&status), meaning, "{status}");
        }
        assert_eq!(of_words("in ensemble 'm', Exceeds maximum queue size"), Meaning::Load);
    }
}
