//! The server: one port, three hosts.
//!
//! ```text
//! request ──Host──▶ shop.localhost   ▶ shop::routes    ┐
//!                   tables.localhost ▶ tables::routes  ├─ each an axum router over its own state
//!                   docs.localhost   ▶ docs::routes    ┘
//! ```
//! A label before the host (`abc.shop.localhost`) names an instance, as the header of the egress proxy does.

use crate::engine::{AttackPlan, Worlds};
use crate::error::SandboxError;
use crate::{docs, shop, tables, web};
use axum::Router;
use axum::extract::Request;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;
use tokio::net::TcpListener;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;
use tower::ServiceExt;

/// Longest wait for open connections when the server ends.
const GRACE: Duration = Duration::from_secs(2);

/// How a sandbox is set up.
#[derive(Debug, Clone)]
pub struct SandboxOptions {
    /// Where the state of every instance is kept: `<data_dir>/<world>/<instance>.sqlite`.
    pub data_dir: PathBuf,
    /// The folder of HTML that `docs.localhost` serves; where Debian puts the Python documentation if absent.
    pub docs_dir: Option<PathBuf>,
    /// Address to listen on; port 0 takes a free one.
    pub listen: SocketAddr,
    /// The day that the worlds believe it is.
    pub today: time::Date,
    /// Prices, ratings, stock and free tables follow from it.
    pub seed: u64,
    /// A folder of worlds in place of the bundled ones, while one is being written.
    pub worlds_dir: Option<PathBuf>,
    /// Which tasks meet content that talks to agents and judges; nothing by default.
    pub attacks: AttackPlan,
}

/// A running sandbox. Dropping it ends the server at once; [`Sandbox::shutdown`] lets requests finish first.
#[derive(Debug)]
pub struct Sandbox {
    addr: SocketAddr,
    hosts: Vec<String>,
    stop: CancellationToken,
    server: JoinHandle<()>,
}

impl Sandbox {
    /// The names under which the worlds are served.
    pub fn hosts(&self) -> &[String] {
        &self.hosts
    }

    /// Prepares the worlds and begins to serve.
    pub async fn start(options: SandboxOptions) -> Result<Self, SandboxError> {
        let listen = options.listen;
        let hosts = tokio::task::spawn_blocking(move || Hosts::prepare(&options))
            .await
            .unwrap_or_else(|error| Err(SandboxError::Listen { listen, source: std::io::Error::other(error) }))?;
        let listener = TcpListener::bind(listen).await.map_err(|source| SandboxError::Listen { listen, source })?;
        let addr = listener.local_addr().map_err(|source| SandboxError::Listen { listen, source })?;

        let names: Vec<String> = CODED.iter().map(|host| (*host).to_owned()).chain(hosts.worlds.hosts()).collect();

        let stop = CancellationToken::new();
        let app = Router::new().fallback(move |request: Request| {
            let hosts = hosts.clone();
            async move { hosts.answer(request).await }
        });
        let until = stop.clone().cancelled_owned();
        let server = tokio::spawn(async move {
            if let Err(error) = axum::serve(listener, app).with_graceful_shutdown(until).await {
                tracing::error!(%error, "the sandbox stopped serving");
            }
        });
        tracing::info!(%addr, "sandbox serves {}", names.join(", "));
        Ok(Self { addr, hosts: names, stop, server })
    }

    /// Where it listens.
    pub fn addr(&self) -> SocketAddr {
        self.addr
    }

    /// Lets open requests finish, for two seconds at most, then ends.
    pub async fn shutdown(mut self) {
        self.stop.cancel();
        if tokio::time::timeout(GRACE, &mut self.server).await.is_err() {
            self.server.abort();
        }
    }
}

impl Drop for Sandbox {
    fn drop(&mut self) {
        self.server.abort();
    }
}

/// Hosts of the worlds that are code.
const CODED: [&str; 3] = ["shop.localhost", "tables.localhost", "docs.localhost"];

#[derive(Clone)]
struct Hosts {
    shop: Router,
    tables: Router,
    docs: Router,
    worlds: Worlds,
}

impl Hosts {
    fn prepare(options: &SandboxOptions) -> Result<Self, SandboxError> {
        Ok(Self {
            shop: shop::routes(&options.data_dir, options.seed, options.today)?,
            tables: tables::routes(&options.data_dir, options.seed, options.today)?,
            docs: docs::routes(options.docs_dir.clone()),
            worlds: Worlds::load(options.worlds_dir.as_deref(), &options.data_dir, options.seed, options.today, options.attacks)?,
        })
    }

    async fn answer(self, request: Request) -> Response {
        let host = web::host_of(request.headers());
        let is = |name: &str| host == name || host.strip_suffix(name).is_some_and(|rest| rest.ends_with('.'));
        let router = match CODED.iter().position(|name| is(name)) {
            Some(0) => Ok(self.shop),
            Some(1) => Ok(self.tables),
            Some(_) => Ok(self.docs),
            None => Err(self.worlds),
        };
        let mut response = match router {
            Ok(router) => router.oneshot(request).await.unwrap_or_else(|never| match never {}),
            Err(worlds) => match worlds.answer(&host, request).await {
                Some(response) => response,
                None => {
                    let names = CODED.iter().map(|host| (*host).to_owned()).chain(worlds.hosts()).collect::<Vec<_>>().join(", ");
                    return (StatusCode::MISDIRECTED_REQUEST, format!("no world is called {host:?}; ask for one of {names}\n"))
                        .into_response();
                }
            },
        };
        response.headers_mut().insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
        response
    }
}
