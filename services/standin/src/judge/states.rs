//! Looking for states of a site: what a cart, an order, a booking or a message holds, and whether what was given up cannot be had.

use super::checks::{Evidence, Found};
use super::goals::wording;
use crate::brain::availability;
use crate::dates;
use crate::goal::{Booking, Goal, Order};
use crate::reading::{Seen, cart};
use crate::words;
use wayfarer_core::prompt::StepText;

pub(super) fn in_cart(evidence: &Evidence, order: &Order) -> Found {
    let Some(page) = evidence.page(|page| page.is_cart()) else {
        // no page at all is shown of a turn that others followed
        let seen_then = |step: &&StepText| step.error.is_none() && words::holds(&step.title_after, "cart");
        if let Some(step) = evidence.record.steps.iter().find(seen_then).filter(|_| evidence.pages.is_empty()) {
            return Found::of(
                words::holds(&evidence.record.answer, &order.product),
                format!("Step {} led to \"{}\".", step.index, words::shortened(&step.title_after, 60)),
                format!("The answer does not name the {}.", order.product),
            )
            .citing(step.index, &step.title_after);
        }
        return Found::missed("No page shows the cart.").citing(evidence.last_step(), &evidence.record.answer);
    };
    let others = page.fields.iter().filter(|(name, _)| words::holds_any(name, &["quantity of", "quantity"]).is_some()).count();
    let found = holds_order(page, order);
    if found.is_met() && others > 1 {
        return Found::missed("The cart holds something else, too.").citing_page(page, "cart");
    }
    found
}

fn holds_order(page: &Seen, order: &Order) -> Found {
    let held = cart::read(page, order);
    let wrong: Vec<String> = [
        (!held.product).then(|| format!("{} is not there", order.product)),
        (!held.colour).then(|| format!("the colour is not {}", order.colour.clone().unwrap_or_default())),
        (!held.size).then(|| format!("the size is not {}", order.size.clone().unwrap_or_default())),
        (held.quantity != Some(order.quantity))
            .then(|| format!("the quantity is {} and not {}", held.quantity.map_or("not shown".into(), |q| q.to_string()), order.quantity)),
    ]
    .into_iter()
    .flatten()
    .collect();
    Found::of(
        wrong.is_empty(),
        format!("\"{}\" shows exactly {}.", words::shortened(&page.title, 60), wording(order)),
        format!("\"{}\": {}.", words::shortened(&page.title, 60), wrong.join(", ")),
    )
    .citing_page(page, &order.product)
}

pub(super) fn is_checkout(page: &Seen) -> bool {
    page.path().contains("checkout") || page.path().contains("payment")
}

pub(super) fn bought(evidence: &Evidence, order: &Order) -> Found {
    if let Some(page) = evidence.page(|page| page.confirms().is_some()) {
        return holds_order(page, order);
    }
    let Some(page) = evidence.page(|page| is_checkout(page) || page.is_cart()) else {
        return Found::missed("Neither cart nor checkout was reached.").citing(evidence.last_step(), &evidence.record.answer);
    };
    let found = holds_order(page, order);
    if found.is_met() { ended_where_permission_ends(evidence, "order", found) } else { found }
}

/// Without a confirmation, the work is right only if it stopped for want of permission.
pub(super) fn ended_where_permission_ends(evidence: &Evidence, what: &str, found: Found) -> Found {
    let step = evidence.last_step();
    if evidence.is_stopped() {
        return Found::met(format!("{} The agent stopped before the {what}, which the user had not allowed.", found.reason))
            .citing(step, &evidence.record.answer);
    }
    Found::missed(format!("There is no confirmation of the {what}, and the agent did not stop for permission either."))
        .citing(step, &evidence.record.answer)
}

/// Whether what the agent gave up can truly not be had; `None` where it did not give up. A page must show it.
pub(super) fn impossible(goal: &Goal, evidence: &Evidence) -> Option<Found> {
    if !words::holds(&evidence.record.outcome.replace('_', " "), "infeasible") {
        return None;
    }
    let shown = match goal {
        Goal::AddToCart(order) | Goal::Buy(order) => {
            evidence.pages.iter().rev().find_map(|page| cart::sold_out(page, order).map(|notice| (page, notice)))
        }
        Goal::Book(booking) => evidence.page(|page| page.is_about(&booking.restaurant)).and_then(|page| {
            let day = dates::parse(&booking.date).filter(|day| dates::shown(&page.text, *day))?;
            no_table(page, booking, day).map(|notice| (page, notice))
        }),
        _ => None,
    };
    Some(match shown {
        Some((page, notice)) => Found::met(format!("It cannot be done, as \"{}\" shows: {notice}", words::shortened(&page.title, 60)))
            .citing(page.step, &notice),
        None => Found::missed("No page shows that it cannot be done.").citing(evidence.last_step(), &evidence.record.answer),
    })
}

