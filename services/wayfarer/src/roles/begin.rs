//! How each role is begun.

use super::from_config::{aim, chromium_options, farm_face, inference_pool, native_words, tenant_keys, with_budgets};
use super::{Role, Running, Wiring, advertised};
use crate::farms;
use anyhow::{Context, Result};
use std::sync::Arc;
use std::time::Duration;
use tokio::task::JoinHandle;
use wayfarer_browser::ChromiumSupply;
use wayfarer_bus::{EventLog, NatsEventLog, RunFollower};
use wayfarer_chat::Model;
use wayfarer_config::Inference;
use wayfarer_inference::{ACCOUNTS_MEMORY, Accounts, Pool};
use wayfarer_lease::{Registry, Tally};
use wayfarer_rpc::{GrpcBrowserSupply, GrpcModel, SupplyOptions};
use wayfarer_telemetry::Need;

/// How much longer a caller waits than the callee may take: the wire's share.
const LONGER: Duration = Duration::from_secs(10);

/// How long roles wait for each other: nobody gives up before whom it asked has.
#[derive(Debug, Clone, Copy)]
struct Waits {
    /// For the pool of models.
    model_call: Duration,
    /// For a browser farm.
    browser: SupplyOptions,
    /// For a surfer.
    order: Duration,
}

impl Waits {
    fn of(inference: &Inference) -> Self {
        let model_call = wayfarer_inference::longest_call(inference) + LONGER;
        let browser = SupplyOptions::default();
        let browser_call = browser.call_timeout + browser.acquire_wait;
        Self { model_call, browser, order: wayfarer_websurfer::longest_order(model_call, browser_call) + LONGER }
    }
}

/// What roles reach each other by.
struct Ways {
    log: Arc<dyn EventLog>,
    follower: Arc<RunFollower>,
    registry: Registry,
    model: Arc<dyn Model>,
    browsers: Arc<GrpcBrowserSupply>,
    waits: Waits,
}

impl Running {
    pub(super) async fn begin(&mut self, role: Role, wiring: &Wiring) -> Result<()> {
        let registry = Registry::new(wiring.redis.clone());
        let waits = Waits::of(&wiring.config.inference);
        let farms = self.find(&registry, Role::BrowserFarm).await;
        let ways = Ways {
            log: Arc::new(NatsEventLog::new(wiring.bus.clone())),
            follower: Arc::new(RunFollower::new(wiring.bus.clone())),
            model: Arc::new(GrpcModel::new(self.find(&registry, Role::Inference).await, waits.model_call)),
            browsers: Arc::new(GrpcBrowserSupply::new(farms, waits.browser).with_board(self.board.clone())),
            registry,
            waits,
        };
        match role {
            Role::Inference => self.begin_inference(wiring, ways).await,
            Role::BrowserFarm => self.begin_farm(wiring, ways).await,
            Role::Gateway => self.begin_gateway(wiring, ways).await,
            Role::Websurfer => self.begin_websurfer(wiring, ways),
            Role::Curator => self.begin_curator(wiring, ways),
            Role::Verifier => self.begin_verifier(wiring, ways),
            Role::Orchestrator => self.begin_orchestrator(wiring, ways),
            Role::Proposer => self.begin_proposer(wiring, ways),
        }
    }

    async fn begin_inference(&mut self, wiring: &Wiring, ways: Ways) -> Result<()> {
        let config = &wiring.config;
        let pool = match &wiring.pool {
            Some(pool) => pool.clone(),
            None => inference_pool(config).await?,
        };
        let accounts = Accounts::shared(Tally::new(wiring.redis.clone(), ACCOUNTS_MEMORY));
        let pool = with_budgets(pool, config, &wiring.redis).with_accounts(accounts);
        if let Some(options) = aim(config)? {
            pool.watch_aim(options);
        }
        self.pool = Some(pool.clone());
        let models = pool.clone();
        let ready = self.needs(Role::Inference, wiring, Some(Need::new("model", move || reach(models.clone()))));
        if let Some(http) = &config.inference.http {
            let keys = tenant_keys("inference.http", &http.keys)?;
            let face = wayfarer_inference::serve_http(pool.clone(), http.listen, keys, self.stop_foundations.clone()).await;
            let (address, task) = face.with_context(|| format!("listening on {} for models over HTTP", http.listen))?;
            tracing::info!(%address, "models are served over HTTP");
            self.foundations.push((Role::Inference, served(task)));
        }
        let (addr, task) = wayfarer_inference::serve(pool, config.inference.listen, ready, self.stop_foundations.clone()).await?;
        self.face(Role::Inference, advertised(Role::Inference, addr, config)?, &ways.registry).await?;
        self.foundations.push((Role::Inference, served(task)));
        Ok(())
    }

