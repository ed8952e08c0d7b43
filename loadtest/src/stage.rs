//! What the browser load tests run on: local pages, a farm on a real gRPC port, and clients of it.

use crate::pages::{HOST, Pages};
use anyhow::{Context, Result};
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;
use wayfarer_browser::{BrowserSession, BrowserSupply, ChromiumOptions, ChromiumSupply, Drive, EgressPolicy, SessionSpec};
use wayfarer_browser_farm::{FarmOptions, Serving};
use wayfarer_children::Tools;
use wayfarer_core::{RunId, TaskId, TaskRef, TenantId};
use wayfarer_rpc::{Endpoints, GrpcBrowserSupply, SupplyOptions};
use wayfarer_telemetry::Readiness;

/// A farm with everything around it.
pub(crate) struct Stage {
    pub(crate) pages: Pages,
    pub(crate) options: ChromiumOptions,
    pub(crate) supply: Arc<ChromiumSupply>,
    farm: GrpcBrowserSupply,
    stop: CancellationToken,
    serving: JoinHandle<()>,
}

impl Stage {
    /// A farm of so many sessions, `per_browser` of them in one browser.
    pub(crate) async fn set(sessions: usize, per_browser: usize) -> Result<Self> {
        let tools = Tools::locate();
        let pages = Pages::serve().await?;
        let options = ChromiumOptions {
            // one more, so that the next session can be made ready while all others work
            max_sessions: sessions + 1,
            sessions_per_browser: per_browser + 1,
            ..ChromiumOptions::new(tools.chromium()?, tools.driver_dir()?)
        };
        let supply = Arc::new(ChromiumSupply::launch(options.clone()).await.context("starting Chromium")?);
        let stop = CancellationToken::new();
        let listen = SocketAddr::new(Ipv4Addr::LOCALHOST.into(), 0);
        let bounds = FarmOptions { max_sessions: sessions + 1, ..FarmOptions::default() };
        let Serving { address, task, .. } =
            wayfarer_browser_farm::serve(supply.clone(), bounds, listen, Readiness::default(), stop.clone()).await?;
        let farm = GrpcBrowserSupply::new(Endpoints::fixed([address.to_string()]), SupplyOptions::default());
        Ok(Self { pages, options, supply, farm, stop, serving: task })
    }

    /// A session of the farm, over the wire, that may reach the pages.
    pub(crate) async fn acquire(&self, name: &str) -> Result<Box<dyn BrowserSession>> {
        let egress = EgressPolicy { resolve: [(HOST.to_owned(), self.pages.address)].into(), ..EgressPolicy::default() };
        // each is somebody's: the farm remembers whose
        let task = TaskRef { tenant: TenantId::default(), run: RunId::new("load")?, task: TaskId::new(name)? };
        Ok(self.farm.acquire(SessionSpec { egress, task: Some(task), ..SessionSpec::new(TenantId::default(), name) }).await?)
    }

    /// A browser of its own, with a client's connection to it: there is no gRPC between, as for the HTTP face.
    pub(crate) async fn host(&self, name: &str) -> Result<Box<dyn BrowserSession>> {
        let session = self.supply.acquire(SessionSpec { drive: Drive::Cdp, ..SessionSpec::new(TenantId::default(), name) }).await?;
        session.connect().await?;
        Ok(session)
    }

    /// Ends all of it.
    pub(crate) async fn strike(self) {
        self.stop.cancel();
        let _ = self.serving.await;
        self.supply.shutdown().await;
    }
}
