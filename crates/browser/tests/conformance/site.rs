//! The pages on a loopback server, and a way to ask them.
//!
//! Every page gets a first script: it keeps the list `log`, and listens on an event stream for expressions that the test wants to know,
//! which is what no action of an agent can do. Which case a page belongs to, the session's own header tells.

use axum::Router;
use axum::body::{Body, Bytes};
use axum::extract::{Path as Route, Query, RawForm, State};
use axum::http::{HeaderMap, Method, StatusCode, Uri, header};
use axum::response::{Html, IntoResponse, Redirect, Response};
use axum::routing::{any, get, post};
use futures::StreamExt;
use serde_json::{Value, json};
use std::collections::HashMap;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tokio::sync::{oneshot, watch};
use wayfarer_browser::INSTANCE_HEADER;

/// Where cases begin.
pub const HOST: &str = "conform.localhost";
/// Names that the server has: each is a site of its own.
pub const HOSTS: [&str; 3] = [HOST, "other.localhost", "third.localhost"];
/// How long a page may take to answer.
const ANSWER_LIMIT: Duration = Duration::from_secs(15);

const FIRST_SCRIPT: &str = r#"<script>
window.log = [];
if (top === window) new EventSource('/probe/asked').onmessage = async (event) => {
  const { id, at, expression } = JSON.parse(event.data);
  if (at !== location.href) return;
  let value;
  try { value = await (0, eval)(expression); } catch (error) { value = 'threw ' + error; }
  fetch('/probe/told/' + id, { method: 'POST', body: JSON.stringify(value ?? null) });
};
</script>"#;

#[derive(Default)]
struct Asked {
    /// The newest question of a case.
    questions: HashMap<String, watch::Sender<String>>,
    waiting: HashMap<u64, oneshot::Sender<Value>>,
    next: u64,
    /// Whose a request is that does not say it.
    expected: String,
}

#[derive(Clone)]
struct Shared {
    asked: Arc<Mutex<Asked>>,
    pages: PathBuf,
}

pub struct Site {
    pub address: SocketAddr,
    asked: Arc<Mutex<Asked>>,
}

impl Site {
    pub async fn serve(pages: PathBuf) -> Self {
        let shared = Shared { asked: Arc::default(), pages };
        let asked = Arc::clone(&shared.asked);
        let router = Router::new()
            .route("/probe/asked", get(questions))
            .route("/probe/told/{id}", post(told))
            .route("/echo", any(echo))
            .route("/slow", any(slow))
            .route("/slow-body", get(slow_body))
            .route("/redirect", any(redirect))
            .route("/download", any(download))
            .route("/endless", get(|| async { (attachment("endless.bin"), Body::from_stream(drip(Duration::from_millis(50)))) }))
            .route("/nothing", get(|| async { StatusCode::NO_CONTENT }))
            .route("/hang", get(std::future::pending::<()>))
            .route(
                "/drip",
                get(|| async { ([(header::CONTENT_TYPE, "text/event-stream")], Body::from_stream(drip(Duration::from_millis(200)))) }),
            )
            .fallback(file)
            .with_state(shared);
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        tokio::spawn(async move { axum::serve(listener, router).await.unwrap() });
        Self { address, asked }
    }

    /// Whose a request is that does not say it: sessions whose traffic passes no proxy of ours have no header for it.
    pub fn expect(&self, case: &str) {
        case.clone_into(&mut self.asked.lock().unwrap().expected);
    }

    /// What the expression gives in the page of this case that has this address.
    pub async fn ask(&self, case: &str, at: &str, expression: &str) -> Result<Value, String> {
        let (sender, answer) = oneshot::channel();
        {
            let mut asked = self.asked.lock().unwrap();
            let id = asked.next;
            asked.next += 1;
            asked.waiting.insert(id, sender);
            let question = json!({"id": id, "at": at, "expression": expression}).to_string();
            asked.questions.entry(case.to_owned()).or_insert_with(|| watch::channel(String::new()).0).send_replace(question);
        }
        let told = tokio::time::timeout(ANSWER_LIMIT, answer).await;
        told.map_err(|_| format!("the page {at} did not answer {expression}"))?.map_err(|error| error.to_string())
    }
}

