//! New pages and frames, held by the browser until somebody has looked at them.

use super::{CdpSession, Wire};
use crate::tab::lock;
use futures::future::BoxFuture;
use serde::Deserialize;
use serde_json::json;
use std::borrow::Cow;
use std::sync::Arc;
use std::sync::atomic::Ordering;

/// What is done with a new page before it may do anything; whether it may begin then. One that may not stays held.
pub(crate) type NewPage = Arc<dyn Fn(CdpSession) -> BoxFuture<'static, bool> + Send + Sync>;

/// A new page.
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
}

/// Somebody looks at the new pages of a browser context, until it is dropped.
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
    /// Lets somebody look at the new pages of a browser context (its windows) before they do anything, until the result is dropped.
    pub(crate) async fn watch_new_pages(&self, context: String, look: NewPage) -> Result<WatchedPages, String> {
        lock(&self.0.state).new_pages.insert(context.clone(), look);
        let watched = WatchedPages { wire: self.clone(), context };
        if !self.0.holds_new_pages.swap(true, Ordering::AcqRel) {
            let pages = json!([{"type": "page"}, {"exclude": true}]);
            let hold = json!({"autoAttach": true, "waitForDebuggerOnStart": true, "flatten": true, "filter": pages});
            if let Err(error) = self.browser("Target.setAutoAttach", &hold).await {
                self.0.holds_new_pages.store(false, Ordering::Release);
                return Err(error);
            }
        }
        Ok(watched)
    }

    /// A new page waits for us.
    pub(super) fn new_page(&self, attached: NewTarget) {
        let session = self.own(attached.session.into_owned(), "");
        let look = {
            let mut state = lock(&self.0.state);
            let look = state.new_pages.get(&*attached.target_info.context).cloned();
            if look.is_some() {
                state.early.insert(attached.target_info.target.into_owned(), session.clone());
            }
            look
        };
        tokio::spawn(async move {
            let begins = match look {
                Some(look) => look(session.clone()).await,
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
    /// Hears of frames of other sites in this page before they do anything; whoever is given one lets it go on.
    pub(crate) async fn on_new_frames(&self, look: NewPage) -> Result<(), String> {
        let weak = self.downgrade();
        self.on("Target.attachedToTarget", move |event| {
            let (Some(cdp), Some(session)) = (weak.upgrade(), event["sessionId"].as_str()) else { return };
            let wire = cdp.0.wire.clone();
            let frame = wire.own(session.to_owned(), &cdp.0.id);
            if let Some(target) = event["targetInfo"]["targetId"].as_str() {
                lock(&wire.0.state).early.insert(target.to_owned(), frame.clone());
            }
            let look = Arc::clone(&look);
            tokio::spawn(async move {
                if look(frame.clone()).await {
                    let _ = frame.send("Runtime.runIfWaitingForDebugger", &json!({})).await;
                }
            });
        });
        let weak = self.downgrade();
        self.on("Target.detachedFromTarget", move |event| {
            if let (Some(cdp), Some(session)) = (weak.upgrade(), event["sessionId"].as_str()) {
                cdp.0.wire.gone_session(session);
            }
        });
        let frames = json!([{"type": "iframe"}, {"exclude": true}]);
        let hold = json!({"autoAttach": true, "waitForDebuggerOnStart": true, "flatten": true, "filter": frames});
        self.send("Target.setAutoAttach", &hold).await.map(drop)
    }
}
