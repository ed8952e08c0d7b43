//! DevTools messages through a Playwright server.
//!
//! Its protocol knows one session with the browser itself. What is said on the others travels inside of that one's messages, and on a
//! session of a session inside of those: the older form of the DevTools protocol. The [`Wire`] knows nothing of it; it speaks with
//! sessions side by side, as everywhere.
//!
//! ```text
//!  Wire ── {sessionId: S, id, method} ──▶  Target.sendMessageToTarget {sessionId: S, message} ──▶ Playwright server ──▶ browser
//!  Wire ◀── {sessionId: S, method, …} ───  Target.receivedMessageFromTarget {sessionId: S, message} ◀──
//! ```

use crate::sieve::Sieve;
use crate::wire::Wire;
use futures::StreamExt;
use futures::stream::FuturesUnordered;
use playwright_rs::Browser;
use playwright_rs::protocol::CDPSession;
use playwright_rs::server::channel_owner::ChannelOwner;
use serde_json::{Value, json};
use std::collections::HashMap;
use tokio::io::{AsyncBufReadExt, AsyncWrite, AsyncWriteExt, BufReader, DuplexStream};
use tokio::sync::mpsc;

/// What the wire calls the session with the browser itself.
const ROOT: &str = "root";
/// Numbers of the calls that only carry others begin here; the wire's do not come so far. The browser takes no number beyond 32 bits.
const CARRIERS: i64 = 1 << 30;
/// Bytes on their way in each direction.
const BUFFER: usize = 1 << 20;

/// A wire to a browser that the driver knows.
pub(crate) async fn open(browser: &Browser, sieve: &Sieve) -> Result<Wire, String> {
    let session = browser.new_browser_cdp_session().await.map_err(|error| error.to_string())?;
    let events = sieve.events_of(session.guid());
    sieve.note_downloads();
    let (ours, theirs) = tokio::io::duplex(BUFFER);
    tokio::spawn(carry(session, events, theirs));
    let (from_browser, to_browser) = tokio::io::split(ours);
    Wire::start(to_browser, from_browser).await
}

/// Carries messages until one end is gone.
async fn carry(session: CDPSession, mut events: mpsc::Receiver<Value>, pipe: DuplexStream) {
    let (read, mut write) = tokio::io::split(pipe);
    let mut read = BufReader::new(read);
    let (mut nest, mut calls, mut message) = (Nest::default(), FuturesUnordered::new(), Vec::new());
    loop {
        let back = tokio::select! {
            // what is cut off here goes on with the bytes that are there
            bytes = read.read_until(0, &mut message) => {
                if !matches!(bytes, Ok(bytes) if bytes > 0) {
                    return;
                }
                message.pop();
                let told = serde_json::from_slice(&std::mem::take(&mut message)).unwrap_or_default();
                match nest.outward(told) {
                    Out::Answer(answer) => Some(answer),
                    Out::Call { method, params, asked } => {
                        let session = session.clone();
                        calls.push(async move { (session.send(&method, Some(params)).await, asked) });
                        None
                    }
                }
            }
            Some((answer, asked)) = calls.next(), if !calls.is_empty() => answered(answer, asked),
            event = events.recv() => {
                let Some(event) = event else { return };
                nest.inward(event)
            }
        };
        if let Some(back) = back
            && tell(&mut write, &back).await.is_err()
        {
            return;
        }
    }
}

async fn tell(write: &mut (impl AsyncWrite + Unpin), message: &Value) -> std::io::Result<()> {
    let mut bytes = message.to_string().into_bytes();
    bytes.push(0);
    write.write_all(&bytes).await
}

/// Who asked: the number of the call, its session, and whether the answer comes by itself.
struct Asked {
    number: Value,
    session: String,
    is_carried: bool,
}

/// What becomes of a message of the wire.
enum Out {
    /// It is answered here.
    Answer(Value),
    /// A call on the session with the browser.
    Call { method: String, params: Value, asked: Asked },
}

fn answered(answer: playwright_rs::Result<Value>, Asked { number, session, is_carried }: Asked) -> Option<Value> {
    match answer {
        Ok(_) if is_carried => None,
        Ok(mut answer) => Some(json!({"id": number, "sessionId": session, "result": answer["result"].take()})),
        Err(error) => Some(json!({"id": number, "sessionId": session, "error": {"message": error.to_string()}})),
    }
}

/// Which session hangs on which.
#[derive(Default)]
struct Nest {
    parents: HashMap<String, String>,
    carriers: i64,
}

