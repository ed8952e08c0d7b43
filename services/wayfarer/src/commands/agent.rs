//! `wayfarer agent`: one task, one native agent, in this process, for a person who watches.

use crate::agent::{MemoryLog, OneSurfer, Terminal, Watch};
use crate::cli::Agent;
use crate::commands::standin;
use crate::exit::{Exit, WrongUsage};
use crate::local::{self, LOOPBACK, Machinery, WorldsSetup};
use crate::plan::plain_task;
use crate::{endpoint, roles, stop, words};
use anyhow::{Context, Result, bail};
use serde_json::json;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, SystemTime};
use tokio_util::sync::CancellationToken;
use url::Url;
use wayfarer_actor_native::{NativeDeps, Profile, Prompts, canary};
use wayfarer_actor_orchestrator::{AttemptEnd, AttemptJob, OrchestratorDeps, run_attempt};
use wayfarer_browser::{ChromiumSupply, Recording};
use wayfarer_bus::EventLog;
use wayfarer_chat::{Live, Model};
use wayfarer_config::Config;
use wayfarer_core::event::RunEvent;
use wayfarer_core::run::{ConsentPolicy, RunSpec, Solver};
use wayfarer_core::{AttemptId, Calendar, Category, Epoch, Outcome, TenantId, Trajectory};
use wayfarer_hands::HandsOptions;
use wayfarer_sandbox::Sandbox;
use wayfarer_store::Store;

/// Where the stand-in can shop.
const SHOP: &str = "http://shop.localhost/";
/// The bundled worlds live below this name.
const WORLDS: &str = ".localhost";
/// How long the store is waited for.
const PATIENCE: Duration = Duration::from_secs(30);

/// Works on the task to its end, or until somebody stops it.
pub async fn agent(flags: Agent, mut config: Config) -> Result<Exit> {
    let profile = profile(&flags)?;
    let prompts = prompts(&flags, &profile)?;
    let standin = match &flags.endpoint {
        Some(url) => {
            let named = flags.model.as_ref().map_or_else(|| url.clone(), |name| format!("{name}@{url}"));
            endpoint::choose(&named, &mut config.inference).await?;
            None
        }
        None => standin::choose_model(&flags.standin(), &mut config).await?,
    };
    if standin.is_some() && !flags.quiet {
        eprintln!(
            "No --endpoint: the stand-in acts. It is no model: a few rules that read the pixels of the bundled shop \
             (\"Add 1 Trail Mug to the cart.\", \"Buy 1 Trail Mug and pay for the order.\")."
        );
    }
    let work = match flags.check {
        true => check(&flags, &config, &profile, &prompts).await,
        false => {
            let start = start_url(&flags, &config, standin.is_some())?;
            work(&flags, config, profile, prompts, start).await
        }
    };
    if let Some(standin) = standin {
        standin.shutdown().await;
    }
    work
}

/// Whether the model clicks where it means to.
async fn check(flags: &Agent, config: &Config, profile: &Profile, prompts: &Prompts) -> Result<Exit> {
    let model = roles::inference_pool(config).await?;
    let canary = tokio::select! {
        canary = canary(&model, profile, prompts) => canary?,
        () = stop::requested() => return Ok(Exit::Interrupted),
    };
    let trouble = canary.trouble();
    if !flags.quiet {
        match &trouble {
            None => println!("{} clicked all {} targets.", canary.model, canary.shown.len()),
            Some(trouble) => println!("{trouble}"),
        }
    }
    if flags.json {
        println!("{}", json!({"sings": canary.sings(), "model": canary.model, "trouble": trouble}));
    }
    Ok(if canary.sings() { Exit::Done } else { Exit::CheckFailed })
}

async fn work(flags: &Agent, mut config: Config, profile: Profile, prompts: Prompts, start: Url) -> Result<Exit> {
    std::fs::create_dir_all(&flags.out)
        .with_context(|| format!("the folder {} cannot be made; give another --out", flags.out.display()))?;
    let machinery = Machinery::claim(&flags.out)?;
    let store = Store::open(&flags.out)?;
    let spec = spec(&config, &profile);
    config.egress.allow_hosts.extend(flags.allow_host.iter().cloned());
    let asks = flags.replay.is_none() && flags.allow_host.is_empty();
    let worlds = match asks && start.host_str().is_some_and(|host| host.ends_with(WORLDS)) {
        true => Some(local::worlds(machinery.worlds(), LOOPBACK, spec.day(), &WorldsSetup::default()).await?),
        false => None,
    };
    let ended = in_browser(flags, &config, &store, &spec, (profile, prompts), start, worlds.as_ref()).await;
    if let Some(worlds) = worlds {
        worlds.shutdown().await;
    }
    let (end, attempt) = ended?;
    match end {
        AttemptEnd::Ended { outcome, .. } => report(flags, &store, &outcome, &attempt).await,
        AttemptEnd::Cancelled => {
            eprintln!("Interrupted.");
            Ok(Exit::Interrupted)
        }
        AttemptEnd::Fenced => bail!("another process works on this attempt"),
        AttemptEnd::LogUnavailable(why) | AttemptEnd::Broken(why) => bail!("the attempt broke off: {why}"),
    }
}

