//! The farm's face for everybody: sessions over HTTP, each a browser of one's own that a stock Playwright or Puppeteer connects to.
//!
//! ```text
//!  POST /v1/sessions ──key──▶ { id, connectUrl, liveViewUrl, expiresAt }
//!                               │             └──▶ GET  …/live?token=   a page for people: the screen as it is, read-only
//!                               └──▶ WS …/cdp?token=                    the DevTools protocol, filtered
//!  GET /v1/sessions   GET /v1/sessions/{id}   POST …/renew   DELETE     only the tenant's own
//! ```
//!
//! Keys say which tenant asks; the addresses of a session hold secrets of their own and die with it.

mod live;
mod refusal;
mod sessions;
mod socket;

use crate::farm::Farm;
use crate::lease::Lease;
use axum::Router;
use axum::routing::{get, post};
use refusal::Refusal;
use std::collections::HashMap;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;
use wayfarer_browser::{BrowserError, EgressPolicy};
use wayfarer_core::TenantId;
use wayfarer_rpc::{Keys, keys};

/// How the face is served.
pub struct FaceOptions {
    /// Where; port 0 takes a free one.
    pub listen: SocketAddr,
    /// What the addresses that clients are given begin with, as in `https://farm.example.org`; `None` is where it listens.
    pub public_url: Option<String>,
    /// Who may ask.
    pub keys: Keys,
    /// What sessions may reach; clients can only narrow it.
    pub egress: EgressPolicy,
    /// Longest time to live that a client may ask for, from its asking or renewing.
    pub longest_ttl: Duration,
}

/// A face that is served.
pub struct FaceServing {
    /// Where.
    pub address: SocketAddr,
    /// Ends with it.
    pub task: JoinHandle<()>,
}

struct Face {
    farm: Arc<Farm>,
    options: FaceOptions,
    /// What the addresses begin with, without a slash at the end.
    base: String,
    tickets: Mutex<HashMap<String, Ticket>>,
}

/// What the addresses of a session hold.
#[derive(Clone)]
struct Ticket {
    lease: u64,
    /// For its driver.
    drive: String,
    /// For who watches.
    watch: String,
}

impl Face {
    /// The lease of a session of this tenant.
    fn own(&self, id: &str, tenant: &TenantId) -> Result<Arc<Lease>, Refusal> {
        let held = self.farm.leases().into_iter().find(|lease| lease.id.as_str() == id && lease.owner.tenant == *tenant);
        held.ok_or_else(|| Refusal::gone(id))
    }

    /// The ticket of a session, made when it is wanted first.
    fn ticket(&self, lease: &Lease) -> Ticket {
        let mut tickets = self.tickets.lock().unwrap_or_else(PoisonError::into_inner);
        let ticket = tickets.entry(lease.id.to_string()).or_insert_with(|| Ticket {
            lease: lease.token,
            drive: keys::fresh_secret(),
            watch: keys::fresh_secret(),
        });
        ticket.clone()
    }

    /// The lease that an address with a secret stands for.
    fn by_secret(&self, id: &str, secret: &str, of: impl Fn(&Ticket) -> &str) -> Result<Arc<Lease>, Refusal> {
        let ticket = self.tickets.lock().unwrap_or_else(PoisonError::into_inner).get(id).cloned();
        let ticket = ticket.filter(|ticket| keys::same(of(ticket), secret)).ok_or_else(Refusal::unknown_token)?;
        self.farm.held(id, ticket.lease).map_err(|error| match error {
            BrowserError::Busy { .. } => Refusal::from(error),
            _ => Refusal::gone(id),
        })
    }

    /// Forgets what belongs to sessions that are no more.
    fn sweep(&self) {
        let mut tickets = self.tickets.lock().unwrap_or_else(PoisonError::into_inner);
        tickets.retain(|id, ticket| self.farm.held(id, ticket.lease).is_ok());
    }
}

/// Serves the face of a farm until `stop`.
pub async fn serve_face(farm: Arc<Farm>, options: FaceOptions, stop: CancellationToken) -> std::io::Result<FaceServing> {
    let listener = tokio::net::TcpListener::bind(options.listen).await?;
    let address = listener.local_addr()?;
    let base = options.public_url.clone().unwrap_or_else(|| format!("http://{address}"));
    let face = Arc::new(Face { farm, options, base: base.trim_end_matches('/').to_owned(), tickets: Mutex::default() });
    let router = Router::new()
        .route("/v1/sessions", post(sessions::create).get(sessions::list))
        .route("/v1/sessions/{id}", get(sessions::show).delete(sessions::end))
        .route("/v1/sessions/{id}/renew", post(sessions::renew))
        .route("/v1/sessions/{id}/cdp", get(socket::connect))
        .route("/v1/sessions/{id}/live", get(live::page))
        .route("/v1/sessions/{id}/live/frames", get(live::frames))
        .fallback(|| async { Refusal::nothing_here() })
        .with_state(face);
    tracing::info!(%address, "browser sessions are served over HTTP");
    let task = tokio::spawn(async move {
        // connections that last (CDP, live views) end with their sessions, which the farm ends when it drains
        let served = axum::serve(listener, router).with_graceful_shutdown(async move { stop.cancelled().await });
        if let Err(error) = served.await {
            tracing::error!(%error, "the farm's HTTP face ended badly");
        }
    });
    Ok(FaceServing { address, task })
}
