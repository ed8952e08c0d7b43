//! Sessions as a client makes, finds, renews and ends them.

use super::Face;
use super::refusal::Refusal;
use crate::lease::{Ended, Lease};
use axum::Json;
use axum::extract::{Path, State};
use axum::http::header::AUTHORIZATION;
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use serde::{Deserialize, Serialize};
use std::sync::Arc;
use std::time::Duration;
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;
use wayfarer_browser::{Drive, EgressScheme, Priority, SessionSpec, StorageState};
use wayfarer_core::TenantId;
use wayfarer_core::observation::Viewport;

/// Pixels of a page's side.
const SIDES: std::ops::RangeInclusive<u32> = 100..=4096;

/// What a client asks for; everything may be left out.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase", default)]
pub(super) struct Wanted {
    viewport: Option<Viewport>,
    locale: Option<String>,
    time_zone: Option<String>,
    /// Cookies to begin with, as Playwright's `storageState` has them.
    storage: Option<StorageState>,
    egress: Narrower,
    priority: Priority,
    ttl_seconds: u64,
    /// How long to wait for a place.
    wait_seconds: u64,
}

impl Default for Wanted {
    fn default() -> Self {
        Self {
            viewport: None,
            locale: None,
            time_zone: None,
            storage: None,
            egress: Narrower::default(),
            priority: Priority::Live,
            ttl_seconds: 300,
            wait_seconds: 10,
        }
    }
}

/// What a client closes for its session beside what is closed for all.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase", default)]
struct Narrower {
    only_hosts: Vec<String>,
    deny_hosts: Vec<String>,
    only_ports: Vec<u16>,
    deny_ports: Vec<u16>,
    deny_schemes: Vec<EgressScheme>,
}

/// A session, as a client sees it.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Shown {
    id: String,
    status: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    connect_url: Option<String>,
    live_view_url: String,
    created_at: String,
    expires_at: String,
}

impl Face {
    fn tenant(&self, headers: &HeaderMap) -> Result<TenantId, Refusal> {
        self.options.keys.tenant(headers.get(AUTHORIZATION).and_then(|value| value.to_str().ok())).ok_or_else(Refusal::unknown_key)
    }

    fn show(&self, lease: &Lease) -> Shown {
        let ticket = self.ticket(lease);
        let web_socket = self.base.replacen("http", "ws", 1);
        let id = &lease.id;
        Shown {
            id: id.to_string(),
            status: "running",
            connect_url: lease.driven_by_client().then(|| format!("{web_socket}/v1/sessions/{id}/cdp?token={}", ticket.drive)),
            live_view_url: format!("{}/v1/sessions/{id}/live?token={}", self.base, ticket.watch),
            created_at: time_text(lease.began_unix_ms()),
            expires_at: time_text(lease.expires_unix_ms()),
        }
    }

    fn spec(&self, tenant: TenantId, wanted: Wanted) -> Result<SessionSpec, Refusal> {
        let viewport = wanted.viewport.unwrap_or_default();
        if !SIDES.contains(&viewport.width) || !SIDES.contains(&viewport.height) {
            return Err(Refusal::bad_request(format!("a viewport's sides have {} to {} pixels", SIDES.start(), SIDES.end())));
        }
        let mut egress = self.options.egress.clone();
        egress.deny_hosts.extend(wanted.egress.deny_hosts);
        egress.deny_ports.extend(wanted.egress.deny_ports);
        egress.deny_schemes.extend(wanted.egress.deny_schemes);
        if !wanted.egress.only_ports.is_empty() {
            // those that are closed already are denied, for a list that is empty would open everything
            let closed = |port: &u16| !egress.only_ports.is_empty() && !egress.only_ports.contains(port);
            egress.deny_ports.extend(wanted.egress.only_ports.iter().copied().filter(closed));
            egress.only_ports = wanted.egress.only_ports;
        }
        if !wanted.egress.only_hosts.is_empty() {
            let named = |host: &String| wanted.egress.only_hosts.contains(host);
            // what is open beside a list stays open only if the client names it, too
            egress.allow_hosts.retain(named);
            egress.resolve.retain(|host, _| named(host));
            egress.only_hosts = match std::mem::take(&mut egress.only_hosts) {
                all if all.is_empty() => wanted.egress.only_hosts.clone(),
                listed => listed.into_iter().filter(named).collect(),
            };
            if egress.only_hosts.is_empty() {
                // a list that is empty would open everything
                egress.only_hosts.push("nothing.invalid".into());
            }
        }
        Ok(SessionSpec {
            drive: Drive::Cdp,
            priority: wanted.priority,
            viewport,
            locale: wanted.locale,
            time_zone: wanted.time_zone,
            storage: wanted.storage,
            egress,
            ..SessionSpec::new(tenant, format!("http-{}", wayfarer_rpc::keys::fresh_secret()))
        })
    }
}

