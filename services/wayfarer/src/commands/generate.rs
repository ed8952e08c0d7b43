//! `wayfarer generate`: seeds to verified trajectories, all roles in this process.

use crate::cli::Generate;
use crate::commands::standin;
use crate::exit::{Exit, WrongUsage};
use crate::local::{self, LOOPBACK, Machinery, Servers};
use crate::plan::{Wanted, plan};
use crate::progress::Progress;
use crate::roles::{self, Role, Running, Wiring};
use crate::stop;
use anyhow::{Context, Result, bail};
use std::collections::BTreeSet;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};
use wayfarer_bus::{Logged, NatsEventLog, Queue, RunFollower};
use wayfarer_chat::Scope;
use wayfarer_config::Config;
use wayfarer_core::event::RunEvent;
use wayfarer_core::run::{ConsentPolicy, RunSpec, Summary};
use wayfarer_core::seed::{SeedLine, read_seed_lines};
use wayfarer_curator::{finish_run, run_tasks};
use wayfarer_sandbox::Sandbox;
use wayfarer_standin::Standin;
use wayfarer_store::{LOW_DISK_BYTES, Store, Stores};
use wayfarer_telemetry::ReadyRoles;

/// The model's failures are told this often at most.
const TELL_AGAIN_AFTER: Duration = Duration::from_secs(60);
const LOOK_EVERY: Duration = Duration::from_millis(250);
/// How long the curator may take for what is left when the last verdict is in.
const PAGES_WITHIN: Duration = Duration::from_secs(60);

/// Runs to the end, or until somebody stops it.
pub async fn generate(flags: Generate, config: Config, ready: ReadyRoles) -> Result<Exit> {
    let lines = read_seeds(&flags)?;
    check_flags(&flags)?;
    make_output_folder(&flags.out)?;
    let machinery = Machinery::claim(&flags.out)?;
    let store = Store::open(&flags.out)?;
    refuse_full_disk(&store)?;
    let spec = spec_of(&flags, &lines, &store).await?;
    if let Ok(summary) = store.get_document::<Summary>("summary.json").await
        && summary.complete
        && summary.run_id == spec.run
    {
        println!("This run is complete already; another run needs another --out.");
        return report(&flags, &summary);
    }

    let progress = Progress::new(flags.quiet);
    let stopped = stop::requested();
    let mut cluster = Cluster::start(&flags, config, &machinery, &store, &spec, ready).await?;
    let ended = cluster.work(&flags, &machinery, &store, &spec, progress, stopped).await;
    cluster.stop().await;
    match ended? {
        Ended::Complete(summary) => report(&flags, &summary),
        Ended::Interrupted => {
            eprintln!("Interrupted. What was done is kept; the same command resumes.");
            Ok(Exit::Interrupted)
        }
    }
}

fn read_seeds(flags: &Generate) -> Result<Vec<SeedLine>> {
    let text = std::fs::read_to_string(&flags.seeds)
        .with_context(|| format!("the seed file {} cannot be read; give a file of JSON lines with --seeds", flags.seeds.display()))?;
    Ok(read_seed_lines(&text)?)
}

fn check_flags(flags: &Generate) -> Result<()> {
    for (name, share) in [("--approve", flags.approve), ("--follow-up", flags.follow_up)] {
        if !(0.0..=1.0).contains(&share) {
            return Err(WrongUsage(format!("{name} must lie between 0 and 1")).into());
        }
    }
    if let Some(slots) = flags.slots
        && !(1..=64).contains(&slots)
    {
        return Err(WrongUsage("--slots must lie between 1 and 64".into()).into());
    }
    Ok(())
}

fn make_output_folder(out: &Path) -> Result<()> {
    if out.exists() && !out.is_dir() {
        return Err(WrongUsage(format!("--out {} is a file; give a folder (it is made if it is not there)", out.display())).into());
    }
    std::fs::create_dir_all(out).with_context(|| format!("the output folder {} cannot be made; give another --out", out.display()))
}

fn refuse_full_disk(store: &Store) -> Result<()> {
    match store.free_bytes() {
        Some(free) if free < LOW_DISK_BYTES => bail!(
            "only {} MB are free on the disk of {}; free at least {} MB and run the same command again",
            free / 1_000_000,
            store.root().display(),
            LOW_DISK_BYTES / 1_000_000
        ),
        _ => Ok(()),
    }
}

