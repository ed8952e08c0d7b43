//! The limit that the farm is held against: a Chromium of our own, spoken to over its debugging pipe, with nothing between.

use anyhow::{Context, Result, anyhow, bail};
use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use command_fds::{CommandFdExt, FdMapping};
use serde_json::{Value, json};
use std::collections::HashMap;
use std::path::Path;
use std::process::Stdio;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};
use tokio::net::unix::pipe;
use tokio::process::{Child, Command};
use tokio::sync::{mpsc, oneshot, watch};

/// One answer; a browser that takes longer hangs.
const ANSWER_LIMIT: Duration = Duration::from_secs(30);
/// How long a browser may take to close.
const CLOSE_LIMIT: Duration = Duration::from_secs(5);
/// What the farm's own sessions run in a page: the peer asks the same of it.
const PAGE_SCRIPT: &str = include_str!("../../crates/browser/src/page_script.js");

type Answers = Mutex<HashMap<u64, oneshot::Sender<Result<Value>>>>;

/// A connection over the pipe.
pub(crate) struct Raw {
    outgoing: mpsc::UnboundedSender<String>,
    answers: Arc<Answers>,
    /// Load events so far, by session.
    loads: watch::Receiver<HashMap<String, u64>>,
    number: AtomicU64,
    child: tokio::sync::Mutex<Child>,
}

impl Raw {
    /// Starts a browser with these flags, its profile in `folder`.
    pub(crate) async fn launch(executable: &Path, flags: &[String], folder: &Path) -> Result<Arc<Self>> {
        let (to_browser, browser_reads) = pipe::pipe().context("a pipe")?;
        let (browser_writes, from_browser) = pipe::pipe().context("a pipe")?;
        let mut command = Command::new(executable);
        command.args(flags).arg(format!("--user-data-dir={}", folder.display())).arg("--remote-debugging-pipe");
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).kill_on_drop(true);
        let mappings = vec![
            FdMapping { parent_fd: browser_reads.into_blocking_fd()?, child_fd: 3 },
            FdMapping { parent_fd: browser_writes.into_blocking_fd()?, child_fd: 4 },
        ];
        command.as_std_mut().fd_mappings(mappings).map_err(|error| anyhow!("handing over the pipe: {error}"))?;
        let child = command.spawn().with_context(|| format!("starting {}", executable.display()))?;
        // ours of the child's ends are closed with it
        drop(command);

        let (outgoing, messages) = mpsc::unbounded_channel();
        let (tell, loads) = watch::channel(HashMap::new());
        let answers = Arc::new(Answers::default());
        tokio::spawn(write(to_browser, messages));
        tokio::spawn(read(from_browser, Arc::clone(&answers), tell));
        let raw = Arc::new(Self { outgoing, answers, loads, number: AtomicU64::new(1), child: tokio::sync::Mutex::new(child) });
        raw.call(None, "Browser.getVersion", json!({})).await?;
        Ok(raw)
    }

    /// One call of the protocol.
    pub(crate) async fn call(&self, session: Option<&str>, method: &str, params: Value) -> Result<Value> {
        let number = self.number.fetch_add(1, Ordering::Relaxed);
        let mut message = json!({"id": number, "method": method, "params": params});
        if let Some(session) = session {
            message["sessionId"] = session.into();
        }
        let (sender, answer) = oneshot::channel();
        self.answers.lock().unwrap_or_else(PoisonError::into_inner).insert(number, sender);
        self.outgoing.send(message.to_string()).map_err(|_| anyhow!("the browser is gone"))?;
        let answer = tokio::time::timeout(ANSWER_LIMIT, answer).await.with_context(|| format!("{method} was not answered"))?;
        answer.map_err(|_| anyhow!("the browser is gone"))?.with_context(|| method.to_owned())
    }

    /// A context with a page of its own.
    pub(crate) async fn open(self: &Arc<Self>, width: u32, height: u32) -> Result<RawPage> {
        let context = self.call(None, "Target.createBrowserContext", json!({"disposeOnDetach": true})).await?;
        let context = text(&context, "browserContextId")?;
        let target = json!({"url": "about:blank", "browserContextId": context});
        let target = text(&self.call(None, "Target.createTarget", target).await?, "targetId")?;
        let attached = self.call(None, "Target.attachToTarget", json!({"targetId": target, "flatten": true})).await?;
        let session = text(&attached, "sessionId")?;
        let on = Some(session.as_str());
        let size = json!({"width": width, "height": height, "deviceScaleFactor": 1, "mobile": false});
        tokio::try_join!(
            self.call(on, "Page.enable", json!({})),
            self.call(on, "Emulation.setDeviceMetricsOverride", size),
            self.call(on, "Emulation.setFocusEmulationEnabled", json!({"enabled": true})),
        )?;
        let tree = self.call(on, "Page.getFrameTree", json!({})).await?;
        let frame = text(&tree["frameTree"]["frame"], "id")?;
        Ok(RawPage { raw: Arc::clone(self), context, session, frame, world: Value::Null })
    }

    /// Ends the browser.
    pub(crate) async fn close(&self) {
        let _ = tokio::time::timeout(CLOSE_LIMIT, self.call(None, "Browser.close", json!({}))).await;
        let mut child = self.child.lock().await;
        if tokio::time::timeout(CLOSE_LIMIT, child.wait()).await.is_err() {
            let _ = child.kill().await;
        }
    }
}

