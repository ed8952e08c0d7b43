//! A client's way to the browser of its session, in the DevTools protocol: what could step out of the session is refused.
//!
//! The list says what may pass, not what may not: what a later Chromium adds is closed until somebody has looked at it.

use crate::wire::{OutletEnd, WireClient};
use serde::Deserialize;
use serde_json::value::RawValue;
use serde_json::{Value, json};

/// Domains of which every method may pass, but for [`REFUSED`]: they reach no further than the pages of the session.
const OPEN_DOMAINS: &[&str] = &[
    "Accessibility",
    "Animation",
    "Audits",
    "BackgroundService",
    "CacheStorage",
    "Console",
    "CSS",
    "Debugger",
    "DeviceOrientation",
    "DOM",
    "DOMDebugger",
    "DOMSnapshot",
    "DOMStorage",
    "Emulation",
    "EventBreakpoints",
    "Fetch",
    "HeadlessExperimental",
    "HeapProfiler",
    "IndexedDB",
    "Input",
    "Inspector",
    "IO",
    "LayerTree",
    "Log",
    "Media",
    "Network",
    "Overlay",
    "Page",
    "Performance",
    "PerformanceTimeline",
    "Profiler",
    "Runtime",
    "Schema",
    "Security",
    "ServiceWorker",
    "Storage",
    "WebAudio",
    "WebAuthn",
];

/// Methods of other domains that may pass. `Target.sendMessageToTarget` is not among them: calls inside of calls would be judged by nobody.
const OPEN_METHODS: &[&str] = &[
    "Target.activateTarget",
    "Target.attachToBrowserTarget",
    "Target.attachToTarget",
    "Target.autoAttachRelated",
    "Target.closeTarget",
    "Target.createTarget",
    "Target.detachFromTarget",
    "Target.getBrowserContexts",
    "Target.getTargetInfo",
    "Target.getTargets",
    "Target.setAutoAttach",
    "Target.setDiscoverTargets",
    "Browser.getVersion",
    "Browser.getWindowForTarget",
    "Browser.getWindowBounds",
    "Browser.setWindowBounds",
    "Browser.setContentsSize",
    "Browser.grantPermissions",
    "Browser.resetPermissions",
    "Browser.setPermission",
];

/// Methods that may not, and why.
const REFUSED: &[(&str, &str)] = &[
    ("Target.createBrowserContext", "a session has one browser context: use the default one (browser.contexts()[0])"),
    ("Target.disposeBrowserContext", "a session has one browser context"),
    ("Target.sendMessageToTarget", "attach with `flatten` and send the call itself"),
    ("DOM.setFileInputFiles", "files of the browser's machine are not given to pages; send the content (Playwright does)"),
    ("Page.setDownloadBehavior", "downloads are kept nowhere"),
    ("Page.addCompilationCache", "compiled code is not taken from outside"),
    ("Network.loadNetworkResource", "requests are made by pages"),
    ("Runtime.terminateExecution", "end the session instead"),
    ("Page.crash", "end the session instead"),
];

/// Methods with an address that the browser goes to.
const ADDRESSED: &[&str] = &["Page.navigate", "Target.createTarget", "Fetch.continueRequest"];

/// Schemes of addresses that a session may be sent to; everything else is of this machine or of the browser.
const SCHEMES: &[&str] = &["http", "https", "about", "data", "blob", "javascript"];

/// What a call is to come to.
#[derive(Debug, PartialEq)]
enum Verdict {
    Pass,
    /// Answered in the browser's place.
    Answer(Value),
    /// What is sent in its place.
    Instead(Value),
    Refuse(String),
}