/// Launches the browser, runs the attempt, ends the browser.
async fn in_browser(
    flags: &Agent,
    config: &Config,
    store: &Store,
    spec: &RunSpec,
    (profile, prompts): (Profile, Prompts),
    start: Url,
    worlds: Option<&Sandbox>,
) -> Result<(AttemptEnd, AttemptId)> {
    let mut farm = config.clone();
    (farm.farm.max_sessions, farm.farm.warm_sessions) = (1, 0);
    // a person waits
    let model: Arc<dyn Model> = Arc::new(Live::new(Arc::new(roles::inference_pool(config).await?)));
    let supply = Arc::new(ChromiumSupply::launch(roles::chromium_options(&farm)?).await.context("starting Chromium")?);
    let watch = Watch { quiet: flags.quiet };
    let deps = NativeDeps {
        model: model.clone(),
        tools: HandsOptions {
            browsers: supply.clone(),
            store: store.clone(),
            egress: local::egress(config, worlds),
            record: flags.record || config.farm.record,
            replay: replay(flags)?,
            viewport: None,
        },
        profile: Arc::new(profile),
        prompts: Arc::new(prompts),
    };
    let task = plain_task(&flags.task, &start, Category::Other, &spec.run);
    let attempt = AttemptId { task: task.id.clone(), number: 1 };
    let log = Arc::new(MemoryLog::default());
    let started = RunEvent::AttemptStarted { attempt: attempt.clone(), worker: local::worker_name() };
    let sequence = log.append(&spec.run, &started, 0).await?;
    store.put_document("run.json", spec).await?;
    let cancel = CancellationToken::new();
    let job = AttemptJob {
        spec: spec.clone(),
        task,
        attempt: attempt.clone(),
        epoch: Epoch(sequence),
        last_sequence: sequence,
        cancel: cancel.clone(),
        today: Calendar::Clock.today(spec, SystemTime::now()),
        outage_patience: PATIENCE,
        trace_id: String::new(),
    };
    let orchestrator = OrchestratorDeps {
        model,
        log,
        store: store.clone(),
        surfer: Arc::new(OneSurfer::new(deps, watch)),
        person: Some(Arc::new(Terminal::new(flags.critical_points, flags.quiet))),
    };
    let running = run_attempt(orchestrator, job);
    tokio::pin!(running);
    let end = tokio::select! {
        end = &mut running => end,
        () = stop::requested() => {
            stop::exit_when_asked_again();
            cancel.cancel();
            running.await
        }
    };
    supply.shutdown().await;
    Ok((end, attempt))
}

fn profile(flags: &Agent) -> Result<Profile> {
    let mut profile = words::profile(&flags.profile).map_err(|why| WrongUsage(format!("--profile: {why}")))?;
    if let Some(window) = flags.window {
        profile.window = window;
    }
    Ok(profile)
}

fn prompts(flags: &Agent, profile: &Profile) -> Result<Prompts> {
    match &flags.prompts {
        None => Ok(Prompts::ours(&profile.name)),
        Some(file) => Ok(words::prompts(file).map_err(|why| WrongUsage(format!("--prompts: {why}")))?),
    }
}

fn replay(flags: &Agent) -> Result<Option<Recording>> {
    let Some(file) = &flags.replay else { return Ok(None) };
    let har = std::fs::read(file).map_err(|error| WrongUsage(format!("--replay {}: {error}", file.display())))?;
    Ok(Some(Recording(har.into())))
}

fn start_url(flags: &Agent, config: &Config, is_standin: bool) -> Result<Url> {
    let url = match &flags.start_url {
        Some(url) => url.clone(),
        None if is_standin => SHOP.to_owned(),
        // the page of the search engine, where people begin
        None => Url::parse(&config.farm.search_url.replace("{query}", ""))
            .map(|url| format!("{}/", url.origin().ascii_serialization()))
            .context("farm.search_url is no address; give --start-url")?,
    };
    let url = Url::parse(&url).map_err(|error| WrongUsage(format!("--start-url {url:?} is no address ({error}); give https://host/")))?;
    if !matches!(url.scheme(), "http" | "https") {
        return Err(WrongUsage(format!("--start-url {url} must begin with http:// or https://")).into());
    }
    Ok(url)
}

fn spec(config: &Config, profile: &Profile) -> RunSpec {
    RunSpec {
        run: local::new_run_id(),
        tenant: TenantId::default(),
        seeds: Vec::new(),
        max_tasks: 1,
        exemplar_tasks: 0,
        attempts: 1,
        seed: 0,
        budgets: (&config.budgets).into(),
        consent: ConsentPolicy { approve: 0.0, deny: 1.0, follow_up: 0.0 },
        solver: Solver::Native { profile: profile.name.clone() }.to_string(),
        created_unix_ms: local::now_unix_ms(),
    }
}

async fn report(flags: &Agent, store: &Store, outcome: &Outcome, attempt: &AttemptId) -> Result<Exit> {
    let trajectory: Trajectory = store.get_trajectory(attempt).await?;
    wayfarer_viewer::write_run_pages(store).await?;
    let answer = trajectory.answer.as_deref().unwrap_or("<no_answer>");
    let page = page_of(&flags.out);
    if !flags.quiet {
        let seconds = (trajectory.ended_unix_ms - trajectory.started_unix_ms) as f64 / 1e3;
        let usage = trajectory.usage;
        println!("\n{outcome}: {answer}");
        println!(
            "{} steps, {seconds:.1} s, {} tokens in, {} out. Every step: {}",
            trajectory.steps.len(),
            usage.prompt_tokens,
            usage.completion_tokens,
            page.display()
        );
    }
    if flags.json {
        let told = json!({
            "outcome": outcome, "answer": trajectory.answer, "steps": trajectory.steps.len(), "attempt": attempt.to_string(),
            "prompt_tokens": trajectory.usage.prompt_tokens, "completion_tokens": trajectory.usage.completion_tokens,
            "cost_usd": trajectory.usage.cost_usd, "page": page,
        });
        println!("{told}");
    }
    Ok(match outcome {
        Outcome::Answered | Outcome::StoppedAtCriticalPoint => Exit::Done,
        _ => Exit::Failed,
    })
}

fn page_of(out: &Path) -> PathBuf {
    out.canonicalize().unwrap_or_else(|_| out.to_owned()).join("index.html")
}
