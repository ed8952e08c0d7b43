//! `wayfarer generate`: seeds to verified trajectories, all roles in this process.

use crate::budget;
use crate::cli::Generate;
use crate::commands::standin;
use crate::exit::{Exit, WrongUsage};
use crate::local::{self, LOOPBACK, Machinery, Servers, WorldsSetup};
use crate::plan::{Wanted, plan};
use crate::progress::Progress;
use crate::roles::{self, Role, Running, Wiring};
use crate::stop;
use crate::truth::WorldTruth;
use anyhow::{Context, Result, bail};
use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};
use wayfarer_actor_verifier::truth::GroundTruth;
use wayfarer_bus::{Bus, Logged, Queue, RunFollower};
use wayfarer_chat::Scope;
use wayfarer_config::Config;
use wayfarer_core::Calendar;
use wayfarer_core::event::RunEvent;
use wayfarer_core::run::{ConsentPolicy, RunSpec, Summary};
use wayfarer_core::seed::{SeedLine, read_seed_lines};
use wayfarer_curator::{RunFolder, finish_run};
use wayfarer_inference::Pool;
use wayfarer_sandbox::Sandbox;
use wayfarer_standin::Standin;
use wayfarer_store::{LOW_DISK_BYTES, SUMMARY_DOCUMENT, Store, Stores};
use wayfarer_telemetry::ReadyRoles;

/// The model's failures are told this often at most.
const TELL_AGAIN_AFTER: Duration = Duration::from_secs(60);
const LOOK_EVERY: Duration = Duration::from_millis(250);
/// How long the curator may take for what is left when the last verdict is in.
const CURATED_WITHIN: Duration = Duration::from_secs(60);

/// What a run is made from, and the worlds that it meets.
pub struct Source {
    /// Seeds.
    pub lines: Vec<SeedLine>,
    /// The bundled worlds, or others.
    pub worlds: WorldsSetup,
    /// When the run was made, where that is fixed (milliseconds since the epoch, UTC).
    pub created_unix_ms: Option<u64>,
}

/// Runs to the end, or until somebody stops it.
pub async fn generate(flags: Generate, config: Config, ready: ReadyRoles) -> Result<Exit> {
    let source = Source { lines: read_seeds(&flags)?, worlds: WorldsSetup::default(), created_unix_ms: None };
    generate_from(&flags, config, &source, ready).await
}

/// The same from seeds that are at hand.
pub async fn generate_from(flags: &Generate, config: Config, source: &Source, ready: ReadyRoles) -> Result<Exit> {
    check_flags(flags)?;
    make_output_folder(&flags.out)?;
    let machinery = Machinery::claim(&flags.out)?;
    let store = Store::open(&flags.out)?;
    refuse_full_disk(&store)?;
    let spec = spec_of(flags, source, &config, &store).await?;
    let before: Option<Summary> =
        store.find_document(SUMMARY_DOCUMENT).await.with_context(|| format!("remove {SUMMARY_DOCUMENT}, and it is written anew"))?;
    if let Some(summary) = before
        && summary.complete
        && summary.run_id == spec.run
    {
        // pages follow from what is stored: whoever removed some gets them back
        wayfarer_viewer::write_run_pages(&store).await?;
        println!("This run is complete already; another run needs another --out.");
        return report(flags, &summary);
    }

    if let Some(warning) = budget::uncounted(&flags.budget, &config) {
        eprintln!("warning: {warning}");
    }
    let mut progress = Progress::new(flags.quiet);
    let stopped = stop::requested();
    let mut cluster = Cluster::start(flags, config, &machinery, &store, &spec, &source.worlds, ready).await?;
    let clock = WorkClock::start(&machinery);
    let worked = cluster.work(flags, &clock, &store, &spec, &mut progress, stopped).await;
    progress.finish();
    let (summary, last_reason) = cluster.finish(worked, &clock, &store, &spec).await?;
    if let Some(reason) = last_reason.filter(|_| summary.complete && came_to_nothing(&summary)) {
        progress.say(&format!("Nothing came of this run; the last reason: {reason}"));
    }
    report(flags, &summary)
}

