//! What is taken out of the driver's messages before its client reads them.
//!
//! **Pages that open.** The driver tells its client's context of each. The client (`playwright-rs` 0.20.1) then registers handlers on the
//! page that hold the page itself, and nothing takes them off: whatever opened once would stay in memory for good.
//!
//! **Events of DevTools sessions** that we carry messages by: the client starts a task for each, and their order would be lost.
//!
//! **Objects that the client does not know**: it would complain of each, as an error. Nobody asks for them by their kind.
//!
//! And what is written down of them on their way: the driver's names of downloads, which the client keeps to itself.

use crate::tab::lock;
use serde_json::Value;
use std::collections::{HashMap, VecDeque};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use tokio::sync::mpsc;

/// Messages of the driver that wait for its client.
const MESSAGES: usize = 1024;
/// Pages of one context that wait for whoever watches it; a page that finds no room goes with its context.
const PAGES: usize = 256;
/// Events of one session that wait for whoever reads them; the driver waits when there are more.
const EVENTS: usize = 1024;

/// Kinds of objects that the client does not know.
const UNKNOWN: [&str; 2] = ["Disposable", "Stream"];
/// Downloads whose names are remembered until somebody asks.
const DOWNLOADS: usize = 256;

/// What is heard of one driver; cheap to clone.
#[derive(Clone, Default)]
pub(crate) struct Sieve(Arc<Watchers>);

#[derive(Default)]
struct Watchers {
    /// By the driver's name of the context.
    pages: Mutex<HashMap<String, mpsc::Sender<String>>>,
    /// By the driver's name of the session.
    events: Mutex<HashMap<String, mpsc::Sender<Value>>>,
    /// The driver's names of pages, addresses of what they download, the driver's names of that.
    downloads: Mutex<VecDeque<[String; 3]>>,
    /// Somebody will ask for those.
    notes_downloads: AtomicBool,
}

/// Somebody hears of the pages of a context, until this is dropped.
pub(crate) struct WatchedContext {
    sieve: Sieve,
    context: String,
}

impl Drop for WatchedContext {
    fn drop(&mut self) {
        lock(&self.sieve.0.pages).remove(&self.context);
    }
}

impl Sieve {
    /// What is left of the driver's messages.
    pub(crate) fn sift(&self, mut heard: mpsc::Receiver<Value>) -> mpsc::Receiver<Value> {
        let (told, rest) = mpsc::channel(MESSAGES);
        let sieve = self.clone();
        tokio::spawn(async move {
            while let Some(mut message) = heard.recv().await {
                sieve.note_download(&message);
                if let Some((context, page)) = arrival(&message) {
                    sieve.arrived(context, page);
                } else if let Some(reader) = sieve.reader(&message) {
                    // nobody reads what comes after the end
                    let _ = reader.send(message["params"].take()).await;
                } else if !is_unknown(&message) && told.send(message).await.is_err() {
                    break;
                }
            }
            lock(&sieve.0.pages).clear();
            lock(&sieve.0.events).clear();
        });
        rest
    }

    /// The driver's names of the pages that open in this context from now on.
    pub(crate) fn pages_of(&self, context: &str) -> (WatchedContext, mpsc::Receiver<String>) {
        let (sender, pages) = mpsc::channel(PAGES);
        lock(&self.0.pages).insert(context.to_owned(), sender);
        (WatchedContext { sieve: self.clone(), context: context.to_owned() }, pages)
    }

    /// What a DevTools session says from now on, as `{method, params}`, until the driver is gone.
    pub(crate) fn events_of(&self, session: &str) -> mpsc::Receiver<Value> {
        let (sender, events) = mpsc::channel(EVENTS);
        lock(&self.0.events).insert(session.to_owned(), sender);
        events
    }

    /// From now on the driver's names of downloads are remembered.
    pub(crate) fn note_downloads(&self) {
        self.0.notes_downloads.store(true, Ordering::Relaxed);
    }

    /// The driver's name of what a page downloads from this address; each is told once.
    pub(crate) fn download_of(&self, page: &str, url: &str) -> Option<String> {
        let mut downloads = lock(&self.0.downloads);
        let place = downloads.iter().position(|[of, from, _]| of == page && from == url)?;
        downloads.remove(place).map(|[_, _, name]| name)
    }

    fn note_download(&self, message: &Value) {
        if message["method"] != "download" || !self.0.notes_downloads.load(Ordering::Relaxed) {
            return;
        }
        let texts = [&message["guid"], &message["params"]["url"], &message["params"]["artifact"]["guid"]].map(Value::as_str);
        if let [Some(page), Some(url), Some(name)] = texts {
            let mut downloads = lock(&self.0.downloads);
            downloads.truncate(DOWNLOADS - 1);
            downloads.push_front([page, url, name].map(str::to_owned));
        }
    }

    fn arrived(&self, context: &str, page: &str) {
        if let Some(watcher) = lock(&self.0.pages).get(context)
            && watcher.try_send(page.to_owned()).is_err()
        {
            tracing::debug!(context, "a page opened that nobody takes in");
        }
    }

    fn reader(&self, message: &Value) -> Option<mpsc::Sender<Value>> {
        if message["method"] != "event" {
            return None;
        }
        lock(&self.0.events).get(message["guid"].as_str()?).cloned()
    }
}

/// Names of a context and of the page that opened in it, where a message tells that.
fn arrival(message: &Value) -> Option<(&str, &str)> {
    let context = message["guid"].as_str().filter(|guid| guid.starts_with("browser-context@"))?;
    if message["method"] != "page" {
        return None;
    }
    Some((context, message["params"]["page"]["guid"].as_str()?))
}

fn is_unknown(message: &Value) -> bool {
    message["method"] == "__create__" && message["params"]["type"].as_str().is_some_and(|kind| UNKNOWN.contains(&kind))
}
