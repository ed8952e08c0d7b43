//! `wayfarer verify`: judges stored attempts again, without a browser; the new verdict is the next version, and everything that follows
//! from verdicts (figures, pages, scores) is written anew.

use crate::cli::Verify;
use crate::commands::standin;
use crate::exit::Exit;
use crate::local::{self, Machinery};
use crate::roles::inference_pool;
use crate::stop;
use crate::truth::WorldTruth;
use anyhow::{Context, Result};
use futures::StreamExt;
use serde_json::json;
use std::path::Path;
use std::sync::Arc;
use wayfarer_actor_curator::curate;
use wayfarer_actor_verifier::truth::GroundTruth;
use wayfarer_actor_verifier::{VerifierDeps, verify as judge};
use wayfarer_config::Config;
use wayfarer_core::AttemptId;
use wayfarer_core::run::{RunSpec, Summary};
use wayfarer_curator::{finish_run, stored_events};
use wayfarer_store::{SUMMARY_DOCUMENT, Store};

/// Attempts judged at once.
const AT_ONCE: usize = 4;

/// What judging an attempt again came to.
struct Rejudged {
    was: Option<&'static str>,
    now: &'static str,
}

/// Judges and shows what changed.
pub async fn verify(flags: Verify, mut config: Config) -> Result<Exit> {
    anyhow::ensure!(flags.dir.is_dir(), "{} is not a folder; give the --out folder of a run", flags.dir.display());
    // held to the end: a run that goes on, or another `verify`, would write the same files
    let _machinery = Machinery::claim(&flags.dir)?;
    let store = Store::open(&flags.dir)?;
    let attempts: Vec<AttemptId> = if flags.attempt.is_empty() {
        store.attempts().await?
    } else {
        flags.attempt.iter().map(|attempt| attempt.parse().map_err(anyhow::Error::msg)).collect::<Result<_>>()?
    };
    anyhow::ensure!(!attempts.is_empty(), "{} holds no attempt", flags.dir.display());
    let asked_to_stop = stop::requested();
    let stopped = async {
        asked_to_stop.await;
        eprintln!("What is being judged is finished (press Ctrl-C again to end at once).");
        stop::exit_when_asked_again();
    };
    let standin = standin::choose_model(&flags.model, &mut config).await?;
    let deps = VerifierDeps {
        model: Arc::new(inference_pool(&config).await?),
        store: store.clone(),
        policy: flags.policy.unwrap_or(config.judge.policy),
        votes: config.judge.votes,
        truth: if config.judge.oracle { truth_of(&flags.dir, &store).await } else { None },
    };

    let total = attempts.len();
    let mut told = Told::default();
    let judging = futures::stream::iter(attempts).take_until(stopped).map(|attempt| {
        let deps = &deps;
        async move { (judge_again(deps, &attempt).await, attempt) }
    });
    let mut judging = std::pin::pin!(judging.buffer_unordered(AT_ONCE));
    while let Some((rejudged, attempt)) = judging.next().await {
        told.tell(&attempt, rejudged);
    }
    let before: Option<Summary> =
        store.find_document(SUMMARY_DOCUMENT).await.with_context(|| format!("remove {SUMMARY_DOCUMENT}, and it is written anew"))?;
    let after = tally_again(&store, before.as_ref()).await?;
    if let Some(standin) = standin {
        standin.shutdown().await;
    }

    println!("{} judged, {} accepted, {} changed, {} failed", told.judged, told.accepted, told.changes.len(), told.failed);
    match (&before, &after) {
        (Some(before), Some(after)) => {
            println!(
                "tasks: {} → {} accepted, {} → {} rejected, {} → {} invalid",
                before.accepted, after.accepted, before.rejected, after.rejected, before.invalid_task, after.invalid_task
            );
        }
        _ => eprintln!("The run has no event log in the folder yet; its figures follow when `wayfarer generate` has finished it."),
    }
    let was_stopped = told.done() < total;
    if was_stopped {
        eprintln!("Interrupted: {} attempts were not judged again.", total - told.done());
    }
    if flags.json {
        let Told { judged, accepted, failed, changes, .. } = &told;
        println!(
            "{}",
            json!({ "judged": judged, "accepted": accepted, "changed": changes.len(), "failed": failed, "changes": changes, "summary": after })
        );
    }
    Ok(if was_stopped {
        Exit::Interrupted
    } else if told.failed > 0 {
        Exit::Failed
    } else {
        Exit::Done
    })
}

/// What the worlds of a folder know, where the run met any and their instances are still there.
async fn truth_of(dir: &Path, store: &Store) -> Option<Arc<dyn GroundTruth>> {
    let worlds = local::worlds_of_run(dir);
    let spec: RunSpec = store.get_document("run.json").await.ok()?;
    worlds.is_dir().then(|| Arc::new(WorldTruth::new(worlds, spec.day())) as Arc<dyn GroundTruth>)
}

/// `None` for an attempt that is never judged, because the environment ended it.
async fn judge_again(deps: &VerifierDeps, attempt: &AttemptId) -> Result<Option<Rejudged>> {
    let trajectory = deps.store.get_trajectory(attempt).await?;
    if !trajectory.outcome.is_judged() {
        return Ok(None);
    }
    let before = deps.store.get_verdict(attempt).await?;
    let version = before.as_ref().map_or(1, |verdict| verdict.version + 1);
    let verdict = judge(deps, &trajectory, version).await?;
    // who judged it meanwhile (a cluster's verifier, say) was first
    let verdict = deps.store.keep_verdict(attempt, verdict).await?;
    curate(&deps.store, attempt).await.context("writing it in the layout of the reference harness")?;
    Ok(Some(Rejudged { was: before.map(|verdict| verdict.decision.name()), now: verdict.decision.name() }))
}

/// Figures and pages as the verdicts in force have them. What the run took (time, tokens, cost) stays: judging again is no part of it.
pub(super) async fn tally_again(store: &Store, before: Option<&Summary>) -> Result<Option<Summary>> {
    let spec: Option<RunSpec> = store.find_document("run.json").await?;
    match (spec, stored_events(store).await?) {
        (Some(spec), Some(events)) => finish_run(store, &spec, &events, before.map_or(0.0, |summary| summary.wall_s)).await.map(Some),
        _ => {
            wayfarer_viewer::write_run_pages(store).await?;
            Ok(None)
        }
    }
}

/// What was told so far.
#[derive(Default)]
struct Told {
    judged: u64,
    accepted: u64,
    not_judged: u64,
    failed: u64,
    changes: Vec<serde_json::Value>,
}

impl Told {
    fn tell(&mut self, attempt: &AttemptId, rejudged: Result<Option<Rejudged>>) {
        match rejudged {
            Ok(Some(Rejudged { was, now })) => {
                self.judged += 1;
                self.accepted += u64::from(now == "accepted");
                let mark = if was == Some(now) { " " } else { "*" };
                println!("{mark} {:<44} {:>12} → {now}", attempt.to_string(), was.unwrap_or("–"));
                if was != Some(now) {
                    self.changes.push(json!({ "attempt": attempt.to_string(), "from": was, "to": now }));
                }
            }
            Ok(None) => self.not_judged += 1,
            Err(error) => {
                self.failed += 1;
                eprintln!("! {attempt} could not be judged and keeps its verdict: {error:#}");
            }
        }
    }

    fn done(&self) -> usize {
        (self.judged + self.not_judged + self.failed) as usize
    }
}
