//! What a session's pages asked for, said and showed, kept as one HAR file: requests and answers with their bodies, console, actions, frames
//! of the screen, on one clock.
//!
//! Secrets are not in it: cookies and keys in headers are left out, fields that mean a secret are masked by their names, and values that
//! were typed as secrets wherever they stand. Frames cannot be painted over in time. So they wait until the next look at the page found
//! nothing secret on it, and from the first secret on none is kept; each observation's picture, painted over, is.

use crate::screencast::{Frame, ScreencastOptions};
use crate::tab::lock;
use crate::wire::{CdpSession, WeakSession};
use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use bytes::Bytes;
use serde_json::{Value, json};
use std::collections::HashMap;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant, SystemTime};
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;
use tokio::sync::mpsc;
use wayfarer_core::gate::field_meaning;

/// Bytes of bodies and texts that one session keeps: with the frames, and spelled as JSON, they fit into one message of the farm (32 MiB).
const MOST_BYTES: usize = 16 * 1024 * 1024;
/// Bytes of one body.
const LARGEST_BODY: usize = 8 * 1024 * 1024;
/// Entries and lines.
const MOST_ENTRIES: usize = 20_000;
/// Bytes of frames that one session keeps, as JPEG.
const MOST_FRAME_BYTES: usize = 4 * 1024 * 1024;
/// How often a frame is taken at most: to see what went on, not to see it move.
const FRAME_EVERY: Duration = Duration::from_millis(500);
/// How frames are taken for a recording.
pub(crate) const FRAMES: ScreencastOptions = ScreencastOptions { max_width: 800, max_height: 800, quality: 50 };
/// How long the browser may take to give a body.
const BODY_LIMIT: Duration = Duration::from_secs(5);
/// What stands for what is not told.
const MASK: &str = "(masked)";
/// Headers whose values open doors.
const SECRET_HEADERS: [&str; 5] = ["authorization", "cookie", "set-cookie", "proxy-authorization", "x-api-key"];

/// Buffers of the browser for bodies that are asked for later, in bytes: all, and one.
pub(crate) const BUFFERS: (usize, usize) = (32 * 1024 * 1024, LARGEST_BODY);

/// Keeps what a session's pages do.
pub(crate) struct Recorder {
    began: Instant,
    began_at: SystemTime,
    kept: Mutex<Kept>,
}

#[derive(Default)]
struct Kept {
    open: HashMap<String, Entry>,
    done: Vec<Entry>,
    console: Vec<Value>,
    actions: Vec<Value>,
    events: Vec<Value>,
    frames: Vec<(f64, Bytes)>,
    /// Since the last look at the page.
    unseen_frames: Vec<(f64, Bytes)>,
    frame_bytes: usize,
    /// The page held a secret.
    had_secret: bool,
    bytes: usize,
    /// Entries, lines and bodies beyond the bounds.
    left_out: usize,
}

#[derive(Default)]
struct Entry {
    at_ms: f64,
    took_ms: f64,
    request: Value,
    response: Value,
    kind: String,
    body: String,
    body_is_base64: bool,
    failed: Option<String>,
    /// Of a socket.
    messages: Vec<Value>,
}

impl Kept {
    /// Whether so much more may be kept.
    fn has_room(&mut self, bytes: usize) -> bool {
        let entries = self.open.len() + self.done.len() + self.console.len() + self.actions.len() + self.events.len();
        if self.bytes + bytes > MOST_BYTES || entries >= MOST_ENTRIES {
            self.left_out += 1;
            return false;
        }
        self.bytes += bytes;
        true
    }

    fn drop_unseen_frames(&mut self) {
        self.frame_bytes -= self.unseen_frames.drain(..).map(|(_, jpeg)| jpeg.len()).sum::<usize>();
    }

    fn end(&mut self, id: &str, fill: impl FnOnce(&mut Entry)) {
        if let Some(mut entry) = self.open.remove(id) {
            fill(&mut entry);
            self.done.push(entry);
        }
    }
}

impl Recorder {
    pub(crate) fn new() -> Self {
        Self { began: Instant::now(), began_at: SystemTime::now(), kept: Mutex::default() }
    }

    /// Milliseconds since the session began: the clock of everything that is kept.
    pub(crate) fn now(&self) -> f64 {
        self.began.elapsed().as_secs_f64() * 1e3
    }

