//! The only way out of a session: a forward and CONNECT proxy on loopback that checks every request, redirect and tunnel.
//!
//! ```text
//! Chromium ──▶ 127.0.0.1:random ──▶ rule by name and port ──▶ resolve, pin ──▶ class of the address ──▶ connect to *that* address
//!                                                                              a tunnel: TLS or a WebSocket, nothing else ◀─┘
//! ```
//!
//! Names are resolved here, the connection goes to the address that was judged, and that address stands for the name until the session
//! ends (`resolve.rs`), so a name that changes its mind between check and use (rebinding) gains nothing.

use crate::policy::{self, AddressClass, NameRule};
use crate::resolve::{Pins, Resolver, SystemResolver};
use crate::tab::lock;
use crate::{BrowserError, EgressPolicy, EgressScheme};
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
use std::sync::{Arc, Mutex, OnceLock};
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWriteExt};
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
/// Says in a refusal which rule it was; never passed on from a server.
const RULE_HEADER: &str = "x-wayfarer-egress-rule";
/// Headers that belong to one hop.
const HOP_HEADERS: [&str; 8] =
    ["connection", "proxy-connection", "proxy-authorization", "keep-alive", "te", "trailer", "transfer-encoding", "upgrade"];

type Body = BoxBody<Bytes, hyper::Error>;

/// Which rule of the policy closes something.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum EgressRule {
    /// `deny_hosts`.
    DeniedHost,
    /// `only_hosts`.
    UnlistedHost,
    /// `deny_ports` or `only_ports`.
    Port,
    /// `deny_schemes`, or what no page speaks.
    Scheme,
    /// The address is not public.
    Address,
    /// The request names no place that could be judged.
    Request,
}

impl EgressRule {
    /// One word, for headers and pages.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::DeniedHost => "denied-host",
            Self::UnlistedHost => "unlisted-host",
            Self::Port => "port",
            Self::Scheme => "scheme",
            Self::Address => "address",
            Self::Request => "request",
        }
    }
}

/// What the policy says against a request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Denial {
    /// The rule.
    pub rule: EgressRule,
    /// What was wanted, and what would open it, for a person.
    pub detail: String,
}

/// Why a request did not go out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Refusal {
    /// The policy closes it.
    Denied(Denial),
    /// The network does.
    Unreachable(String),
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Denied(denial) => f.write_str(&denial.detail),
            Self::Unreachable(why) => f.write_str(why),
        }
    }
}

impl Refusal {
    fn denied(rule: EgressRule, detail: impl Into<String>) -> Self {
        Self::Denied(Denial { rule, detail: detail.into() })
    }

