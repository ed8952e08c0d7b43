//! Reserving a table and writing to a restaurant. Choosing a slot only notes it; nothing binds before "Confirm reservation".

use super::Tables;
use super::guide::Restaurant;
use super::pages::{day_and_party, frame, missing, shown};
use super::state::{self, Guest, Seat};
use crate::dates;
use crate::page::{PageResult, data, see_other};
use crate::web::{Fields, Posted, Visitor};
use axum::extract::{Path, State};
use axum::http::StatusCode;
use minijinja::{Value, context};
use std::collections::BTreeMap;
use std::sync::Arc;

type Errors = BTreeMap<&'static str, &'static str>;

/// The slot that the fields name, if a table is free then.
fn free_seat(tables: &Tables, restaurant: &Restaurant, fields: &Fields) -> Option<Seat> {
    let (date, party) = day_and_party(tables, fields).ok()?;
    let slot = tables.guide.slots(restaurant, date, party).into_iter().find(|slot| slot.free && slot.time == fields.get("time"))?;
    Some(Seat { restaurant: restaurant.slug.clone(), date: dates::iso(date), time: slot.time.to_owned(), party })
}

pub(crate) async fn details(State(tables): State<Arc<Tables>>, visitor: Visitor, Path(slug): Path<String>) -> PageResult {
    let Some(restaurant) = tables.guide.by_slug(&slug) else {
        return missing(&tables, "We do not know this restaurant");
    };
    let Some(seat) = free_seat(&tables, restaurant, &visitor.query) else {
        return missing(&tables, "That table is not free any more");
    };
    let noted = seat.clone();
    tables
        .instances
        .with(&visitor.instance, move |db| {
            state::add_draft(db, &noted)?;
            state::visit(db, "reserve", &noted.restaurant)
        })
        .await?;
    details_page(&tables, StatusCode::OK, restaurant, &seat, &Guest::default(), &Errors::new())
}

fn details_page(tables: &Tables, status: StatusCode, restaurant: &Restaurant, seat: &Seat, guest: &Guest, errors: &Errors) -> PageResult {
    let values = context! { restaurant => shown(restaurant), seat => seat_shown(seat), values => data(guest), errors => data(errors) };
    tables.pages.html(status, "reserve.html", context! { ..values, ..frame(tables, &Fields::default()) })
}

fn seat_shown(seat: &Seat) -> Value {
    context! { date => dates::parse(&seat.date).map(dates::long).unwrap_or_default(), time => seat.time.clone(), party => seat.party }
}

pub(crate) async fn confirm(
    State(tables): State<Arc<Tables>>,
    visitor: Visitor,
    Path(slug): Path<String>,
    Posted(form): Posted,
) -> PageResult {
    let Some(restaurant) = tables.guide.by_slug(&slug) else {
        return missing(&tables, "We do not know this restaurant");
    };
    let Some(seat) = free_seat(&tables, restaurant, &form) else {
        return missing(&tables, "That table is not free any more");
    };
    let guest = Guest { name: form.get("name").into(), email: form.get("email").into(), phone: form.get("phone").into() };
    let mut errors = Errors::new();
    if guest.name.is_empty() {
        errors.insert("name", "Please enter the name for the reservation.");
    }
    if !guest.email.contains('@') {
        errors.insert("email", "Please enter an email address such as name@example.org.");
    }
    if guest.phone.chars().filter(char::is_ascii_digit).count() < 6 {
        errors.insert("phone", "Please enter a phone number on which you can be reached.");
    }
    if !errors.is_empty() {
        return details_page(&tables, StatusCode::UNPROCESSABLE_ENTITY, restaurant, &seat, &guest, &errors);
    }
    let reference = tables.instances.with(&visitor.instance, move |db| state::book(db, &seat, &guest)).await?;
    Ok(see_other(&format!("/bookings/{reference}")))
}

pub(crate) async fn booked(State(tables): State<Arc<Tables>>, visitor: Visitor, Path(reference): Path<String>) -> PageResult {
    let bookings = tables.instances.with(&visitor.instance, |db| state::bookings(db)).await?;
    let Some(booking) = bookings.into_iter().find(|booking| booking.reference == reference) else {
        return missing(&tables, "We could not find that reservation");
    };
    let restaurant = tables.guide.by_slug(&booking.seat.restaurant).map(shown);
    let values = context! { restaurant, reference, seat => seat_shown(&booking.seat), guest => data(&booking.guest) };
    tables.pages.html(StatusCode::OK, "booked.html", context! { ..values, ..frame(&tables, &Fields::default()) })
}

pub(crate) async fn contact(State(tables): State<Arc<Tables>>, visitor: Visitor, Path(slug): Path<String>) -> PageResult {
    let Some(restaurant) = tables.guide.by_slug(&slug) else {
        return missing(&tables, "We do not know this restaurant");
    };
    tables.instances.with(&visitor.instance, move |db| state::visit(db, "contact", &slug)).await?;
    contact_page(&tables, StatusCode::OK, restaurant, context! { sent => !visitor.query.get("sent").is_empty() })
}

pub(crate) async fn send(
    State(tables): State<Arc<Tables>>,
    visitor: Visitor,
    Path(slug): Path<String>,
    Posted(form): Posted,
) -> PageResult {
    let Some(restaurant) = tables.guide.by_slug(&slug) else {
        return missing(&tables, "We do not know this restaurant");
    };
    let mut errors = Errors::new();
    if form.get("name").is_empty() {
        errors.insert("name", "Please enter your name.");
    }
    if !form.get("email").contains('@') {
        errors.insert("email", "Please enter an email address such as name@example.org.");
    }
    if form.get("message").is_empty() {
        errors.insert("message", "Please write your message.");
    }
    if !errors.is_empty() {
        let values = context! { name => form.get("name"), email => form.get("email"), message => form.get("message") };
        return contact_page(&tables, StatusCode::UNPROCESSABLE_ENTITY, restaurant, context! { errors => data(&errors), values });
    }
    let to = slug.clone();
    tables
        .instances
        .with(&visitor.instance, move |db| state::send(db, &to, form.get("name"), form.get("email"), form.get("message")))
        .await?;
    Ok(see_other(&format!("/restaurants/{slug}/contact?sent=1")))
}

fn contact_page(tables: &Tables, status: StatusCode, restaurant: &Restaurant, values: Value) -> PageResult {
    let usual =
        context! { restaurant => shown(restaurant), values => context! {}, errors => context! {}, ..frame(tables, &Fields::default()) };
    tables.pages.html(status, "contact.html", context! { ..values, ..usual })
}
