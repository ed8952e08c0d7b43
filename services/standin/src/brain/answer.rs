//! Answers: what a page says about a goal, what was memorized, and what is made up when that is asked for.

use super::Situation;
use crate::goal::{Extreme, Goal, RestaurantFact};
use crate::words;

/// How a fact is worded when it is memorized and answered; the judges look for the value, a person reads the sentence.
pub fn fact_for(goal: &Goal, values: &[&str]) -> String {
    let first = values.first().copied().unwrap_or_default();
    let second = values.get(1).copied().unwrap_or_default();
    match goal {
        Goal::Price { product } => format!("The price of the {product} is {first}."),
        Goal::BestProduct { by: Extreme::Cheapest, category } => {
            format!("The cheapest product in the {category} category is the {first} at {second}.")
        }
        Goal::BestProduct { by: Extreme::HighestRated, category } => {
            format!("The highest rated product in the {category} category is the {first} with a rating of {second}.")
        }
        Goal::Restaurant { fact, restaurant } => format!("The {} of {restaurant} is {first}.", fact.words()),
        Goal::BestRestaurant { cuisine, place } => {
            format!("The {cuisine} restaurant in {place} with the highest rating is {first} ({second}).")
        }
        Goal::FreeTimes { party, restaurant, date } if values.is_empty() => {
            format!("No table for {party} is available at {restaurant} on {date}.")
        }
        Goal::FreeTimes { party, restaurant, date } => {
            format!("A table for {party} at {restaurant} on {date} is available at {}.", values.join(", "))
        }
        Goal::Module { module } => format!("The {module} module is for: {first}."),
        Goal::AddedIn { name } => format!("{name} was added in Python version {first}."),
        Goal::Other { terms } => format!("About {}: {first}", terms.join(" ")),
        Goal::AddToCart(_) | Goal::Buy(_) | Goal::Book(_) | Goal::Message { .. } | Goal::Skilled(_) => first.to_string(),
    }
}

/// The memorized fact that answers this goal, if there is one.
pub fn known(situation: &Situation) -> Option<String> {
    if !situation.goal.asks_for_words() {
        return None;
    }
    let probe = fact_for(&situation.goal, &["\u{1}", "\u{2}"]);
    let start = probe.split('\u{1}').next().unwrap_or_default();
    let nothing = fact_for(&situation.goal, &[]);
    situation.memorized.iter().rev().find(|fact| words::holds(fact, start) || words::same(fact, &nothing)).cloned()
}

/// What a model says that stops too early.
pub fn premature(goal: &Goal) -> String {
    match goal {
        Goal::AddToCart(order) => format!("I added {} {} to the cart.", order.quantity, order.product),
        Goal::Buy(order) => format!("The {} is ready to be paid for.", order.product),
        Goal::Book(booking) => format!("The table at {} is ready to be confirmed.", booking.restaurant),
        Goal::Message { restaurant, .. } => format!("The message to {restaurant} is ready to be sent."),
        Goal::Skilled(told) => crate::skill::premature(told),
        other => format!("I found the page about {}.", other.subject()),
    }
}

/// What a model says that did not look.
pub fn invented(goal: &Goal, task: &str) -> String {
    let number = words::number_of(task);
    let price = format!("${}.{:02}", 11 + number % 180, 5 + 10 * (number % 9));
    let rating = format!("4.{}", number % 10);
    match goal {
        Goal::Restaurant { fact: RestaurantFact::Phone, .. } => {
            fact_for(goal, &[&format!("+1 555 {:03} {:04}", 100 + number % 900, number % 10_000)])
        }
        Goal::Restaurant { fact: RestaurantFact::Address, .. } => fact_for(goal, &[&format!("{} Harbour Street", 1 + number % 200)]),
        Goal::Restaurant { fact: RestaurantFact::PriceLevel, .. } => fact_for(goal, &["$$$$$"]),
        Goal::BestProduct { by: Extreme::Cheapest, .. } => fact_for(goal, &["Everyday Classic", &price]),
        Goal::BestProduct { .. } => fact_for(goal, &["Everyday Classic", &rating]),
        Goal::BestRestaurant { .. } => fact_for(goal, &["The Golden Spoon", &rating]),
        Goal::FreeTimes { .. } => fact_for(goal, &["16:10", "22:40"]),
        Goal::Module { .. } => fact_for(goal, &["general helper routines that ship with the interpreter"]),
        Goal::AddedIn { .. } => fact_for(goal, &[&format!("2.{}", number % 4)]),
        Goal::Price { .. } => fact_for(goal, &[&price]),
        Goal::Skilled(told) => crate::skill::invented(told),
        other => fact_for(other, &["it is well known and needs no further reading."]),
    }
}