    /// Hears what a page asks for and says.
    pub(crate) fn listen(self: &Arc<Self>, cdp: &CdpSession) -> Result<(), String> {
        let own = Arc::clone(self);
        cdp.on("Network.requestWillBeSent", move |event| own.asked(event));
        let own = Arc::clone(self);
        cdp.on("Network.responseReceived", move |event| {
            let mut kept = lock(&own.kept);
            if let Some(entry) = kept.open.get_mut(id_of(event)) {
                entry.response = event["response"].clone();
                entry.kind = event["type"].as_str().unwrap_or_default().to_owned();
            }
        });
        let (own, weak) = (Arc::clone(self), cdp.downgrade());
        cdp.on("Network.loadingFinished", move |event| {
            let (own, weak, id) = (Arc::clone(&own), weak.clone(), id_of(event).to_owned());
            tokio::spawn(async move { own.finished(&weak, &id).await });
        });
        let own = Arc::clone(self);
        cdp.on("Network.loadingFailed", move |event| {
            let now = own.now();
            let why = event["errorText"].as_str().unwrap_or_default().to_owned();
            lock(&own.kept).end(id_of(event), |entry| {
                entry.took_ms = now - entry.at_ms;
                entry.failed = Some(why);
            });
        });
        let own = Arc::clone(self);
        cdp.on("Runtime.consoleAPICalled", move |event| {
            let parts = event["args"].as_array().into_iter().flatten();
            let text: Vec<String> = parts
                .map(|part| {
                    part["value"].as_str().map_or_else(|| part["description"].as_str().unwrap_or_default().to_owned(), str::to_owned)
                })
                .collect();
            own.line(event["type"].as_str().unwrap_or("log"), &text.join(" "));
        });
        let own = Arc::clone(self);
        cdp.on("Runtime.exceptionThrown", move |event| {
            let details = &event["exceptionDetails"];
            let text = details["exception"]["description"].as_str().or(details["text"].as_str()).unwrap_or_default();
            own.line("exception", text);
        });
        let own = Arc::clone(self);
        cdp.on("Network.webSocketCreated", move |event| {
            let request = json!({"method": "GET", "url": event["url"], "headers": {}});
            own.begun(id_of(event), Entry { request, kind: "WebSocket".into(), ..Entry::default() });
        });
        for (event, way) in [("Network.webSocketFrameSent", "send"), ("Network.webSocketFrameReceived", "receive")] {
            let own = Arc::clone(self);
            cdp.on(event, move |event| own.message(id_of(event), way, &event["response"]));
        }
        let own = Arc::clone(self);
        cdp.on("Network.webSocketClosed", move |event| {
            let now = own.now();
            lock(&own.kept).end(id_of(event), |entry| entry.took_ms = now - entry.at_ms);
        });
        // what is held answers only when it may begin; what it is told it does before anything else
        cdp.tell("Network.enable", &json!({"maxTotalBufferSize": BUFFERS.0, "maxResourceBufferSize": BUFFERS.1}))?;
        cdp.tell("Runtime.enable", &json!({}))
    }

    /// A message over a socket, as the HAR files of browsers have it.
    fn message(&self, id: &str, way: &str, frame: &Value) {
        let text = frame["payloadData"].as_str().unwrap_or_default();
        let mut kept = lock(&self.kept);
        if !kept.open.contains_key(id) || !kept.has_room(text.len() + 100) {
            return;
        }
        let message = json!({"type": way, "at_ms": self.now(), "opcode": frame["opcode"], "data": masked_body(text)});
        if let Some(entry) = kept.open.get_mut(id) {
            entry.messages.push(message);
        }
    }

    fn line(&self, kind: &str, text: &str) {
        let text: String = text.chars().take(2000).collect();
        let mut kept = lock(&self.kept);
        if kept.has_room(text.len()) {
            let at = self.now();
            kept.console.push(json!({"at_ms": at, "kind": kind, "text": text}));
        }
    }

    /// An action of the agent, in words that hold no typed text.
    pub(crate) fn action(&self, name: &str) {
        let mut kept = lock(&self.kept);
        if kept.has_room(name.len()) {
            let at = self.now();
            kept.actions.push(json!({"at_ms": at, "action": name}));
        }
    }