fn judge(method: &str, params: &RawValue) -> Verdict {
    let refuse = |why: &str| Verdict::Refuse(format!("{method} is closed in this browser session: {why}"));
    if let Some((_, why)) = REFUSED.iter().find(|(refused, _)| *refused == method) {
        return refuse(why);
    }
    match method {
        // clients say it when they connect; nobody could fetch what was kept
        "Browser.setDownloadBehavior" => {
            let context = serde_json::from_str::<Value>(params.get()).unwrap_or_default()["browserContextId"].take();
            let mut deny = json!({"behavior": "deny"});
            if !context.is_null() {
                deny["browserContextId"] = context;
            }
            return Verdict::Instead(deny);
        }
        // the session is ended by whoever made it
        "Browser.close" => return Verdict::Answer(json!({})),
        _ => {}
    }
    if ADDRESSED.contains(&method) {
        #[derive(Deserialize)]
        struct Addressed {
            url: Option<String>,
        }
        let Ok(Addressed { url }) = serde_json::from_str(params.get()) else { return refuse("its address cannot be read") };
        if let Some(url) = url.filter(|url| !url.is_empty())
            && !is_open(&url)
        {
            return refuse("only http, https, about, data and blob addresses are open");
        }
    }
    if method == "Input.dispatchDragEvent" {
        #[derive(Deserialize)]
        struct Dragged {
            data: Option<Data>,
        }
        #[derive(Deserialize)]
        struct Data {
            files: Option<Vec<Value>>,
        }
        let Ok(Dragged { data }) = serde_json::from_str(params.get()) else { return refuse("what is dragged cannot be read") };
        if data.and_then(|data| data.files).is_some_and(|files| !files.is_empty()) {
            return refuse("files of the browser's machine are not given to pages");
        }
    }
    let domain = method.split_once('.').map_or(method, |(domain, _)| domain);
    if OPEN_DOMAINS.contains(&domain) || OPEN_METHODS.contains(&method) {
        return Verdict::Pass;
    }
    refuse("it reaches beyond the pages of the session")
}

fn is_open(address: &str) -> bool {
    // read as the browser reads it: blanks around it and tabs within count for nothing
    match url::Url::parse(address) {
        Ok(url) => SCHEMES.contains(&url.scheme()),
        // relative ones are refused by the browser
        Err(_) => true,
    }
}

/// A client's connection with the browser of a session.
pub struct CdpLink {
    client: WireClient,
    end: OutletEnd,
}

/// A call, as a client sends it.
#[derive(Deserialize)]
struct Call<'a> {
    id: i64,
    method: String,
    #[serde(borrow)]
    params: Option<&'a RawValue>,
    #[serde(rename = "sessionId")]
    session: Option<String>,
}

impl CdpLink {
    pub(crate) fn new(client: WireClient, end: OutletEnd) -> Self {
        Self { client, end }
    }

    /// The two directions, for a task each.
    pub fn split(self) -> (CdpCalls, CdpMessages) {
        (CdpCalls(self.client), CdpMessages(self.end))
    }
}

/// What a client says to its browser.
pub struct CdpCalls(WireClient);

/// What a browser says to its client.
pub struct CdpMessages(OutletEnd);

impl CdpMessages {
    /// The next message; none once the browser is gone.
    pub async fn next(&mut self) -> Option<String> {
        self.0.next().await
    }
}

impl CdpCalls {
    /// Takes one message of the client. What may not pass is answered with an error that says why.
    pub fn say(&self, message: &str) {
        let Ok(call) = serde_json::from_str::<Call>(message) else {
            return self.0.tell(json!({"error": {"code": -32700, "message": "this is no call of the DevTools protocol"}}).to_string());
        };
        let nothing = serde_json::value::to_raw_value(&json!({})).ok();
        let Some(params) = call.params.or(nothing.as_deref()) else { return };
        let passed = match judge(&call.method, params) {
            Verdict::Pass => self.0.say(call.id, call.session.as_deref(), &call.method, params),
            Verdict::Instead(params) => match serde_json::value::to_raw_value(&params) {
                Ok(params) => self.0.say(call.id, call.session.as_deref(), &call.method, &params),
                Err(error) => Err(error.to_string()),
            },
            Verdict::Answer(result) => return self.0.tell(answer(&call, "result", result)),
            Verdict::Refuse(why) => {
                tracing::info!(method = call.method, "a call was refused to a client of a browser");
                Err(why)
            }
        };
        if let Err(why) = passed {
            self.0.tell(answer(&call, "error", json!({"code": -32000, "message": why})));
        }
    }
}

