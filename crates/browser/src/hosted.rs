//! A session that its client drives by the DevTools protocol: a Chromium of its own, for nothing in it is shared.
//!
//! Its traffic goes through the session's own proxy, as everybody's does; it has no port, and its client reaches it through [`CdpLink`]
//! only. It has one browser context, the default one: in others Chromium was seen to gather candidates of calls past the proxy. Pages find
//! none of those calls; in worlds that a client makes beside theirs, Chromium's own flag against them holds.

use crate::api::no_browser;
use crate::driver::Scratch;
use crate::egress::EgressProxy;
use crate::guard::{Guard, PageAddress};
use crate::link::CdpLink;
use crate::process::{Chromium, Extra};
use crate::screencast::{self, CurrentPage, Frame, ScreencastOptions};
use crate::session::{NO_CALLS, fresh_id, with_instance};
use crate::wire::{CdpSession, NewPage, WatchedPages, Wire};
use crate::{BrowserError, BrowserSession, ChromiumOptions, Observed, Resolver, SessionSpec, StorageState};
use async_trait::async_trait;
use futures::FutureExt;
use futures::future::BoxFuture;
use serde_json::{Value, json};
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::{OwnedSemaphorePermit, mpsc};
use wayfarer_core::action::Effect;
use wayfarer_core::outcome::EnvFailure;
use wayfarer_core::{Action, SessionId};

/// How long a call to the browser may take.
const CALL_LIMIT: Duration = Duration::from_secs(10);

/// A browser of one's own.
pub(crate) struct HostedSession {
    id: SessionId,
    process: Chromium,
    /// Documents begin with our script as long as these are there.
    _watched: (CdpSession, WatchedPages),
    _proxy: EgressProxy,
    _place: OwnedSemaphorePermit,
    /// The last field: it is dropped when the process is killed.
    _scratch: Scratch,
}

impl HostedSession {
    /// Starts one.
    pub(crate) async fn launch(
        options: &ChromiumOptions,
        resolver: Arc<dyn Resolver>,
        spec: SessionSpec,
        place: OwnedSemaphorePermit,
    ) -> Result<Self, BrowserError> {
        let unfit = [("gated", spec.gated), ("record", spec.record), ("replay", spec.replay.is_some()), ("files", !spec.files.is_empty())];
        if let Some((option, _)) = unfit.iter().find(|(_, asked)| *asked) {
            return Err(no_browser(format!("`{option}` is not to be had where the client drives the browser: use `drive` \"actions\"")));
        }
        let proxy = EgressProxy::closed(resolver)
            .await
            .map_err(|error| no_browser(format!("the egress proxy could not listen on loopback: {error}")))?;
        proxy.give(with_instance(&spec));
        let scratch = Scratch::make().map_err(|error| no_browser(format!("no folder for a browser's profile can be made: {error}")))?;
        let mut extra = Extra {
            args: vec![
                format!("--proxy-server=http://{}", proxy.address()),
                "--proxy-bypass-list=<-loopback>".into(),
                format!("--window-size={},{}", spec.viewport.width, spec.viewport.height),
            ],
            ..Extra::default()
        };
        if let Some(locale) = &spec.locale {
            extra.args.extend([format!("--lang={locale}"), format!("--accept-lang={locale}")]);
        }
        extra.time_zone = spec.time_zone.clone();
        extra.first_page = true;
        let process = Chromium::launch(options, scratch.folder(), extra).await?;
        let watched = closed_to_calls(process.wire()).await;
        let watched = watched.map_err(|why| no_browser(format!("the browser's pages could not be watched: {why}")))?;
        let session = Self { id: fresh_id(), process, _watched: watched, _proxy: proxy, _place: place, _scratch: scratch };
        // nobody could fetch what a page gives, and it would fill our disk
        session.call("Browser.setDownloadBehavior", json!({"behavior": "deny"})).await?;
        if let Some(storage) = &spec.storage {
            session.give_cookies(storage).await?;
        }
        Ok(session)
    }

    async fn call(&self, method: &str, params: Value) -> Result<Value, BrowserError> {
        let asked = tokio::time::timeout(CALL_LIMIT, self.process.wire().browser(method, &params)).await;
        asked
            .map_err(|_| format!("no answer within {} s", CALL_LIMIT.as_secs()))
            .flatten()
            .map_err(|why| BrowserError::environment(EnvFailure::BrowserCrashed, format!("{method}: {why}")))
    }

