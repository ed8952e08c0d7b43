//! The only way out of a session: a forward and CONNECT proxy on loopback that checks every request, redirect and tunnel.
//!
//! ```text
//! Chromium ──▶ 127.0.0.1:random ──▶ rule by name ──▶ resolve ──▶ class of the address ──▶ connect to *that* address
//! ```
//!
//! Names are resolved here and the connection goes to the address that was judged, so a name that changes its mind between check and
//! use (rebinding) gains nothing.

use crate::policy::{self, AddressClass, NameRule};
use crate::tab::lock;
use crate::{BrowserError, EgressPolicy};
use bytes::Bytes;
use http_body_util::combinators::BoxBody;
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper::header::{HOST, HeaderName, HeaderValue};
use hyper::service::service_fn;
use hyper::{Method, Request, Response, StatusCode, Uri};
use hyper_util::rt::{TokioIo, TokioTimer};
use std::collections::VecDeque;
use std::convert::Infallible;
use std::fmt;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;
use tokio_util::sync::CancellationToken;
use url::Url;
use wayfarer_core::outcome::EnvFailure;

/// Connections of one session at the same time.
const MAX_CONNECTIONS: usize = 256;
/// How long a name may take to resolve.
const RESOLVE_LIMIT: Duration = Duration::from_secs(5);
/// How long one address may take to answer a connect.
const CONNECT_LIMIT: Duration = Duration::from_secs(8);
/// How long a server may take to answer a request with its head.
const ANSWER_LIMIT: Duration = Duration::from_secs(60);
/// How long a client may take to send a request's head.
const HEAD_LIMIT: Duration = Duration::from_secs(30);
/// Addresses of a name that are tried.
const MAX_ADDRESSES: usize = 4;
/// Refusals that are remembered.
const MAX_RECORDS: usize = 64;
/// Says in a refusal what it is; never passed on from a server.
const VERDICT_HEADER: &str = "x-wayfarer-egress";
/// Headers that belong to one hop.
const HOP_HEADERS: [&str; 8] =
    ["connection", "proxy-connection", "proxy-authorization", "keep-alive", "te", "trailer", "transfer-encoding", "upgrade"];

type Body = BoxBody<Bytes, hyper::Error>;

/// Why a request did not go out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Refusal {
    /// The policy closes it.
    Denied(String),
    /// The network does.
    Unreachable(String),
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (Self::Denied(why) | Self::Unreachable(why)) = self;
        f.write_str(why)
    }
}

impl Refusal {
    /// The environment error of a start page that was refused.
    pub(crate) fn into_error(self) -> BrowserError {
        match self {
            Self::Denied(why) => BrowserError::environment(EnvFailure::EgressDenied, why),
            Self::Unreachable(why) => BrowserError::environment(EnvFailure::Unreachable, why),
        }
    }
}

/// A refusal with what it was for: an address without fragment, or `host:port` of a tunnel.
struct Record {
    number: u64,
    what: String,
    refusal: Refusal,
}

struct Shared {
    policy: EgressPolicy,
    added: Vec<(HeaderName, HeaderValue)>,
    records: Mutex<VecDeque<Record>>,
    counter: AtomicU64,
}

/// The proxy of one session. Ends when stopped or dropped.
pub struct EgressProxy {
    address: SocketAddr,
    shared: Arc<Shared>,
    stop: CancellationToken,
}

impl EgressProxy {
    /// Listens on a free port of loopback.
    pub async fn start(policy: EgressPolicy) -> std::io::Result<Self> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
        let address = listener.local_addr()?;
        let added = policy
            .headers
            .iter()
            .filter_map(|(name, value)| Some((HeaderName::try_from(name).ok()?, HeaderValue::try_from(value).ok()?)))
            .collect();
        let shared = Arc::new(Shared { policy, added, records: Mutex::default(), counter: AtomicU64::new(0) });
        let stop = CancellationToken::new();
        tokio::spawn(accept(listener, Arc::clone(&shared), stop.clone()));
        Ok(Self { address, shared, stop })
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// A point in time to ask for later refusals.
    pub fn now(&self) -> u64 {
        self.shared.counter.load(Ordering::Acquire)
    }

    /// Why this very address was refused since then, if it was.
    pub fn refusal(&self, since: u64, url: &str) -> Option<Refusal> {
        let wanted = what_of(url)?;
        lock(&self.shared.records)
            .iter()
            .rev()
            .take_while(|record| record.number >= since)
            .find(|record| record.what == wanted)
            .map(|record| record.refusal.clone())
    }

    /// The newest refusal since then, whatever it was for.
    pub(crate) fn last_refusal(&self, since: u64) -> Option<Refusal> {
        lock(&self.shared.records).back().filter(|record| record.number >= since).map(|record| record.refusal.clone())
    }

