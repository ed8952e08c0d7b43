//! Home, product, cart and the small pages around them.

use super::catalogue::{Department, Product};
use super::{Shop, art, state};
use crate::page::{PageError, PageResult, data, money, rating, see_other};
use crate::web::{Posted, Visitor};
use axum::extract::{Path, State};
use axum::http::{StatusCode, header};
use axum::response::IntoResponse;
use minijinja::{Value, context};
use std::sync::Arc;

/// Orders from this sum on travel for free.
pub(crate) const FREE_SHIPPING_FROM: i64 = 7_500;
/// What delivery costs below it.
pub(crate) const SHIPPING: i64 = 595;

/// What every page of the shop shows around its content.
pub(crate) async fn frame(shop: &Shop, visitor: &Visitor) -> Result<Value, PageError> {
    let count = shop.instances.with(&visitor.instance, |db| state::cart_count(db)).await?;
    let departments: Vec<Value> = Department::ALL.iter().map(|d| context! { name => d.name(), slug => d.slug() }).collect();
    Ok(context! {
        cart_count => count,
        departments => departments,
        cookie_banner => !visitor.has_cookie("jp_cookies"),
        year => shop.today.year(),
        query => visitor.query.get("q"),
    })
}

/// A product as cards show it.
pub(crate) fn card(product: &Product) -> Value {
    context! {
        slug => product.slug.clone(),
        name => product.name,
        department => product.department.name(),
        department_slug => product.department.slug(),
        price => money(product.price_cents),
        rating => rating(product.rating_tenths),
        tenths => product.rating_tenths,
        review_count => product.review_count,
        colours => product.colours.iter().map(|c| context! { name => *c, paint => art::paint(c) }).collect::<Vec<_>>(),
        few_left => product.sold_out.len() * 3 > product.variants().len(),
    }
}

pub(crate) async fn home(State(shop): State<Arc<Shop>>, visitor: Visitor) -> PageResult {
    let frame = frame(&shop, &visitor).await?;
    let mut liked: Vec<&Product> = shop.catalogue.products.iter().collect();
    liked.sort_by_key(|p| std::cmp::Reverse((p.review_count, p.rating_tenths)));
    let featured: Vec<Value> = liked.iter().take(8).map(|p| card(p)).collect();
    let tiles: Vec<Value> = Department::ALL
        .iter()
        .filter_map(|d| {
            let star = shop.catalogue.products.iter().find(|p| p.department == *d)?;
            let count = shop.catalogue.products.iter().filter(|p| p.department == *d).count();
            Some(context! { name => d.name(), slug => d.slug(), picture => star.slug.clone(), count => count })
        })
        .collect();
    shop.pages.html(StatusCode::OK, "home.html", context! { featured, tiles, ..frame })
}

pub(crate) async fn product(State(shop): State<Arc<Shop>>, visitor: Visitor, Path(slug): Path<String>) -> PageResult {
    let Some(product) = shop.catalogue.by_slug(&slug) else {
        return missing(&shop, &visitor, "We could not find that product").await;
    };
    product_page(&shop, &visitor, product, StatusCode::OK, "", &Chosen::default()).await
}

/// What was chosen in the form of a product.
#[derive(Default)]
struct Chosen {
    colour: String,
    size: String,
    quantity: String,
}

