//! The open sites of the test, by two names that the policy maps to loopback: they serve the pages that attack, and the ordinary ones.

use axum::Router;
use axum::body::{Body, Bytes};
use axum::extract::{DefaultBodyLimit, Path, Query, State};
use axum::http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, Uri, header};
use axum::response::{Html, IntoResponse, Redirect, Response};
use axum::routing::{any, get, post};
use futures::{SinkExt, StreamExt};
use hyper_util::rt::TokioIo;
use serde::Deserialize;
use std::collections::{HashMap, HashSet};
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tokio::sync::Notify;
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::handshake::derive_accept_key;
use tokio_tungstenite::tungstenite::protocol::Role;

/// Where attacks come from, and ordinary pages.
pub const HOST: &str = "public.localhost";
/// Another open site.
pub const OTHER: &str = "other.localhost";

const ATTACK_SCRIPT: &str = include_str!("attack.js");
const TRIES_SCRIPT: &str = include_str!("tries.js");
const ORDINARY_SCRIPT: &str = include_str!("ordinary.js");
const DOT: &[u8] = &[71, 73, 70, 56, 57, 97, 1, 0, 1, 0, 0, 0, 0, 44, 0, 0, 0, 0, 1, 0, 1, 0, 0, 2, 0, 59];

/// A way in which a page makes a browser ask for something.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Vector {
    pub name: String,
    pub script: String,
    #[serde(default)]
    pub html: String,
    #[serde(default)]
    pub worker: String,
    #[serde(default)]
    pub headers: Vec<(String, String)>,
    /// It is the page itself, not a frame.
    #[serde(default)]
    pub top: bool,
    /// Towards an open name it arrives.
    #[serde(default = "yes")]
    pub control: bool,
}

fn yes() -> bool {
    true
}

/// An attempt: a vector and where it leads.
#[derive(Debug, Clone)]
pub struct Attack {
    pub name: String,
    pub vector: Vector,
    pub target: String,
    /// Where the open site redirects to, if the target is there.
    pub beyond: String,
}

#[derive(Default)]
struct Shared {
    attacks: Vec<Attack>,
    pages: Mutex<HashMap<String, String>>,
    done: Mutex<HashSet<String>>,
    told: Mutex<Vec<(String, String)>>,
    arrived: Mutex<HashSet<String>>,
    changed: Notify,
    heard_tls: Mutex<Option<Box<dyn Fn() -> bool + Send>>>,
}

pub struct Site {
    pub address: SocketAddr,
    shared: Arc<Shared>,
}

impl Site {
    pub async fn serve(attacks: Vec<Attack>) -> Self {
        let shared = Arc::new(Shared { attacks, ..Shared::default() });
        let router = ordinary()
            .route("/attack/{n}/", get(attack))
            .route("/attack/{n}/inner", get(|| async { Html("<!doctype html><p>inner</p>") }))
            .route("/attack/{n}/away", get(away_of))
            .route("/frames/{list}", get(frames))
            .route("/page/{name}", get(page))
            .route("/worker/{file}", get(worker))
            .route("/to/{n}", any(redirect_root))
            .route("/to/{n}/{*rest}", any(redirect))
            .route("/away", any(|Query(query): Query<HashMap<String, String>>| async move { moved(302, &query["to"]) }))
            .route("/done/{id}", post(done))
            .route("/told/{id}", post(told))
            .route("/live/{id}", any(live))
            .route("/live/{id}/{*rest}", any(live))
            .with_state(Arc::clone(&shared))
            .layer(DefaultBodyLimit::max(32 * 1024 * 1024));
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        tokio::spawn(async move { axum::serve(listener, router).await.unwrap() });
        Self { address, shared }
    }

    /// A page that tries all of these: its name, the way, the address.
    pub fn put_tries(&self, page: &str, tries: &[(String, String, String)]) {
        let script = TRIES_SCRIPT.replace("__TRIES__", &serde_json::to_string(tries).unwrap().replace('<', "\\u003c"));
        self.put(page, format!("const N = {page:?};\n{script}"));
    }

    /// A page that does something ordinary.
    pub fn put_ordinary(&self, page: &str, script: &str) {
        self.put(page, ORDINARY_SCRIPT.replace("__SCRIPT__", script).replace("__N__", page));
    }

    fn put(&self, page: &str, script: String) {
        // a script that speaks of the end of scripts
        let script = script.replace("</script", "<\\/script");
        let text = format!("<!doctype html><title>{page}</title><body><script>{script}</script></body>");
        self.shared.pages.lock().unwrap().insert(page.to_owned(), text);
    }

