//! Opening the surfer of an attempt.

use crate::act::{CALL_TRIES, Surf};
use std::sync::Arc;
use std::time::Duration;
use wayfarer_chat::Model;
use wayfarer_chat::ask::TURNS;
use wayfarer_core::surf::{SurfOpen, SurfOpened};
use wayfarer_hands::{ACQUIRE_BOUND, HandsOptions, SurferHandle};

/// For what takes time in a step beside the model and the browser: the picture, the store.
const AROUND_A_STEP: Duration = Duration::from_secs(10);

/// How long an order may take when everything is as slow as it may be: opening waits for a session and its page, a step for its questions
/// with their error turns and for the page. Who gives the order must wait longer than that.
pub fn longest_order(model_call: Duration, browser_call: Duration) -> Duration {
    let opening = ACQUIRE_BOUND + browser_call * 2;
    let step = model_call * (CALL_TRIES * TURNS) + browser_call;
    opening.max(step) + AROUND_A_STEP
}

/// What a surfer works with.
#[derive(Clone)]
pub struct SurferDeps {
    /// Decides.
    pub model: Arc<dyn Model>,
    /// Acts.
    pub tools: HandsOptions,
}

/// Acquires a session, opens the start page and looks at it.
pub async fn open(deps: SurferDeps, order: SurfOpen) -> (SurfOpened, Option<SurferHandle>) {
    let model = deps.model;
    SurferHandle::open(&deps.tools, order, |hands, open| Box::new(Surf::new(model, open, hands))).await
}