impl Nest {
    /// A message of the wire, as the Playwright server takes it.
    fn outward(&mut self, mut message: Value) -> Out {
        let number = message["id"].take();
        let method = message["method"].as_str().unwrap_or_default().to_owned();
        let mut params = message["params"].take();
        let mut session = message["sessionId"].as_str().map(str::to_owned);
        if params["flatten"] == true {
            params["flatten"] = false.into();
        }
        if method == "Target.detachFromTarget"
            && let Some(parent) = params["sessionId"].as_str().and_then(|session| self.parents.get(session))
        {
            session = Some(parent.clone());
        }
        match session {
            None if method == "Target.attachToBrowserTarget" => Out::Answer(json!({"id": number, "result": {"sessionId": ROOT}})),
            None => Out::Answer(json!({"id": number, "error": {"message": "a Playwright server has no such session"}})),
            Some(session) if session == ROOT => Out::Call { method, params, asked: Asked { number, session, is_carried: false } },
            Some(session) => {
                let inner = json!({"id": number, "method": method, "params": params});
                let params = self.carried(&session, inner);
                let asked = Asked { number, session, is_carried: true };
                Out::Call { method: "Target.sendMessageToTarget".into(), params, asked }
            }
        }
    }

    /// What the session with the browser is to send so that a message arrives in this one.
    fn carried(&mut self, session: &str, mut message: Value) -> Value {
        let mut session = session.to_owned();
        loop {
            let params = json!({"sessionId": session, "message": message.to_string()});
            match self.parents.get(&session) {
                Some(parent) if parent != ROOT => {
                    self.carriers = (self.carriers + 1) % CARRIERS;
                    let number = CARRIERS + self.carriers;
                    message = json!({"id": number, "method": "Target.sendMessageToTarget", "params": params});
                    session = parent.clone();
                }
                _ => return params,
            }
        }
    }

    /// A message of the browser, as the wire takes it; none if it only told that another was carried.
    fn inward(&mut self, mut message: Value) -> Option<Value> {
        let mut session = ROOT.to_owned();
        loop {
            let named = || message["params"]["sessionId"].as_str().map(str::to_owned);
            match message["method"].as_str() {
                Some("Target.receivedMessageFromTarget") => {
                    session = named()?;
                    message = serde_json::from_str(message["params"]["message"].as_str()?).ok()?;
                    continue;
                }
                Some("Target.attachedToTarget") => {
                    self.parents.insert(named()?, session.clone());
                }
                Some("Target.detachedFromTarget") => {
                    self.parents.remove(&named()?);
                }
                _ => {}
            }
            if message["id"].as_i64().is_some_and(|number| number >= CARRIERS) {
                return None;
            }
            message["sessionId"] = session.into();
            return Some(message);
        }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    /// What arrives in a session whose own session hangs on another one, through two envelopes and back.
    #[test]
    fn a_session_of_a_session_is_spoken_to_through_both() {
        let mut nest = Nest::default();
        let attached = |of: &str| json!({"method": "Target.attachedToTarget", "params": {"sessionId": of}});
        let from = |session: &str, message: &Value| json!({"method": "Target.receivedMessageFromTarget", "params": {"sessionId": session, "message": message.to_string()}});
        assert_eq!(nest.inward(attached("page")).unwrap()["sessionId"], ROOT);
        assert_eq!(nest.inward(from("page", &attached("frame"))).unwrap()["sessionId"], "page");

        let Out::Call { method, params, asked } = nest.outward(json!({"id": 7, "sessionId": "frame", "method": "Page.enable"})) else {
            panic!("it is a call")
        };
        let outer: Value = serde_json::from_str(params["message"].as_str().unwrap()).unwrap();
        let inner: Value = serde_json::from_str(outer["params"]["message"].as_str().unwrap()).unwrap();
        assert_eq!((method.as_str(), &params["sessionId"]), ("Target.sendMessageToTarget", &json!("page")));
        assert_eq!((&outer["method"], &outer["params"]["sessionId"]), (&json!("Target.sendMessageToTarget"), &json!("frame")));
        assert_eq!((&inner["id"], &inner["method"], asked.is_carried), (&json!(7), &json!("Page.enable"), true));

        assert_eq!(nest.inward(from("page", &json!({"id": outer["id"], "result": {}}))), None, "it only told that it was carried");
        let answer = nest.inward(from("page", &from("frame", &json!({"id": 7, "result": {"ok": true}})))).unwrap();
        assert_eq!(answer, json!({"id": 7, "result": {"ok": true}, "sessionId": "frame"}));

        let detach = json!({"id": 8, "sessionId": ROOT, "method": "Target.detachFromTarget", "params": {"sessionId": "frame"}});
        let Out::Call { params, .. } = nest.outward(detach) else { panic!("it is a call") };
        assert_eq!(params["sessionId"], "page", "whoever holds a session lets go of it");
    }

    #[test]
    fn what_cannot_be_there_is_told() {
        let mut nest = Nest::default();
        let Out::Answer(root) = nest.outward(json!({"id": 1, "method": "Target.attachToBrowserTarget"})) else { panic!("it is answered") };
        assert_eq!(root["result"]["sessionId"], ROOT);
        let Out::Answer(refused) = nest.outward(json!({"id": 2, "method": "Browser.close"})) else { panic!("it is answered") };
        assert!(refused["error"]["message"].as_str().unwrap().contains("no such session"));
    }
}