    /// Waits until all of these are done; those that are not in time.
    pub async fn all_done(&self, ids: &[String], limit: Duration) -> Vec<String> {
        let missing = || ids.iter().filter(|id| !self.shared.done.lock().unwrap().contains(*id)).cloned().collect::<Vec<_>>();
        let wait = async {
            loop {
                let changed = self.shared.changed.notified();
                tokio::pin!(changed);
                changed.as_mut().enable();
                if missing().is_empty() {
                    return;
                }
                changed.await;
            }
        };
        let _ = tokio::time::timeout(limit, wait).await;
        missing()
    }

    /// What pages told that they read.
    pub fn told(&self) -> Vec<(String, String)> {
        self.shared.told.lock().unwrap().clone()
    }

    /// Whether a control arrived.
    pub fn arrived(&self, id: &str) -> bool {
        self.shared.arrived.lock().unwrap().contains(id)
    }

    /// Who knows whether a canary heard TLS, for pages that ask.
    pub fn ask_for_tls(&self, ask: impl Fn() -> bool + Send + 'static) {
        *self.shared.heard_tls.lock().unwrap() = Some(Box::new(ask));
    }
}

async fn attack(State(shared): State<Arc<Shared>>, Path(n): Path<usize>) -> Response {
    let Attack { vector, target, .. } = &shared.attacks[n];
    let filled = |text: &str| text.replace("{T}", target).replace("{hostport}", host_port(target));
    let script = ATTACK_SCRIPT.replace("__N__", &n.to_string()).replace("__T__", target).replace("__SCRIPT__", &vector.script);
    let text = format!("<!doctype html><title>attack</title>{}<body><script>{script}</script></body>", filled(&vector.html));
    let mut response = Html(text).into_response();
    for (name, value) in &vector.headers {
        response.headers_mut().append(HeaderName::try_from(name).unwrap(), HeaderValue::try_from(filled(value)).unwrap());
    }
    response
}

fn host_port(url: &str) -> &str {
    url.split('/').nth(2).unwrap()
}

async fn away_of(State(shared): State<Arc<Shared>>, Path(n): Path<usize>) -> Response {
    moved(302, &format!("{}/a.html", shared.attacks[n].target))
}

async fn frames(Path(list): Path<String>) -> Html<String> {
    let frames: String = list.split(',').map(|n| format!("<iframe src=/attack/{n}/ width=80 height=40></iframe>")).collect();
    Html(format!("<!doctype html><title>frames</title><body>{frames}</body>"))
}

async fn page(State(shared): State<Arc<Shared>>, Path(name): Path<String>) -> Html<String> {
    Html(shared.pages.lock().unwrap()[&name].clone())
}

async fn worker(State(shared): State<Arc<Shared>>, Path(file): Path<String>) -> Response {
    let attack = &shared.attacks[file.trim_end_matches(".js").parse::<usize>().unwrap()];
    let text = format!("const T = {:?};\n{}", attack.target, attack.vector.worker);
    ([(header::CONTENT_TYPE, "text/javascript"), (HeaderName::from_static("service-worker-allowed"), "/")], text).into_response()
}

async fn redirect_root(state: State<Arc<Shared>>, Path(n): Path<usize>) -> Response {
    redirect(state, Path((n, String::new()))).await
}

async fn redirect(State(shared): State<Arc<Shared>>, Path((n, rest)): Path<(usize, String)>) -> Response {
    moved([301, 302, 303, 307, 308][n % 5], &format!("{}/{rest}", shared.attacks[n].beyond))
}

fn moved(status: u16, to: &str) -> Response {
    let escaped: String = to
        .chars()
        .map(
            |c| if c.is_ascii_graphic() { c.to_string() } else { url::form_urlencoded::byte_serialize(c.to_string().as_bytes()).collect() },
        )
        .collect();
    let headers = [(header::LOCATION, escaped), (header::ACCESS_CONTROL_ALLOW_ORIGIN, "*".to_owned())];
    (StatusCode::from_u16(status).unwrap(), headers).into_response()
}

async fn done(State(shared): State<Arc<Shared>>, Path(id): Path<String>) -> &'static str {
    shared.done.lock().unwrap().insert(id);
    shared.changed.notify_waiters();
    "done"
}

async fn told(State(shared): State<Arc<Shared>>, Path(id): Path<String>, body: Bytes) {
    shared.told.lock().unwrap().push((id, String::from_utf8_lossy(&body).chars().take(4000).collect()));
}

