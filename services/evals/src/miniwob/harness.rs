//! Serves the pages with their hook, and hears what it tells.

use axum::Json;
use axum::Router;
use axum::extract::{Path as UrlPath, State};
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use regex::Regex;
use serde::Deserialize;
use std::collections::HashMap;
use std::net::SocketAddr;
use std::path::{Component, Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use tokio::task::JoinHandle;

const HOOK: &str = include_str!("hook.js");

/// Why the pages cannot be served.
#[derive(Debug, thiserror::Error)]
pub enum HarnessError {
    /// The folder is not what the package carries.
    #[error(
        "{0} is not MiniWoB++'s `html` folder (it has no miniwob/click-test.html); scripts/bootstrap.sh brings it, or \
         `pip download miniwob==1.1.0 --no-deps` and unzip it"
    )]
    NoPages(PathBuf),
    /// The system refused.
    #[error("the pages cannot be served: {0}")]
    Io(#[from] std::io::Error),
}

/// Names of the tasks in a folder of pages.
pub fn tasks_in(pages: &Path) -> Result<Vec<String>, HarnessError> {
    if !pages.join("miniwob/click-test.html").is_file() {
        return Err(HarnessError::NoPages(pages.to_owned()));
    }
    let entries = std::fs::read_dir(pages.join("miniwob"))?.flatten();
    let mut names: Vec<String> = entries.filter_map(|entry| Some(entry.file_name().to_str()?.strip_suffix(".html")?.to_owned())).collect();
    names.sort();
    Ok(names)
}

/// The tasks that a pattern means; `*` stands for any letters.
pub fn matching(tasks: &[String], pattern: &str) -> Vec<String> {
    let expression = format!("^{}$", regex::escape(pattern).replace(r"\*", ".*"));
    let Ok(expression) = Regex::new(&expression) else { return Vec::new() };
    tasks.iter().filter(|task| expression.is_match(task)).cloned().collect()
}

/// What a page told of its episode.
#[derive(Debug, Clone, Default)]
pub(crate) struct Told {
    pub(crate) instruction: String,
    /// The page's own reward, before it takes time into account, and its reason.
    pub(crate) ended: Option<(f64, String)>,
}

/// The pages, served on loopback.
pub struct Harness {
    /// Where.
    pub address: SocketAddr,
    told: Arc<Mutex<HashMap<String, Told>>>,
    task: JoinHandle<()>,
}

struct Served {
    pages: PathBuf,
    told: Arc<Mutex<HashMap<String, Told>>>,
}

impl Harness {
    /// Serves a folder of pages.
    pub async fn serve(pages: &Path) -> Result<Self, HarnessError> {
        tasks_in(pages)?;
        let told = Arc::<Mutex<HashMap<String, Told>>>::default();
        let served = Arc::new(Served { pages: pages.to_owned(), told: Arc::clone(&told) });
        let router = Router::new()
            .route("/harness/begun", post(begun))
            .route("/harness/ended", post(ended))
            .route("/{*path}", get(file))
            .with_state(served);
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await?;
        let address = listener.local_addr()?;
        let task = tokio::spawn(async move {
            if let Err(error) = axum::serve(listener, router).await {
                tracing::error!(%error, "the pages are served no more");
            }
        });
        Ok(Self { address, told, task })
    }

    pub(crate) fn told(&self, episode: &str) -> Told {
        lock(&self.told).get(episode).cloned().unwrap_or_default()
    }

    pub(crate) fn forget(&self, episode: &str) {
        lock(&self.told).remove(episode);
    }
}

impl Drop for Harness {
    fn drop(&mut self) {
        self.task.abort();
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[derive(Deserialize)]
struct Begun {
    episode: String,
    instruction: String,
}

async fn begun(State(served): State<Arc<Served>>, Json(begun): Json<Begun>) -> StatusCode {
    lock(&served.told).entry(begun.episode).or_default().instruction = begun.instruction;
    StatusCode::NO_CONTENT
}

#[derive(Deserialize)]
struct EndedEpisode {
    episode: String,
    reward: f64,
    reason: String,
}

async fn ended(State(served): State<Arc<Served>>, Json(ended): Json<EndedEpisode>) -> StatusCode {
    // the first end counts
    lock(&served.told).entry(ended.episode).or_default().ended.get_or_insert((ended.reward, ended.reason));
    StatusCode::NO_CONTENT
}

async fn file(State(served): State<Arc<Served>>, UrlPath(path): UrlPath<String>) -> Response {
    let plain = Path::new(&path).components().all(|part| matches!(part, Component::Normal(_)));
    let Some(mut bytes) = plain.then(|| std::fs::read(served.pages.join(&path)).ok()).flatten() else {
        return StatusCode::NOT_FOUND.into_response();
    };
    if path == "core/core.js" {
        bytes.extend_from_slice(b"\n");
        bytes.extend_from_slice(HOOK.as_bytes());
    }
    let kind = match path.rsplit('.').next() {
        Some("html") => "text/html; charset=utf-8",
        Some("js") => "text/javascript; charset=utf-8",
        Some("css") => "text/css; charset=utf-8",
        Some("png") => "image/png",
        Some("gif") => "image/gif",
        Some("jpg" | "jpeg") => "image/jpeg",
        Some("svg") => "image/svg+xml",
        Some("json") => "application/json",
        _ => "application/octet-stream",
    };
    ([(header::CONTENT_TYPE, kind)], bytes).into_response()
}
