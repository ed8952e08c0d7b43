//! Exit codes, documented in `wayfarer --help`.

use std::process::ExitCode;

/// How a command ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Exit {
    /// Done.
    Done,
    /// Something failed.
    Failed,
    /// Interrupted; the same command resumes.
    Interrupted,
    /// A check did not pass.
    CheckFailed,
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        // 2 is clap's own code for wrong usage
        Self::from(match exit {
            Exit::Done => 0,
            Exit::Failed => 1,
            Exit::Interrupted => 3,
            Exit::CheckFailed => 4,
        })
    }
}

/// A flag whose value cannot be: exit code 2, like every other wrong usage.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub struct WrongUsage(pub String);