/// Seconds that all processes together worked on the folder.
struct WorkClock<'a> {
    machinery: &'a Machinery,
    earlier: f64,
    started: Instant,
}

impl<'a> WorkClock<'a> {
    fn start(machinery: &'a Machinery) -> Self {
        Self { machinery, earlier: machinery.earlier_wall_s(), started: Instant::now() }
    }

    /// Reads it, and keeps the reading for the next process.
    fn wall_s(&self) -> f64 {
        let wall_s = self.earlier + self.started.elapsed().as_secs_f64();
        self.machinery.keep_wall_s(wall_s);
        wall_s
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
async fn spec_of(flags: &Generate, source: &Source, config: &Config, store: &Store) -> Result<RunSpec> {
    let unreadable = || format!("whether {} holds a run cannot be read; give another --out", flags.out.display());
    let existing: Option<RunSpec> = store.find_document("run.json").await.with_context(unreadable)?;
    let wanted = Wanted {
        run: existing.as_ref().map_or_else(local::new_run_id, |spec| spec.run.clone()),
        tasks: flags.tasks,
        strategies: flags.strategies.clone(),
        attempts: flags.attempts,
        seed: flags.seed,
        budgets: (&config.budgets).into(),
        consent: ConsentPolicy { approve: flags.approve, deny: 1.0 - flags.approve, follow_up: flags.follow_up },
        solver: flags.solver.clone(),
        now_unix_ms: existing.as_ref().map(|spec| spec.created_unix_ms).or(source.created_unix_ms).unwrap_or_else(local::now_unix_ms),
    };
    let spec = plan(&source.lines, &wanted)?;
    match existing {
        Some(existing) if existing != spec => bail!(
            "{} holds run {} that was made from other seeds, flags or budgets; give the same ones to resume it, or another --out",
            flags.out.display(),
            existing.run
        ),
        Some(existing) => Ok(existing),
        None => Ok(spec),
    }
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
        setup: &WorldsSetup,
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
            *listen = LOOPBACK;
        }
        config.cluster.advertise = None;
        let standin = standin::choose_model(&flags.model, &mut config).await?;
        // the stand-in has no word for strangers: it answers Wayfarer's own prompts only
        let pool = match config.inference.model != wayfarer_standin::server::MODEL {
            true => Some(ask_model(flags, &config, spec).await?),
            false => None,
        };
        let servers = machinery.servers(flags.nats_url.as_deref(), flags.redis_url.as_deref(), &config.cluster).await?;
        let checked = async {
            refuse_shared_nats(&servers.bus, spec).await?;
            refuse_lost_log(&servers.bus, store, spec).await
        };
        if let Err(error) = checked.await {
            servers.stop().await;
            return Err(error);
        }
        // the worlds live on the day on which the run was made, also when it is resumed later
        let worlds = local::worlds(machinery.worlds(), LOOPBACK, spec.day(), setup).await?;
        let wiring = Wiring {
            bus: servers.bus.clone(),
            redis: servers.redis.clone(),
            stores: Stores::Single(spec.run.clone(), store.clone()),
            egress: local::egress(&config, Some(&worlds)),
            calendar: Calendar::RunDay,
            truth: config.judge.oracle.then(|| truth_of(machinery.worlds(), spec)),
            pool,
            worker: local::worker_name(),
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

    /// Works until the run is complete or somebody stops it.
    async fn work(
        &mut self,
        flags: &Generate,
        clock: &WorkClock<'_>,
        store: &Store,
        spec: &RunSpec,
        progress: &mut Progress,
        stopped: impl Future<Output = ()>,
    ) -> Result<()> {
        let bus = &self.servers.bus;
        // not before everything runs: a start that failed must not bind the folder to its flags
        store.put_document("run.json", spec).await?;
        if wayfarer_gateway::runs::create(bus, spec).await?.resumed {
            progress.say(&format!("Resuming {}.", spec.run));
        }
        progress.say(&format!("To look at it while it goes on, open {}", index_of(flags).display()));
        let mut folder = RunFolder::new(store.clone(), spec);
        let mut teller = TroubleTeller::default();
        let mut ticks = tokio::time::interval(LOOK_EVERY);
        ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        tokio::pin!(stopped);
        loop {
            tokio::select! {
                () = &mut stopped => {
                    progress.say("Draining: attempts in flight are released (press Ctrl-C again to end at once).");
                    stop::exit_when_asked_again();
                    return Ok(());
                }
                error = self.servers.failed() => return Err(error),
                error = self.running.failed() => return Err(error),
                _ = ticks.tick() => {}
            }
            refuse_full_disk(store)?;
            teller.tell(&self.running.model_troubles(), progress);
            teller.tell_misses(self.running.misses(), progress);
            let wall_s = clock.wall_s();
            let tally = folder.catch_up(bus, spec).await?;
            let stages = wayfarer_gateway::runs::stages(bus, tally).await?;
            progress.show(stages, &tally.summary(wall_s), u64::from(flags.tasks));
            if tally.is_complete() {
                return self.wait_for_curator().await;
            }
            if let Err(error) = folder.write_if_due(wall_s).await {
                tracing::warn!(error = format!("{error:#}"), "the pages could not be written; they are when the run ends");
            }
        }
    }

    /// The last verdicts may still be on their way to the curator. What it does not come to is written when the run is finished, but
    /// must not be left behind in a NATS that others use, too.
    async fn wait_for_curator(&self) -> Result<()> {
        let deadline = Instant::now() + CURATED_WITHIN;
        while Instant::now() < deadline {
            let depth = self.servers.bus.queue_depth(Queue::Curate).await?;
            if depth.waiting + depth.in_flight == 0 {
                break;
            }
            tokio::time::sleep(LOOK_EVERY).await;
        }
        Ok(())
    }

    /// Drains the roles, brings the folder in order (of an interrupted run as well), and stops the rest. Also returns the last reason
    /// for which something was given up.
    async fn finish(self, worked: Result<()>, clock: &WorkClock<'_>, store: &Store, spec: &RunSpec) -> Result<(Summary, Option<String>)> {
        let Self { servers, worlds, standin, running } = self;
        running.stop().await;
        let finished = match worked {
            Ok(()) => write_out(&servers.bus, clock, store, spec).await,
            Err(error) => Err(error),
        };
        if let Some(standin) = standin {
            standin.shutdown().await;
        }
        worlds.shutdown().await;
        servers.stop().await;
        finished
    }
}

fn truth_of(worlds: PathBuf, spec: &RunSpec) -> Arc<dyn GroundTruth> {
    Arc::new(WorldTruth::new(worlds, spec.day()))
}

async fn write_out(bus: &Bus, clock: &WorkClock<'_>, store: &Store, spec: &RunSpec) -> Result<(Summary, Option<String>)> {
    let events = bus.events_of(&spec.run).await?;
    let summary = finish_run(store, spec, &events, clock.wall_s()).await?;
    Ok((summary, last_reason(&events)))
}

/// A NATS that others use, too, has the same queues for all runs: whoever is free would take the other's work, and one folder would
/// get attempts of both.
async fn refuse_shared_nats(bus: &Bus, spec: &RunSpec) -> Result<()> {
    let remedy = "leave --nats-url out (a NATS is then started), or give one of its own";
    let follower = RunFollower::new(bus.clone());
    for other in bus.list_runs().await?.iter().filter(|other| other.run != spec.run) {
        if !follower.tally(other).await?.is_complete() {
            bail!("this NATS holds run {}, which is not complete, and the two would take each other's work; {remedy}", other.run);
        }
    }
    for queue in Queue::ALL {
        if bus.has_workers(queue).await? {
            bail!("other processes take work from the queue {queue} of this NATS (`wayfarer up`?) and would take this run's; {remedy}");
        }
    }
    Ok(())
}

/// A run whose event log is gone cannot be resumed: it would begin anew between the attempts of its first life.
async fn refuse_lost_log(bus: &Bus, store: &Store, spec: &RunSpec) -> Result<()> {
    if bus.get_run(&spec.run).await?.is_none() && !store.attempts().await?.is_empty() {
        bail!(
            "{} holds attempts of run {}, whose event log is not in this NATS (was .cluster removed before the run was complete, or \
             another --nats-url given?); give the NATS that has it, or another --out",
            store.root().display(),
            spec.run
        );
    }
    Ok(())
}

/// One word from the endpoint: a wrong key or an address that is no model ends the command here, and not task by task.
async fn ask_model(flags: &Generate, config: &Config, spec: &RunSpec) -> Result<Pool> {
    if !flags.quiet {
        eprintln!("Asking the model {} at {} …", config.inference.model, config.inference.base_url);
    }
    let scope = Scope { tenant: spec.tenant.clone(), run: spec.run.clone(), task: None, attempt: None, step: 0 };
    let asked = async {
        let pool = roles::inference_pool(config).await?;
        pool.check(&scope).await?;
        Ok::<_, anyhow::Error>(pool)
    };
    tokio::select! {
        asked = asked => asked,
        () = stop::requested() => bail!("interrupted while the model was asked; nothing was begun"),
    }
}

/// Tells that the model fails: once, and again when it still does a minute later.
#[derive(Default)]
struct TroubleTeller {
    told: Option<Instant>,
    missing: BTreeSet<String>,
}

impl TroubleTeller {
    /// Each engine once.
    fn tell_misses(&mut self, misses: BTreeMap<String, String>, progress: &Progress) {
        for (engine, trouble) in misses {
            if self.missing.insert(engine.clone()) {
                progress.say(&format!("The engine {engine} does not click where it means to: {trouble}"));
            }
        }
    }

    fn tell(&mut self, troubles: &BTreeSet<String>, progress: &Progress) {
        if self.told.is_none_or(|at| at.elapsed() >= TELL_AGAIN_AFTER)
            && let Some(trouble) = troubles.first()
        {
            progress.say(&format!("The model fails: {trouble}. What needs it waits; at last it is given up with this reason."));
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

/// Also what an interrupted run came to is told, with the command that goes on.
fn report(flags: &Generate, summary: &Summary) -> Result<Exit> {
    if !flags.quiet {
        println!("{}", wayfarer_viewer::print_summary(summary));
        println!("Open {}", index_of(flags).display());
    }
    if !summary.complete {
        eprintln!("Interrupted. What was done is kept; this goes on where it stopped:\n  {}", this_command());
    }
    if flags.json {
        println!("{}", serde_json::to_string(summary)?);
    }
    Ok(match summary.complete {
        false => Exit::Interrupted,
        true if came_to_nothing(summary) => Exit::Failed,
        true => Exit::Done,
    })
}

fn index_of(flags: &Generate) -> PathBuf {
    let out = flags.out.canonicalize().unwrap_or_else(|_| flags.out.clone());
    out.join("index.html")
}

/// The command that started this process, as a shell takes it.
fn this_command() -> String {
    let words: Vec<String> = std::env::args_os().map(|word| quoted(&word.to_string_lossy())).collect();
    words.join(" ")
}

fn quoted(word: &str) -> String {
    let is_plain = |c: char| c.is_ascii_alphanumeric() || "-_./:=,@%+".contains(c);
    if !word.is_empty() && word.chars().all(is_plain) { word.to_owned() } else { format!("'{}'", word.replace('\'', "'\\''")) }
}

/// No task got as far as a verdict.
fn came_to_nothing(summary: &Summary) -> bool {
    summary.accepted + summary.rejected + summary.invalid_task == 0
}
