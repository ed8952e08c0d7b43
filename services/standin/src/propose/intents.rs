//! Proposing tasks from a page: the contract's wordings, with values that the pages show.

use super::inventory::{self, Inventory};
use crate::dates;
use crate::goal::{Booking, Extreme, Goal, Order, RestaurantFact};
use crate::words;
use time::Date;
use wayfarer_core::critical_point::CriticalPointKind;
use wayfarer_core::prompt::PageText;
use wayfarer_core::prompt::propose::{ProposeIntents, ProposedIntent, ProposedIntents};

/// Questions that a guest may have.
pub const QUESTIONS: [&str; 5] = [
    "Do you have vegetarian dishes?",
    "Is there a high chair for a toddler?",
    "Can we sit outside?",
    "Is the entrance free of steps?",
    "Do you take dogs?",
];

/// Choices that vary by number, and always the same way for the same number.
pub struct Choice(pub u64);

impl Choice {
    /// One of `from`.
    pub fn of<'a, T>(&self, what: &str, from: &'a [T]) -> Option<&'a T> {
        let at = words::number_of(&format!("{}:{what}", self.0)) % (from.len().max(1) as u64);
        from.get(at as usize)
    }

    /// A number from `low` to `high`, both included.
    pub fn between(&self, what: &str, low: u64, high: u64) -> u64 {
        low + words::number_of(&format!("{}:{what}", self.0)) % (high - low + 1)
    }
}

/// Makes a goal from what there is, a choice and today.
type Family = fn(&Inventory, &Choice, &str) -> Option<Goal>;

/// The families in the order in which they are tried: on every site that has them, each second one needs the user's permission.
const FAMILIES: [Family; 16] = [
    |have, choice, _| order(have, choice).map(Goal::AddToCart),
    |have, choice, today| free_times(have, choice, today),
    |have, choice, _| module(have, choice),
    |have, choice, _| order(have, choice).map(Goal::Buy),
    |have, choice, _| booking(have, choice).map(Goal::Book),
    |have, choice, _| added(have, choice),
    |have, choice, _| best_product(have, choice, Extreme::Cheapest),
    |have, choice, _| fact(have, choice),
    |have, choice, _| order(have, choice).map(Goal::Buy),
    |have, choice, _| message(have, choice),
    |have, choice, _| module(have, choice),
    |have, choice, _| price(have, choice),
    |have, choice, _| best_restaurant(have, choice),
    |have, choice, _| booking(have, choice).map(Goal::Book),
    |have, choice, _| best_product(have, choice, Extreme::HighestRated),
    |have, choice, _| fact(have, choice),
];

fn order(have: &Inventory, choice: &Choice) -> Option<Order> {
    let known: Vec<_> = have.products.iter().filter(|product| product.known).collect();
    let product = choice.of("product", &known)?;
    let variant =
        |n: u32| (choice.of(&format!("colour {n}"), &product.colours).cloned(), choice.of(&format!("size {n}"), &product.sizes).cloned());
    let can_be_had = |(colour, size): &(Option<String>, Option<String>)| {
        let parts: Vec<&str> = [colour, size].into_iter().flatten().map(String::as_str).collect();
        !product.sold_out.iter().any(|gone| words::same(gone, &parts.join(", ")))
    };
    let (colour, size) = (0..8).map(variant).find(can_be_had)?;
    Some(Order { quantity: choice.between("quantity", 1, 3) as u32, product: product.name.clone(), colour, size })
}

fn price(have: &Inventory, choice: &Choice) -> Option<Goal> {
    choice.of("priced", &have.products).map(|product| Goal::Price { product: product.name.clone() })
}

fn best_product(have: &Inventory, choice: &Choice, by: Extreme) -> Option<Goal> {
    choice.of("category", &have.categories).map(|category| Goal::BestProduct { by, category: category.clone() })
}

fn fact(have: &Inventory, choice: &Choice) -> Option<Goal> {
    let fact = *choice.of("fact", &[RestaurantFact::Phone, RestaurantFact::Address, RestaurantFact::PriceLevel])?;
    choice.of("restaurant", &have.restaurants).map(|restaurant| Goal::Restaurant { fact, restaurant: restaurant.clone() })
}

/// Only kinds of food and places that were seen together.
fn best_restaurant(have: &Inventory, choice: &Choice) -> Option<Goal> {
    let (cuisine, place) = choice.of("pair", &have.pairs)?;
    Some(Goal::BestRestaurant { cuisine: cuisine.clone(), place: place.clone() })
}

/// A day 2 to 21 days after today on which the restaurant is not known to be closed.
fn open_day(have: &Inventory, restaurant: &str, choice: &Choice, today: &str) -> Option<Date> {
    let closed = have.closed.iter().find(|(name, _)| words::same(name, restaurant)).map(|(_, weekday)| weekday.as_str());
    (0..3)
        .filter_map(|n| dates::after(today, choice.between(&format!("day {n}"), 2, 21) as i64))
        .find(|day| closed != Some(day.weekday().to_string().as_str()))
}

