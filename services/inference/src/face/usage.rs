//! `GET /v1/usage`: what the key's tenant used on a day.

use super::Face;
use super::response::Refusal;
use crate::accounts::Used;
use axum::Json;
use axum::extract::{Query, State};
use axum::http::HeaderMap;
use serde::Deserialize;
use serde_json::{Value, json};
use std::sync::Arc;
use time::macros::format_description;
use time::{Date, OffsetDateTime};

/// What may be asked.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Asked {
    /// `2026-01-31`; today (UTC) if absent.
    day: Option<String>,
}

/// By run, role and model, and all together.
pub(super) async fn usage(
    State(face): State<Arc<Face>>,
    headers: HeaderMap,
    asked: Result<Query<Asked>, axum::extract::rejection::QueryRejection>,
) -> Result<Json<Value>, Refusal> {
    let tenant = face.tenant(&headers)?;
    let wrong = || Refusal::bad_request("`day` is the only thing that can be asked, as in /v1/usage?day=2026-01-31");
    let day = match asked.map_err(|_| wrong())?.0.day {
        Some(day) => Date::parse(&day, format_description!("[year]-[month]-[day]")).map_err(|_| wrong())?,
        None => OffsetDateTime::now_utc().date(),
    };
    let lines = face.pool.accounts().of(&tenant, day).await.map_err(|error| {
        tracing::warn!(%error, "what models were used cannot be read");
        Refusal::no_accounts()
    })?;
    let mut total = Used::default();
    lines.iter().for_each(|line| total += line.used);
    Ok(Json(json!({"object": "usage", "tenant": tenant.to_string(), "day": day.to_string(), "total": total, "data": lines})))
}
