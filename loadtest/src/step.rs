//! The cost of a step: whole actor tree, real Chromium behind its egress proxy, real event log, real store; only the model is scripted.

use crate::figures::Figures;
use crate::scripted::Scripted;
use anyhow::{Context, Result};
use async_trait::async_trait;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::sync::Mutex;
use tokio_util::sync::CancellationToken;
use wayfarer_actor_orchestrator::{AttemptEnd, AttemptJob, OrchestratorDeps, SurferPort, run_attempt};
use wayfarer_actor_websurfer::SurferDeps;
use wayfarer_browser::{BrowserSupply, ChromiumOptions, ChromiumSupply, EgressPolicy, SessionSpec};
use wayfarer_bus::{Bus, BusOptions, EventLog, NatsEventLog};
use wayfarer_chat::Model;
use wayfarer_children::{NatsOptions, NatsServer, Tools};
use wayfarer_core::action::Target;
use wayfarer_core::event::RunEvent;
use wayfarer_core::outcome::EnvFailure;
use wayfarer_core::run::{Budgets, ConsentPolicy, RunSpec};
use wayfarer_core::surf::{SurfOpen, SurfOpened, SurfOrder, SurfReport};
use wayfarer_core::task::Lineage;
use wayfarer_core::{Action, AttemptId, Category, Epoch, Mark, RunId, SeedId, Strategy, Task, TaskId, TenantId, Usage};
use wayfarer_hands::{HandsOptions, SurferHandle};
use wayfarer_sandbox::engine::AttackPlan;
use wayfarer_sandbox::{Sandbox, SandboxOptions};
use wayfarer_store::Store;

const SHOP: &str = "http://shop.localhost/";

/// The surfer in this process: what NATS adds is measured by the cluster's own figures (tenths of a millisecond).
struct Direct {
    deps: SurferDeps,
    handle: Mutex<Option<SurferHandle>>,
    /// Wall time of every order, as the orchestrator waits for it.
    orders_ms: Arc<Mutex<Vec<f64>>>,
}

#[async_trait]
impl SurferPort for Direct {
    async fn open(&self, open: SurfOpen) -> SurfOpened {
        let (opened, handle) = wayfarer_actor_websurfer::open(self.deps.clone(), open).await;
        *self.handle.lock().await = handle;
        opened
    }

    async fn step(&self, order: SurfOrder) -> SurfReport {
        let started = Instant::now();
        let handle = self.handle.lock().await;
        let report = match handle.as_ref() {
            Some(handle) => handle.step(order).await,
            None => SurfReport::Failed { kind: EnvFailure::SurferLost, detail: "not open".into(), usage: Usage::default() },
        };
        self.orders_ms.lock().await.push(started.elapsed().as_secs_f64() * 1e3);
        report
    }

    async fn close(&self) {
        if let Some(handle) = self.handle.lock().await.take() {
            handle.close().await;
        }
    }
}