    async fn begin_farm(&mut self, wiring: &Wiring, ways: Ways) -> Result<()> {
        let config = &wiring.config;
        let supply = Arc::new(ChromiumSupply::launch(chromium_options(config)?).await.context("starting Chromium")?);
        self.chromium = Some(supply.clone());
        let browsers = supply.clone();
        let ready = self.needs(Role::BrowserFarm, wiring, Some(Need::new("browser", move || check(browsers.clone()))));
        let options = wayfarer_browser_farm::FarmOptions {
            max_sessions: config.farm.max_sessions,
            longest_line: config.farm.longest_line,
            reserve: wayfarer_browser_farm::Reserve {
                memory_mib: config.farm.reserve_mib,
                session_mib: config.farm.session_mib,
                load_per_core: config.farm.load_per_core,
            },
            lease: Duration::from_secs(config.farm.lease_seconds),
            ..Default::default()
        };
        let stop_face = self.stop_foundations.clone();
        let serving = wayfarer_browser_farm::serve(supply, options, config.farm.listen, ready, stop_face).await?;
        let address = advertised(Role::BrowserFarm, serving.address, config)?;
        self.face(Role::BrowserFarm, address.clone(), &ways.registry).await?;
        self.foundations.push((Role::BrowserFarm, served(serving.task)));
        if let Some(http) = &config.farm.http {
            let face = farm_face(http, wiring.egress.clone())?;
            let face = wayfarer_browser_farm::serve_face(serving.farm.clone(), face, self.stop_foundations.clone()).await;
            let face = face.with_context(|| format!("listening on {} for browser sessions over HTTP", http.listen))?;
            self.foundations.push((Role::BrowserFarm, served(face.task)));
        }
        tokio::spawn(farms::tell(wiring.bus.clone(), serving.farm, address, self.stop_foundations.clone()));
        Ok(())
    }

    async fn begin_gateway(&mut self, wiring: &Wiring, ways: Ways) -> Result<()> {
        let config = &wiring.config;
        let ready = self.needs(Role::Gateway, wiring, None);
        let (bus, stores, stop_face) = (wiring.bus.clone(), wiring.stores.clone(), self.stop_foundations.clone());
        let (addr, task) = wayfarer_gateway::serve(bus, ways.log.clone(), stores, config.gateway.listen, ready, stop_face).await?;
        self.face(Role::Gateway, advertised(Role::Gateway, addr, config)?, &ways.registry).await?;
        self.foundations.push((Role::Gateway, served(task)));
        let sweep = wayfarer_gateway::sweep(wiring.bus.clone(), ways.log, self.stop_workers.clone());
        let sample = wayfarer_gateway::sample(wiring.bus.clone(), ways.follower, self.stop_workers.clone());
        self.workers.push((
            Role::Gateway,
            tokio::spawn(async move {
                tokio::join!(sweep, sample);
                Ok(())
            }),
        ));
        Ok(())
    }

