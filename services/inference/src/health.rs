//! How an endpoint fares: what it failed with last, and how long a call may wait for one that hangs.
//!
//! An endpoint that takes requests and never answers would cost every call the whole timeout. After some calls in a row that ran into it,
//! calls wait only a fraction, except for one now and then that waits in full: so a slow model is found again when it recovers.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::time::Instant;
use wayfarer_chat::ModelError;

/// Calls in a row that got no answer in time before patience ends.
const SLOW_IN_A_ROW: u32 = 3;
/// The fraction of the timeout that is left then.
const SHARE: u32 = 12;
/// Never less than this.
const LEAST: Duration = Duration::from_secs(5);
/// One call waits in full again after this many timeouts.
const FULL_AGAIN_AFTER: u32 = 5;

/// The health of one endpoint.
#[derive(Debug, Default)]
pub(crate) struct Health(Mutex<State>);

#[derive(Debug, Default)]
struct State {
    trouble: Option<String>,
    last_answer: Option<Instant>,
    slow_in_a_row: u32,
    last_full: Option<Instant>,
}

impl Health {
    /// How long a call may take now, if that is less than the whole timeout.
    pub(crate) fn patience(&self, timeout: Duration) -> Option<Duration> {
        let mut state = self.state();
        let is_due = state.last_full.is_none_or(|at| at.elapsed() >= timeout * FULL_AGAIN_AFTER);
        if state.slow_in_a_row < SLOW_IN_A_ROW || is_due {
            state.last_full = Some(Instant::now());
            return None;
        }
        Some((timeout / SHARE).max(LEAST).min(timeout))
    }

    /// A call was answered.
    pub(crate) fn answered(&self) {
        let mut state = self.state();
        state.trouble = None;
        state.last_answer = Some(Instant::now());
        state.slow_in_a_row = 0;
    }

    /// A call failed.
    pub(crate) fn failed(&self, error: &ModelError) {
        let mut state = self.state();
        match error {
            // a spent budget says nothing about the endpoint
            ModelError::BudgetSpent { .. } => return,
            ModelError::Slow { .. } => state.slow_in_a_row += 1,
            _ => state.slow_in_a_row = 0,
        }
        state.trouble = Some(error.to_string());
    }

    /// Whether the last call was answered, and that not longer ago than this.
    pub(crate) fn answered_within(&self, age: Duration) -> bool {
        let state = self.state();
        state.trouble.is_none() && state.last_answer.is_some_and(|at| at.elapsed() < age)
    }

    /// What the last call failed with, if it failed.
    pub(crate) fn trouble(&self) -> Option<String> {
        self.state().trouble.clone()
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::expect_used)]
mod tests {
    use super::*;

    const TIMEOUT: Duration = Duration::from_secs(120);

    fn slow() -> ModelError {
        ModelError::Slow { endpoint: "http://model.test/v1".into(), seconds: 120 }
    }

    #[tokio::test(start_paused = true)]
    async fn patience_ends_with_an_endpoint_that_hangs_and_comes_back_with_its_answer() {
        let health = Health::default();
        for _ in 0..SLOW_IN_A_ROW {
            assert_eq!(health.patience(TIMEOUT), None);
            health.failed(&slow());
        }
        assert_eq!(health.patience(TIMEOUT), Some(TIMEOUT / SHARE));

        tokio::time::advance(TIMEOUT * FULL_AGAIN_AFTER).await;
        assert_eq!(health.patience(TIMEOUT), None, "one call looks whether it is only slow");
        assert_eq!(health.patience(TIMEOUT), Some(TIMEOUT / SHARE));

        health.answered();
        assert_eq!(health.patience(TIMEOUT), None);
        assert_eq!(health.trouble(), None);
        assert!(health.answered_within(TIMEOUT));
        health.failed(&slow());
        assert!(!health.answered_within(TIMEOUT), "what failed last is asked again");
    }

    #[test]
    fn trouble_is_the_last_failure_and_no_spent_budget() {
        let health = Health::default();
        health.failed(&ModelError::BudgetSpent { what: "of the run".into(), retry_after_ms: None });
        assert_eq!(health.trouble(), None);
        health.failed(&slow());
        assert!(health.trouble().unwrap().contains("gave no answer"));
    }
}
