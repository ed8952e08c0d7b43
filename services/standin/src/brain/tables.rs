//! Rules of restaurant booking: look up a restaurant, compare, find free times, take a table, write a message.

use super::availability::{ask_times, set, slots};
use super::{Decision, Permission, Situation, answer, other, ranking};
use crate::dates;
use crate::goal::{Booking, Extreme, RestaurantFact};
use crate::reading::{Seen, listing, marks};
use crate::step::{Ending, Step};
use crate::words;
use wayfarer_core::prompt::MarkText;

const SEARCH: &[&str] = &["search", "find a table", "find tables", "find restaurants", "show restaurants", "find"];

/// Goes to the restaurant's page: by a link that names it, else by search.
fn reach(situation: &Situation, restaurant: &str) -> Decision {
    let page = situation.page;
    if let Some(link) = marks::link_to(page, restaurant) {
        return Decision::new(Step::link(&link.name), format!("The page links to {restaurant}."));
    }
    let searched = situation.history.iter().any(|step| step.action_name == "type" && words::holds(&step.action, restaurant));
    if !searched && let Some(field) = name_field(situation) {
        return Decision::new(
            Step::Type { text: restaurant.into(), field: field.name.clone(), enter: true },
            format!("The search finds {restaurant} fastest."),
        );
    }
    if let Some(link) = ["all restaurants", "restaurants", "browse"]
        .iter()
        .find_map(|name| marks::link(page, name))
        .filter(|link| situation.tried(&[&link.name]) == 0)
    {
        return Decision::new(Step::link(&link.name), "The list of restaurants may name it.");
    }
    if let Some(decision) = situation.look_below(6, "The restaurant may be further down.") {
        return decision;
    }
    if situation.tried(&["left_click", "search"]) + situation.tried(&["left_click", "find"]) < 1
        && let Some(button) = marks::button(page, SEARCH)
    {
        return Decision::new(
            Step::Click { role: button.role.clone(), name: button.name.clone() },
            "A search without conditions lists all restaurants.",
        );
    }
    if let Some(next) = marks::link(page, "next").filter(|_| situation.tried(&["next"]) < 6) {
        return Decision::new(Step::link(&next.name), "The list goes on on the next page.");
    }
    let host = situation.seen().host();
    if situation.tried(&["visit_url"]) == 0 && !host.is_empty() {
        return Decision::new(
            Step::Visit { url: format!("http://{host}/restaurants/{}", words::normal(restaurant).replace(' ', "-")) },
            "The restaurant may have an address of its own.",
        );
    }
    Decision::new(
        Step::stop(Ending::Infeasible, format!("I could not find {restaurant} on this site.")),
        "Neither search nor the lists show it.",
    )
}

/// A field into which a restaurant's name can be typed.
fn name_field<'a>(situation: &'a Situation) -> Option<&'a MarkText> {
    marks::search_box(situation.page)
        .or_else(|| marks::field(situation.page, &["restaurant", "name or cuisine", "restaurant name", "keyword"]))
}

/// The restaurant to work with; its neighbour, when the wrong one is wanted.
fn is_here(situation: &Situation, restaurant: &str) -> bool {
    let seen = situation.seen();
    seen.is_about(restaurant)
}

/// What the page says about the restaurant.
pub fn fact_on(page: &Seen, fact: RestaurantFact) -> Option<String> {
    let labelled = || labelled(&page.text, fact.labels());
    match fact {
        RestaurantFact::Phone => words::phone(&page.text),
        RestaurantFact::PriceLevel => page
            .text
            .split_whitespace()
            .map(|word| word.trim_matches([',', '.', '(', ')', '·']))
            .find(|word| (1..=4).contains(&word.len()) && word.chars().all(|c| c == '$' || c == '€'))
            .map(str::to_string)
            .or_else(labelled),
        RestaurantFact::Address => {
            labelled().or_else(|| page.text.lines().find(|line| looks_like_address(line)).map(|line| line.trim().to_string()))
        }
    }
}

/// The value beside or below a label.
fn labelled(text: &str, labels: &[&str]) -> Option<String> {
    let lines: Vec<&str> = text.lines().map(str::trim).filter(|line| !line.is_empty()).collect();
    lines.iter().enumerate().find_map(|(at, line)| {
        let (head, value) = line.split_once(':').unwrap_or((line, ""));
        if !labels.iter().any(|label| words::same(head, label)) {
            return None;
        }
        let value = value.trim();
        if value.is_empty() { lines.get(at + 1).map(|next| (*next).to_string()) } else { Some(value.to_string()) }
    })
}

fn looks_like_address(line: &str) -> bool {
    const STREETS: &[&str] = &[
        "street",
        "st",
        "avenue",
        "ave",
        "road",
        "rd",
        "lane",
        "square",
        "quay",
        "row",
        "way",
        "place",
        "drive",
        "hill",
        "wharf",
        "court",
        "boulevard",
        "alley",
        "terrace",
    ];
    line.len() < 90
        && line.chars().any(|c| c.is_ascii_digit())
        && words::holds_any(line, STREETS).is_some()
        && words::times(line).is_empty()
}

