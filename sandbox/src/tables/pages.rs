//! Finding a restaurant: home, results, the restaurant's own page with its free tables.

use super::guide::{CUISINES, LARGEST_PARTY, PLACES, Restaurant, Slot};
use super::{Tables, state};
use crate::dates;
use crate::page::{PageResult, data, rating};
use crate::web::{Fields, Visitor};
use axum::extract::{Path, State};
use axum::http::{StatusCode, header};
use axum::response::IntoResponse;
use minijinja::{Value, context};
use std::cmp::Reverse;
use std::sync::Arc;
use time::{Date, Duration};

/// How far ahead tables can be had.
const DAYS_AHEAD: i64 = 60;

/// What every page of Tablewise shows around its content, and what its search form needs.
pub(crate) fn frame(tables: &Tables, fields: &Fields) -> Value {
    let default_date = dates::long(tables.today + Duration::days(1));
    let or = |name: &str, usual: &str| if fields.get(name).is_empty() { usual.to_owned() } else { fields.get(name).to_owned() };
    context! {
        places => data(PLACES), cuisines => data(CUISINES),
        parties => data((1..=LARGEST_PARTY).collect::<Vec<_>>()),
        today => dates::iso(tables.today),
        last_day => dates::iso(tables.today + Duration::days(DAYS_AHEAD)),
        year => tables.today.year(),
        chosen => context! { place => fields.get("place"), cuisine => fields.get("cuisine"), date => or("date", &default_date), party => or("party", "2"), sort => fields.get("sort") },
    }
}

/// The date and party that a form gave, or what is wrong with them.
pub(crate) fn day_and_party(tables: &Tables, fields: &Fields) -> Result<(Date, u8), String> {
    let party = match fields.get("party") {
        "" => 2,
        text => text
            .parse()
            .ok()
            .filter(|party| (1..=LARGEST_PARTY).contains(party))
            .ok_or(format!("Please choose a party of 1 to {LARGEST_PARTY}."))?,
    };
    let date = match fields.get("date") {
        "" => tables.today + Duration::days(1),
        text => dates::parse(text).ok_or(format!("We could not read the date “{text}”. Write it like {}.", dates::long(tables.today)))?,
    };
    if date < tables.today {
        return Err("That day has passed. Please choose another one.".into());
    }
    if date > tables.today + Duration::days(DAYS_AHEAD) {
        return Err(format!("Tables can be reserved up to {DAYS_AHEAD} days ahead."));
    }
    Ok((date, party))
}

/// A restaurant as lists and its page show it.
pub(crate) fn shown(r: &Restaurant) -> Value {
    context! {
        slug => r.slug.clone(), name => r.name, place => r.place, area => r.area, cuisine => r.cuisine, price_level => r.price_level,
        blurb => r.blurb, rating => rating(r.rating_tenths), tenths => r.rating_tenths, review_count => r.review_count,
        phone => r.phone.clone(), address => r.address(), closed => r.closed_weekday(),
        hue => r.name.bytes().fold(0_u32, |sum, byte| (sum * 31 + u32::from(byte)) % 360),
    }
}

pub(crate) async fn home(State(tables): State<Arc<Tables>>, visitor: Visitor) -> PageResult {
    let mut best: Vec<&Restaurant> = tables.guide.restaurants.iter().collect();
    best.sort_by_key(|r| Reverse((r.rating_tenths, r.review_count)));
    let best: Vec<Value> = best.into_iter().take(6).map(shown).collect();
    let places: Vec<Value> = PLACES
        .iter()
        .map(|p| context! { name => *p, count => tables.guide.restaurants.iter().filter(|r| r.place == *p).count() })
        .collect();
    tables.pages.html(StatusCode::OK, "home.html", context! { best, counted => places, ..frame(&tables, &visitor.query) })
}