/// `POST /v1/sessions`
pub(super) async fn create(State(face): State<Arc<Face>>, headers: HeaderMap, body: String) -> Result<Response, Refusal> {
    let tenant = face.tenant(&headers)?;
    face.sweep();
    let wanted: Wanted = if body.trim().is_empty() {
        Wanted::default()
    } else {
        serde_json::from_str(&body)
            .map_err(|error| Refusal::bad_request(format!("the body is not what a session is asked for with: {error}")))?
    };
    let longest = face.options.longest_ttl;
    let ttl = Duration::from_secs(wanted.ttl_seconds);
    if ttl.is_zero() || ttl > longest {
        return Err(Refusal::bad_request(format!("ttlSeconds is 1 to {}; a session can be renewed", longest.as_secs())));
    }
    let wait = Duration::from_secs(wanted.wait_seconds);
    let spec = face.spec(tenant, wanted)?;
    let lease = face.farm.acquire_for(spec, wait, ttl).await?;
    Ok((StatusCode::CREATED, Json(face.show(&lease))).into_response())
}

/// `GET /v1/sessions`
pub(super) async fn list(State(face): State<Arc<Face>>, headers: HeaderMap) -> Result<Response, Refusal> {
    let tenant = face.tenant(&headers)?;
    let mut own: Vec<_> = face.farm.leases().into_iter().filter(|lease| lease.owner.tenant == tenant).collect();
    own.sort_by_key(|lease| lease.token);
    let sessions: Vec<Shown> = own.iter().map(|lease| face.show(lease)).collect();
    Ok(Json(serde_json::json!({"sessions": sessions})).into_response())
}

/// `GET /v1/sessions/{id}`
pub(super) async fn show(State(face): State<Arc<Face>>, headers: HeaderMap, Path(id): Path<String>) -> Result<Response, Refusal> {
    let lease = face.own(&id, &face.tenant(&headers)?)?;
    Ok(Json(face.show(&lease)).into_response())
}

/// `POST /v1/sessions/{id}/renew`
pub(super) async fn renew(State(face): State<Arc<Face>>, headers: HeaderMap, Path(id): Path<String>) -> Result<Response, Refusal> {
    let lease = face.own(&id, &face.tenant(&headers)?)?;
    let renewed = face.farm.renew(lease.id.as_str(), lease.token)?;
    Ok(Json(face.show(&renewed)).into_response())
}

/// `DELETE /v1/sessions/{id}`: answers when the browser is gone. Ending it twice is no error.
pub(super) async fn end(State(face): State<Arc<Face>>, headers: HeaderMap, Path(id): Path<String>) -> Result<Response, Refusal> {
    let tenant = face.tenant(&headers)?;
    if let Ok(lease) = face.own(&id, &tenant) {
        face.farm.end(&lease, Ended::Released).await;
    }
    face.sweep();
    Ok(StatusCode::NO_CONTENT.into_response())
}

fn time_text(unix_ms: u64) -> String {
    let time = OffsetDateTime::from_unix_timestamp_nanos(i128::from(unix_ms) * 1_000_000).unwrap_or(OffsetDateTime::UNIX_EPOCH);
    time.format(&Rfc3339).unwrap_or_default()
}