async fn product_page(shop: &Shop, visitor: &Visitor, product: &Product, status: StatusCode, error: &str, chosen: &Chosen) -> PageResult {
    let frame = frame(shop, visitor).await?;
    let colours: Vec<Value> = product
        .colours
        .iter()
        .map(|c| {
            let gone = product.variants().iter().filter(|(colour, _)| colour == c).all(|(colour, size)| product.is_sold_out(colour, size));
            context! { name => *c, paint => art::paint(c), gone => gone, chosen => *c == chosen.colour }
        })
        .collect();
    let sizes: Vec<Value> = product
        .sizes
        .iter()
        .map(|s| {
            let gone = product.variants().iter().filter(|(_, size)| size == s).all(|(colour, size)| product.is_sold_out(colour, size));
            context! { name => *s, gone => gone, chosen => *s == chosen.size }
        })
        .collect();
    let sold_out: Vec<String> =
        product.sold_out.iter().map(|(c, s)| [*c, *s].into_iter().filter(|part| !part.is_empty()).collect::<Vec<_>>().join(", ")).collect();
    let related: Vec<Value> =
        shop.catalogue.products.iter().filter(|p| p.department == product.department && p.slug != product.slug).take(4).map(card).collect();
    let reviews = data(&product.reviews);
    let quantity = if chosen.quantity.is_empty() { "1" } else { &chosen.quantity };
    shop.pages.html(
        status,
        "product.html",
        context! { product => card(product), blurb => product.blurb, features => data(product.features()), colours, sizes, sold_out, related, reviews, error, quantity, ..frame },
    )
}

pub(crate) async fn add_to_cart(State(shop): State<Arc<Shop>>, visitor: Visitor, Posted(form): Posted) -> PageResult {
    let Some(product) = shop.catalogue.by_slug(form.get("product")) else {
        return missing(&shop, &visitor, "We could not find that product").await;
    };
    let chosen = Chosen { colour: form.get("Colour").into(), size: form.get("Size").into(), quantity: form.get("quantity").into() };
    let quantity = chosen.quantity.parse::<i64>().unwrap_or(0);
    let is_variant = product.variants().iter().any(|(c, s)| *c == chosen.colour && *s == chosen.size);
    let error = if !product.colours.is_empty() && chosen.colour.is_empty() {
        "Please choose a colour."
    } else if !product.sizes.is_empty() && chosen.size.is_empty() {
        "Please choose a size."
    } else if !is_variant {
        "We do not make this product in that colour and size."
    } else if product.is_sold_out(&chosen.colour, &chosen.size) {
        "Sorry, this combination is sold out at the moment. Please choose another one."
    } else if !(1..=20).contains(&quantity) {
        "Please choose a quantity from 1 to 20."
    } else {
        ""
    };
    if !error.is_empty() {
        return product_page(&shop, &visitor, product, StatusCode::UNPROCESSABLE_ENTITY, error, &chosen).await;
    }
    let slug = product.slug.clone();
    shop.instances.with(&visitor.instance, move |db| state::add_line(db, &slug, &chosen.colour, &chosen.size, quantity)).await?;
    Ok(see_other(&format!("/cart?added={}", product.slug)))
}

pub(crate) async fn cart(State(shop): State<Arc<Shop>>, visitor: Visitor) -> PageResult {
    let frame = frame(&shop, &visitor).await?;
    let lines = shop.instances.with(&visitor.instance, |db| state::cart(db)).await?;
    let added = shop.catalogue.by_slug(visitor.query.get("added")).map(|p| p.name);
    shop.pages.html(StatusCode::OK, "cart.html", context! { summary => summary(&shop, &lines), added, ..frame })
}

pub(crate) async fn update_cart(State(shop): State<Arc<Shop>>, visitor: Visitor, Posted(form): Posted) -> PageResult {
    if let (Ok(id), Ok(quantity)) = (form.get("line").parse::<i64>(), form.get("quantity").parse::<i64>()) {
        shop.instances.with(&visitor.instance, move |db| state::set_quantity(db, id, quantity)).await?;
    }
    Ok(see_other("/cart"))
}

pub(crate) async fn remove_from_cart(State(shop): State<Arc<Shop>>, visitor: Visitor, Posted(form): Posted) -> PageResult {
    if let Ok(id) = form.get("line").parse::<i64>() {
        shop.instances.with(&visitor.instance, move |db| state::set_quantity(db, id, 0)).await?;
    }
    Ok(see_other("/cart"))
}

