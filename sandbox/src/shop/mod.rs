//! Juniper & Pine: outdoor and home goods. Search, categories, filters, variants, cart, checkout and payment.

pub(crate) mod art;
pub(crate) mod catalogue;
mod checkout;
mod listing;
mod pages;
pub(crate) mod state;

use crate::error::SandboxError;
use crate::instance::Instances;
use crate::page::Pages;
use axum::Router;
use axum::routing::{get, post};
use catalogue::Catalogue;
use std::path::Path;
use std::sync::Arc;

/// The name of this world's folder.
pub(crate) const WORLD: &str = "shop";

const TEMPLATES: &[(&str, &str)] = &[
    ("base.html", include_str!("../../templates/shop/base.html")),
    ("card.html", include_str!("../../templates/shop/card.html")),
    ("home.html", include_str!("../../templates/shop/home.html")),
    ("listing.html", include_str!("../../templates/shop/listing.html")),
    ("product.html", include_str!("../../templates/shop/product.html")),
    ("cart.html", include_str!("../../templates/shop/cart.html")),
    ("checkout.html", include_str!("../../templates/shop/checkout.html")),
    ("payment.html", include_str!("../../templates/shop/payment.html")),
    ("confirmation.html", include_str!("../../templates/shop/confirmation.html")),
    ("text.html", include_str!("../../templates/shop/text.html")),
];

/// What every handler of the shop works with.
pub(crate) struct Shop {
    pub(crate) catalogue: Catalogue,
    pub(crate) instances: Arc<Instances>,
    pub(crate) pages: Pages,
    pub(crate) today: time::Date,
}

/// The routes of the shop.
pub(crate) fn routes(data_dir: &Path, seed: u64, today: time::Date) -> Result<Router, SandboxError> {
    let shop = Shop {
        catalogue: Catalogue::of(seed),
        instances: Arc::new(Instances::create(data_dir, WORLD, state::SCHEMA)?),
        pages: Pages::compile(WORLD, TEMPLATES)?,
        today,
    };
    Ok(Router::new()
        .route("/", get(pages::home))
        .route("/search", get(listing::search))
        .route("/category/{slug}", get(listing::category))
        .route("/product/{slug}", get(pages::product))
        .route("/art/{slug}", get(pages::picture))
        .route("/style.css", get(pages::style))
        .route("/help/{topic}", get(pages::help))
        .route("/cart", get(pages::cart))
        .route("/cart/add", post(pages::add_to_cart))
        .route("/cart/update", post(pages::update_cart))
        .route("/cart/remove", post(pages::remove_from_cart))
        .route("/checkout", get(checkout::details).post(checkout::save_details))
        .route("/checkout/payment", get(checkout::payment).post(checkout::pay))
        .route("/order/{number}", get(checkout::confirmation))
        .fallback(pages::not_found)
        .with_state(Arc::new(shop)))
}
