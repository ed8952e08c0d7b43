//! `wayfarer disputes`: verdicts on which the judges disagree, for a person to read and to settle.

use crate::cli::Disputes;
use crate::commands::verify::tally_again;
use crate::exit::{Exit, WrongUsage};
use crate::local::Machinery;
use anyhow::{Context, Result, ensure};
use serde_json::json;
use wayfarer_actor_curator::curate;
use wayfarer_core::run::Summary;
use wayfarer_core::verdict::{Decision, Evidence, Judge, Opinion};
use wayfarer_core::{AttemptId, Usage, Verdict};
use wayfarer_store::{SUMMARY_DOCUMENT, Store};

/// Lists them, or settles one.
pub async fn disputes(flags: Disputes) -> Result<Exit> {
    ensure!(flags.dir.is_dir(), "{} is not a folder; give the --out folder of a run", flags.dir.display());
    let settled = match (&flags.accept, &flags.reject) {
        (Some(attempt), None) => Some((attempt, true)),
        (None, Some(attempt)) => Some((attempt, false)),
        (None, None) => None,
        (Some(_), Some(_)) => return Err(WrongUsage("--accept and --reject settle one attempt at a time".into()).into()),
    };
    match settled {
        None => list(&flags).await,
        Some((attempt, accepts)) => {
            let why = flags.why.as_deref().map(str::trim).filter(|why| !why.is_empty());
            let why = why.ok_or_else(|| WrongUsage("--why says in a sentence why the verdict is settled so".into()))?;
            let attempt = attempt.parse().map_err(|error| WrongUsage(format!("{attempt:?} is not an attempt: {error}")))?;
            settle(&flags, &attempt, accepts, why).await
        }
    }
}

async fn list(flags: &Disputes) -> Result<Exit> {
    let store = Store::open(&flags.dir)?;
    let mut open = Vec::new();
    for attempt in store.attempts().await? {
        let Some(verdict) = store.get_verdict(&attempt).await?.filter(|verdict| verdict.disputed) else { continue };
        let intent = store.get_trajectory(&attempt).await?.task.intent;
        println!("{attempt}  {intent}");
        for opinion in &verdict.opinions {
            println!("  {:<4} {:<14} {}", if opinion.pass { "yes" } else { "NO" }, opinion.judge.as_str(), opinion.reasoning);
        }
        open.push(
            json!({ "attempt": attempt.to_string(), "intent": intent, "decision": verdict.decision.name(), "opinions": verdict.opinions }),
        );
    }
    println!(
        "{} disputed verdicts{}",
        open.len(),
        if open.is_empty() { "" } else { "; settle one with --accept ATTEMPT or --reject ATTEMPT, and --why" }
    );
    if flags.json {
        println!("{}", json!({ "disputed": open }));
    }
    Ok(Exit::Done)
}

/// Writes a person's verdict as the next version; everything that follows from verdicts is written anew.
async fn settle(flags: &Disputes, attempt: &AttemptId, accepts: bool, why: &str) -> Result<Exit> {
    let _machinery = Machinery::claim(&flags.dir)?;
    let store = Store::open(&flags.dir)?;
    let verdict = store.get_verdict(attempt).await?.with_context(|| format!("{attempt} has no verdict in {}", flags.dir.display()))?;
    ensure!(verdict.disputed, "the verdict of {attempt} is not disputed; `wayfarer disputes {}` lists those that are", flags.dir.display());
    let trajectory = store.get_trajectory(attempt).await?;
    let last = trajectory.steps.last().map(|step| step.index.0);
    let before: Option<Summary> = store.get_document(SUMMARY_DOCUMENT).await.ok();
    store.keep_verdict(attempt, settled(&verdict, accepts, why, last)).await?;
    curate(&store, attempt).await.context("writing it in the layout of the reference harness")?;
    tally_again(&store, before.as_ref()).await?;
    println!("{attempt} is {}.", if accepts { "accepted" } else { "rejected" });
    Ok(Exit::Done)
}

/// The person's word alone: earlier versions keep what the judges said.
fn settled(verdict: &Verdict, accepts: bool, why: &str, last: Option<u32>) -> Verdict {
    let first_failure = match &verdict.decision {
        Decision::Rejected { first_failure, .. } => *first_failure,
        _ => None,
    };
    let opinion = Opinion {
        judge: Judge::Person,
        pass: accepts,
        score: if accepts { 1.0 } else { 0.0 },
        reasoning: why.to_owned(),
        evidence: vec![Evidence { step: last, screenshot: None, text: why.to_owned() }],
        criteria: Vec::new(),
        usage: Usage::default(),
    };
    Verdict {
        version: verdict.version + 1,
        decision: if accepts { Decision::Accepted } else { Decision::Rejected { why: format!("person: {why}"), first_failure } },
        opinions: vec![opinion],
        outcome_score: if accepts { 1.0 } else { 0.0 },
        failure: verdict.failure.clone().filter(|_| !accepts),
        disputed: false,
        judge_model: String::new(),
        usage: Usage::default(),
        ..verdict.clone()
    }
}
