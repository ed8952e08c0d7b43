//! The screen of a session for people: a page that shows frames as they come, and takes nothing back.

use super::Face;
use super::refusal::Refusal;
use super::socket::Token;
use axum::extract::{Path, Query, State};
use axum::http::header;
use axum::response::sse::{Event, KeepAlive, Sse};
use axum::response::{Html, IntoResponse, Response};
use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use futures::stream;
use serde_json::json;
use std::convert::Infallible;
use std::sync::Arc;
use wayfarer_browser::ScreencastOptions;

const PAGE: &str = include_str!("live.html");

/// `GET /v1/sessions/{id}/live?token=…`
pub(super) async fn page(
    State(face): State<Arc<Face>>,
    Path(id): Path<String>,
    Query(Token { token }): Query<Token>,
) -> Result<Response, Refusal> {
    face.by_secret(&id, &token, |ticket| &ticket.watch)?;
    let nonce = wayfarer_rpc::keys::fresh_secret();
    let policy = format!(
        "default-src 'none'; img-src data:; style-src 'unsafe-inline'; script-src 'nonce-{nonce}'; connect-src 'self'; base-uri 'none'"
    );
    let headers = [
        (header::CONTENT_SECURITY_POLICY, policy.as_str()),
        // the address is a secret
        (header::REFERRER_POLICY, "no-referrer"),
        (header::CACHE_CONTROL, "no-store"),
    ];
    Ok((headers, Html(PAGE.replace("{nonce}", &nonce))).into_response())
}

/// `GET /v1/sessions/{id}/live/frames?token=…`: one event for each frame, and `ended` at the end.
pub(super) async fn frames(
    State(face): State<Arc<Face>>,
    Path(id): Path<String>,
    Query(Token { token }): Query<Token>,
) -> Result<Response, Refusal> {
    let lease = face.by_secret(&id, &token, |ticket| &ticket.watch)?;
    let options = ScreencastOptions::default();
    let frames = Arc::clone(&lease).call(move |session| Box::pin(async move { session.screencast(options).await })).await?;
    let events = stream::unfold(Some((frames, lease)), |state| async move {
        let (mut frames, lease) = state?;
        let frame = tokio::select! {
            frame = frames.recv() => frame,
            () = lease.ending() => None,
        };
        Some(match frame {
            Some(frame) => {
                let told = json!({"url": frame.url, "title": frame.title, "jpeg": BASE64_STANDARD.encode(&frame.jpeg)});
                (Ok::<_, Infallible>(Event::default().data(told.to_string())), Some((frames, lease)))
            }
            None => (Ok(Event::default().event("ended").data("the session has ended")), None),
        })
    });
    Ok((([(header::CACHE_CONTROL, "no-store")]), Sse::new(events).keep_alive(KeepAlive::default())).into_response())
}
