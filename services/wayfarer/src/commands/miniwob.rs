//! `wayfarer eval miniwob`: the pages of MiniWoB++ played by rules, through the sessions that every agent uses.

use crate::cli::Miniwob;
use crate::exit::{Exit, WrongUsage};
use crate::{roles, stop};
use anyhow::{Context, Result};
use indicatif::{ProgressBar, ProgressStyle};
use std::sync::Arc;
use tokio_util::sync::CancellationToken;
use wayfarer_browser::ChromiumSupply;
use wayfarer_children::Tools;
use wayfarer_config::Config;
use wayfarer_evals::miniwob::{Harness, Plan, Report, is_known, matching, play, show, tasks_in};

/// Plays and reports.
pub async fn miniwob(flags: Miniwob, mut config: Config) -> Result<Exit> {
    if flags.at_least.is_some_and(|share| !(0.0..=1.0).contains(&share)) {
        return Err(WrongUsage("--at-least must lie between 0 and 1".into()).into());
    }
    let pages = match &flags.pages {
        Some(pages) => pages.clone(),
        None => Tools::locate().miniwob()?.to_owned(),
    };
    let tasks = wanted(&tasks_in(&pages)?, &flags.tasks)?;
    config.farm.max_sessions = flags.sessions as usize + 1;
    config.farm.sessions_per_browser = config.farm.max_sessions;
    let supply = Arc::new(ChromiumSupply::launch(roles::chromium_options(&config)?).await.context("starting Chromium")?);
    let harness = Arc::new(Harness::serve(&pages).await?);
    let exit = if flags.show {
        for task in &tasks {
            println!("{}", show(supply.as_ref(), Arc::clone(&harness), task, flags.seed).await?);
        }
        Ok(Exit::Done)
    } else {
        played(&flags, tasks, Arc::clone(&supply), harness).await
    };
    supply.shutdown().await;
    exit
}

async fn played(flags: &Miniwob, tasks: Vec<String>, supply: Arc<ChromiumSupply>, harness: Arc<Harness>) -> Result<Exit> {
    let plan = Plan { tasks, episodes: flags.episodes, seed: flags.seed, sessions: flags.sessions as usize };
    let bar = ProgressBar::new((plan.tasks.len() * flags.episodes as usize) as u64);
    bar.set_style(ProgressStyle::with_template("{bar:30} {pos}/{len} episodes, {msg}")?);
    let stopped = CancellationToken::new();
    let report = {
        let playing = play(supply, harness, &plan, stopped.clone(), |episode| {
            bar.inc(1);
            bar.set_message(episode.task.clone());
            if !episode.is_success() {
                bar.suspend(|| tracing::info!(task = episode.task, seed = episode.seed, note = episode.note, "an episode failed"));
            }
        });
        tokio::pin!(playing);
        tokio::select! {
            report = &mut playing => report,
            () = stop::requested() => {
                stopped.cancel();
                playing.await
            }
        }
    };
    bar.finish_and_clear();
    println!("{}\n{}", report.table(), report.summary());
    if let Some(out) = &flags.out {
        write(out, &report).with_context(|| format!("writing into {}", out.display()))?;
    }
    if flags.json {
        println!("{}", serde_json::to_string(&report)?);
    }
    Ok(match report.success_share() {
        _ if stopped.is_cancelled() => Exit::Interrupted,
        share if share >= flags.at_least.unwrap_or(1.0) => Exit::Done,
        _ => Exit::CheckFailed,
    })
}

fn write(out: &std::path::Path, report: &Report) -> Result<()> {
    std::fs::create_dir_all(out)?;
    std::fs::write(out.join("report.json"), serde_json::to_vec_pretty(report)?)?;
    std::fs::write(out.join("table.md"), format!("{}\n{}\n", report.table(), report.summary()))?;
    Ok(())
}

/// Tasks that the patterns mean; all that have a rule if there is no pattern.
fn wanted(all: &[String], patterns: &[String]) -> Result<Vec<String>> {
    if patterns.is_empty() {
        return Ok(all.iter().filter(|task| is_known(task)).cloned().collect());
    }
    let mut found = Vec::new();
    for pattern in patterns {
        let matching = matching(all, pattern);
        if matching.is_empty() {
            return Err(WrongUsage(format!("no task of MiniWoB++ is called {pattern}")).into());
        }
        found.extend(matching);
    }
    found.sort();
    found.dedup();
    Ok(found)
}