pub(crate) async fn measure(attempts: u32, steps: u32, json: bool) -> Result<()> {
    let folder = tempfile::tempdir()?;
    let tools = Tools::locate();
    let nats = NatsServer::start(NatsOptions::found(&tools, &folder.path().join("nats"))?).await?;
    let bus = Bus::connect(nats.url(), BusOptions::default()).await?;
    bus.provision().await?;
    let log: Arc<dyn EventLog> = Arc::new(NatsEventLog::new(bus.clone()));
    let worlds = Sandbox::start(SandboxOptions {
        data_dir: folder.path().join("worlds"),
        docs_dir: None,
        listen: SocketAddr::new(Ipv4Addr::LOCALHOST.into(), 0),
        today: time::OffsetDateTime::now_utc().date(),
        seed: 1,
        worlds_dir: None,
        attacks: AttackPlan::default(),
    })
    .await?;
    let chromium = Arc::new(
        ChromiumSupply::launch(ChromiumOptions {
            max_sessions: 2,
            sessions_per_browser: 2,
            ..ChromiumOptions::new(tools.chromium()?, tools.driver_dir()?)
        })
        .await?,
    );
    let store = Store::open(folder.path().join("out"))?;
    let mut egress = EgressPolicy::default();
    egress.resolve.insert("shop.localhost".into(), worlds.addr());
    let model: Arc<dyn Model> = Arc::new(Scripted { steps });

    let (mut whole, mut settle, mut overhead, mut idle) = (Figures::new()?, Figures::new()?, Figures::new()?, Figures::new()?);
    let mut measured = 0;
    for number in 1..=attempts {
        let orders_ms = Arc::new(Mutex::new(Vec::new()));
        let surfer = Direct {
            deps: SurferDeps {
                model: model.clone(),
                tools: HandsOptions {
                    browsers: chromium.clone(),
                    store: store.clone(),
                    egress: egress.clone(),
                    replay: None,
                    record: false,
                    viewport: None,
                },
            },
            handle: Mutex::new(None),
            orders_ms: orders_ms.clone(),
        };
        let task = a_task(number)?;
        let spec = a_run()?;
        let attempt = AttemptId { task: task.id.clone(), number: 1 };
        let started = RunEvent::AttemptStarted { attempt: attempt.clone(), worker: "loadtest".into() };
        let sequence = log.append(&spec.run, &started, 0).await?;
        let deps =
            OrchestratorDeps { model: model.clone(), log: log.clone(), store: store.clone(), surfer: Arc::new(surfer), person: None };
        let job = AttemptJob {
            spec,
            task,
            attempt: attempt.clone(),
            epoch: Epoch(sequence),
            last_sequence: sequence,
            cancel: CancellationToken::new(),
            today: "2026-01-01".into(),
            outage_patience: Duration::ZERO,
            trace_id: String::new(),
        };
        match run_attempt(deps, job).await {
            AttemptEnd::Ended { .. } => {}
            _ => anyhow::bail!("the attempt did not end"),
        }
        let trajectory = store.get_trajectory(&attempt).await.context("reading the trajectory")?;
        // the first step pays for the cold cache of the page; from the second on a step is a step
        for pair in trajectory.steps.windows(2) {
            let (before, step) = (&pair[0], &pair[1]);
            let wall = (step.at_unix_ms - before.at_unix_ms) as f64;
            let surfed = &before.surfed;
            let page = surfed.observation.settle.ms;
            if !surfed.action.touches_page() {
                continue;
            }
            measured += 1;
            whole.take(wall)?;
            settle.take(page)?;
            overhead.take(wall - page - surfed.model_ms)?;
        }
        for ms in orders_ms.lock().await.iter() {
            idle.take(*ms)?;
        }
    }
    let mut bare = Figures::new()?;
    bare_loop(chromium.as_ref(), &egress, attempts * steps, &mut bare).await?;
    chromium.shutdown().await;
    worlds.shutdown().await;
    nats.stop().await;

    println!("{measured} steps of {attempts} attempts on the shop, scripted model; milliseconds");
    println!("{:<44} {:>8} {:>8}", "", "p50", "p95");
    for (name, figures) in [
        ("whole step (ledger, decision, act, observe, log)", &whole),
        ("  of it: the page comes to rest", &settle),
        ("  of it: step overhead, all the rest", &overhead),
        ("one order to the surfer", &idle),
        ("bare: act and observe, nothing else", &bare),
    ] {
        println!("{name:<50} {:>8.1} {:>8.1}", figures.at(0.5), figures.at(0.95));
    }
    let ratio = whole.at(0.5) / bare.at(0.5);
    println!("a whole step takes {ratio:.2} times the bare act-and-observe of the same browser layer (p50)");
    if json {
        let object = serde_json::json!({
            "steps": measured,
            "step_ms_p50": whole.at(0.5), "step_ms_p95": whole.at(0.95),
            "settle_ms_p50": settle.at(0.5), "settle_ms_p95": settle.at(0.95),
            "overhead_ms_p50": overhead.at(0.5), "overhead_ms_p95": overhead.at(0.95),
            "bare_ms_p50": bare.at(0.5), "bare_ms_p95": bare.at(0.95), "ratio_to_bare_p50": ratio,
        });
        println!("{object}");
    }
    Ok(())
}

/// The same wandering with the browser layer alone: the limit that a whole step is held against.
async fn bare_loop(chromium: &ChromiumSupply, egress: &EgressPolicy, steps: u32, figures: &mut Figures) -> Result<()> {
    let spec = SessionSpec { egress: egress.clone(), ..SessionSpec::new(TenantId::default(), "bare") };
    let session = chromium.acquire(spec).await?;
    let mut observed = session.open(SHOP).await?;
    for done in 0..steps as usize {
        let marks = &observed.observation.marks;
        let links: Vec<&Mark> = marks.iter().filter(|mark| mark.visible && mark.role == "link" && mark.href.starts_with(SHOP)).collect();
        let action = match (done % 5, links.is_empty()) {
            (4, _) => Action::Scroll { pixels: -600, target: None },
            (_, true) => Action::HistoryBack,
            _ => {
                let mark = links[(done * 7 + 3) % links.len()];
                let (x, y) = mark.rect.centre();
                let label = format!("{} {:?}", mark.role, mark.name);
                Action::LeftClick { target: Target { mark: Some(mark.id), x, y, label } }
            }
        };
        let started = Instant::now();
        observed = session.act_and_observe(&action).await?.1;
        figures.take(started.elapsed().as_secs_f64() * 1e3)?;
    }
    Ok(session.release().await?)
}

fn a_task(number: u32) -> Result<Task> {
    Ok(Task {
        id: TaskId::derived("loadtest", &[&number.to_string()]),
        intent: "Look around in the shop.".into(),
        start_url: SHOP.parse()?,
        category: Category::Shopping,
        strategy: Strategy::World,
        expected_critical_point: None,
        valid_from: None,
        valid_until: None,
        lineage: Lineage { seed: SeedId::derived("loadtest", &[]), parent: None, earlier_intents: vec![], template: None, pages: vec![] },
    })
}

fn a_run() -> Result<RunSpec> {
    Ok(RunSpec {
        run: RunId::new("loadtest")?,
        tenant: TenantId::default(),
        seeds: Vec::new(),
        max_tasks: 0,
        exemplar_tasks: 0,
        attempts: 1,
        seed: 1,
        budgets: Budgets::default(),
        consent: ConsentPolicy { follow_up: 0.0, ..ConsentPolicy::default() },
        solver: "ledger".into(),
        created_unix_ms: 0,
    })
}
