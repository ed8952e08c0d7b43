//! From the cart to an order: delivery details, payment, confirmation. Nothing binds before "Place order".

use super::Shop;
use super::pages::{frame, missing, shipping, summary};
use super::state::{self, Delivery};
use crate::page::{PageResult, data, money, see_other};
use crate::web::{Fields, Posted, Visitor};
use axum::extract::{Path, State};
use axum::http::StatusCode;
use minijinja::context;
use std::collections::BTreeMap;
use std::sync::Arc;

type Errors = BTreeMap<&'static str, &'static str>;

pub(crate) async fn details(State(shop): State<Arc<Shop>>, visitor: Visitor) -> PageResult {
    let (lines, delivery) = shop
        .instances
        .with(&visitor.instance, |db| {
            state::visit(db, "checkout", "")?;
            Ok((state::cart(db)?, state::delivery(db)?))
        })
        .await?;
    if lines.is_empty() {
        return Ok(see_other("/cart"));
    }
    details_page(&shop, &visitor, StatusCode::OK, &lines, &delivery.unwrap_or_default(), &Errors::new()).await
}

pub(crate) async fn save_details(State(shop): State<Arc<Shop>>, visitor: Visitor, Posted(form): Posted) -> PageResult {
    let delivery = Delivery {
        name: form.get("name").into(),
        email: form.get("email").into(),
        address: form.get("address").into(),
        city: form.get("city").into(),
        postcode: form.get("postcode").into(),
    };
    let errors = faults_of_delivery(&delivery);
    if !errors.is_empty() {
        let lines = shop.instances.with(&visitor.instance, |db| state::cart(db)).await?;
        return details_page(&shop, &visitor, StatusCode::UNPROCESSABLE_ENTITY, &lines, &delivery, &errors).await;
    }
    shop.instances.with(&visitor.instance, move |db| state::save_delivery(db, &delivery)).await?;
    Ok(see_other("/checkout/payment"))
}

fn faults_of_delivery(delivery: &Delivery) -> Errors {
    let mut errors = Errors::new();
    let filled = [
        ("name", &delivery.name, "Please enter your full name."),
        ("address", &delivery.address, "Please enter the street and house number."),
        ("city", &delivery.city, "Please enter the town or city."),
        ("postcode", &delivery.postcode, "Please enter the postcode."),
    ];
    errors.extend(filled.into_iter().filter(|(_, value, _)| value.is_empty()).map(|(name, _, message)| (name, message)));
    if !delivery.email.contains('@') {
        errors.insert("email", "Please enter an email address such as name@example.org.");
    }
    errors
}

async fn details_page(
    shop: &Shop,
    visitor: &Visitor,
    status: StatusCode,
    lines: &[state::Line],
    delivery: &Delivery,
    errors: &Errors,
) -> PageResult {
    let frame = frame(shop, visitor).await?;
    let values = data(delivery);
    shop.pages.html(status, "checkout.html", context! { summary => summary(shop, lines), values, errors => data(errors), ..frame })
}

pub(crate) async fn payment(State(shop): State<Arc<Shop>>, visitor: Visitor) -> PageResult {
    let (lines, delivery) = shop
        .instances
        .with(&visitor.instance, |db| {
            state::visit(db, "payment", "")?;
            Ok((state::cart(db)?, state::delivery(db)?))
        })
        .await?;
    match delivery {
        _ if lines.is_empty() => Ok(see_other("/cart")),
        None => Ok(see_other("/checkout")),
        Some(delivery) => payment_page(&shop, &visitor, StatusCode::OK, &lines, &delivery, &Errors::new(), &Fields::default()).await,
    }
}

pub(crate) async fn pay(State(shop): State<Arc<Shop>>, visitor: Visitor, Posted(form): Posted) -> PageResult {
    let (lines, delivery) = shop.instances.with(&visitor.instance, |db| Ok((state::cart(db)?, state::delivery(db)?))).await?;
    let Some(delivery) = delivery.filter(|_| !lines.is_empty()) else {
        return Ok(see_other("/cart"));
    };
    let digits: String = form.get("card").chars().filter(char::is_ascii_digit).collect();
    let mut errors = Errors::new();
    if !(12..=19).contains(&digits.len()) {
        errors.insert("card", "Please enter the number on the front of your card.");
    }
    if !form.get("expiry").contains('/') {
        errors.insert("expiry", "Please enter the expiry date as MM/YY.");
    }
    if !(3..=4).contains(&form.get("cvc").len()) || !form.get("cvc").bytes().all(|b| b.is_ascii_digit()) {
        errors.insert("cvc", "Please enter the three or four digits of the security code.");
    }
    if !errors.is_empty() {
        return payment_page(&shop, &visitor, StatusCode::UNPROCESSABLE_ENTITY, &lines, &delivery, &errors, &form).await;
    }
    let last4 = digits[digits.len() - 4..].to_owned();
    let goods = lines.iter().filter_map(|line| Some(shop.catalogue.by_slug(&line.slug)?.price_cents * line.quantity)).sum();
    let prices = Arc::clone(&shop);
    let number = shop
        .instances
        .with(&visitor.instance, move |db| {
            let price = |slug: &str| prices.catalogue.by_slug(slug).map_or(0, |product| product.price_cents);
            state::place_order(db, &delivery, &last4, shipping(goods), price)
        })
        .await?;
    Ok(see_other(&format!("/order/{number}")))
}

async fn payment_page(
    shop: &Shop,
    visitor: &Visitor,
    status: StatusCode,
    lines: &[state::Line],
    delivery: &Delivery,
    errors: &Errors,
    form: &Fields,
) -> PageResult {
    let frame = frame(shop, visitor).await?;
    let values = context! { card => form.get("card"), expiry => form.get("expiry"), cvc => "" };
    shop.pages.html(
        status,
        "payment.html",
        context! { summary => summary(shop, lines), delivery => data(delivery), values, errors => data(errors), ..frame },
    )
}

pub(crate) async fn confirmation(State(shop): State<Arc<Shop>>, visitor: Visitor, Path(number): Path<String>) -> PageResult {
    let orders = shop.instances.with(&visitor.instance, |db| state::orders(db)).await?;
    let Some(order) = orders.into_iter().find(|order| order.number == number) else {
        return missing(&shop, &visitor, "We could not find that order").await;
    };
    let frame = frame(&shop, &visitor).await?;
    let values = context! {
        summary => summary(&shop, &order.lines),
        delivery => data(&order.delivery),
        number => order.number,
        card_last4 => order.card_last4,
        paid => money(order.total_cents),
    };
    shop.pages.html(StatusCode::OK, "confirmation.html", context! { ..values, ..frame })
}
