//! New pages, frames and workers, held by the browser until somebody has looked at them.

use super::{CdpSession, Wire};
use crate::tab::lock;
use futures::future::BoxFuture;
use serde::Deserialize;
use serde_json::json;
use std::borrow::Cow;
use std::sync::Arc;
use std::sync::atomic::Ordering;

/// What is done with a newcomer before it may do anything; whether it may begin then. One that may not stays held.
pub(crate) type NewPage = Arc<dyn Fn(Newcomer) -> BoxFuture<'static, bool> + Send + Sync>;

/// A page, a frame of another site or a worker that begins.
pub(crate) struct Newcomer {
    pub(crate) cdp: CdpSession,
    pub(crate) kind: Kind,
    /// What it was begun with.
    pub(crate) url: String,
}

/// What begins.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    /// A page, or a frame.
    Document,
    /// Of one page.
    Worker,
    /// Of a site.
    ServiceWorker,
    /// Of several pages.
    SharedWorker,
}

/// What the protocol tells of one.
#[derive(Deserialize)]
pub(super) struct NewTarget<'a> {
    #[serde(borrow, rename = "sessionId")]
    pub(super) session: Cow<'a, str>,
    #[serde(borrow, rename = "targetInfo")]
    pub(super) target_info: NewTargetInfo<'a>,
    #[serde(default, rename = "waitingForDebugger")]
    pub(super) waits: bool,
}

#[derive(Deserialize)]
pub(super) struct NewTargetInfo<'a> {
    #[serde(borrow, rename = "targetId")]
    pub(super) target: Cow<'a, str>,
    #[serde(borrow, default, rename = "browserContextId")]
    pub(super) context: Cow<'a, str>,
    #[serde(borrow, default, rename = "type")]
    kind: Cow<'a, str>,
    #[serde(borrow, default)]
    url: Cow<'a, str>,
}

impl NewTargetInfo<'_> {
    fn kind(&self) -> Kind {
        match &*self.kind {
            "worker" => Kind::Worker,
            "service_worker" => Kind::ServiceWorker,
            "shared_worker" => Kind::SharedWorker,
            _ => Kind::Document,
        }
    }

    fn newcomer(&self, cdp: CdpSession) -> Newcomer {
        Newcomer { cdp, kind: self.kind(), url: self.url.clone().into_owned() }
    }
}

/// Somebody looks at the new pages and shared workers of a browser context, until it is dropped.
pub(crate) struct WatchedPages {
    wire: Wire,
    context: String,
}

impl Drop for WatchedPages {
    fn drop(&mut self) {
        lock(&self.wire.0.state).new_pages.remove(&self.context);
    }
}

impl Wire {
    /// Lets somebody look at what begins in a browser context and belongs to no page of it before it does anything, until the result is
    /// dropped: windows, service workers, shared workers.
    pub(crate) async fn watch_new_pages(&self, context: String, look: NewPage) -> Result<WatchedPages, String> {
        lock(&self.0.state).new_pages.insert(context.clone(), look);
        let watched = WatchedPages { wire: self.clone(), context };
        if !self.0.holds_new_pages.swap(true, Ordering::AcqRel) {
            let pages = json!([{"type": "page"}, {"type": "service_worker"}, {"type": "shared_worker"}, {"exclude": true}]);
            let hold = json!({"autoAttach": true, "waitForDebuggerOnStart": true, "flatten": true, "filter": pages});
            if let Err(error) = self.browser("Target.setAutoAttach", &hold).await {
                self.0.holds_new_pages.store(false, Ordering::Release);
                return Err(error);
            }
        }
        Ok(watched)
    }

    /// A newcomer waits for us.
    pub(super) fn new_page(&self, attached: NewTarget) {
        let look = lock(&self.0.state).new_pages.get(&*attached.target_info.context).cloned();
        self.welcome(attached, "", look);
    }

    fn welcome(&self, attached: NewTarget, parent: &str, look: Option<NewPage>) {
        let session = self.own(attached.session.into_owned(), parent);
        let newcomer = attached.target_info.newcomer(session.clone());
        if look.is_some() {
            // whoever attaches to it is given this session; without one it lasts as long as the newcomer
            lock(&self.0.state).early.insert(attached.target_info.target.into_owned(), session.clone());
        }
        tokio::spawn(async move {
            let begins = match look {
                Some(look) => look(newcomer).await,
                None => true,
            };
            if begins {
                // what nobody keeps is detached with this
                let _ = session.send("Runtime.runIfWaitingForDebugger", &json!({})).await;
            }
        });
    }
}

impl CdpSession {
    /// Hears of frames of other sites and of workers in this page before they do anything; whoever is given one lets it go on.
    pub(crate) async fn on_new_frames(&self, look: NewPage) -> Result<(), String> {
        let weak = self.downgrade();
        self.on("Target.attachedToTarget", move |event| {
            let Some(cdp) = weak.upgrade() else { return };
            if let Ok(attached) = NewTarget::deserialize(event) {
                cdp.0.wire.welcome(attached, &cdp.0.id, Some(Arc::clone(&look)));
            }
        });
        let weak = self.downgrade();
        self.on("Target.detachedFromTarget", move |event| {
            if let (Some(cdp), Some(session)) = (weak.upgrade(), event["sessionId"].as_str()) {
                cdp.0.wire.gone_session(session);
            }
        });
        let frames = json!([{"type": "iframe"}, {"type": "worker"}, {"exclude": true}]);
        let hold = json!({"autoAttach": true, "waitForDebuggerOnStart": true, "flatten": true, "filter": frames});
        self.send("Target.setAutoAttach", &hold).await.map(drop)
    }
}