    /// The environment error of a start page that was refused.
    pub(crate) fn into_error(self) -> BrowserError {
        match self {
            Self::Denied(denial) => BrowserError::environment(EnvFailure::EgressDenied, denial.detail),
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
    /// Given once; until then everything is closed.
    policy: OnceLock<Given>,
    resolver: Arc<dyn Resolver>,
    pins: Pins,
    records: Mutex<VecDeque<Record>>,
    counter: AtomicU64,
}

/// A policy with its headers made ready.
struct Given {
    policy: EgressPolicy,
    added: Vec<(HeaderName, HeaderValue)>,
}

/// The proxy of one session. Ends when stopped or dropped.
pub struct EgressProxy {
    address: SocketAddr,
    shared: Arc<Shared>,
    stop: CancellationToken,
}

impl EgressProxy {
    /// Listens on a free port of loopback; names are asked of this machine's resolver.
    pub async fn start(policy: EgressPolicy) -> std::io::Result<Self> {
        Self::with_resolver(policy, Arc::new(SystemResolver)).await
    }

    /// Listens on a free port of loopback; names are asked of this resolver.
    pub async fn with_resolver(policy: EgressPolicy, resolver: Arc<dyn Resolver>) -> std::io::Result<Self> {
        let proxy = Self::closed(resolver).await?;
        proxy.give(policy);
        Ok(proxy)
    }

    /// Listens on a free port of loopback and lets nothing out before it is given a policy.
    pub(crate) async fn closed(resolver: Arc<dyn Resolver>) -> std::io::Result<Self> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
        let address = listener.local_addr()?;
        let shared = Arc::new(Shared {
            policy: OnceLock::new(),
            resolver,
            pins: Pins::default(),
            records: Mutex::default(),
            counter: AtomicU64::new(0),
        });
        let stop = CancellationToken::new();
        tokio::spawn(accept(listener, Arc::clone(&shared), stop.clone()));
        Ok(Self { address, shared, stop })
    }

    /// Gives the policy, once: a second one changes nothing.
    pub(crate) fn give(&self, policy: EgressPolicy) {
        let headers = policy.headers.iter();
        let added =
            headers.filter_map(|(name, value)| Some((HeaderName::try_from(name).ok()?, HeaderValue::try_from(value).ok()?))).collect();
        let _ = self.shared.policy.set(Given { policy, added });
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
    async fn serve(self: Arc<Self>, request: Request<Incoming>, stop: CancellationToken) -> Response<Body> {
        let what = if request.method() == Method::CONNECT {
            request.uri().authority().and_then(|authority| what_of(&format!("https://{authority}")))
        } else {
            what_of(&request.uri().to_string())
        };
        let Some(what) = what else {
            let denied = Refusal::denied(EgressRule::Request, "this is a proxy; ask for an absolute http address");
            return refusal_page(StatusCode::BAD_REQUEST, &denied);
        };
        let answered = match *request.method() {
            Method::CONNECT => Arc::clone(&self).tunnel(request, what.clone(), stop).await,
            _ => self.forward(request).await,
        };
        answered.unwrap_or_else(|refusal| {
            let status = match &refusal {
                Refusal::Denied(_) => StatusCode::FORBIDDEN,
                Refusal::Unreachable(_) => StatusCode::BAD_GATEWAY,
            };
            tracing::debug!(%what, %refusal, "egress refused");
            let response = refusal_page(status, &refusal);
            self.record(what, refusal);
            response
        })
    }

    fn given(&self) -> Result<&Given, Refusal> {
        self.policy.get().ok_or_else(|| Refusal::denied(EgressRule::Request, "the session belongs to nobody yet"))
    }

    fn record(&self, what: String, refusal: Refusal) {
        let mut records = lock(&self.records);
        if records.len() >= MAX_RECORDS {
            records.pop_front();
        }
        let number = self.counter.fetch_add(1, Ordering::AcqRel);
        records.push_back(Record { number, what, refusal });
    }

    async fn tunnel(self: Arc<Self>, request: Request<Incoming>, what: String, stop: CancellationToken) -> Result<Response<Body>, Refusal> {
        let (host, port) =
            target(request.uri(), 443).ok_or_else(|| Refusal::denied(EgressRule::Request, "a tunnel needs a host and a port"))?;
        let mut server = self.connect(&host, port).await?.0;
        tokio::spawn(async move {
            let copy = async {
                let mut client = TokioIo::new(hyper::upgrade::on(request).await.map_err(std::io::Error::other)?);
                let Some(opening) = self.opening(&mut client, &host).await? else { return Ok(()) };
                match opening {
                    Ok(bytes) => server.write_all(&bytes).await?,
                    Err(refusal) => {
                        tracing::debug!(%what, %refusal, "egress refused");
                        self.record(what, refusal);
                        return Ok(());
                    }
                }
                tokio::io::copy_bidirectional(&mut client, &mut server).await.map(drop)
            };
            let copied: Result<(), std::io::Error> = tokio::select! {
                () = stop.cancelled() => return,
                copied = copy => copied,
            };
            if let Err(error) = copied {
                tracing::trace!(%error, "a tunnel ended badly");
            }
        });
        Ok(Response::new(empty()))
    }

    /// The first bytes of a tunnel, if they are of a scheme that the policy opens; `None` if the client said nothing. Until then the server
    /// hears nothing: protocols in which it speaks first, and whatever else a page can be made to speak, get no further.
    async fn opening<C: AsyncRead + Unpin>(&self, client: &mut C, host: &str) -> std::io::Result<Option<Result<Vec<u8>, Refusal>>> {
        const WEBSOCKET: &[u8] = b"GET ";
        const TLS_HANDSHAKE: u8 = 22;
        let mut bytes = Vec::with_capacity(2048);
        let read = async {
            while bytes.is_empty() || (bytes.len() < WEBSOCKET.len() && WEBSOCKET.starts_with(&bytes)) {
                if client.read_buf(&mut bytes).await? == 0 {
                    return Ok(false);
                }
            }
            Ok::<_, std::io::Error>(true)
        };
        match tokio::time::timeout(HEAD_LIMIT, read).await {
            Ok(Ok(true)) => {}
            Ok(Ok(false)) | Err(_) => return Ok(None),
            Ok(Err(error)) => return Err(error),
        }
        let scheme = if bytes[0] == TLS_HANDSHAKE {
            EgressScheme::Https
        } else if bytes.starts_with(WEBSOCKET) {
            EgressScheme::Ws
        } else {
            let why = format!("a tunnel to {host} carried neither TLS nor a WebSocket");
            return Ok(Some(Err(Refusal::denied(EgressRule::Scheme, why))));
        };
        Ok(Some(self.judge_scheme(scheme, host).map(|()| bytes)))
    }

    fn judge_scheme(&self, scheme: EgressScheme, host: &str) -> Result<(), Refusal> {
        if self.given()?.policy.deny_schemes.contains(&scheme) {
            let why = format!("{scheme:?} to {host} is closed by the egress policy (deny_schemes)");
            return Err(Refusal::denied(EgressRule::Scheme, why));
        }
        Ok(())
    }

    async fn forward(&self, mut request: Request<Incoming>) -> Result<Response<Body>, Refusal> {
        if request.uri().scheme_str() != Some("http") {
            return Err(Refusal::denied(EgressRule::Scheme, "only plain http is asked of a proxy in the open"));
        }
        let (host, port) = target(request.uri(), 80).ok_or_else(|| Refusal::denied(EgressRule::Request, "the address has no host"))?;
        self.judge_scheme(EgressScheme::Http, &host)?;
        let (server, mapped) = self.connect(&host, port).await?;

        let authority = request.uri().port().map_or_else(|| host.clone(), |port| format!("{host}:{port}"));
        let path = request.uri().path_and_query().map_or("/", |path| path.as_str());
        *request.uri_mut() = path.parse::<Uri>().map_err(|error| Refusal::Unreachable(format!("the path cannot be sent on: {error}")))?;
        let headers = request.headers_mut();
        for name in HOP_HEADERS {
            headers.remove(name);
        }
        // what the policy adds, a page must not be able to say by itself, to anyone
        let given = self.given()?;
        for name in given.policy.headers.keys() {
            headers.remove(name.to_ascii_lowercase());
        }
        if mapped {
            for (name, value) in &given.added {
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
        response.headers_mut().remove(RULE_HEADER);
        Ok(response.map(BodyExt::boxed))
    }

    /// A connection to an address that the policy allows for this name; the flag says that the policy names the address itself.
    async fn connect(&self, host: &str, port: u16) -> Result<(TcpStream, bool), Refusal> {
        let name = policy::normal_host(host);
        let policy = &self.given()?.policy;
        if !policy::port_is_open(policy, port) {
            let why = format!("port {port} of {name} is closed by the egress policy (deny_ports, only_ports)");
            return Err(Refusal::denied(EgressRule::Port, why));
        }
        let rule = policy::rule_for(policy, &name);
        if let NameRule::Mapped(address) = rule {
            return Ok((reach(&name, address.port(), &[address.ip()]).await?, true));
        }
        let pinned = self.pins.of(&name);
        let mut silent = None;
        if let Some(pinned) = &pinned {
            match reach(&name, port, pinned).await {
                Ok(stream) => return Ok((stream, false)),
                Err(refusal) => silent = Some(refusal),
            }
        }
        let judged = self.addresses(&name, &rule).await?;
        // what was just tried is not tried again
        if let Some(refusal) = silent.filter(|_| pinned.as_ref() == Some(&judged)) {
            return Err(refusal);
        }
        let stream = reach(&name, port, &judged).await?;
        self.pins.keep(&name, &judged);
        Ok((stream, false))
    }

    /// The addresses that may be connected to for this name.
    async fn addresses(&self, name: &str, rule: &NameRule) -> Result<Vec<IpAddr>, Refusal> {
        match rule {
            NameRule::Denied => {
                return Err(Refusal::denied(EgressRule::DeniedHost, format!("{name} is closed by the egress policy (deny_hosts)")));
            }
            NameRule::Unlisted => {
                let why = format!("{name} is not among the hosts that are open to this session (only_hosts)");
                return Err(Refusal::denied(EgressRule::UnlistedHost, why));
            }
            NameRule::Mapped(_) | NameRule::Open | NameRule::IfPublic => {}
        }
        let given = self.given()?;
        let literal = policy::literal(name);
        let mut judged = match literal {
            Some(address) => vec![address],
            None => self.resolve(name).await?,
        };
        let mut closed = None;
        judged.retain(|address| {
            let class = policy::class_of(*address);
            let by_class = match rule {
                NameRule::Open => literal.is_some() || policy::opens(class),
                _ => class == AddressClass::Public,
            };
            let is_open = by_class && !policy::address_is_denied(&given.policy, *address);
            if !is_open {
                closed = Some(class);
            }
            is_open
        });
        match closed {
            Some(class) if judged.is_empty() => {
                let why = format!(
                    "{name} is not open to this session: its address is {class:?} or denied; allow_hosts of the egress policy opens it"
                );
                Err(Refusal::denied(EgressRule::Address, why))
            }
            _ => Ok(judged),
        }
    }

    async fn resolve(&self, name: &str) -> Result<Vec<IpAddr>, Refusal> {
        match tokio::time::timeout(RESOLVE_LIMIT, self.resolver.addresses(name)).await {
            Ok(Ok(found)) => Ok(found),
            Ok(Err(error)) => Err(Refusal::Unreachable(format!("{name} could not be resolved: {error}"))),
            Err(_) => Err(Refusal::Unreachable(format!("{name} could not be resolved within {} s", RESOLVE_LIMIT.as_secs()))),
        }
    }
}

/// A connection to the first of these addresses that answers.
async fn reach(name: &str, port: u16, addresses: &[IpAddr]) -> Result<TcpStream, Refusal> {
    let mut last = String::from("it has no address");
    for address in addresses.iter().take(MAX_ADDRESSES) {
        match tokio::time::timeout(CONNECT_LIMIT, TcpStream::connect(SocketAddr::new(*address, port))).await {
            Ok(Ok(stream)) => {
                let _ = stream.set_nodelay(true);
                return Ok(stream);
            }
            Ok(Err(error)) => last = error.to_string(),
            Err(_) => last = format!("no connection within {} s", CONNECT_LIMIT.as_secs()),
        }
    }
    Err(Refusal::Unreachable(format!("{name}:{port} could not be reached: {last}")))
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

/// What a person, an agent and a program are told: a page with its reason, and the verdict in a header.
fn refusal_page(status: StatusCode, refusal: &Refusal) -> Response<Body> {
    let (verdict, rule) = match refusal {
        Refusal::Denied(denial) => ("denied", denial.rule.as_str()),
        Refusal::Unreachable(_) => ("unreachable", "network"),
    };
    let why = refusal.to_string().replace('&', "&amp;").replace('<', "&lt;");
    let page = format!(
        "<!doctype html><html lang=\"en\" data-egress=\"{verdict}\" data-rule=\"{rule}\"><title>Not reachable from here</title>\
         <h1>This page cannot be opened from here</h1><p>{why}</p></html>"
    );
    let mut response = Response::new(Full::new(Bytes::from(page)).map_err(|never: Infallible| match never {}).boxed());
    *response.status_mut() = status;
    let headers = response.headers_mut();
    headers.insert(VERDICT_HEADER, HeaderValue::from_static(verdict));
    headers.insert(RULE_HEADER, HeaderValue::from_static(rule));
    headers.insert("content-type", HeaderValue::from_static("text/html; charset=utf-8"));
    headers.insert("cache-control", HeaderValue::from_static("no-store"));
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