    /// What happened beside the page: a dialog, a download, a window.
    pub(crate) fn event(&self, kind: &str, text: &str) {
        let mut kept = lock(&self.kept);
        if kept.has_room(text.len()) {
            let at = self.now();
            kept.events.push(json!({"at_ms": at, "kind": kind, "text": text}));
        }
    }

    /// Takes frames, as long as any come.
    pub(crate) async fn take_frames(&self, mut frames: mpsc::Receiver<Frame>) {
        while let Some(frame) = frames.recv().await {
            let at = self.now();
            {
                let mut kept = lock(&self.kept);
                if kept.had_secret {
                    return;
                }
                if kept.frame_bytes + frame.jpeg.len() > MOST_FRAME_BYTES {
                    kept.left_out += 1;
                } else {
                    kept.frame_bytes += frame.jpeg.len();
                    kept.unseen_frames.push((at, frame.jpeg));
                }
            }
            tokio::time::sleep(FRAME_EVERY).await;
        }
    }

    /// The page was looked at, from `began` on ([`Recorder::now`]): frames from before that are kept, unless there was something secret.
    pub(crate) fn looked(&self, began: f64, has_secret: bool) {
        let mut kept = lock(&self.kept);
        kept.had_secret |= has_secret;
        if kept.had_secret {
            return kept.drop_unseen_frames();
        }
        let seen = kept.unseen_frames.partition_point(|(at, _)| *at < began);
        let seen: Vec<_> = kept.unseen_frames.drain(..seen).collect();
        kept.frames.extend(seen);
    }

    fn asked(&self, event: &Value) {
        // a redirect is told with the request that follows it
        if !event["redirectResponse"].is_null() {
            let response = event["redirectResponse"].clone();
            let now = self.now();
            lock(&self.kept).end(id_of(event), |entry| {
                entry.took_ms = now - entry.at_ms;
                entry.response = response;
            });
        }
        let kind = event["type"].as_str().unwrap_or_default().to_owned();
        self.begun(id_of(event), Entry { request: event["request"].clone(), kind, ..Entry::default() });
    }

    fn begun(&self, id: &str, entry: Entry) {
        let at_ms = self.now();
        let body = entry.request["postData"].as_str().map_or(0, str::len);
        let mut kept = lock(&self.kept);
        if kept.has_room(body + 500) {
            kept.open.insert(id.to_owned(), Entry { at_ms, ..entry });
        }
    }

    async fn finished(&self, session: &WeakSession, id: &str) {
        let now = self.now();
        let body = match session.upgrade() {
            Some(cdp) => {
                let params = json!({"requestId": id});
                let asked = tokio::time::timeout(BODY_LIMIT, cdp.send("Network.getResponseBody", &params)).await;
                asked.ok().and_then(Result::ok)
            }
            None => None,
        };
        let mut kept = lock(&self.kept);
        let text = body.as_ref().and_then(|body| body["body"].as_str()).unwrap_or_default();
        let fits = text.len() <= LARGEST_BODY && kept.has_room(text.len());
        let (text, is_base64) = match &body {
            Some(body) if fits => (text.to_owned(), body["base64Encoded"] == true),
            _ => (String::new(), false),
        };
        kept.end(id, |entry| {
            entry.took_ms = now - entry.at_ms;
            (entry.body, entry.body_is_base64) = (text, is_base64);
        });
    }

    /// Everything so far as HAR 1.2; `secrets` are masked wherever they stand.
    pub(crate) fn har(&self, secrets: &[String]) -> Value {
        let kept = lock(&self.kept);
        let mut entries: Vec<&Entry> = kept.done.iter().chain(kept.open.values()).collect();
        entries.sort_by(|one, other| one.at_ms.total_cmp(&other.at_ms));
        let entries: Vec<Value> = entries.into_iter().map(|entry| self.entry(entry, secrets)).collect();
        let hide = |lines: &[Value]| -> Vec<Value> { lines.iter().map(|line| hidden(line.clone(), secrets)).collect() };
        let frames: Vec<Value> =
            kept.frames.iter().map(|(at, jpeg)| json!({"at_ms": at, "jpeg_base64": BASE64_STANDARD.encode(jpeg)})).collect();
        json!({"log": {
            "version": "1.2",
            "creator": {"name": "wayfarer", "version": env!("CARGO_PKG_VERSION")},
            "entries": entries,
            "_began": time_text(self.began_at),
            "_console": hide(&kept.console),
            "_actions": hide(&kept.actions),
            "_events": hide(&kept.events),
            "_frames": frames,
            "_left_out": kept.left_out,
        }})
    }