fn free_times(have: &Inventory, choice: &Choice, today: &str) -> Option<Goal> {
    let restaurant = choice.of("free at", &have.restaurants)?.clone();
    let date = dates::long(open_day(have, &restaurant, choice, today)?);
    Some(Goal::FreeTimes { party: choice.between("party", 2, 6) as u32, restaurant, date })
}

/// A table that a page shows as free.
fn booking(have: &Inventory, choice: &Choice) -> Option<Booking> {
    choice.of("booked", &have.free).cloned()
}

fn message(have: &Inventory, choice: &Choice) -> Option<Goal> {
    Some(Goal::Message {
        restaurant: choice.of("written to", &have.restaurants)?.clone(),
        question: (*choice.of("question", &QUESTIONS)?).into(),
    })
}

fn module(have: &Inventory, choice: &Choice) -> Option<Goal> {
    choice.of("module", &have.modules).map(|module| Goal::Module { module: module.clone() })
}

fn added(have: &Inventory, choice: &Choice) -> Option<Goal> {
    choice.of("name", &have.names).map(|name| Goal::AddedIn { name: name.clone() })
}

/// The permission that a goal will need.
pub fn permission(goal: &Goal) -> Option<CriticalPointKind> {
    match goal {
        Goal::Buy(_) => Some(CriticalPointKind::Payment),
        Goal::Book(_) => Some(CriticalPointKind::Booking),
        Goal::Message { .. } => Some(CriticalPointKind::Sending),
        _ => None,
    }
}

/// The date of a goal, if it has one.
pub fn date_of(goal: &Goal) -> Option<Date> {
    match goal {
        Goal::FreeTimes { date, .. } | Goal::Book(Booking { date, .. }) => dates::parse(date),
        _ => None,
    }
}

/// A goal as a proposal.
pub fn proposed(goal: &Goal, today: &str, why: &str) -> ProposedIntent {
    ProposedIntent {
        intent: goal.wording(),
        why: why.into(),
        critical_point: permission(goal),
        valid_from: date_of(goal).and_then(|_| dates::parse(today)).map(dates::iso),
        valid_until: date_of(goal).map(dates::iso),
    }
}

/// Goals that differ from each other and from those that exist, family by family.
pub fn goals(have: &Inventory, today: &str, avoid: &[String], count: usize, salt: &str) -> Vec<Goal> {
    let mut found: Vec<Goal> = Vec::new();
    let start = (words::number_of(salt) % FAMILIES.len() as u64) as usize;
    for round in 0..6_u64 {
        for at in 0..FAMILIES.len() {
            if found.len() >= count {
                return found;
            }
            let family = FAMILIES[(start + at) % FAMILIES.len()];
            let choice = Choice(words::number_of(&format!("{salt}:{round}:{at}:{}", avoid.len())));
            let Some(goal) = family(have, &choice, today) else { continue };
            let wording = goal.wording();
            if !found.contains(&goal) && !avoid.iter().any(|other| words::same(other, &wording)) {
                found.push(goal);
            }
        }
    }
    found
}

/// Proposals for a page.
pub fn propose(input: &ProposeIntents) -> ProposedIntents {
    let pages: Vec<&PageText> = std::iter::once(&input.page).chain(&input.linked_pages).collect();
    let have = inventory::collect(&input.offers, &pages);
    let mut tasks: Vec<ProposedIntent> = goals(&have, &input.today, &input.avoid, input.count as usize, &input.page.url)
        .iter()
        .map(|goal| proposed(goal, &input.today, &format!("The pages show {}; the outcome can be seen on one page.", goal.subject())))
        .collect();
    if tasks.is_empty() {
        tasks = generic(input);
    }
    tasks.truncate(input.count as usize);
    ProposedIntents { tasks }
}

/// What can be asked of any page: what it says about one of its links.
fn generic(input: &ProposeIntents) -> Vec<ProposedIntent> {
    let is_topic = |name: &str| {
        name.split_whitespace().count() >= 2
            && name.len() < 60
            && words::holds_any(name, &["log in", "sign in", "register", "cookie", "skip", "privacy"]).is_none()
    };
    // what a link to another site is about cannot be found on this one
    let host = |address: &str| url::Url::parse(address).ok().and_then(|url| url.host_str().map(str::to_string));
    let here = host(&input.page.url);
    let topics = input
        .offers
        .iter()
        .filter(|offer| offer.kind == "link" && is_topic(&offer.name) && (!offer.href.contains("://") || host(&offer.href) == here));
    topics
        .map(|offer| ProposedIntent {
            intent: format!("Find information about {} on this site.", offer.name),
            why: "A link of the page names it.".into(),
            critical_point: None,
            valid_from: None,
            valid_until: None,
        })
        .filter(|task| !input.avoid.iter().any(|other| words::same(other, &task.intent)))
        .collect()
}