/// The run of this folder: the one that is there, if it was made from the same input, or a new one.
async fn spec_of(flags: &Generate, lines: &[SeedLine], store: &Store) -> Result<RunSpec> {
    let existing: Option<RunSpec> = store.get_document("run.json").await.ok();
    let wanted = Wanted {
        run: existing.as_ref().map_or_else(local::new_run_id, |spec| spec.run.clone()),
        tasks: flags.tasks,
        strategies: flags.strategies.clone(),
        attempts: flags.attempts,
        seed: flags.seed,
        consent: ConsentPolicy { approve: flags.approve, deny: 1.0 - flags.approve, follow_up: flags.follow_up },
        now_unix_ms: existing.as_ref().map_or_else(local::now_unix_ms, |spec| spec.created_unix_ms),
    };
    let spec = plan(lines, &wanted)?;
    match existing {
        Some(existing) if existing != spec => bail!(
            "{} holds run {} that was made from other seeds or flags; give the same ones to resume it, or another --out",
            flags.out.display(),
            existing.run
        ),
        Some(existing) => Ok(existing),
        None => Ok(spec),
    }
}

enum Ended {
    Complete(Box<Summary>),
    Interrupted,
}

/// Everything that runs in (or under) this process.
struct Cluster {
    servers: Servers,
    worlds: Sandbox,
    standin: Option<Standin>,
    running: Running,
}

impl Cluster {
    async fn start(
        flags: &Generate,
        mut config: Config,
        machinery: &Machinery,
        store: &Store,
        spec: &RunSpec,
        ready: ReadyRoles,
    ) -> Result<Self> {
        if let Some(slots) = flags.slots {
            config.solver.slots = slots;
            config.farm.max_sessions = slots + config.proposer.slots;
        } else {
            config.farm.max_sessions = config.farm.max_sessions.max(config.solver.slots + config.proposer.slots);
        }
        config.egress.allow_hosts.extend(flags.allow_host.iter().cloned());
        for listen in [&mut config.inference.listen, &mut config.farm.listen, &mut config.gateway.listen] {
            listen.set_port(0);
        }
        let standin = standin::choose_model(&flags.model, &mut config).await?;
        // the stand-in has no word for strangers: it answers Wayfarer's own prompts only
        if config.inference.model != wayfarer_standin::server::MODEL {
            ask_model(flags, &config, spec).await?;
        }
        let servers = machinery.servers(flags.nats_url.as_deref(), flags.redis_url.as_deref()).await?;
        // the worlds live on the day on which the run was made, also when it is resumed later
        let day = local::day_of(spec.created_unix_ms);
        let worlds = local::worlds(machinery.worlds(), LOOPBACK, day).await?;
        let wiring = Wiring {
            bus: servers.bus.clone(),
            redis: servers.redis.clone(),
            stores: Stores::Single(store.clone()),
            egress: local::egress(&config, Some(worlds.addr())),
            today: day.to_string(),
            worker: local::worker_name(),
            listen: LOOPBACK.ip(),
            ready,
            config,
        };
        let running = match roles::start(&Role::ALL, &wiring).await {
            Ok(running) => running,
            Err(error) => {
                drop(wiring);
                servers.stop().await;
                return Err(error);
            }
        };
        Ok(Self { servers, worlds, standin, running })
    }