/// B1.
pub fn fact(situation: &Situation, fact: RestaurantFact, restaurant: &str) -> Decision {
    if situation.is_wrong_item()
        && let Some(decision) = wrong_fact(situation, fact, restaurant)
    {
        return decision;
    }
    if !is_here(situation, restaurant) {
        return reach(situation, restaurant);
    }
    match fact_on(&situation.seen(), fact) {
        Some(value) => Decision::new(
            Step::Memorize { fact: answer::fact_for(&situation.goal, &[&value]) },
            format!("The page of {restaurant} shows {value}."),
        ),
        None => situation.look_below(5, &format!("The {} is not in sight yet.", fact.words())).unwrap_or_else(|| {
            Decision::new(
                Step::stop(Ending::Failure, format!("The page of {restaurant} shows no {}.", fact.words())),
                "Read to the end without finding it.",
            )
        }),
    }
}

/// The same fact of the first other restaurant that is linked.
fn wrong_fact(situation: &Situation, fact: RestaurantFact, restaurant: &str) -> Option<Decision> {
    let seen = situation.seen();
    if seen.path().contains("/restaurant") && !seen.is_about(restaurant) {
        return fact_on(&seen, fact)
            .map(|value| Decision::new(Step::Memorize { fact: answer::fact_for(&situation.goal, &[&value]) }, "The page shows it."));
    }
    let other = situation.page.marks.iter().find(|mark| {
        mark.role == "link" && mark.href.contains("/restaurant") && mark.name.len() > 3 && !words::holds(&mark.name, restaurant)
    })?;
    Some(Decision::new(Step::link(&other.name), "This looks like the restaurant."))
}

/// B2.
pub fn best(situation: &Situation, cuisine: &str, place: &str) -> Decision {
    let seen = situation.seen();
    let is_list = situation.history.iter().any(|step| words::holds_any(&step.action, &["search", "find", "show"]).is_some())
        || seen.path().contains("cuisine=")
        || seen.path().contains("/search");
    let conditions = set(situation, &["cuisine", "food", "kitchen"], cuisine)
        .or_else(|| set(situation, &["place", "where", "location", "neighbourhood", "city", "area"], place));
    if let Some(decision) = conditions {
        return decision;
    }
    let wanted_in_address = |word: &str| {
        seen.path().contains(&words::normal(word).replace(' ', "+"))
            || seen.path().contains(&words::normal(word).replace(' ', "%20"))
            || seen.path().contains(&words::normal(word).replace(' ', "-"))
    };
    if !(is_list && wanted_in_address(cuisine) && wanted_in_address(place))
        && let Some(button) = marks::button(situation.page, SEARCH)
        && situation.tried(&["left_click", &button.name]) < 3
    {
        return Decision::new(Step::Click { role: button.role.clone(), name: button.name.clone() }, "The search takes cuisine and place.");
    }
    if let Some(decision) = ranking::sort(situation, Extreme::HighestRated) {
        return decision;
    }
    let entries = listing::read(&seen);
    if !ranking::is_sorted(situation, Extreme::HighestRated)
        && let Some(decision) = situation.look_below(6, "The whole list must be read to compare.")
    {
        return decision;
    }
    let chosen = if situation.is_wrong_item() {
        listing::second(&entries, Extreme::HighestRated)
    } else {
        listing::best(&entries, Extreme::HighestRated)
    };
    match chosen.and_then(|entry| entry.rating.as_ref().map(|rating| (entry, rating))) {
        Some((entry, rating)) => Decision::new(
            Step::Memorize { fact: answer::fact_for(&situation.goal, &[&entry.name, rating]) },
            format!("The list shows {} with {rating}.", entry.name),
        ),
        None => match marks::button(situation.page, SEARCH).filter(|button| situation.tried(&[&button.name]) < 2) {
            Some(button) => {
                Decision::new(Step::Click { role: button.role.clone(), name: button.name.clone() }, "The search may show a list.")
            }
            None => Decision::new(
                Step::stop(Ending::Failure, format!("The search shows no {cuisine} restaurant in {place}.")),
                "There is nothing to compare.",
            ),
        },
    }
}

/// The next day, when the wrong one is wanted.
fn played(situation: &Situation, date: &str) -> String {
    let day = dates::parse(date).filter(|_| situation.is_wrong_item()).and_then(|day| day.next_day());
    day.map(dates::long).unwrap_or_else(|| date.to_string())
}

/// B3.
pub fn free_times(situation: &Situation, party: u32, restaurant: &str, date: &str) -> Decision {
    if !is_here(situation, restaurant) {
        return reach(situation, restaurant);
    }
    if let Some(decision) = ask_times(situation, party, &played(situation, date)) {
        return decision;
    }
    let mut free: Vec<String> = slots(situation).iter().flat_map(|mark| words::times(&mark.name)).collect();
    free.sort();
    free.dedup();
    let none = words::holds_any(
        &situation.seen().text,
        &["no tables", "no times", "fully booked", "no table is available", "not available", "closed"],
    )
    .is_some();
    if free.is_empty() && !none {
        return situation.look_below(4, "The times are further down.").unwrap_or_else(|| {
            Decision::new(
                Step::stop(Ending::Failure, format!("The page of {restaurant} shows no times for {date}.")),
                "No times are shown.",
            )
        });
    }
    let values: Vec<&str> = free.iter().map(String::as_str).collect();
    Decision::new(
        Step::Memorize { fact: answer::fact_for(&situation.goal, &values) },
        "The page shows the free times for this party and day.",
    )
}

