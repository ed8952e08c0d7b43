//! Episodes: a session each, a page with a seed, a rule that plays it.

use super::hands::{Hands, Stopped};
use super::harness::Harness;
use super::report::Report;
use super::solver;
use futures::StreamExt;
use serde::Serialize;
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio_util::sync::CancellationToken;
use wayfarer_browser::{BrowserError, BrowserSupply, EgressPolicy, SessionSpec, accessibility_outline};
use wayfarer_core::TenantId;
use wayfarer_core::observation::Viewport;

/// The name under which sessions reach the pages.
const HOST: &str = "miniwob.test";
/// A task's area is 160 by 210 pixels; dialogs and lists of choices stand out.
const VIEWPORT: Viewport = Viewport { width: 500, height: 400 };
/// How long an episode may take.
const EPISODE_LIMIT: Duration = Duration::from_secs(90);

/// What is to be played.
#[derive(Debug, Clone)]
pub struct Plan {
    /// Names of tasks.
    pub tasks: Vec<String>,
    /// Episodes of each.
    pub episodes: u32,
    /// The first seed; each episode has the next one.
    pub seed: u64,
    /// Sessions at the same time.
    pub sessions: usize,
}

/// What came of an episode.
#[derive(Debug, Clone, Serialize)]
pub struct Episode {
    /// The task's name.
    pub task: String,
    /// Its seed.
    pub seed: u64,
    /// What the page wanted.
    pub instruction: String,
    /// The page's own reward, time not taken into account; 0 if it gave none.
    pub reward: f64,
    /// Why it ended without one, or what the page says of it.
    pub note: String,
    /// Actions.
    pub actions: usize,
    /// Seconds.
    pub seconds: f64,
}

impl Episode {
    /// Whether the page was content, as the benchmark counts.
    pub fn is_success(&self) -> bool {
        self.reward > 0.0
    }
}

/// Plays all episodes; `told` hears of each as it ends. Cancelled, it ends those under way and reports what there is.
pub async fn play(
    supply: Arc<dyn BrowserSupply>,
    harness: Arc<Harness>,
    plan: &Plan,
    stop: CancellationToken,
    told: impl Fn(&Episode),
) -> Report {
    let episodes = plan.tasks.iter().flat_map(|task| (0..plan.episodes).map(move |number| (task.clone(), plan.seed + u64::from(number))));
    let all = plan.tasks.len() * plan.episodes as usize;
    let played = futures::stream::iter(episodes).map(|(task, seed)| {
        let (supply, harness) = (Arc::clone(&supply), Arc::clone(&harness));
        async move { episode(supply.as_ref(), harness, task, seed).await }
    });
    let mut played = Box::pin(played.buffer_unordered(plan.sessions.max(1)));
    let mut done = Vec::with_capacity(all);
    loop {
        let next = tokio::select! {
            next = played.next() => next,
            () = stop.cancelled() => None,
        };
        let Some(episode) = next else { break };
        told(&episode);
        done.push(episode);
    }
    drop(played);
    Report::of(done)
}

/// What a rule sees at the beginning of an episode: the instruction, the marks, the text.
pub async fn show(supply: &dyn BrowserSupply, harness: Arc<Harness>, task: &str, seed: u64) -> Result<String, BrowserError> {
    let hands = begin(supply, harness, task, seed).await?;
    let boxes: Vec<String> = hands
        .marks()
        .map(|mark| format!("{} at {:.0},{:.0} {:.0}x{:.0} <{}>", mark.id, mark.rect.x, mark.rect.y, mark.rect.w, mark.rect.h, mark.tag))
        .collect();
    let shown = format!(
        "{task} (seed {seed})\n{}\n\n{}\n\n{}\n\n{}\n",
        hands.instruction,
        accessibility_outline(&hands.seen),
        boxes.join("\n"),
        hands.seen.visible_text
    );
    hands.release().await;
    Ok(shown)
}

async fn begin(supply: &dyn BrowserSupply, harness: Arc<Harness>, task: &str, seed: u64) -> Result<Hands, BrowserError> {
    let name = format!("{task}-{seed}");
    let egress = EgressPolicy { resolve: [(HOST.to_owned(), harness.address)].into(), ..EgressPolicy::default() };
    let spec = SessionSpec { viewport: VIEWPORT, egress, ..SessionSpec::new(TenantId::default(), name.clone()) };
    let session = supply.acquire(spec).await?;
    let seen = session.open(&format!("http://{HOST}/miniwob/{task}.html?episode={name}&seed={seed}")).await?;
    Ok(Hands::new(session, harness, name, seen.observation))
}

async fn episode(supply: &dyn BrowserSupply, harness: Arc<Harness>, task: String, seed: u64) -> Episode {
    let began = Instant::now();
    let name = format!("{task}-{seed}");
    let mut played = Episode { task, seed, instruction: String::new(), reward: 0.0, note: String::new(), actions: 0, seconds: 0.0 };
    match begin(supply, Arc::clone(&harness), &played.task, seed).await {
        Ok(mut hands) => {
            played.instruction = hands.instruction.clone();
            let solved = tokio::time::timeout(EPISODE_LIMIT, solver::solve(&played.task, &mut hands)).await;
            played.note = match solved {
                Ok(Ok(()) | Err(Stopped::Ended)) => String::new(),
                Ok(Err(error)) => error.to_string(),
                Err(_) => format!("it took longer than {} s", EPISODE_LIMIT.as_secs()),
            };
            if !played.note.is_empty() {
                tracing::debug!(played.task, seed, "{}\n{}", played.note, accessibility_outline(&hands.seen));
            }
            played.actions = hands.actions();
            if let Some(error) = hands.last_error.take() {
                played.note = format!("{} [last action: {error}]", played.note).trim().to_owned();
            }
            hands.release().await;
        }
        Err(error) => played.note = error.to_string(),
    }
    match harness.told(&name).ended {
        Some((reward, reason)) => {
            played.reward = reward;
            if reward <= 0.0 {
                played.note = format!("{} {reason}", played.note).trim().to_owned();
            }
        }
        None if played.note.is_empty() => played.note = "the page gave no reward".into(),
        None => {}
    }
    harness.forget(&name);
    played.seconds = began.elapsed().as_secs_f64();
    played
}