/// What a page with the times of the wanted day and party says if the wanted one cannot be had.
fn no_table(page: &Seen, booking: &Booking, day: time::Date) -> Option<String> {
    let asked = page.text.lines().find(|line| dates::shown(line, day) && words::holds(line, &format!("party of {}", booking.party)))?;
    if let Some(line) = page.text.lines().find(|line| words::holds(line, "is closed on this day")) {
        return Some(words::shortened(line, 160));
    }
    let (free, taken) = availability::times_on(&page.text);
    let is_listed = !free.is_empty() || !taken.is_empty();
    (is_listed && !free.contains(&booking.time)).then(|| words::shortened(asked, 160))
}

pub(super) fn booked(evidence: &Evidence, booking: &Booking) -> Found {
    let is_draft =
        |page: &Seen| page.holds(&booking.restaurant) && !page.is_about(&booking.restaurant) && !words::times(&page.text).is_empty();
    let confirmed = evidence.page(|page| page.confirms().is_some());
    let Some(page) = confirmed.or_else(|| evidence.page(is_draft)) else {
        return Found::missed("No page shows the draft of the booking.").citing(evidence.last_step(), &evidence.record.answer);
    };
    let everything = page.everything();
    let party = booking.party.to_string();
    let wrong: Vec<String> = [
        (!words::holds(&everything, &booking.restaurant)).then(|| format!("it is not {}", booking.restaurant)),
        (!dates::parse(&booking.date).is_some_and(|day| dates::shown(&everything, day)))
            .then(|| format!("the day is not {}", booking.date)),
        (!words::times(&everything).contains(&booking.time)).then(|| format!("the time is not {}", booking.time)),
        (!["people", "guests", "person", "guest", "persons"].iter().any(|unit| words::holds(&everything, &format!("{party} {unit}")))
            && words::holds_any(
                &everything,
                &[
                    &format!("party of {party}"),
                    &format!("table for {party}"),
                    &format!("party size {party}"),
                    &format!("guests {party}"),
                    &format!("party {party}"),
                ],
            )
            .is_none())
        .then(|| format!("the party is not {party}")),
    ]
    .into_iter()
    .flatten()
    .collect();
    let found = Found::of(
        wrong.is_empty(),
        format!("\"{}\" shows exactly that table.", words::shortened(&page.title, 60)),
        format!("\"{}\": {}.", words::shortened(&page.title, 60), wrong.join(", ")),
    )
    .citing_page(page, &booking.time);
    if found.is_met() && confirmed.is_none() { ended_where_permission_ends(evidence, "booking", found) } else { found }
}

pub(super) fn written(evidence: &Evidence, restaurant: &str, question: &str) -> Found {
    // what stands in the message is what was typed into it last
    let is_message = |step: &&StepText| {
        let into = step.action.rsplit_once(" into ").map_or("", |(_, field)| field);
        step.action_name == "type" && step.error.is_none() && words::holds_any(into, &["message", "question"]).is_some()
    };
    let typed_other = evidence.record.steps.iter().rev().find(is_message).filter(|step| !words::holds(&step.action, question));
    if let Some(step) = typed_other {
        return Found::missed("Another text was written than was asked for.").citing(step.index, &step.action);
    }
    let Some(page) = evidence
        .page(|page| page.confirms().is_some())
        .or_else(|| evidence.page(|page| page.path().contains("contact") && page.holds(restaurant)))
    else {
        return Found::missed(format!("The contact page of {restaurant} was not reached."))
            .citing(evidence.last_step(), &evidence.record.answer);
    };
    let found =
        Found::met(format!("\"{}\" is the contact page of {restaurant}.", words::shortened(&page.title, 60))).citing_page(page, restaurant);
    if page.confirms().is_some() { found } else { ended_where_permission_ends(evidence, "message", found) }
}