/// B4.
pub fn book(situation: &Situation, booking: &Booking) -> Decision {
    let seen = situation.seen();
    let summary = format!("a table for {} at {} on {} at {}", booking.party, booking.restaurant, booking.date, booking.time);
    if let Some(words) = seen.confirms() {
        return Decision::new(Step::stop(Ending::Success, format!("Booked: {summary} ({words}).")), "The booking is confirmed.");
    }
    if is_details(&seen) {
        return commit(
            situation,
            &["confirm reservation", "confirm booking", "confirm", "reserve", "book now", "complete reservation"],
            &summary,
            "No table was booked.",
        );
    }
    if !is_here(situation, &booking.restaurant) {
        return reach(situation, &booking.restaurant);
    }
    if let Some(decision) = ask_times(situation, booking.party, &played(situation, &booking.date)) {
        return decision;
    }
    let free = slots(situation);
    match free.iter().find(|mark| words::times(&mark.name).first().map(String::as_str) == Some(booking.time.as_str())) {
        Some(slot) => Decision::new(Step::Click { role: slot.role.clone(), name: slot.name.clone() }, format!("{} is free.", booking.time)),
        None => situation.look_below(4, "The time may be further down.").unwrap_or_else(|| {
            Decision::new(
                Step::stop(
                    Ending::Infeasible,
                    format!("There is no table for {} at {} on {} at {}.", booking.party, booking.restaurant, booking.date, booking.time),
                ),
                "The time is not among the free ones.",
            )
        }),
    }
}

fn is_details(seen: &Seen) -> bool {
    let path = seen.path();
    ["/details", "/reserve", "/book", "/confirm"].iter().any(|part| path.contains(part))
        || words::holds_any(&seen.title, &["your details", "confirm your reservation", "complete your reservation", "details"]).is_some()
}

/// Fills what the user allows, and presses the button that binds: always as a critical step.
fn commit(situation: &Situation, buttons: &[&str], summary: &str, nothing_done: &str) -> Decision {
    if situation.permission() == Permission::Refused {
        return Decision::new(
            Step::stop(
                Ending::CriticalPoint,
                format!("I prepared {summary} and stopped there because you did not allow to go on. {nothing_done}"),
            ),
            "The user refused.",
        );
    }
    if let Some(decision) = other::fill_form(situation) {
        return decision;
    }
    if let Some(button) = marks::button(situation.page, buttons) {
        return Decision::critical(
            Step::Click { role: button.role.clone(), name: button.name.clone() },
            format!("\"{}\" would bind the user: {summary}.", button.name),
        );
    }
    situation.look_below(4, "The form goes on below.").unwrap_or_else(|| {
        Decision::new(Step::stop(Ending::Failure, format!("The form offers no way to finish {summary}.")), "There is no button to finish.")
    })
}

/// B5.
pub fn message(situation: &Situation, restaurant: &str, question: &str) -> Decision {
    let seen = situation.seen();
    if let Some(words) = seen.confirms() {
        return Decision::new(
            Step::stop(Ending::Success, format!("The message to {restaurant} is sent ({words}).")),
            "The site confirms it.",
        );
    }
    let summary = format!("a message to {restaurant} asking \"{question}\"");
    let field = marks::field(situation.page, &["message", "your message", "question", "enquiry"]);
    if seen.path().contains("contact") || field.is_some() {
        let asked = if situation.is_wrong_item() { "What are your opening hours?" } else { question };
        if let Some(field) = field
            && field.value.trim().is_empty()
            && situation.tried(&["type", asked]) < 2
            && situation.permission() != Permission::Refused
        {
            return Decision::new(
                Step::Type { text: asked.into(), field: field.name.clone(), enter: false },
                "The question goes into the message.",
            );
        }
        return commit(situation, &["send message", "send", "submit"], &summary, "No message was sent.");
    }
    if is_here(situation, restaurant) {
        return match ["contact", "send a message", "message", "ask a question", "get in touch"]
            .iter()
            .find_map(|name| marks::link(situation.page, name).or_else(|| marks::button(situation.page, &[name])))
        {
            Some(link) => Decision::new(Step::Click { role: link.role.clone(), name: link.name.clone() }, "The contact form is behind it."),
            None => situation.look_below(4, "The way to contact them is further down.").unwrap_or_else(|| {
                Decision::new(
                    Step::stop(Ending::Infeasible, format!("The page of {restaurant} offers no contact form.")),
                    "No link to a contact form.",
                )
            }),
        };
    }
    reach(situation, restaurant)
}