/// What delivery of these goods costs.
pub(crate) fn shipping(goods_cents: i64) -> i64 {
    if goods_cents >= FREE_SHIPPING_FROM { 0 } else { SHIPPING }
}

/// Lines with names, prices and sums, for the cart, the checkout and the confirmation.
pub(crate) fn summary(shop: &Shop, lines: &[state::Line]) -> Value {
    let mut goods = 0;
    let rows: Vec<Value> = lines
        .iter()
        .filter_map(|line| {
            let product = shop.catalogue.by_slug(&line.slug)?;
            let sum = product.price_cents * line.quantity;
            goods += sum;
            let variant = [("Colour", &line.colour), ("Size", &line.size)]
                .iter()
                .filter(|(_, value)| !value.is_empty())
                .map(|(axis, value)| format!("{axis}: {value}"))
                .collect::<Vec<_>>()
                .join(" · ");
            Some(context! { id => line.id, slug => line.slug.clone(), name => product.name, colour => line.colour.clone(), variant => variant, quantity => line.quantity, unit => money(product.price_cents), sum => money(sum) })
        })
        .collect();
    let shipping = shipping(goods);
    context! {
        lines => rows,
        goods => money(goods),
        shipping => if shipping == 0 { "Free".to_owned() } else { money(shipping) },
        total => money(goods + shipping),
        to_free => if shipping == 0 { String::new() } else { money(FREE_SHIPPING_FROM - goods) },
    }
}

pub(crate) async fn picture(State(shop): State<Arc<Shop>>, visitor: Visitor, Path(slug): Path<String>) -> PageResult {
    let Some(product) = shop.catalogue.by_slug(slug.trim_end_matches(".svg")) else {
        return Ok(StatusCode::NOT_FOUND.into_response());
    };
    let svg = art::picture(product, visitor.query.get("colour"), art::View::of(visitor.query.get("view")));
    Ok(([(header::CONTENT_TYPE, "image/svg+xml")], svg).into_response())
}

pub(crate) async fn style() -> impl IntoResponse {
    ([(header::CONTENT_TYPE, "text/css; charset=utf-8")], include_str!("../../templates/shop/style.css"))
}

const HELP: &[(&str, &str, &str)] = &[
    (
        "delivery",
        "Delivery",
        "Orders leave our warehouse within one working day and usually arrive within three. Delivery costs $5.95 and is free for orders of $75.00 and more.",
    ),
    (
        "returns",
        "Returns & exchanges",
        "You may return anything unused within 60 days. Put it back into its box, add the return slip and drop it off at any post office.",
    ),
    (
        "contact",
        "Contact us",
        "Call us on 01632 960 441, Monday to Friday, 9:00 to 17:00. Our shop is at 8 Kiln Yard, and the kettle is always on.",
    ),
    (
        "about",
        "About us",
        "Juniper & Pine began in 2009 with one tent, one mug and a market stall. We still test everything ourselves, mostly in the rain.",
    ),
];

pub(crate) async fn help(State(shop): State<Arc<Shop>>, visitor: Visitor, Path(topic): Path<String>) -> PageResult {
    let Some((_, title, text)) = HELP.iter().find(|(slug, ..)| *slug == topic) else {
        return missing(&shop, &visitor, "We could not find that page").await;
    };
    let frame = frame(&shop, &visitor).await?;
    shop.pages.html(StatusCode::OK, "text.html", context! { title => *title, text => *text, ..frame })
}

pub(crate) async fn not_found(State(shop): State<Arc<Shop>>, visitor: Visitor) -> PageResult {
    missing(&shop, &visitor, "We could not find that page").await
}

pub(crate) async fn missing(shop: &Shop, visitor: &Visitor, title: &str) -> PageResult {
    let frame = frame(shop, visitor).await?;
    let text = "It may have moved, or the address may have a typing mistake. Try the search at the top of the page.";
    shop.pages.html(StatusCode::NOT_FOUND, "text.html", context! { title, text, ..frame })
}
