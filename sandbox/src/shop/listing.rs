//! Lists of products: search and categories, with filters, sorting and pages.

use super::Shop;
use super::art;
use super::catalogue::{Department, Product};
use super::pages::{card, frame, missing};
use crate::page::PageResult;
use crate::web::{Fields, Visitor};
use axum::extract::{Path, State};
use axum::http::StatusCode;
use minijinja::{Value, context};
use std::cmp::Reverse;
use std::sync::Arc;

/// Products on one page of a list.
const PAGE: usize = 12;

pub(crate) async fn search(State(shop): State<Arc<Shop>>, visitor: Visitor) -> PageResult {
    let query = visitor.query.get("q").to_lowercase();
    let mut found: Vec<(&Product, usize)> =
        shop.catalogue.products.iter().map(|p| (p, relevance(p, &query))).filter(|(_, hits)| *hits > 0).collect();
    found.sort_by_key(|(_, hits)| Reverse(*hits));
    let products = found.into_iter().map(|(product, _)| product).collect();
    let heading = if query.is_empty() { "All products".to_owned() } else { format!("Search results for “{}”", visitor.query.get("q")) };
    list(&shop, &visitor, &heading, "", "/search", products).await
}

pub(crate) async fn category(State(shop): State<Arc<Shop>>, visitor: Visitor, Path(slug): Path<String>) -> PageResult {
    let Some(department) = Department::ALL.into_iter().find(|d| d.slug() == slug) else {
        return missing(&shop, &visitor, "We could not find that category").await;
    };
    let products = shop.catalogue.products.iter().filter(|p| p.department == department).collect();
    list(&shop, &visitor, department.name(), department.blurb(), &format!("/category/{slug}"), products).await
}

/// How well a product answers a query: the whole name above all, then words of the name, then words of the text.
fn relevance(product: &Product, query: &str) -> usize {
    if query.is_empty() {
        return 1;
    }
    let name = product.name.to_lowercase();
    let text = format!("{} {} {}", product.department.name(), product.blurb, product.colours.join(" ")).to_lowercase();
    let words: Vec<&str> = query.split_whitespace().map(|word| word.trim_end_matches('s')).filter(|word| word.len() > 1).collect();
    let in_name = words.iter().filter(|word| name.contains(*word)).count();
    let in_text = words.iter().filter(|word| text.contains(*word)).count();
    let needed = words.len().div_ceil(2);
    if in_name.max(in_text) < needed || words.is_empty() {
        return 0;
    }
    let exact = if name == query { 1000 } else { 0 };
    exact + in_name * 10 + in_text
}

/// Filters, sorts and cuts by the query's fields, which are all optional.
fn refine<'a>(mut products: Vec<&'a Product>, fields: &Fields) -> Vec<&'a Product> {
    let dollars = |name: &str| fields.get(name).trim_start_matches('$').parse::<f64>().ok().map(|d| (d * 100.0).round() as i64);
    let least = dollars("min").unwrap_or(0);
    let most = dollars("max").unwrap_or(i64::MAX);
    let colour = fields.get("colour");
    let rating = fields.get("rating").parse::<i64>().unwrap_or(0) * 10;
    products.retain(|p| {
        (least..=most).contains(&p.price_cents) && p.rating_tenths >= rating && (colour.is_empty() || p.colours.contains(&colour))
    });
    match fields.get("sort") {
        "price-low" => products.sort_by_key(|p| p.price_cents),
        "price-high" => products.sort_by_key(|p| Reverse(p.price_cents)),
        "rating" => products.sort_by_key(|p| Reverse(p.rating_tenths)),
        _ => {}
    }
    products
}

async fn list(shop: &Shop, visitor: &Visitor, heading: &str, blurb: &str, path: &str, products: Vec<&Product>) -> PageResult {
    let fields = &visitor.query;
    let mut colours: Vec<&str> = products.iter().flat_map(|p| p.colours.iter().copied()).collect();
    colours.sort_unstable();
    colours.dedup();
    let products = refine(products, fields);

    let pages = products.len().div_ceil(PAGE).max(1);
    let page = fields.get("page").parse::<usize>().unwrap_or(1).clamp(1, pages);
    let shown: Vec<Value> = products.iter().skip((page - 1) * PAGE).take(PAGE).map(|p| card(p)).collect();
    let address = |page: usize| format!("{path}?{}", fields.query_with("page", &page.to_string()));
    let links: Vec<Value> = (1..=pages).map(|n| context! { number => n, address => address(n), current => n == page }).collect();
    let colours: Vec<Value> = colours.into_iter().map(|c| context! { name => c, paint => art::paint(c) }).collect();
    let first = if products.is_empty() { 0 } else { (page - 1) * PAGE + 1 };
    let values = context! {
        heading, blurb, path, shown, colours, links, first,
        last => (page * PAGE).min(products.len()),
        count => products.len(),
        previous => if page > 1 { address(page - 1) } else { String::new() },
        next => if page < pages { address(page + 1) } else { String::new() },
        chosen => context! { q => fields.get("q"), min => fields.get("min"), max => fields.get("max"), colour => fields.get("colour"), rating => fields.get("rating"), sort => fields.get("sort") },
    };
    let frame = frame(shop, visitor).await?;
    shop.pages.html(StatusCode::OK, "listing.html", context! { ..values, ..frame })
}