    fn entry(&self, entry: &Entry, secrets: &[String]) -> Value {
        let text = |value: &Value, key: &str| value[key].as_str().unwrap_or_default().to_owned();
        let mut request = json!({
            "method": text(&entry.request, "method"),
            "url": text(&entry.request, "url"),
            "httpVersion": "HTTP/1.1",
            "headers": headers(&entry.request["headers"]),
            "queryString": [], "cookies": [], "headersSize": -1, "bodySize": -1,
        });
        if let Some(body) = entry.request["postData"].as_str() {
            let kind = header(&entry.request["headers"], "content-type");
            request["postData"] = json!({"mimeType": kind, "text": masked_body(body)});
        }
        let mut content = json!({"size": entry.body.len(), "mimeType": text(&entry.response, "mimeType"), "text": entry.body});
        if entry.body_is_base64 {
            content["encoding"] = "base64".into();
        }
        let mut told = json!({
            "startedDateTime": time_text(self.began_at + Duration::from_secs_f64(entry.at_ms / 1e3)),
            "time": entry.took_ms,
            "request": request,
            "response": {
                "status": entry.response["status"].as_u64().unwrap_or(0),
                "statusText": text(&entry.response, "statusText"),
                "httpVersion": "HTTP/1.1",
                "headers": headers(&entry.response["headers"]),
                "content": content,
                "redirectURL": header(&entry.response["headers"], "location"),
                "cookies": [], "headersSize": -1, "bodySize": -1,
            },
            "cache": {},
            "timings": {"send": 0, "wait": entry.took_ms, "receive": 0},
            "_at_ms": entry.at_ms,
            "_type": entry.kind,
        });
        if !entry.messages.is_empty() {
            told["_webSocketMessages"] = entry.messages.as_slice().into();
        }
        if let Some(why) = &entry.failed {
            told["_failed"] = why.as_str().into();
        }
        hidden(told, secrets)
    }
}

fn id_of(event: &Value) -> &str {
    event["requestId"].as_str().unwrap_or_default()
}

fn header(headers: &Value, name: &str) -> String {
    let found = headers.as_object().into_iter().flatten().find(|(key, _)| key.eq_ignore_ascii_case(name));
    found.and_then(|(_, value)| value.as_str()).unwrap_or_default().to_owned()
}

fn headers(headers: &Value) -> Vec<Value> {
    let shown = |(name, value): (&String, &Value)| {
        let is_secret = SECRET_HEADERS.iter().any(|secret| name.eq_ignore_ascii_case(secret));
        json!({"name": name, "value": if is_secret { MASK } else { value.as_str().unwrap_or_default() }})
    };
    headers.as_object().into_iter().flatten().map(shown).collect()
}

fn is_secret(name: &str) -> bool {
    field_meaning(&name.replace(['_', '-', '[', ']', '.'], " ").to_lowercase()).is_some_and(|meaning| meaning.is_secret())
}

/// A request's body without the values of fields that mean a secret.
fn masked_body(body: &str) -> String {
    if let Ok(mut value) = serde_json::from_str::<Value>(body) {
        mask_json(&mut value);
        return value.to_string();
    }
    if body.contains("Content-Disposition: form-data") {
        let parts: Vec<String> = body
            .split("Content-Disposition: form-data")
            .map(|part| match part.split_once("\r\n\r\n") {
                Some((head, rest))
                    if head.split_once("name=\"").is_some_and(|(_, name)| is_secret(name.split('"').next().unwrap_or_default())) =>
                {
                    let after = rest.find("\r\n--").map_or("", |end| &rest[end..]);
                    format!("{head}\r\n\r\n{MASK}{after}")
                }
                _ => part.to_owned(),
            })
            .collect();
        return parts.join("Content-Disposition: form-data");
    }
    let pairs: Vec<(String, String)> = url::form_urlencoded::parse(body.as_bytes()).into_owned().collect();
    if !pairs.iter().any(|(name, _)| is_secret(name)) {
        return body.to_owned();
    }
    let shown = pairs.iter().map(|(name, value)| (name.as_str(), if is_secret(name) { MASK } else { value.as_str() }));
    url::form_urlencoded::Serializer::new(String::new()).extend_pairs(shown).finish()
}

