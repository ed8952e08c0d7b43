//! A step beside the reference harness: Playwright for Python with the waits that its published source has, on the same page and browser.

use crate::farm::Farmed;
use crate::figures::Figures;
use crate::pages::Pages;
use crate::stage::Stage;
use anyhow::{Context, Result, ensure};
use serde::Deserialize;
use serde_json::json;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::{Duration, Instant};
use tokio::process::Command;

/// The reference's step, in Python.
const SCRIPT: &str = include_str!("reference.py");
/// How long getting Playwright from the package index may take.
const INSTALL_LIMIT: Duration = Duration::from_secs(300);
/// Steps of each side in one turn.
const STEPS_IN_A_TURN: u32 = 10;
/// How long one step of the reference may take at most, for a bound of the whole.
const STEP_LIMIT: Duration = Duration::from_secs(20);

/// What the script prints.
#[derive(Deserialize)]
struct Printed {
    step_ms: Vec<f64>,
}

pub(crate) async fn measure(steps: u32, venv: Option<PathBuf>, as_json: bool) -> Result<()> {
    let kept = tempfile::tempdir()?;
    let venv = venv.unwrap_or_else(|| kept.path().join("venv"));
    let python = python_with_playwright(&venv).await?;

    let stage = Stage::set(1, 1).await?;
    let session = stage.acquire("reference-0-a1").await?;
    session.load(&Pages::named("/list")).await?;
    let mut ours = Figures::new()?;
    let mut farmed = Farmed::begin(session).await?;
    let mut theirs = Figures::new()?;
    let script = kept.path().join("reference.py");
    std::fs::write(&script, SCRIPT)?;
    let mut left = steps;
    while left > 0 {
        let turn = left.min(STEPS_IN_A_TURN);
        eprintln!("{left} steps of each side …");
        for _ in 0..turn {
            let began = Instant::now();
            farmed.take_a_step().await?;
            ours.take(began.elapsed().as_secs_f64() * 1e3)?;
        }
        let mut command = Command::new(&python);
        command.arg(&script).arg(&stage.options.executable).arg(stage.pages.direct("/list")).arg(turn.to_string());
        command.stdin(Stdio::null()).stderr(Stdio::inherit()).kill_on_drop(true);
        let output = tokio::time::timeout(STEP_LIMIT * turn, command.output()).await.context("the reference took too long")??;
        ensure!(output.status.success(), "the reference ended with {}", output.status);
        let printed: Printed = serde_json::from_slice(&output.stdout).context("reading what the reference measured")?;
        printed.step_ms.into_iter().try_for_each(|ms| theirs.take(ms))?;
        left -= turn;
    }
    farmed.release().await?;
    stage.strike().await;

    let ratio = ours.at(0.5) / theirs.at(0.5);
    if as_json {
        let object = json!({
            "step_ms_p50": ours.at(0.5), "step_ms_p95": ours.at(0.95), "step_ms_p99": ours.at(0.99),
            "reference_step_ms_p50": theirs.at(0.5), "ratio": ratio,
        });
        println!("{object}");
        return Ok(());
    }
    println!("a step: from the action to the next observation; milliseconds, {steps} steps each, in turns");
    println!("{:<34} {:>9} {:>9} {:>9}", "", "p50", "p95", "p99");
    for (name, side) in [("farm, over gRPC", &ours), ("Playwright with the harness's waits", &theirs)] {
        println!("{name:<34} {:>9.1} {:>9.1} {:>9.1}", side.at(0.5), side.at(0.95), side.at(0.99));
    }
    println!("ratio 1/{:.0}", 1.0 / ratio);
    Ok(())
}

/// A Python that has Playwright; made if it is not there.
async fn python_with_playwright(venv: &Path) -> Result<PathBuf> {
    let python = venv.join("bin/python");
    if !python.exists() {
        eprintln!("making {} with Playwright from the package index …", venv.display());
        run(Command::new("python3").arg("-m").arg("venv").arg(venv))
            .await
            .context("making a virtual environment (Debian: python3-venv)")?;
    }
    let has_it = run(Command::new(&python).args(["-c", "import playwright"]).stderr(Stdio::null())).await.is_ok();
    if !has_it {
        run(Command::new(&python).args(["-m", "pip", "install", "-q", "playwright"])).await.context("installing Playwright for Python")?;
    }
    Ok(python)
}

async fn run(command: &mut Command) -> Result<()> {
    let status = tokio::time::timeout(INSTALL_LIMIT, command.stdin(Stdio::null()).kill_on_drop(true).status())
        .await
        .context("it took too long")??;
    ensure!(status.success(), "it ended with {status}");
    Ok(())
}
