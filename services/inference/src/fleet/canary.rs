//! Health is the ability to answer: an engine that has answered nobody lately is asked for one token about a small picture. One that does not
//! answer that is out, whatever its health page says, and what it has moves; it comes back by answering.

use super::{Fleet, Inner};
use bytes::Bytes;
use std::sync::{Arc, OnceLock, Weak};
use std::time::Duration;
use tokio::time::Instant;
use wayfarer_chat::{ChatRequest, Message, Model, ModelError, Part, Priority, Scope, Speaker};
use wayfarer_core::prompt::ModelRole;
use wayfarer_core::{RunId, TenantId};

/// How often it is looked who has answered. With the bound below an engine that hangs is out within 2 × 0.8 + 3 = 4.6 s.
const LOOK_EVERY: Duration = Duration::from_millis(800);
/// How long a canary may take.
const CANARY_LIMIT: Duration = Duration::from_secs(3);
/// Who asks.
const NAME: &str = "canary";

/// Looks after the engines of a fleet, until it is gone. One engine alone has nobody to give its calls to: it is not looked after.
pub(super) fn watch(fleet: &Arc<Inner>) {
    let weak = Arc::downgrade(fleet);
    let engines = fleet.state.lock().map_or(0, |state| state.engines.len());
    if engines < 2 {
        return;
    }
    for engine in 0..engines {
        tokio::spawn(look_after(weak.clone(), engine));
    }
}

async fn look_after(fleet: Weak<Inner>, engine: usize) {
    let mut ticks = tokio::time::interval(LOOK_EVERY);
    ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    loop {
        let looked = ticks.tick().await;
        let Some(fleet) = fleet.upgrade().map(Fleet) else { return };
        let (model, shown, usable, answered) = {
            let state = fleet.state();
            let engine = &state.engines[engine];
            (Arc::clone(&engine.model), engine.shown.clone(), engine.is_usable(), engine.last_answer)
        };
        // whoever answers calls needs no canary
        if usable && answered.is_some_and(|at| looked.duration_since(at) < LOOK_EVERY) {
            continue;
        }
        let asked = Instant::now();
        let sings = ask(model.as_ref()).await;
        let mut state = fleet.state();
        let engine = &mut state.engines[engine];
        match sings {
            Ok(()) if !engine.is_usable() => {
                tracing::info!(engine = shown, "an engine answers again, and is tried");
                engine.returned();
            }
            Ok(()) => {}
            // it may have answered calls meanwhile: then it is only busy
            Err(why) if engine.is_usable() && engine.last_answer.is_none_or(|at| at < asked) => {
                let moved = engine.eject();
                tracing::warn!(engine = shown, why, moved, "an engine does not answer and is out");
            }
            Err(_) => {}
        }
        drop(state);
        fleet.assign_places();
    }
}

/// One token about a picture.
async fn ask(model: &dyn Model) -> Result<(), String> {
    let (Ok(tenant), Ok(run)) = (TenantId::new(NAME), RunId::new(NAME)) else { return Ok(()) };
    let parts = vec![Part::Png(picture()), Part::Text("Which colour is this?".into())];
    let request = ChatRequest {
        scope: Scope { tenant, run, task: None, attempt: None, step: 0 },
        role: ModelRole::Native,
        messages: vec![Message { speaker: Speaker::User, parts }],
        schema: None,
        max_tokens: 1,
        temperature: 0.0,
        stop: Vec::new(),
        extra: Default::default(),
        priority: Priority::Live,
    };
    match tokio::time::timeout(CANARY_LIMIT, model.generate(request)).await {
        Ok(Ok(_)) => Ok(()),
        // it answers, if only that it does not like the question: that is for calls to find out
        Ok(Err(ModelError::Nonsense { .. } | ModelError::Busy { .. })) => Ok(()),
        Ok(Err(error)) => Err(error.to_string()),
        Err(_) => Err(format!("no token within {} s", CANARY_LIMIT.as_secs())),
    }
}

/// A small square of one colour.
fn picture() -> Bytes {
    static PICTURE: OnceLock<Bytes> = OnceLock::new();
    PICTURE
        .get_or_init(|| {
            let square = image::RgbImage::from_pixel(56, 56, image::Rgb([31, 77, 63]));
            wayfarer_pixels::encode_png(&square).map(Bytes::from).unwrap_or_default()
        })
        .clone()
}
