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
const TIMES: [&str; 4] = ["18:30", "19:00", "19:30", "20:00"];

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

/// The families in the order in which they are tried: easy and critical ones mixed.
const FAMILIES: [Family; 16] = [
    |have, choice, _| order(have, choice).map(Goal::AddToCart),
    |have, choice, today| free_times(have, choice, today),
    |have, choice, _| module(have, choice),
    |have, choice, _| price(have, choice),
    |have, choice, _| fact(have, choice),
    |have, choice, _| added(have, choice),
    |have, choice, _| best_product(have, choice, Extreme::Cheapest),
    |have, choice, today| booking(have, choice, today).map(Goal::Book),
    |have, choice, _| order(have, choice).map(Goal::Buy),
    |have, choice, _| best_restaurant(have, choice),
    |have, choice, _| best_product(have, choice, Extreme::HighestRated),
    |have, choice, _| message(have, choice),
    |have, choice, _| order(have, choice).map(Goal::AddToCart),
    |have, choice, _| price(have, choice),
    |have, choice, _| module(have, choice),
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

fn best_restaurant(have: &Inventory, choice: &Choice) -> Option<Goal> {
    if let Some((cuisine, place)) = choice.of("pair", &have.pairs) {
        return Some(Goal::BestRestaurant { cuisine: cuisine.clone(), place: place.clone() });
    }
    Some(Goal::BestRestaurant { cuisine: choice.of("cuisine", &have.cuisines)?.clone(), place: choice.of("place", &have.places)?.clone() })
}

/// A day 2 to 21 days after today.
fn day(choice: &Choice, today: &str) -> Option<Date> {
    dates::after(today, choice.between("day", 2, 21) as i64)
}

fn free_times(have: &Inventory, choice: &Choice, today: &str) -> Option<Goal> {
    let restaurant = choice.of("free at", &have.restaurants)?.clone();
    Some(Goal::FreeTimes { party: choice.between("party", 2, 6) as u32, restaurant, date: dates::long(day(choice, today)?) })
}

fn booking(have: &Inventory, choice: &Choice, today: &str) -> Option<Booking> {
    let time = (*choice.of("time", &TIMES)?).to_string();
    Some(Booking {
        party: choice.between("party", 2, 4) as u32,
        restaurant: choice.of("booked", &have.restaurants)?.clone(),
        date: dates::long(day(choice, today)?),
        time,
    })
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
    let topics = input.offers.iter().filter(|offer| offer.kind == "link" && is_topic(&offer.name));
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