/// A page with nothing around it.
pub(crate) struct RawPage {
    raw: Arc<Raw>,
    context: String,
    session: String,
    frame: String,
    /// The isolated world of the page script in this document.
    world: Value,
}

impl RawPage {
    async fn call(&self, method: &str, params: Value) -> Result<Value> {
        self.raw.call(Some(&self.session), method, params).await
    }

    /// Goes to an address and waits for its load event.
    pub(crate) async fn load(&mut self, url: &str) -> Result<()> {
        let count = |loads: &HashMap<String, u64>| loads.get(&self.session).copied().unwrap_or_default();
        let mut loads = self.raw.loads.clone();
        let before = count(&loads.borrow());
        let answer = self.call("Page.navigate", json!({"url": url})).await?;
        if let Some(error) = answer["errorText"].as_str() {
            bail!("{url}: {error}");
        }
        let loaded = loads.wait_for(|loads| count(loads) > before);
        tokio::time::timeout(ANSWER_LIMIT, loaded).await.with_context(|| format!("{url} did not load"))??;
        self.world = Value::Null;
        Ok(())
    }

    /// Makes the page script's world; once for a document.
    pub(crate) async fn prepare(&mut self) -> Result<()> {
        let made = self.call("Page.createIsolatedWorld", json!({"frameId": self.frame, "worldName": "limit"})).await?;
        self.world = made["executionContextId"].clone();
        self.evaluate(PAGE_SCRIPT).await?;
        Ok(())
    }

    async fn evaluate(&self, expression: &str) -> Result<Value> {
        let params = json!({"expression": expression, "contextId": self.world, "returnByValue": true, "awaitPromise": true});
        let mut answer = self.call("Runtime.evaluate", params).await?;
        if let Some(exception) = answer.get("exceptionDetails") {
            bail!("the page script failed: {exception}");
        }
        Ok(answer["result"]["value"].take())
    }

    /// What an observation asks of a page: the look and the picture, side by side, after two frames that look the same.
    pub(crate) async fn look(&self) -> Result<Value> {
        self.evaluate("__wayfarer.rest(500)").await?;
        let (seen, picture) = tokio::try_join!(
            self.evaluate("__wayfarer.snapshot([], 0)"),
            self.call("Page.captureScreenshot", json!({"format": "png", "optimizeForSpeed": true})),
        )?;
        let png = BASE64_STANDARD.decode(picture["data"].as_str().unwrap_or_default())?;
        anyhow::ensure!(!png.is_empty(), "the picture is empty");
        Ok(seen)
    }

    /// What a click asks of a page: where the mark is now, and three events of the mouse that travel together.
    pub(crate) async fn click(&self, mark: u64, token: &Value, at: (f64, f64)) -> Result<()> {
        let place = self.evaluate(&format!("__wayfarer.locate({mark}, {token}, {}, {})", at.0, at.1)).await?;
        if let Some(error) = place["error"].as_str() {
            bail!("the mark cannot be used: {error}");
        }
        let event = |kind: &str, button: &str, held: u8, clicks: u8| {
            let params = json!({"type": kind, "x": place["x"], "y": place["y"], "button": button, "buttons": held, "clickCount": clicks});
            self.call("Input.dispatchMouseEvent", params)
        };
        tokio::try_join!(
            biased;
            event("mouseMoved", "none", 0, 0),
            event("mousePressed", "left", 1, 1),
            event("mouseReleased", "left", 0, 1),
        )?;
        Ok(())
    }

    /// Gives the context back.
    pub(crate) async fn dispose(&self) -> Result<()> {
        self.raw.call(None, "Target.disposeBrowserContext", json!({"browserContextId": self.context})).await?;
        Ok(())
    }
}

fn text(answer: &Value, key: &str) -> Result<String> {
    answer[key].as_str().map(str::to_owned).ok_or_else(|| anyhow!("the browser's answer has no {key}"))
}

async fn write(mut pipe: pipe::Sender, mut messages: mpsc::UnboundedReceiver<String>) {
    while let Some(message) = messages.recv().await {
        let mut bytes = message.into_bytes();
        bytes.push(0);
        if pipe.write_all(&bytes).await.is_err() {
            return;
        }
    }
}

async fn read(pipe: pipe::Receiver, answers: Arc<Answers>, loads: watch::Sender<HashMap<String, u64>>) {
    let mut pipe = BufReader::with_capacity(1 << 20, pipe);
    let mut message = Vec::new();
    loop {
        message.clear();
        if !matches!(pipe.read_until(0, &mut message).await, Ok(read) if read > 0) {
            break;
        }
        message.pop();
        let Ok(mut told) = serde_json::from_slice::<Value>(&message) else { continue };
        if let Some(number) = told["id"].as_u64() {
            let waiting = answers.lock().unwrap_or_else(PoisonError::into_inner).remove(&number);
            let answer = if told["error"].is_null() { Ok(told["result"].take()) } else { Err(anyhow!("{}", told["error"])) };
            if let Some(waiting) = waiting {
                let _ = waiting.send(answer);
            }
        } else if told["method"] == "Page.loadEventFired" {
            let session = told["sessionId"].as_str().unwrap_or_default().to_owned();
            loads.send_modify(|loads| *loads.entry(session).or_default() += 1);
        }
    }
    // whoever still waits learns that the browser is gone
    answers.lock().unwrap_or_else(PoisonError::into_inner).clear();
}
