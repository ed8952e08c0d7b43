//! Somebody outside who speaks to the browser: a browser session of its own, and nobody else's.

use super::{Envelope, Pending, Wire, text_of};
use crate::tab::lock;
use serde_json::json;
use serde_json::value::RawValue;
use std::sync::atomic::Ordering;

/// Calls to one browser that may wait for their answers when a client makes another.
const MOST_OPEN_CALLS: usize = 10_000;

/// A client of the browser with a browser session of its own, which ends with it.
pub(crate) struct WireClient {
    pub(super) wire: Wire,
    pub(super) number: u64,
    /// Its own session with the browser, on which everything of it hangs.
    pub(super) root: String,
}

impl WireClient {
    /// Puts a call of the client on its way. A session that is not the client's is refused, in words.
    pub(crate) fn say(&self, number: i64, session: Option<&str>, method: &str, params: &RawValue) -> Result<(), String> {
        let named = {
            let state = lock(&self.wire.0.state);
            match session {
                _ if !state.clients.contains_key(&self.number) => return Err("the connection is over".into()),
                _ if state.pending.len() >= MOST_OPEN_CALLS => return Err("too many calls wait for their answers".into()),
                None => self.root.clone(),
                Some(session) if state.owners.get(session) == Some(&self.number) => session.to_owned(),
                Some(_) => return Err("Session with given id not found.".into()),
            }
        };
        let pending = Pending::Client { client: self.number, number, session: session.map(str::to_owned) };
        let ours = self.wire.wait_for(pending);
        let envelope = Envelope {
            id: Some(ours),
            method: Some(method.into()),
            params: Some(params),
            result: None,
            error: None,
            session: Some(named.into()),
        };
        let sent = self.wire.0.to_browser.try_send(text_of(&envelope).into_bytes());
        sent.map_err(|_| {
            lock(&self.wire.0.state).pending.remove(&ours);
            "the browser takes no calls any more".to_owned()
        })
    }

    /// Tells the client something in the browser's place.
    pub(crate) fn tell(&self, message: String) {
        self.wire.to_client(self.number, message);
    }
}

impl Drop for WireClient {
    fn drop(&mut self) {
        {
            let mut state = lock(&self.wire.0.state);
            let number = self.number;
            state.owners.retain(|_, owner| *owner != number);
            state.pending.retain(|_, call| !matches!(call, Pending::Client { client, .. } if *client == number));
            state.clients.remove(&number);
        }
        let number = self.wire.0.numbers.fetch_add(1, Ordering::Relaxed);
        let _ = self.wire.say(number, "", "Target.detachFromTarget", &json!({"sessionId": self.root}));
    }
}
