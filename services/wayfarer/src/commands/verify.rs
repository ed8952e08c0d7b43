//! `wayfarer verify`: judges stored attempts again, without a browser; the new verdict is the next version.

use crate::cli::Verify;
use crate::commands::standin;
use crate::exit::Exit;
use crate::roles::inference_pool;
use anyhow::{Context, Result};
use std::sync::Arc;
use wayfarer_actor_verifier::{VerifierDeps, verify as judge};
use wayfarer_config::Config;
use wayfarer_core::AttemptId;
use wayfarer_store::Store;

/// Judges and shows what changed.
pub async fn verify(flags: Verify, mut config: Config) -> Result<Exit> {
    anyhow::ensure!(flags.dir.is_dir(), "{} is not a folder; give the --out folder of a run", flags.dir.display());
    let store = Store::open(&flags.dir)?;
    let attempts: Vec<AttemptId> = if flags.attempt.is_empty() {
        store.attempts().await?
    } else {
        flags.attempt.iter().map(|attempt| attempt.parse().map_err(anyhow::Error::msg)).collect::<Result<_>>()?
    };
    anyhow::ensure!(!attempts.is_empty(), "{} holds no attempt", flags.dir.display());
    let standin = standin::choose_model(&flags.model, &mut config).await?;
    let deps = VerifierDeps {
        model: Arc::new(inference_pool(&config, None)?),
        store: store.clone(),
        policy: flags.policy.unwrap_or(config.judge.policy),
        votes: config.judge.votes,
    };

    let (mut judged, mut changed, mut accepted) = (0u64, 0u64, 0u64);
    for attempt in &attempts {
        let trajectory = store.get_trajectory(attempt).await?;
        if !trajectory.outcome.is_judged() {
            continue;
        }
        let before = store.get_verdict(attempt).await?;
        let version = before.as_ref().map_or(1, |verdict| verdict.version + 1);
        let verdict = judge(&deps, &trajectory, version).await.with_context(|| format!("judging {attempt}"))?;
        store.put_verdict(attempt, &verdict).await?;
        judged += 1;
        accepted += u64::from(verdict.decision.name() == "accepted");
        let was = before.map_or("–", |verdict| verdict.decision.name());
        let mark = if was == verdict.decision.name() { " " } else { "*" };
        changed += u64::from(mark == "*");
        println!("{mark} {attempt:<44} {was:>12} → {}", verdict.decision.name());
    }
    wayfarer_viewer::write_run_pages(&store).await?;
    if let Some(standin) = standin {
        standin.shutdown().await;
    }
    println!("{judged} judged, {accepted} accepted, {changed} changed");
    if flags.json {
        println!("{}", serde_json::json!({ "judged": judged, "accepted": accepted, "changed": changed }));
    }
    Ok(Exit::Done)
}
