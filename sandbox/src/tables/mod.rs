//! Tablewise: restaurants by place and cuisine, free tables by date and party, reservations and messages.

pub(crate) mod guide;
mod pages;
mod reserve;
pub(crate) mod state;

use crate::error::SandboxError;
use crate::instance::Instances;
use crate::page::Pages;
use axum::Router;
use axum::routing::get;
use guide::Guide;
use std::path::Path;
use std::sync::Arc;

/// The name of this world's folder.
pub(crate) const WORLD: &str = "tables";

const TEMPLATES: &[(&str, &str)] = &[
    ("base.html", include_str!("../../templates/tables/base.html")),
    ("search.html", include_str!("../../templates/tables/search.html")),
    ("home.html", include_str!("../../templates/tables/home.html")),
    ("results.html", include_str!("../../templates/tables/results.html")),
    ("restaurant.html", include_str!("../../templates/tables/restaurant.html")),
    ("reserve.html", include_str!("../../templates/tables/reserve.html")),
    ("booked.html", include_str!("../../templates/tables/booked.html")),
    ("contact.html", include_str!("../../templates/tables/contact.html")),
    ("text.html", include_str!("../../templates/tables/text.html")),
];

/// What every handler of Tablewise works with.
pub(crate) struct Tables {
    pub(crate) guide: Guide,
    pub(crate) instances: Arc<Instances>,
    pub(crate) pages: Pages,
    pub(crate) today: time::Date,
}

/// The routes of Tablewise.
pub(crate) fn routes(data_dir: &Path, seed: u64, today: time::Date) -> Result<Router, SandboxError> {
    let tables = Tables {
        guide: Guide::of(seed),
        instances: Arc::new(Instances::create(data_dir, WORLD, state::SCHEMA)?),
        pages: Pages::compile(WORLD, TEMPLATES)?,
        today,
    };
    Ok(Router::new()
        .route("/", get(pages::home))
        .route("/search", get(pages::search))
        .route("/style.css", get(pages::style))
        .route("/calendar.js", get(pages::calendar))
        .route("/about", get(pages::about))
        .route("/restaurants/{slug}", get(pages::restaurant))
        .route("/restaurants/{slug}/reserve", get(reserve::details).post(reserve::confirm))
        .route("/restaurants/{slug}/contact", get(reserve::contact).post(reserve::send))
        .route("/bookings/{reference}", get(reserve::booked))
        .fallback(pages::not_found)
        .with_state(Arc::new(tables)))
}