    async fn work(
        &mut self,
        flags: &Generate,
        machinery: &Machinery,
        store: &Store,
        spec: &RunSpec,
        mut progress: Progress,
        stopped: impl Future<Output = ()>,
    ) -> Result<Ended> {
        let log = Arc::new(NatsEventLog::new(self.servers.bus.clone()));
        // not before everything runs: a start that failed must not bind the folder to its flags
        store.put_document("run.json", spec).await?;
        if wayfarer_gateway::runs::create(&self.servers.bus, log.as_ref(), spec).await? {
            progress.say(&format!("Resuming {}.", spec.run));
        }
        let follower = RunFollower::new(self.servers.bus.clone());
        let earlier = machinery.earlier_wall_s();
        let started = Instant::now();
        let mut teller = TroubleTeller::default();
        let mut ticks = tokio::time::interval(LOOK_EVERY);
        tokio::pin!(stopped);
        loop {
            tokio::select! {
                () = &mut stopped => {
                    progress.say("Draining: attempts in flight are released (press Ctrl-C again to end at once).");
                    tokio::spawn(async {
                        stop::requested().await;
                        std::process::exit(130);
                    });
                    progress.finish();
                    return Ok(Ended::Interrupted);
                }
                error = self.servers.failed() => return Err(error),
                error = self.running.failed() => return Err(error),
                _ = ticks.tick() => {}
            }
            let wall_s = earlier + started.elapsed().as_secs_f64();
            machinery.keep_wall_s(wall_s);
            refuse_full_disk(store)?;
            teller.tell(&self.running.model_troubles(), &progress);
            let tally = follower.tally(spec).await?;
            progress.show(tally.stages(), &tally.summary(wall_s), u64::from(flags.tasks));
            if tally.is_complete() {
                progress.finish();
                let mut summary = tally.summary(wall_s);
                self.wait_for_pages().await?;
                summary.wall_s = earlier + started.elapsed().as_secs_f64();
                let events = self.servers.bus.events_of(&spec.run).await?;
                finish_run(store, &summary, &run_tasks(&events)).await?;
                if came_to_nothing(&summary)
                    && let Some(reason) = last_reason(&events)
                {
                    progress.say(&format!("Nothing came of this run; the last reason: {reason}"));
                }
                return Ok(Ended::Complete(Box::new(summary)));
            }
        }
    }

    /// The last verdicts may still be on their way to the curator.
    async fn wait_for_pages(&self) -> Result<()> {
        let deadline = Instant::now() + PAGES_WITHIN;
        loop {
            let depth = self.servers.bus.queue_depth(Queue::Curate).await?;
            if depth.waiting + depth.in_flight == 0 {
                return Ok(());
            }
            anyhow::ensure!(
                Instant::now() < deadline,
                "the curator did not finish within {} s; run the same command again",
                PAGES_WITHIN.as_secs()
            );
            tokio::time::sleep(LOOK_EVERY).await;
        }
    }

    async fn stop(self) {
        self.running.stop().await;
        if let Some(standin) = self.standin {
            standin.shutdown().await;
        }
        self.worlds.shutdown().await;
        self.servers.stop().await;
    }
}

/// One word from the endpoint: a wrong key or an address that is no model ends the command here, and not task by task.
async fn ask_model(flags: &Generate, config: &Config, spec: &RunSpec) -> Result<()> {
    if !flags.quiet {
        eprintln!("Asking the model {} at {} …", config.inference.model, config.inference.base_url);
    }
    let scope = Scope { tenant: spec.tenant.clone(), run: spec.run.clone(), task: None, attempt: None, step: 0 };
    let pool = roles::inference_pool(config, None)?;
    tokio::select! {
        asked = pool.check(&scope) => Ok(asked?),
        () = stop::requested() => bail!("interrupted while the model was asked; nothing was begun"),
    }
}

/// Tells that the model fails: once, and again when it still does a minute later.
#[derive(Default)]
struct TroubleTeller {
    told: Option<Instant>,
}

impl TroubleTeller {
    fn tell(&mut self, troubles: &BTreeSet<String>, progress: &Progress) {
        if self.told.is_none_or(|at| at.elapsed() >= TELL_AGAIN_AFTER)
            && let Some(trouble) = troubles.first()
        {
            progress.say(&format!("The model fails: {trouble}. What needs it is tried again, then given up with this reason."));
            self.told = Some(Instant::now());
        }
    }
}

/// Why nothing came of a run, as its events tell it; the last reason is the freshest.
fn last_reason(events: &[Logged]) -> Option<String> {
    events.iter().rev().find_map(|logged| match &logged.event {
        RunEvent::DeadLettered { reason, .. } => Some(reason.clone()),
        RunEvent::SeedDone { dropped, .. } => dropped.last().map(|dropped| format!("{} ({})", dropped.reason, dropped.intent)),
        _ => None,
    })
}

fn report(flags: &Generate, summary: &Summary) -> Result<Exit> {
    if !flags.quiet {
        println!("{}", wayfarer_viewer::print_summary(summary));
        let index = flags.out.join("index.html");
        println!("Open {}", index.canonicalize().unwrap_or(index).display());
    }
    if flags.json {
        println!("{}", serde_json::to_string(summary)?);
    }
    Ok(if came_to_nothing(summary) { Exit::Failed } else { Exit::Done })
}

/// No task got as far as a verdict.
fn came_to_nothing(summary: &Summary) -> bool {
    summary.accepted + summary.rejected + summary.invalid_task == 0
}
