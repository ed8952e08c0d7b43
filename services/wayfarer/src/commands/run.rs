//! `wayfarer run`: runs of a cluster, through its gateway.

use crate::budget;
use crate::cli::{Gateway, RunCommand};
use crate::exit::Exit;
use crate::local::{self, Machinery};
use crate::plan::{Wanted, plan};
use crate::progress::Progress;
use crate::report::{Proposed, diversity, wire_name};
use anyhow::{Context, Result};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::path::Path;
use tonic::transport::Channel;
use wayfarer_bus::{document, read_document};
use wayfarer_config::{Cluster, Config};
use wayfarer_core::run::{ConsentPolicy, RunSpec, Stages, Summary};
use wayfarer_core::seed::read_seed_lines;
use wayfarer_core::{RunId, Task, TaskId};
use wayfarer_curator::stored_events;
use wayfarer_proto::v1::runs_client::RunsClient;
use wayfarer_proto::v1::{AuditRunRequest, CancelRunRequest, CreateRunRequest, ListRunsRequest, WatchRunRequest};
use wayfarer_store::Store;
use wayfarer_viewer::{TASKS_DOCUMENT, TaskNote};

/// Flags as configuration.
pub fn overrides(command: &RunCommand) -> Value {
    match command {
        RunCommand::Create { budget, .. } => budget::overrides(budget),
        _ => json!({}),
    }
}

/// Runs the command.
pub async fn run(command: RunCommand, config: &Config) -> Result<Exit> {
    match command {
        RunCommand::Create { gateway, seeds, run, tasks, strategies, attempts, seed, solver, budget } => {
            if let Some(warning) = budget::uncounted(&budget, config) {
                eprintln!("warning: {warning}");
            }
            let text = std::fs::read_to_string(&seeds).with_context(|| format!("the seed file {} cannot be read", seeds.display()))?;
            let wanted = Wanted {
                run: match run {
                    Some(run) => RunId::new(run)?,
                    None => local::new_run_id(),
                },
                tasks,
                strategies,
                attempts,
                seed,
                budgets: (&config.budgets).into(),
                consent: ConsentPolicy::default(),
                solver,
                now_unix_ms: local::now_unix_ms(),
            };
            let spec = plan(&read_seed_lines(&text)?, &wanted)?;
            let reply =
                connect(&gateway).await?.create(CreateRunRequest { spec: Some(document(&spec)?) }).await.map_err(told)?.into_inner();
            if reply.resumed {
                eprintln!("Run {} existed; it goes on.", reply.run);
            }
            println!("{}", reply.run);
            Ok(Exit::Done)
        }
        RunCommand::List { gateway } => {
            let reply = connect(&gateway).await?.list(ListRunsRequest {}).await.map_err(told)?.into_inner();
            println!("{:<28} {:>6} {:>9} {:>9} {:>8} {:>6}  state", "run", "tasks", "accepted", "rejected", "invalid", "dead");
            for summary in &reply.summaries {
                let s: Summary = read_document(summary)?;
                let state = if s.complete { "complete" } else { "running" };
                println!(
                    "{:<28} {:>6} {:>9} {:>9} {:>8} {:>6}  {state}",
                    s.run_id.as_str(),
                    s.tasks_in,
                    s.accepted,
                    s.rejected,
                    s.invalid_task,
                    s.dead_lettered
                );
            }
            Ok(Exit::Done)
        }
        RunCommand::Watch { gateway, run } => watch(&gateway, run).await,
        RunCommand::Cancel { gateway, run } => {
            connect(&gateway).await?.cancel(CancelRunRequest { run: run.clone() }).await.map_err(told)?;
            println!("Run {run} is cancelled: running attempts end, open tasks are dead-lettered.");
            Ok(Exit::Done)
        }
        RunCommand::Diversity { dir, json } => how_different(&dir, json).await,
        RunCommand::Audit { out: Some(out), .. } => audit_folder(&out).await,
        RunCommand::Audit { gateway, run, .. } => {
            let run = run.unwrap_or_default();
            let reply = connect(&gateway).await?.audit(AuditRunRequest { run }).await.map_err(told)?.into_inner();
            Ok(print_audit(&reply.checked, &reply.faults))
        }
    }
}