fn answer(call: &Call, key: &str, value: Value) -> String {
    let mut answer = json!({"id": call.id, key: value});
    if let Some(session) = &call.session {
        answer["sessionId"] = session.as_str().into();
    }
    answer.to_string()
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::expect_used)]
mod tests {
    use super::*;

    fn judged(method: &str, params: Value) -> Verdict {
        judge(method, &serde_json::value::to_raw_value(&params).unwrap())
    }

    #[test]
    fn what_reaches_beyond_the_pages_is_refused() {
        let refused = [
            ("Target.createBrowserContext", json!({"proxyServer": "http://elsewhere:1"})),
            ("Target.exposeDevToolsProtocol", json!({"targetId": "x"})),
            ("Target.openDevTools", json!({"targetId": "x"})),
            ("Target.setRemoteLocations", json!({})),
            ("Target.sendMessageToTarget", json!({"message": r#"{"method":"Page.navigate","params":{"url":"file:///etc/passwd"}}"#})),
            ("Target.somethingNew", json!({})),
            ("Input.dispatchDragEvent", json!({"type": "drop", "data": {"items": [], "files": ["/etc/passwd"]}})),
            ("Input.dispatchDragEvent", json!({"type": "drop", "data": {"files": "/etc/passwd"}})),
            ("Browser.crash", json!({})),
            ("Browser.getBrowserCommandLine", json!({})),
            ("Browser.executeBrowserCommand", json!({"commandId": "openTabSearch"})),
            ("SystemInfo.getInfo", json!({})),
            ("Tracing.start", json!({})),
            ("Tethering.bind", json!({"port": 80})),
            ("Extensions.loadUnpacked", json!({"path": "/etc"})),
            ("Memory.simulatePressureNotification", json!({})),
            ("DOM.setFileInputFiles", json!({"files": ["/etc/passwd"]})),
            ("Page.navigate", json!({"url": "file:///etc/passwd"})),
            ("Page.navigate", json!({"url": "  FI\tLE:/etc/passwd"})),
            ("Page.navigate", json!({"url": "view-source:file:///etc/passwd"})),
            ("Page.navigate", json!({"url": ["file:///etc/passwd"]})),
            ("Target.createTarget", json!({"url": "chrome://version"})),
            ("Target.createTarget", json!({"url": "devtools://devtools/bundled/inspector.html"})),
            ("Fetch.continueRequest", json!({"requestId": "1", "url": "file:///etc/passwd"})),
            ("SomethingNew.method", json!({})),
            ("navigate", json!({})),
        ];
        for (method, params) in refused {
            assert!(matches!(judged(method, params.clone()), Verdict::Refuse(_)), "{method} {params}");
        }
    }

    #[test]
    fn what_clients_need_passes() {
        let open = [
            ("Page.navigate", json!({"url": "https://example.org/"})),
            ("Target.createTarget", json!({"url": "about:blank"})),
            ("Target.createTarget", json!({"url": ""})),
            ("Fetch.continueRequest", json!({"requestId": "1"})),
            ("Target.setAutoAttach", json!({"autoAttach": true, "waitForDebuggerOnStart": true, "flatten": true})),
            ("Target.attachToTarget", json!({"targetId": "x", "flatten": true})),
            ("Target.getBrowserContexts", json!({})),
            ("Input.dispatchDragEvent", json!({"type": "drop", "data": {"items": [], "dragOperationsMask": 1}})),
            ("Input.dispatchDragEvent", json!({"type": "dragCancel"})),
            ("Runtime.evaluate", json!({"expression": "1"})),
            ("Browser.getVersion", json!({})),
        ];
        for (method, params) in open {
            assert_eq!(judged(method, params), Verdict::Pass, "{method}");
        }
        let keep = json!({"behavior": "allowAndName", "downloadPath": "/etc", "browserContextId": "c"});
        assert_eq!(judged("Browser.setDownloadBehavior", keep), Verdict::Instead(json!({"behavior": "deny", "browserContextId": "c"})));
        assert_eq!(judged("Browser.close", json!({})), Verdict::Answer(json!({})));
    }
}