    /// Ends the listener and every connection.
    pub(crate) fn stop(&self) {
        self.stop.cancel();
    }
}

impl Drop for EgressProxy {
    fn drop(&mut self) {
        self.stop.cancel();
    }
}

async fn accept(listener: TcpListener, shared: Arc<Shared>, stop: CancellationToken) {
    let places = Arc::new(Semaphore::new(MAX_CONNECTIONS));
    loop {
        let Ok(place) = Arc::clone(&places).acquire_owned().await else { return };
        let stream = tokio::select! {
            () = stop.cancelled() => return,
            accepted = listener.accept() => match accepted {
                Ok((stream, _)) => stream,
                Err(error) => {
                    tracing::warn!(%error, "the egress proxy could not accept a connection");
                    tokio::time::sleep(Duration::from_millis(50)).await;
                    continue;
                }
            },
        };
        let (shared, stop) = (Arc::clone(&shared), stop.clone());
        tokio::spawn(async move {
            let tunnels = stop.clone();
            let service = service_fn(move |request| {
                let (shared, stop) = (Arc::clone(&shared), tunnels.clone());
                async move { Ok::<_, Infallible>(shared.serve(request, stop).await) }
            });
            let connection = hyper::server::conn::http1::Builder::new()
                .timer(TokioTimer::new())
                .header_read_timeout(HEAD_LIMIT)
                .preserve_header_case(true)
                .serve_connection(TokioIo::new(stream), service)
                .with_upgrades();
            tokio::select! {
                () = stop.cancelled() => {}
                served = connection => if let Err(error) = served { tracing::trace!(%error, "a proxied connection ended badly") },
            }
            drop(place);
        });
    }
}

impl Shared {
    async fn serve(&self, request: Request<Incoming>, stop: CancellationToken) -> Response<Body> {
        let what = if request.method() == Method::CONNECT {
            request.uri().authority().and_then(|authority| what_of(&format!("https://{authority}")))
        } else {
            what_of(&request.uri().to_string())
        };
        let Some(what) = what else {
            return refuse(StatusCode::BAD_REQUEST, "denied", "this is a proxy; ask for an absolute http address");
        };
        let answered = if request.method() == Method::CONNECT { self.tunnel(request, stop).await } else { self.forward(request).await };
        answered.unwrap_or_else(|refusal| {
            let (status, verdict) = match &refusal {
                Refusal::Denied(_) => (StatusCode::FORBIDDEN, "denied"),
                Refusal::Unreachable(_) => (StatusCode::BAD_GATEWAY, "unreachable"),
            };
            tracing::debug!(%what, %refusal, "egress refused");
            let response = refuse(status, verdict, &refusal.to_string());
            self.record(what, refusal);
            response
        })
    }

    fn record(&self, what: String, refusal: Refusal) {
        let mut records = lock(&self.records);
        if records.len() >= MAX_RECORDS {
            records.pop_front();
        }
        let number = self.counter.fetch_add(1, Ordering::AcqRel);
        records.push_back(Record { number, what, refusal });
    }

    async fn tunnel(&self, request: Request<Incoming>, stop: CancellationToken) -> Result<Response<Body>, Refusal> {
        let (host, port) = target(request.uri(), 443).ok_or_else(|| Refusal::Denied("a tunnel needs a host and a port".into()))?;
        let mut server = self.connect(&host, port).await?.0;
        tokio::spawn(async move {
            let copy = async {
                let client = hyper::upgrade::on(request).await.map_err(std::io::Error::other)?;
                tokio::io::copy_bidirectional(&mut TokioIo::new(client), &mut server).await
            };
            tokio::select! {
                () = stop.cancelled() => {}
                copied = copy => if let Err(error) = copied { tracing::trace!(%error, "a tunnel ended badly") },
            }
        });
        Ok(Response::new(empty()))
    }