fn mask_json(value: &mut Value) {
    match value {
        Value::Object(fields) => {
            for (name, inner) in fields {
                if is_secret(name) && !inner.is_object() && !inner.is_array() {
                    *inner = MASK.into();
                } else {
                    mask_json(inner);
                }
            }
        }
        Value::Array(items) => items.iter_mut().for_each(mask_json),
        _ => {}
    }
}

/// The same without these values, as they are and as forms and JSON spell them, also inside of base64.
fn hidden(value: Value, secrets: &[String]) -> Value {
    if secrets.is_empty() {
        return value;
    }
    match value {
        Value::String(text) => Value::String(secrets.iter().fold(text, |text, secret| hide(&text, secret))),
        Value::Array(items) => items.into_iter().map(|item| hidden(item, secrets)).collect(),
        Value::Object(mut fields) => {
            if fields.get("encoding").and_then(Value::as_str) == Some("base64") {
                let bytes =
                    fields.get("text").and_then(Value::as_str).and_then(|text| BASE64_STANDARD.decode(text).ok()).unwrap_or_default();
                let text = String::from_utf8_lossy(&bytes);
                if secrets.iter().any(|secret| hide(&text, secret) != text) {
                    fields.insert("text".into(), "".into());
                }
            }
            Value::Object(fields.into_iter().map(|(name, inner)| (name, hidden(inner, secrets))).collect())
        }
        other => other,
    }
}

/// The text without a value, however its letters are spelled.
pub(crate) fn hide(text: &str, secret: &str) -> String {
    let form: String = url::form_urlencoded::byte_serialize(secret.as_bytes()).collect();
    let path = form.replace('+', "%20");
    let quoted = Value::from(secret).to_string();
    let in_json = quoted.trim_matches('"').to_owned();
    [secret, &form, &path, &in_json].into_iter().fold(text.to_owned(), |text, spelled| text.replace(spelled, MASK))
}

fn time_text(at: SystemTime) -> String {
    OffsetDateTime::from(at).format(&Rfc3339).unwrap_or_default()
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::expect_used)]
mod tests {
    use super::*;

    #[test]
    fn no_spelling_of_a_secret_is_told() {
        let secret = "pa\"ss wörd+1";
        let body = url::form_urlencoded::Serializer::new(String::new()).append_pair("q", secret).finish();
        for text in [secret.to_owned(), body, json!({"a": secret}).to_string(), "https://x.test/pa%22ss%20w%C3%B6rd%2B1/".to_owned()] {
            let shown = hide(&text, secret);
            assert!(shown.contains(MASK) && !shown.contains("rd%2B1") && !shown.contains("rd+1"), "{shown}");
        }
        let nested = json!({"content": {"encoding": "base64", "text": BASE64_STANDARD.encode(format!("x{secret}x"))}});
        assert_eq!(hidden(nested, &[secret.to_owned()])["content"]["text"], "");
    }

    #[test]
    fn fields_that_mean_a_secret_are_masked_by_their_names() {
        for body in [
            "user=ada&password=hunter22&cardNumber=4111111111111111",
            r#"{"user":"ada","login":{"password":"hunter22"},"card_number":4111111111111111}"#,
            "--b\r\nContent-Disposition: form-data; name=\"password\"\r\n\r\nhunter22\r\n--b\r\nContent-Disposition: form-data; \
             name=\"user\"\r\n\r\nada\r\n--b--",
        ] {
            let shown = masked_body(body);
            assert!(shown.contains("ada") && !shown.contains("hunter22") && !shown.contains("4111"), "{shown}");
        }
        assert_eq!(masked_body("q=mugs&page=2"), "q=mugs&page=2");
        let shown = headers(&json!({"Cookie": "sid=1", "Accept": "text/html"}));
        assert_eq!(shown[1]["value"], MASK);
        assert_eq!(shown[0]["value"], "text/html");
    }
}