    async fn give_cookies(&self, StorageState(state): &StorageState) -> Result<(), BrowserError> {
        if state["origins"].as_array().is_some_and(|origins| !origins.is_empty()) {
            return Err(no_browser("a session that is driven over CDP begins with cookies only: leave `origins` of its storage empty"));
        }
        if let Some(cookies) = state["cookies"].as_array().filter(|cookies| !cookies.is_empty()) {
            self.call("Storage.setCookies", json!({"cookies": cookies})).await?;
        }
        Ok(())
    }
}

#[async_trait]
impl BrowserSession for HostedSession {
    fn id(&self) -> &SessionId {
        &self.id
    }

    async fn open(&self, _url: &str) -> Result<Observed, BrowserError> {
        Err(driven_otherwise())
    }

    async fn observe(&self) -> Result<Observed, BrowserError> {
        Err(driven_otherwise())
    }

    async fn act(&self, _action: &Action) -> Result<Effect, BrowserError> {
        Err(driven_otherwise())
    }

    async fn act_and_observe(&self, _action: &Action) -> Result<(Effect, Observed), BrowserError> {
        Err(driven_otherwise())
    }

    async fn storage(&self) -> Result<StorageState, BrowserError> {
        let cookies = self.call("Storage.getCookies", json!({})).await?["cookies"].take();
        Ok(StorageState(json!({"cookies": cookies, "origins": []})))
    }

    async fn connect(&self) -> Result<CdpLink, BrowserError> {
        let connected = tokio::time::timeout(CALL_LIMIT, self.process.wire().client()).await;
        let connected = connected.map_err(|_| "no answer in time".to_owned()).flatten();
        let (client, end) = connected.map_err(|why| BrowserError::environment(EnvFailure::BrowserCrashed, why))?;
        Ok(CdpLink::new(client, end))
    }

    fn gone(&self) -> BoxFuture<'static, ()> {
        self.process.wire().gone().clone().cancelled_owned().boxed()
    }

    async fn screencast(&self, options: ScreencastOptions) -> Result<mpsc::Receiver<Frame>, BrowserError> {
        let wire = self.process.wire().clone();
        let asked = wire.clone();
        let current: CurrentPage = Arc::new(move || {
            let wire = asked.clone();
            async move {
                let targets = tokio::time::timeout(CALL_LIMIT, wire.browser("Target.getTargets", &json!({}))).await.ok()?.ok()?;
                // the newest comes first
                let page = targets["targetInfos"].as_array()?.iter().find(|target| target["type"] == "page")?;
                page["targetId"].as_str().map(str::to_owned)
            }
            .boxed()
        });
        Ok(screencast::start(wire, current, options))
    }

    async fn release(self: Box<Self>) -> Result<(), BrowserError> {
        self.process.close().await;
        Ok(())
    }
}

/// No document that is there or comes finds calls between browsers.
async fn closed_to_calls(wire: &Wire) -> Result<(CdpSession, WatchedPages), String> {
    let work = async {
        let targets = wire.browser("Target.getTargets", &json!({})).await?;
        let page = targets["targetInfos"].as_array().into_iter().flatten().find(|target| target["type"] == "page");
        let text = |key: &str| page.and_then(|page| page[key].as_str()).ok_or("the browser has no page");
        let guard = Arc::new(Guard::new(false, None, NO_CALLS));
        let page_of: PageAddress = Arc::new(String::new);
        let first = wire.attach(text("targetId")?).await?;
        guard.watch(&first, Arc::clone(&page_of)).await?;
        let look: NewPage = Arc::new(move |newcomer| {
            let (guard, page_of) = (Arc::clone(&guard), Arc::clone(&page_of));
            async move { guard.lets_begin(newcomer, page_of).await }.boxed()
        });
        Ok((first, wire.watch_new_pages(text("browserContextId")?.to_owned(), look).await?))
    };
    tokio::time::timeout(CALL_LIMIT, work).await.unwrap_or_else(|_| Err(format!("no answer within {} s", CALL_LIMIT.as_secs())))
}

fn driven_otherwise() -> BrowserError {
    no_browser("this session is driven over CDP by its client: ask for one with `drive` \"actions\" to observe and act here")
}