    async fn forward(&self, mut request: Request<Incoming>) -> Result<Response<Body>, Refusal> {
        let (host, port) = target(request.uri(), 80).ok_or_else(|| Refusal::Denied("the address has no host".into()))?;
        let (server, mapped) = self.connect(&host, port).await?;

        let authority = request.uri().port().map_or_else(|| host.clone(), |port| format!("{host}:{port}"));
        let path = request.uri().path_and_query().map_or("/", |path| path.as_str());
        *request.uri_mut() = path.parse::<Uri>().map_err(|error| Refusal::Unreachable(format!("the path cannot be sent on: {error}")))?;
        let headers = request.headers_mut();
        for name in HOP_HEADERS {
            headers.remove(name);
        }
        // what the policy adds, a page must not be able to say by itself, to anyone
        for name in self.policy.headers.keys() {
            headers.remove(name.to_ascii_lowercase());
        }
        if mapped {
            for (name, value) in &self.added {
                headers.insert(name.clone(), value.clone());
            }
        }
        if let Ok(value) = HeaderValue::from_str(&authority) {
            headers.insert(HOST, value);
        }

        let broken = |error: hyper::Error| Refusal::Unreachable(format!("{host} broke the connection off: {error}"));
        let (mut sender, connection) =
            hyper::client::conn::http1::Builder::new().preserve_header_case(true).handshake(TokioIo::new(server)).await.map_err(broken)?;
        // ends with the response's body, or when the client goes away and drops the sender's stream
        tokio::spawn(async move {
            if let Err(error) = connection.await {
                tracing::trace!(%error, "a forwarded connection ended badly");
            }
        });
        let answered = tokio::time::timeout(ANSWER_LIMIT, sender.send_request(request)).await;
        let mut response = answered
            .map_err(|_| Refusal::Unreachable(format!("{host} did not answer within {} s", ANSWER_LIMIT.as_secs())))?
            .map_err(broken)?;
        for name in HOP_HEADERS {
            response.headers_mut().remove(name);
        }
        response.headers_mut().remove(VERDICT_HEADER);
        Ok(response.map(BodyExt::boxed))
    }

    /// A connection to an address that the policy allows for this name; the flag says that the policy names the address itself.
    async fn connect(&self, host: &str, port: u16) -> Result<(TcpStream, bool), Refusal> {
        let rule = policy::rule_for(&self.policy, host);
        let addresses = self.addresses(host, port, &rule).await?;
        let mut last = String::from("it has no address");
        for address in addresses.into_iter().take(MAX_ADDRESSES) {
            match tokio::time::timeout(CONNECT_LIMIT, TcpStream::connect(address)).await {
                Ok(Ok(stream)) => {
                    let _ = stream.set_nodelay(true);
                    return Ok((stream, matches!(rule, NameRule::Mapped(_))));
                }
                Ok(Err(error)) => last = error.to_string(),
                Err(_) => last = format!("no connection within {} s", CONNECT_LIMIT.as_secs()),
            }
        }
        Err(Refusal::Unreachable(format!("{host}:{port} could not be reached: {last}")))
    }

    /// The addresses that may be connected to for this name.
    async fn addresses(&self, host: &str, port: u16, rule: &NameRule) -> Result<Vec<SocketAddr>, Refusal> {
        match rule {
            NameRule::Denied => Err(Refusal::Denied(format!("{host} is closed by the egress policy (deny_hosts)"))),
            NameRule::Mapped(address) => Ok(vec![*address]),
            NameRule::Open => resolve(host, port).await,
            NameRule::IfPublic => {
                let all = resolve(host, port).await?;
                let private = all
                    .iter()
                    .find(|address| policy::class_of(address.ip()) != AddressClass::Public)
                    .map(|address| policy::class_of(address.ip()));
                let public: Vec<SocketAddr> =
                    all.into_iter().filter(|address| policy::class_of(address.ip()) == AddressClass::Public).collect();
                match private {
                    Some(class) if public.is_empty() => Err(Refusal::Denied(format!(
                        "{host} is not open to this session: its address is {class:?}; open it by name in the egress policy (allow_hosts)"
                    ))),
                    _ => Ok(public),
                }
            }
        }
    }
}

/// Literal addresses as they are, `localhost` and all below it as loopback, anything else by the system's resolver.
async fn resolve(host: &str, port: u16) -> Result<Vec<SocketAddr>, Refusal> {
    if let Some(address) = policy::literal(host) {
        return Ok(vec![SocketAddr::new(address, port)]);
    }
    let name = policy::normal_host(host);
    if name == "localhost" || name.ends_with(".localhost") {
        return Ok(vec![SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), port)]);
    }
    match tokio::time::timeout(RESOLVE_LIMIT, tokio::net::lookup_host((name.as_str(), port))).await {
        Ok(Ok(found)) => Ok(found.collect()),
        Ok(Err(error)) => Err(Refusal::Unreachable(format!("{host} could not be resolved: {error}"))),
        Err(_) => Err(Refusal::Unreachable(format!("{host} could not be resolved within {} s", RESOLVE_LIMIT.as_secs()))),
    }
}

/// Host and port of a request.
fn target(uri: &Uri, default_port: u16) -> Option<(String, u16)> {
    let host = uri.host().filter(|host| !host.is_empty())?;
    Some((host.to_owned(), uri.port_u16().unwrap_or(default_port)))
}

/// What a refusal of this address is recorded under: plain addresses as they are, secure ones by the tunnel they need.
fn what_of(url: &str) -> Option<String> {
    let mut url = Url::parse(url).ok()?;
    url.set_fragment(None);
    match url.scheme() {
        "http" => Some(url.into()),
        "https" => Some(format!("{}:{}", url.host_str()?.to_ascii_lowercase(), url.port_or_known_default()?)),
        _ => None,
    }
}