async fn live(State(shared): State<Arc<Shared>>, path: Uri) -> Response {
    let id = path.path().split('/').nth(2).unwrap_or_default().to_owned();
    shared.arrived.lock().unwrap().insert(id);
    (leave(), [(header::CONTENT_TYPE, "text/html")], "live").into_response()
}

/// What lets a page of another site read an answer.
fn leave() -> [(HeaderName, &'static str); 3] {
    [(header::ACCESS_CONTROL_ALLOW_ORIGIN, "*"), (header::ACCESS_CONTROL_ALLOW_METHODS, "*"), (header::ACCESS_CONTROL_ALLOW_HEADERS, "*")]
}

fn typed(kind: &'static str, body: impl Into<Body>) -> Response {
    (leave(), [(header::CONTENT_TYPE, kind)], body.into()).into_response()
}

/// What an ordinary site answers.
fn ordinary() -> Router<Arc<Shared>> {
    Router::new()
        .route("/quiet", any(|| async { typed("text/html", "<!doctype html><p>quiet</p>") }))
        .route("/said/{what}", any(|Path(what): Path<String>| async move { typed("text/plain; charset=utf-8", what) }))
        .route("/moved", any(|Query(query): Query<HashMap<String, String>>| async move { moved(query["status"].parse().unwrap(), &query["to"]) }))
        .route("/chain/{left}", get(chain))
        .route("/a.png", get(|| async { typed("image/gif", DOT) }))
        .route("/x.png", get(|| async { typed("image/gif", DOT) }))
        .route("/a.svg", get(|| async { typed("image/svg+xml", "<svg xmlns='http://www.w3.org/2000/svg' width='9' height='9'/>") }))
        .route("/a.js", get(|| async { typed("text/javascript", "self.ran = 1") }))
        .route("/module.js", get(|| async { typed("text/javascript", "export const answer = 42") }))
        .route("/a.css", get(|| async { typed("text/css", "body { color: rgb(1, 2, 3) }") }))
        .route("/a.woff2", get(|State(shared): State<Arc<Shared>>| async move { keep(&shared, "a.woff2"); typed("font/woff2", "none") }))
        .route("/kept/{what}", any(|State(shared): State<Arc<Shared>>, Path(what): Path<String>| async move { keep(&shared, &what); typed("text/html", "kept") }))
        .route("/asked/{what}", get(|State(shared): State<Arc<Shared>>, Path(what): Path<String>| async move {
            typed("text/plain", shared.arrived.lock().unwrap().contains(&what).to_string())
        }))
        .route("/echo", any(|method: Method, body: Bytes| async move {
            if method == Method::OPTIONS { return typed("text/plain", "OPTIONS"); }
            typed("text/plain", format!("{method} {}", String::from_utf8_lossy(&body)))
        }))
        .route("/size", post(|body: Bytes| async move { typed("text/plain", body.len().to_string()) }))
        .route("/large", get(|| async { typed("application/octet-stream", vec![7; 8 * 1024 * 1024]) }))
        .route("/cookies", get(|headers: HeaderMap| async move { typed("text/plain", text_of(&headers, "cookie")) }))
        .route("/set-cookie", get(|| async { ([(header::SET_COOKIE, "server=1; Path=/")], "set") }))
        .route("/headers", get(|headers: HeaderMap| async move {
            let all: HashMap<String, String> = headers.iter().map(|(name, value)| (name.to_string(), String::from_utf8_lossy(value.as_bytes()).into_owned())).collect();
            axum::Json(all)
        }))
        .route("/socket", any(socket))
        .route("/events", get(|| async {
            let pieces = futures::stream::unfold(1, |n| async move {
                tokio::time::sleep(Duration::from_millis(20)).await;
                Some((Ok::<_, std::convert::Infallible>(format!("data: {n}\n\n")), n + 1))
            });
            typed("text/event-stream", Body::from_stream(pieces))
        }))
        .route("/pieces", get(|| async {
            let pieces = futures::stream::unfold(0, |n| async move {
                tokio::time::sleep(Duration::from_millis(10)).await;
                (n < 10).then(|| (Ok::<_, std::convert::Infallible>(n.to_string()), n + 1))
            });
            typed("text/plain", Body::from_stream(pieces))
        }))
        .route("/zipped", get(|| async { ([(header::CONTENT_ENCODING, "gzip")], typed("text/plain", zipped(b'x', 5000))) }))
        .route("/nothing", get(|| async { StatusCode::NO_CONTENT }))
        .route("/tagged", get(|State(shared): State<Arc<Shared>>, headers: HeaderMap| async move {
            if headers.contains_key(header::IF_NONE_MATCH) {
                keep(&shared, "not-modified");
                return (StatusCode::NOT_MODIFIED, [(header::ETAG, "\"one\"")], "").into_response();
            }
            ([(header::ETAG, "\"one\"")], "tagged").into_response()
        }))
        .route("/ranged", get(|headers: HeaderMap| async move {
            assert_eq!(text_of(&headers, "range"), "bytes=2-4");
            (StatusCode::PARTIAL_CONTENT, [(header::CONTENT_RANGE, "bytes 2-4/10")], "234")
        }))
        .route("/status/{status}", get(|Path(status): Path<u16>| async move { (StatusCode::from_u16(status).unwrap(), format!("status {status}")) }))
        .route("/slow", get(|| async { tokio::time::sleep(Duration::from_millis(1500)).await; "slow" }))
        .route("/length", get(|Query(query): Query<HashMap<String, String>>| async move { query["q"].len().to_string() }))
        .route("/speaks", get(|| async {
            Html("<!doctype html><script>if (opener) opener.postMessage('from the window', '*'); else parent.postMessage('from the frame', '*')</script>")
        }))
        .route("/with-policy", get(|| async {
            ([(header::CONTENT_SECURITY_POLICY, "default-src 'self'; img-src http://other.localhost")], Html(format!("<!doctype html><img src=http://{OTHER}/a.png>")))
        }))
        .route("/worker-that-fetches.js", get(|| async { typed("text/javascript", "fetch('/said/w').then(r => r.text()).then(t => postMessage(t === 'w'))") }))
        .route("/service-worker.js", get(|| async {
            typed("text/javascript", "onactivate = e => e.waitUntil(clients.claim()); onfetch = e => { if (e.request.url.endsWith('/by-worker')) e.respondWith(new Response('by the worker')) }")
        }))
        .route("/scoped/page", get(|| async { Html("<!doctype html><p>scoped</p>") }))
        .route("/tls", get(|State(shared): State<Arc<Shared>>| async move {
            let heard = shared.heard_tls.lock().unwrap().as_ref().is_some_and(|ask| ask());
            typed("text/plain", heard.to_string())
        }))
}

fn keep(shared: &Shared, what: &str) {
    shared.arrived.lock().unwrap().insert(what.to_owned());
}

fn text_of(headers: &HeaderMap, name: &str) -> String {
    headers.get(name).map(|value| String::from_utf8_lossy(value.as_bytes()).into_owned()).unwrap_or_default()
}

/// A WebSocket that says everything back.
async fn socket(request: axum::extract::Request) -> Response {
    let key = request.headers().get(header::SEC_WEBSOCKET_KEY).map(|key| derive_accept_key(key.as_bytes()));
    let Some(key) = key else { return StatusCode::BAD_REQUEST.into_response() };
    tokio::spawn(async move {
        let Ok(upgraded) = hyper::upgrade::on(request).await else { return };
        let mut socket = WebSocketStream::from_raw_socket(TokioIo::new(upgraded), Role::Server, None).await;
        while let Some(Ok(message)) = socket.next().await {
            if message.is_close() || socket.send(message).await.is_err() {
                return;
            }
        }
    });
    let headers = [(header::UPGRADE, "websocket"), (header::CONNECTION, "Upgrade")];
    (StatusCode::SWITCHING_PROTOCOLS, headers, [(header::SEC_WEBSOCKET_ACCEPT, key)]).into_response()
}

async fn chain(Path(left): Path<usize>) -> Response {
    if left == 0 {
        return typed("text/plain", "end of the chain");
    }
    let host = if left.is_multiple_of(2) { OTHER } else { HOST };
    (leave(), Redirect::temporary(&format!("http://{host}/chain/{}", left - 1))).into_response()
}

/// A gzip body of one byte over and over, stored without compression.
fn zipped(byte: u8, length: u16) -> Vec<u8> {
    let plain = vec![byte; usize::from(length)];
    let mut crc = !0u32;
    for byte in &plain {
        crc ^= u32::from(*byte);
        for _ in 0..8 {
            crc = if crc & 1 == 1 { (crc >> 1) ^ 0xedb8_8320 } else { crc >> 1 };
        }
    }
    let mut body = vec![0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 255, 1];
    body.extend(length.to_le_bytes());
    body.extend((!length).to_le_bytes());
    body.extend(&plain);
    body.extend((!crc).to_le_bytes());
    body.extend(u32::from(length).to_le_bytes());
    body
}