async fn questions(State(shared): State<Shared>, headers: HeaderMap) -> Response {
    let mut asked = shared.asked.lock().unwrap();
    let told = headers.get(INSTANCE_HEADER).and_then(|value| value.to_str().ok());
    let case = told.map_or_else(|| asked.expected.clone(), str::to_owned);
    let questions = asked.questions.entry(case).or_insert_with(|| watch::channel(String::new()).0).subscribe();
    drop(asked);
    // a page that comes late is asked what was asked last
    let stream = futures::stream::unfold((questions, true), |(mut questions, first)| async move {
        if !first {
            questions.changed().await.ok()?;
        }
        let question = questions.borrow_and_update().clone();
        let line = if question.is_empty() { ": nothing yet\n\n".to_owned() } else { format!("data: {question}\n\n") };
        Some((Ok::<_, std::convert::Infallible>(Bytes::from(line)), (questions, false)))
    });
    ([(header::CONTENT_TYPE, "text/event-stream")], Body::from_stream(stream)).into_response()
}

async fn told(State(shared): State<Shared>, Route(id): Route<u64>, body: Bytes) {
    if let Some(waiting) = shared.asked.lock().unwrap().waiting.remove(&id) {
        let _ = waiting.send(serde_json::from_slice(&body).unwrap_or(Value::Null));
    }
}

/// A page: its doctype first, as without it the document would be another kind.
fn page(text: &str) -> Html<String> {
    let at = if text.to_lowercase().starts_with("<!doctype html>") { "<!doctype html>".len() } else { 0 };
    Html(format!("{}{FIRST_SCRIPT}{}", &text[..at], &text[at..]))
}

async fn file(State(shared): State<Shared>, uri: Uri) -> Response {
    match tokio::fs::read_to_string(shared.pages.join(uri.path().trim_start_matches('/'))).await {
        Ok(text) => page(&text).into_response(),
        Err(_) => (StatusCode::NOT_FOUND, page("<!doctype html><title>Missing</title><p>it is not here</p>")).into_response(),
    }
}

async fn echo(method: Method, uri: Uri, body: Bytes) -> Html<String> {
    let plain = |text: &str| text.replace('&', "&amp;").replace('<', "&lt;");
    let query: Vec<String> =
        url::form_urlencoded::parse(uri.query().unwrap_or_default().as_bytes()).map(|(k, v)| format!("{k}={v}")).collect();
    let body = String::from_utf8_lossy(&body);
    page(&format!("<!doctype html><title>Echo</title><p>{method}</p><p>{}</p><p>{}</p>", plain(&query.join(" ")), plain(&body)))
}

async fn slow(State(shared): State<Shared>, Query(query): Query<HashMap<String, String>>) -> Response {
    tokio::time::sleep(Duration::from_millis(query["ms"].parse().unwrap())).await;
    match query.get("then") {
        Some(then) => file(State(shared), then.parse::<Uri>().or_else(|_| format!("/{then}").parse()).unwrap()).await,
        None => "slow answer".into_response(),
    }
}

async fn slow_body(Query(query): Query<HashMap<String, String>>) -> Response {
    let pause = Duration::from_millis(query["ms"].parse().unwrap());
    let first = page("<!doctype html><title>Pieces</title><p>first piece</p>").0;
    let pieces = futures::stream::iter([(Duration::ZERO, first), (pause, "<p>last piece</p>".to_owned())]);
    let body = pieces.then(|(pause, text)| async move {
        tokio::time::sleep(pause).await;
        Ok::<_, std::convert::Infallible>(Bytes::from(text))
    });
    ([(header::CONTENT_TYPE, "text/html")], Body::from_stream(body)).into_response()
}

async fn redirect(Query(query): Query<HashMap<String, String>>) -> Redirect {
    let left: u32 = query.get("n").map_or(1, |n| n.parse().unwrap());
    let to = &query["to"];
    if left > 1 { Redirect::to(&format!("/redirect?n={}&to={to}", left - 1)) } else { Redirect::to(to) }
}

async fn download(Query(query): Query<HashMap<String, String>>, RawForm(form): RawForm) -> Response {
    let text = query.get("text").cloned().unwrap_or_else(|| String::from_utf8_lossy(&form).into_owned());
    (attachment(&query["name"]), text).into_response()
}

fn attachment(name: &str) -> [(header::HeaderName, String); 2] {
    let disposition = format!("attachment; filename=\"{name}\"");
    [(header::CONTENT_TYPE, "application/octet-stream".into()), (header::CONTENT_DISPOSITION, disposition)]
}

/// Never ends.
fn drip(pause: Duration) -> impl futures::Stream<Item = Result<Bytes, std::convert::Infallible>> {
    futures::stream::unfold((), move |()| async move {
        tokio::time::sleep(pause).await;
        Some((Ok(Bytes::from_static(b": drop\n\n")), ()))
    })
}