fn refuse(status: StatusCode, verdict: &'static str, why: &str) -> Response<Body> {
    let why = why.replace('&', "&amp;").replace('<', "&lt;");
    let page = format!("<!doctype html><title>Not reachable from here</title><h1>This page cannot be opened from here</h1><p>{why}</p>");
    let mut response = Response::new(Full::new(Bytes::from(page)).map_err(|never: Infallible| match never {}).boxed());
    *response.status_mut() = status;
    response.headers_mut().insert(VERDICT_HEADER, HeaderValue::from_static(verdict));
    response.headers_mut().insert("content-type", HeaderValue::from_static("text/html; charset=utf-8"));
    response.headers_mut().insert("cache-control", HeaderValue::from_static("no-store"));
    response
}

fn empty() -> Body {
    Full::new(Bytes::new()).map_err(|never: Infallible| match never {}).boxed()
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::expect_used)]
mod tests {
    use super::*;
    use tokio::io::{AsyncReadExt, AsyncWriteExt};

    /// A server that answers every request with the head it received.
    async fn echo() -> SocketAddr {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
        let address = listener.local_addr().unwrap();
        tokio::spawn(async move {
            while let Ok((mut stream, _)) = listener.accept().await {
                let mut head = vec![0; 4096];
                let length = stream.read(&mut head).await.unwrap();
                let answer = format!(
                    "HTTP/1.1 200 OK\r\nx-wayfarer-egress: denied\r\ncontent-length: {length}\r\n\r\n{}",
                    String::from_utf8_lossy(&head[..length])
                );
                stream.write_all(answer.as_bytes()).await.unwrap();
            }
        });
        address
    }

    async fn say(proxy: &EgressProxy, request: &str) -> String {
        let mut stream = TcpStream::connect(proxy.address()).await.unwrap();
        stream.write_all(request.as_bytes()).await.unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).await.unwrap();
        answer.to_ascii_lowercase()
    }

    #[tokio::test]
    async fn headers_of_the_policy_go_to_mapped_hosts_only_and_cannot_be_forged() {
        let server = echo().await;
        let policy = EgressPolicy {
            resolve: [("shop.localhost".to_owned(), server)].into(),
            allow_hosts: vec!["localhost".into()],
            headers: [("X-Wayfarer-Instance".to_owned(), "a1".to_owned())].into(),
            ..EgressPolicy::default()
        };
        let proxy = EgressProxy::start(policy).await.unwrap();
        let forged = "x-wayfarer-instance: other\r\nproxy-authorization: secret\r\nconnection: close\r\n\r\n";

        let mapped = say(&proxy, &format!("GET http://shop.localhost/x HTTP/1.1\r\nhost: shop.localhost\r\n{forged}")).await;
        assert!(mapped.contains("get /x http/1.1") && mapped.contains("x-wayfarer-instance: a1") && !mapped.contains("other"), "{mapped}");
        assert!(!mapped.contains("secret") && !mapped.contains("x-wayfarer-egress"), "{mapped}");

        let allowed = say(&proxy, &format!("GET http://localhost:{}/y HTTP/1.1\r\nhost: elsewhere.test\r\n{forged}", server.port())).await;
        assert!(allowed.contains("get /y") && !allowed.contains("x-wayfarer-instance"), "{allowed}");
        assert!(allowed.contains(&format!("host: localhost:{}", server.port())), "the host is the one that was judged: {allowed}");
    }

    #[tokio::test]
    async fn closed_addresses_are_refused_and_remembered() {
        let proxy = EgressProxy::start(EgressPolicy::default()).await.unwrap();
        let since = proxy.now();

        let denied = say(&proxy, "GET http://169.254.169.254/latest#x HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n").await;
        assert!(denied.starts_with("http/1.1 403") && denied.contains("x-wayfarer-egress: denied"), "{denied}");
        let tunnel = say(&proxy, "CONNECT [::ffff:10.0.0.1]:443 HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n").await;
        assert!(tunnel.starts_with("http/1.1 403"), "{tunnel}");
        let direct = say(&proxy, "GET / HTTP/1.1\r\nhost: 127.0.0.1\r\nconnection: close\r\n\r\n").await;
        assert!(direct.starts_with("http/1.1 400"), "{direct}");

        assert!(matches!(proxy.refusal(since, "http://169.254.169.254/latest"), Some(Refusal::Denied(_))));
        assert_eq!(proxy.refusal(since, "http://169.254.169.254/other"), None);
        assert!(matches!(proxy.refusal(since, "https://[::ffff:10.0.0.1]/"), Some(Refusal::Denied(_))));
        assert_eq!(proxy.refusal(proxy.now(), "http://169.254.169.254/latest"), None);
    }
}
