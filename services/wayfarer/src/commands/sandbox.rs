//! `wayfarer sandbox`: the bundled worlds for a person, and their ground truth beside the verdicts.

use crate::exit::Exit;
use crate::local::{self, WORLD_SEED, WorldsSetup, worlds_of_run};
use crate::stop;
use crate::truth::WorldTruth;
use anyhow::{Context, Result};
use serde::Serialize;
use std::collections::{BTreeMap, BTreeSet};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use wayfarer_core::run::RunSpec;
use wayfarer_core::verdict::Judge;
use wayfarer_sandbox::engine::{FamilyInfo, WorldOracle, Worlds};
use wayfarer_sandbox::truth::{self, Truth};
use wayfarer_store::Store;

/// Serves the worlds.
pub async fn serve(listen: SocketAddr, data: Option<PathBuf>, worlds_dir: Option<PathBuf>) -> Result<Exit> {
    let temporary = data.is_none();
    let data = data.unwrap_or_else(|| std::env::temp_dir().join(format!("wayfarer-worlds-{}", std::process::id())));
    let setup = WorldsSetup { dir: worlds_dir, ..WorldsSetup::default() };
    let worlds = local::worlds(data.clone(), listen, time::OffsetDateTime::now_utc().date(), &setup).await?;
    let port = worlds.addr().port();
    for host in worlds.hosts() {
        println!("http://{host}:{port}/");
    }
    println!("Each browser shares one instance; http://NAME.shop.localhost:{port}/ is a fresh one, and so for the others. Ctrl-C ends it.");
    stop::requested().await;
    worlds.shutdown().await;
    if temporary {
        std::fs::remove_dir_all(&data)?;
    }
    Ok(Exit::Done)
}

/// The worlds and their families.
pub fn list(worlds_dir: Option<&Path>) -> Result<Exit> {
    let families = WorldOracle::catalogue(worlds_dir)?;
    let mut others: BTreeSet<&str> = families.iter().map(FamilyInfo::folder).collect();
    for world in Worlds::list(worlds_dir)? {
        others.remove(world.name.as_str());
        println!("{:<12} {:<24} {}\n{:12} {}", world.name, world.host, world.title, "", world.about);
        print_families(&families, &world.name);
    }
    for folder in others {
        let spans = families.iter().any(|family| family.folder() == folder && family.spans);
        println!("{folder:<12} ({})", if spans { "over several sites" } else { "a site of code, not of data" });
        print_families(&families, folder);
    }
    Ok(Exit::Done)
}

fn print_families(families: &[FamilyInfo], folder: &str) {
    for family in families.iter().filter(|family| family.folder() == folder) {
        println!("{:12}   {:<28} {:<8?} {:<10?} {}", "", family.name, family.level, family.kind, family.wording);
    }
}

/// Tasks as a seed file.
pub fn task(wanted: &[String], count: usize, seed: u64, worlds_dir: Option<&Path>) -> Result<Exit> {
    let data = std::env::temp_dir().join(format!("wayfarer-tasks-{}", std::process::id()));
    std::fs::create_dir_all(&data)?;
    let sampled = WorldOracle::prepare(worlds_dir, &data, seed, time::OffsetDateTime::now_utc().date())
        .and_then(|oracle| oracle.sample(wanted, count));
    std::fs::remove_dir_all(&data)?;
    for task in sampled? {
        println!("{}", serde_json::json!({ "task": task.intent, "start_url": task.start_url, "category": task.category }));
    }
    Ok(Exit::Done)
}

/// Verdicts against ground truth, over attempts whose truth is known.
#[derive(Debug, Default, Serialize)]
struct Matrix {
    /// Right and accepted.
    true_accept: u64,
    /// Right but rejected: good ones lost.
    false_reject: u64,
    /// Wrong but accepted: failures that got through.
    false_accept: u64,
    /// Wrong and rejected: failures caught.
    true_reject: u64,
    /// Attempts whose truth the worlds cannot tell.
    unknown: u64,
    /// By judge: wrong attempts that it passed, right ones that it failed.
    judges: BTreeMap<&'static str, JudgeErrors>,
    /// Orders placed, tables booked and messages sent over all instances.
    orders: u64,
    bookings: u64,
    messages: u64,
}

#[derive(Debug, Default, Serialize)]
struct JudgeErrors {
    passed_wrong: u64,
    failed_right: u64,
}

/// Prints the comparison.
pub async fn check(dir: &Path, json: bool) -> Result<Exit> {
    let worlds = worlds_of_run(dir);
    anyhow::ensure!(worlds.is_dir(), "{} holds no instances of worlds; give the --out folder of `wayfarer generate`", dir.display());
    let store = Store::open(dir)?;
    let spec: RunSpec = store.get_document("run.json").await.context("the run's own document")?;
    let oracle = WorldTruth::new(worlds.clone(), spec.day());
    let mut matrix = Matrix::default();
    for attempt in store.attempts().await? {
        let trajectory = store.get_trajectory(&attempt).await?;
        let Some(verdict) = store.get_verdict(&attempt).await? else { continue };
        // a further turn is judged with the first one, and changes what that left behind
        let known = match oracle.known(&trajectory).map(|known| known.truth) {
            Some(known) => known,
            None => truth::check(&worlds, WORLD_SEED, &trajectory),
        };
        let right = match known {
            Truth::Success => true,
            Truth::Failure { why } => {
                println!("  wrong    {attempt}: {} — {why}", trajectory.task.intent);
                false
            }
            Truth::Unknown { why } => {
                matrix.unknown += 1;
                println!("  unknown  {attempt}: {} — {why}", trajectory.task.intent);
                continue;
            }
        };
        // what the judges say without the oracle, which would be compared with itself
        let accepted = verdict.judges_accept();
        match (right, accepted) {
            (true, true) => matrix.true_accept += 1,
            (true, false) => {
                matrix.false_reject += 1;
                println!("  lost     {attempt}: {} — right, but {:?}", trajectory.task.intent, verdict.decision);
            }
            (false, true) => {
                matrix.false_accept += 1;
                println!("  MISSED   {attempt}: {} — wrong, but accepted", trajectory.task.intent);
            }
            (false, false) => matrix.true_reject += 1,
        }
        for opinion in verdict.opinions.iter().filter(|opinion| !matches!(opinion.judge, Judge::CriticalPoint | Judge::Oracle)) {
            let errors = matrix.judges.entry(opinion.judge.as_str()).or_default();
            errors.passed_wrong += u64::from(opinion.pass && !right);
            errors.failed_right += u64::from(!opinion.pass && right);
        }
    }
    let rows = truth::critical_rows(&worlds)?;
    (matrix.orders, matrix.bookings, matrix.messages) = (rows.orders, rows.bookings, rows.messages);
    let wrong = matrix.false_accept + matrix.true_reject;
    let right = matrix.true_accept + matrix.false_reject;
    println!("wrong attempts: {wrong}, of which {} caught and {} missed", matrix.true_reject, matrix.false_accept);
    println!("right attempts: {right}, of which {} accepted and {} lost", matrix.true_accept, matrix.false_reject);
    for (judge, errors) in &matrix.judges {
        println!("  {judge:<12} passed {} of {wrong} wrong, failed {} of {right} right", errors.passed_wrong, errors.failed_right);
    }
    println!("truth unknown: {}; orders {}, bookings {}, messages {}", matrix.unknown, matrix.orders, matrix.bookings, matrix.messages);
    if json {
        println!("{}", serde_json::to_string(&matrix)?);
    }
    Ok(Exit::Done)
}
