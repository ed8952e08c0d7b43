//! Somebody outside who speaks to the browser: a browser session of its own, and nobody else's.

use super::{Envelope, Pending, Wire, text_of};
use crate::tab::lock;
use serde_json::json;
use serde_json::value::RawValue;
use std::sync::atomic::Ordering;

/// A client of the browser with a browser session of its own, which ends with it.
pub(crate) struct WireClient {
    pub(super) wire: Wire,
    pub(super) number: u64,
}

impl WireClient {
    /// Puts a call of the client on its way. A session that is not the client's is refused, in words.
    pub(crate) fn say(&self, number: i64, session: Option<&str>, method: &str, params: &RawValue) -> Result<(), String> {
        let named = {
            let state = lock(&self.wire.0.state);
            match session {
                None => state.clients.get(&self.number).map(|client| client.root.clone()).ok_or("the connection is over")?,
                Some(session) if state.owners.get(session) == Some(&self.number) => session.to_owned(),
                Some(_) => return Err("Session with given id not found.".into()),
            }
        };
        let pending = Pending::Client { client: self.number, number, session: session.map(str::to_owned) };
        let envelope = Envelope {
            id: Some(self.wire.wait_for(pending)),
            method: Some(method.into()),
            params: Some(params),
            result: None,
            error: None,
            session: Some(named.into()),
        };
        let sent = self.wire.0.to_browser.try_send(text_of(&envelope).into_bytes());
        sent.map_err(|_| "the browser takes no calls any more".to_owned())
    }

    /// Tells the client something in the browser's place.
    pub(crate) fn tell(&self, message: String) {
        self.wire.to_client(self.number, message);
    }
}

impl Drop for WireClient {
    fn drop(&mut self) {
        let root = {
            let mut state = lock(&self.wire.0.state);
            let number = self.number;
            state.owners.retain(|_, owner| *owner != number);
            state.pending.retain(|_, call| !matches!(call, Pending::Client { client, .. } if *client == number));
            state.clients.remove(&number).map(|client| client.root)
        };
        if let Some(root) = root {
            let number = self.wire.0.numbers.fetch_add(1, Ordering::Relaxed);
            let _ = self.wire.say(number, "", "Target.detachFromTarget", &json!({"sessionId": root}));
        }
    }
}