    fn begin_websurfer(&mut self, wiring: &Wiring, ways: Ways) -> Result<()> {
        let config = &wiring.config;
        self.needs(Role::Websurfer, wiring, None);
        let service = wayfarer_websurfer::WebSurferService {
            bus: wiring.bus.clone(),
            model: ways.model,
            browsers: ways.browsers,
            stores: wiring.stores.clone(),
            egress: wiring.egress.clone(),
            record: config.farm.record,
            slots: config.solver.slots,
            owner_silence: Duration::from_secs(config.cluster.owner_silence_seconds),
            native: native_words(config)?,
        };
        // surfers outlive the orchestrators that they work for
        self.foundations.push((Role::Websurfer, tokio::spawn(service.run(self.stop_foundations.clone()))));
        Ok(())
    }

    fn begin_curator(&mut self, wiring: &Wiring, ways: Ways) -> Result<()> {
        self.needs(Role::Curator, wiring, None);
        let service = wayfarer_curator::CuratorService { bus: wiring.bus.clone(), log: ways.log, stores: wiring.stores.clone(), slots: 2 };
        self.workers.push((Role::Curator, tokio::spawn(service.run(self.stop_workers.clone()))));
        Ok(())
    }

    fn begin_verifier(&mut self, wiring: &Wiring, ways: Ways) -> Result<()> {
        let config = &wiring.config;
        self.needs(Role::Verifier, wiring, None);
        let service = wayfarer_verifier::VerifierService {
            bus: wiring.bus.clone(),
            log: ways.log,
            follower: ways.follower,
            model: ways.model,
            stores: wiring.stores.clone(),
            policy: config.judge.policy,
            votes: config.judge.votes,
            truth: wiring.truth.clone(),
            slots: config.judge.slots,
        };
        self.workers.push((Role::Verifier, tokio::spawn(service.run(self.stop_workers.clone()))));
        Ok(())
    }

    fn begin_orchestrator(&mut self, wiring: &Wiring, ways: Ways) -> Result<()> {
        let config = &wiring.config;
        self.needs(Role::Orchestrator, wiring, None);
        let service = wayfarer_orchestrator::OrchestratorService {
            bus: wiring.bus.clone(),
            log: ways.log,
            model: ways.model,
            stores: wiring.stores.clone(),
            slots: config.solver.slots,
            step_timeout: ways.waits.order,
            worker: wiring.worker.clone(),
            calendar: wiring.calendar,
        };
        self.workers.push((Role::Orchestrator, tokio::spawn(service.run(self.stop_workers.clone()))));
        Ok(())
    }

    fn begin_proposer(&mut self, wiring: &Wiring, ways: Ways) -> Result<()> {
        let config = &wiring.config;
        self.needs(Role::Proposer, wiring, None);
        let service = wayfarer_proposer::ProposerService {
            bus: wiring.bus.clone(),
            log: ways.log,
            follower: ways.follower,
            redis: wiring.redis.clone(),
            model: ways.model,
            browsers: ways.browsers,
            stores: wiring.stores.clone(),
            egress: wiring.egress.clone(),
            slots: config.proposer.slots,
            calendar: wiring.calendar,
        };
        self.workers.push((Role::Proposer, tokio::spawn(service.run(self.stop_workers.clone()))));
        Ok(())
    }
}

async fn reach(models: Pool) -> Result<(), wayfarer_chat::ModelError> {
    models.reach().await
}

async fn check(browsers: Arc<ChromiumSupply>) -> Result<(), wayfarer_browser::BrowserError> {
    browsers.check().await
}

fn served(task: JoinHandle<()>) -> JoinHandle<Result<()>> {
    tokio::spawn(async move { Ok(task.await?) })
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use wayfarer_config::EndpointOverride;

    #[test]
    fn callers_wait_longer_than_the_slowest_configured_endpoint_may_take() {
        let slow = EndpointOverride { timeout_seconds: Some(300), ..EndpointOverride::default() };
        let inference = Inference { roles: [("surf".to_owned(), slow)].into(), ..Inference::default() };

        let waits = Waits::of(&inference);

        // a place at the endpoint, then the call
        assert!(waits.model_call > Duration::from_secs(2 * 300));
        // two questions of three turns, then the page
        assert!(waits.order > waits.model_call * 6 + waits.browser.call_timeout);
        assert!(Waits::of(&Inference::default()).model_call < waits.model_call);
    }
}