pub(crate) async fn search(State(tables): State<Arc<Tables>>, visitor: Visitor) -> PageResult {
    let fields = &visitor.query;
    let matches = |wanted: &str, value: &str| wanted.is_empty() || value.eq_ignore_ascii_case(wanted);
    let named = fields.get("name").to_lowercase();
    let mut found: Vec<&Restaurant> = tables
        .guide
        .restaurants
        .iter()
        .filter(|r| {
            matches(fields.get("place"), r.place) && matches(fields.get("cuisine"), r.cuisine) && r.name.to_lowercase().contains(&named)
        })
        .collect();
    match fields.get("sort") {
        "rating" => found.sort_by_key(|r| Reverse(r.rating_tenths)),
        "price" => found.sort_by_key(|r| r.price_level.len()),
        _ => {}
    }
    let day = day_and_party(&tables, fields);
    let rows: Vec<Value> = found
        .iter()
        .map(|r| {
            let free = day.as_ref().map_or(0, |(date, party)| tables.guide.slots(r, *date, *party).iter().filter(|slot| slot.free).count());
            context! { free => free, ..shown(r) }
        })
        .collect();
    let values = context! {
        rows,
        query => fields.query_with("sort", ""),
        error => day.as_ref().err().cloned().unwrap_or_default(),
        day => day.as_ref().map(|(date, _)| dates::long(*date)).unwrap_or_default(),
        party => day.as_ref().map_or(0, |(_, party)| *party),
        named => fields.get("name"),
    };
    tables.pages.html(StatusCode::OK, "results.html", context! { ..values, ..frame(&tables, fields) })
}

pub(crate) async fn restaurant(State(tables): State<Arc<Tables>>, visitor: Visitor, Path(slug): Path<String>) -> PageResult {
    let Some(restaurant) = tables.guide.by_slug(&slug) else {
        return missing(&tables, "We do not know this restaurant");
    };
    let day = day_and_party(&tables, &visitor.query);
    let mut slots: Vec<Slot> = day.as_ref().map_or(Vec::new(), |(date, party)| tables.guide.slots(restaurant, *date, *party));
    if let Ok((date, _)) = &day {
        let iso = dates::iso(*date);
        let taken = tables.instances.with(&visitor.instance, |db| state::bookings(db)).await?;
        for slot in &mut slots {
            slot.free &= !taken.iter().any(|b| b.seat.restaurant == slug && b.seat.date == iso && b.seat.time == slot.time);
        }
    }
    let values = context! {
        restaurant => shown(restaurant),
        asked => !visitor.query.get("date").is_empty(),
        slots => data(&slots),
        error => day.as_ref().err().cloned().unwrap_or_default(),
        day => day.as_ref().map(|(date, _)| dates::long(*date)).unwrap_or_default(),
        party => day.as_ref().map_or(0, |(_, party)| *party),
        reviews => REVIEWS.iter().cycle().skip(restaurant.name.len() % REVIEWS.len()).take(3).map(|(who, stars, text)| context! { who => *who, stars => *stars, text => *text }).collect::<Vec<_>>(),
        near => tables.guide.restaurants.iter().filter(|r| r.place == restaurant.place && r.slug != slug).take(3).map(shown).collect::<Vec<_>>(),
    };
    tables.pages.html(StatusCode::OK, "restaurant.html", context! { ..values, ..frame(&tables, &visitor.query) })
}

const REVIEWS: &[(&str, i64, &str)] = &[
    ("Helena R.", 5, "We came for an anniversary and were given the table by the window. Everything was unhurried and good."),
    ("Dev K.", 4, "The starters outshone the mains, but the starters were extraordinary. Service quick and kind."),
    ("Marianne O.", 5, "Third visit, still no weak dish. Book early, it fills up."),
    ("Colin W.", 3, "Good food, but the room gets loud when it is full. Ask for the back."),
    ("Yuki T.", 4, "Fair prices for this quality. They took great care with an allergy."),
];

pub(crate) async fn about(State(tables): State<Arc<Tables>>) -> PageResult {
    let text = "Tablewise lists restaurants that we have eaten in and paid for ourselves. Reserving is free; your table is held for fifteen minutes.";
    tables.pages.html(StatusCode::OK, "text.html", context! { title => "About Tablewise", text, ..frame(&tables, &Fields::default()) })
}

pub(crate) async fn style() -> impl IntoResponse {
    ([(header::CONTENT_TYPE, "text/css; charset=utf-8")], include_str!("../../templates/tables/style.css"))
}

pub(crate) async fn calendar() -> impl IntoResponse {
    ([(header::CONTENT_TYPE, "text/javascript; charset=utf-8")], include_str!("../../templates/tables/calendar.js"))
}

pub(crate) async fn not_found(State(tables): State<Arc<Tables>>) -> PageResult {
    missing(&tables, "We could not find that page")
}

pub(crate) fn missing(tables: &Tables, title: &str) -> PageResult {
    let text = "The address may have a typing mistake. Search for a restaurant by place and cuisine on the front page.";
    tables.pages.html(StatusCode::NOT_FOUND, "text.html", context! { title, text, ..frame(tables, &Fields::default()) })
}