async fn connect(gateway: &Gateway) -> Result<RunsClient<Channel>> {
    let channel = Channel::from_shared(gateway.gateway.clone())
        .with_context(|| format!("--gateway {} is not a URL", gateway.gateway))?
        .connect_timeout(std::time::Duration::from_secs(5))
        .connect()
        .await
        .with_context(|| {
            format!(
                "the gateway {} cannot be reached; is `wayfarer up --roles gateway` running? (--gateway or WAYFARER_GATEWAY names it)",
                gateway.gateway
            )
        })?;
    Ok(RunsClient::new(channel))
}

fn told(status: tonic::Status) -> anyhow::Error {
    anyhow::anyhow!("the gateway said: {}", status.message())
}

async fn watch(gateway: &Gateway, run: String) -> Result<Exit> {
    let mut stream = connect(gateway).await?.watch(WatchRunRequest { run }).await.map_err(told)?.into_inner();
    let mut progress = Progress::new(false);
    let mut last: Option<Summary> = None;
    while let Some(told_progress) = stream.message().await.map_err(told)? {
        let summary: Summary = read_document(&told_progress.summary.unwrap_or_default())?;
        let stages: Stages = read_document(&told_progress.stages.unwrap_or_default())?;
        progress.show(stages, &summary, summary.tasks_in);
        last = Some(summary);
    }
    progress.finish();
    let summary = last.context("the gateway told nothing about the run")?;
    println!("{}", serde_json::to_string(&summary)?);
    Ok(if summary.complete { Exit::Done } else { Exit::Interrupted })
}

/// Audits the run of an output folder by the event log of the NATS that it was made with, or by the copy in the folder.
async fn audit_folder(out: &Path) -> Result<Exit> {
    anyhow::ensure!(out.join("run.json").is_file(), "{} holds no run; give the --out folder of `wayfarer generate`", out.display());
    let store = Store::open(out)?;
    let spec: RunSpec = store.get_document("run.json").await?;
    let events = if Machinery::has_nats_files(out) {
        let machinery = Machinery::claim(out)?;
        let servers = machinery.servers(None, None, &Cluster::default()).await?;
        let events = servers.bus.events_of(&spec.run).await;
        servers.stop().await;
        events?
    } else {
        stored_events(&store).await?.with_context(|| {
            format!("{} has neither the files of NATS nor events.jsonl; run the same `wayfarer generate` again", out.display())
        })?
    };
    let report = wayfarer_gateway::audit(&events, &store, &spec).await;
    Ok(print_audit(&report.checked, &report.faults))
}

/// The tasks of an output folder: those that were attempted, and those that never were.
async fn how_different(dir: &Path, as_json: bool) -> Result<Exit> {
    anyhow::ensure!(dir.join("run.json").is_file(), "{} holds no run; give the --out folder of `wayfarer generate`", dir.display());
    let store = Store::open(dir)?;
    let mut tasks: BTreeMap<TaskId, Task> = BTreeMap::new();
    for attempt in store.attempts().await? {
        let task = store.get_trajectory(&attempt).await?.task;
        tasks.insert(task.id.clone(), task);
    }
    let never_tried: Vec<TaskNote> = store.get_document(TASKS_DOCUMENT).await.unwrap_or_default();
    tasks.extend(never_tried.into_iter().map(|note| (note.task.id.clone(), note.task)));
    let proposed: Vec<Proposed> = tasks
        .into_values()
        .map(|task| Proposed {
            category: wire_name(&task.category),
            skill: task.strategy.as_str().to_owned(),
            intent: task.intent,
            level: String::new(),
        })
        .collect();
    let figures = diversity(&proposed);
    let percent = |share: f64| format!("{:.1} %", share * 100.0);
    println!("{} tasks by {} strategies", figures.tasks, figures.skills);
    for (category, number) in &figures.by_category {
        println!("  {category:<20} {number:>5}");
    }
    println!("evenness over categories  {:.2}", figures.category_evenness);
    println!("distinct openings         {}", percent(figures.distinct_openings));
    println!("distinct pairs of words   {}", percent(figures.distinct_pairs));
    println!("near-duplicates           {}", percent(figures.near_duplicates));
    if as_json {
        println!("{}", serde_json::to_string(&figures)?);
    }
    Ok(Exit::Done)
}

fn print_audit(checked: &[String], faults: &[String]) -> Exit {
    for line in checked {
        println!("  {line}");
    }
    for fault in faults {
        println!("  FAULT {fault}");
    }
    if faults.is_empty() {
        println!("audit passed");
        Exit::Done
    } else {
        println!("audit failed: {} faults", faults.len());
        Exit::CheckFailed
    }
}
