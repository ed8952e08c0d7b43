//! Sessions of ours with pages and frames.

use super::{Handler, TARGET_CLOSED, Wire, parse};
use crate::tab::lock;
use serde_json::value::RawValue;
use serde_json::{Value, json};
use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, Weak};
use tokio_util::sync::CancellationToken;

/// A session of ours with a page or a frame; detached when the last one of it is dropped.
#[derive(Clone)]
pub(crate) struct CdpSession(pub(super) Arc<Own>);

pub(super) struct Own {
    pub(super) wire: Wire,
    pub(super) id: String,
    /// The session of the page around a frame; empty for what hangs on our root.
    pub(super) parent: String,
    pub(super) handlers: Mutex<HashMap<String, Vec<Handler>>>,
    /// Somebody judges what it sends.
    pub(super) watched: AtomicBool,
    /// Cancelled when the page or the frame is gone.
    pub(super) detached: CancellationToken,
}

impl CdpSession {
    /// One call; what the protocol says against it comes as its text. Calls that are made one after the other arrive so.
    pub(crate) async fn send(&self, method: &str, params: &Value) -> Result<Value, String> {
        parse(&self.send_raw(method, params).await?)
    }

    /// The same, with the answer as it was sent: for large ones.
    pub(crate) async fn send_raw(&self, method: &str, params: &Value) -> Result<Box<RawValue>, String> {
        if self.0.detached.is_cancelled() {
            return Err(TARGET_CLOSED.into());
        }
        self.0.wire.call(&self.0.id, method, params).await
    }

    /// Puts a call on its way whose answer nobody waits for; before every call that is made later.
    pub(crate) fn tell(&self, method: &str, params: &Value) -> Result<(), String> {
        let number = self.0.wire.0.numbers.fetch_add(1, Ordering::Relaxed);
        self.0.wire.say(number, &self.0.id, method, params)
    }

    /// Hears of an event from now on, in the order in which the browser tells; what hears must be quick.
    pub(crate) fn on(&self, method: &str, handler: impl Fn(&Value) + Send + Sync + 'static) {
        lock(&self.0.handlers).entry(method.to_owned()).or_default().push(Arc::new(handler));
    }

    /// Whether nobody has called this before: what watches it must be one.
    pub(crate) fn is_first_watch(&self) -> bool {
        !self.0.watched.swap(true, Ordering::AcqRel)
    }

    /// The same, without keeping it: for what hears of its events.
    pub(crate) fn downgrade(&self) -> WeakSession {
        WeakSession(Arc::downgrade(&self.0))
    }

    /// Cancelled when the page or the frame is gone.
    pub(crate) fn detached(&self) -> &CancellationToken {
        &self.0.detached
    }
}

/// A session that somebody else keeps.
#[derive(Clone)]
pub(crate) struct WeakSession(Weak<Own>);

impl WeakSession {
    /// The session, if it is still kept.
    pub(crate) fn upgrade(&self) -> Option<CdpSession> {
        self.0.upgrade().map(CdpSession)
    }
}

impl Own {
    pub(super) fn hear(&self, method: &str, params: Option<&RawValue>) {
        let handlers = lock(&self.handlers).get(method).cloned();
        let Some(handlers) = handlers else { return };
        let params = params.and_then(|params| serde_json::from_str(params.get()).ok()).unwrap_or(Value::Null);
        for handler in handlers {
            handler(&params);
        }
    }
}

impl Drop for Own {
    fn drop(&mut self) {
        let root = {
            let mut state = lock(&self.wire.0.state);
            state.sessions.remove(&self.id);
            state.root.clone()
        };
        if !self.detached.is_cancelled() {
            // nobody waits for the answer
            let number = self.wire.0.numbers.fetch_add(1, Ordering::Relaxed);
            let _ = self.wire.say(number, &root, "Target.detachFromTarget", &json!({"sessionId": self.id}));
        }
    }
}
