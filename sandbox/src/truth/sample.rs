//! Intents that can be solved, of every family in turn, made from the data.

use super::intent::{Goal, ShopGoal, TablesGoal};
use crate::dates;
use crate::shop::catalogue::{Catalogue, Department, Product};
use crate::tables::guide::{Guide, Restaurant};
use rand::rngs::StdRng;
use rand::seq::IndexedRandom;
use rand::{Rng, SeedableRng};
use time::{Date, Duration};

const SHOP: &str = "http://shop.localhost/";
const TABLES: &str = "http://tables.localhost/";
const QUESTIONS: [&str; 5] = [
    "Do you have vegan options?",
    "Is there step-free access?",
    "Can we bring a small dog?",
    "Do you have a high chair for a toddler?",
    "Is there parking nearby?",
];
/// Families that can be solved: five of the shop, then five of the restaurant guide.
const SOLVABLE: usize = 10;
/// Something to buy that is sold out.
const SOLD_OUT: usize = 10;
/// A table at a time that is taken.
const TAKEN: usize = 11;
/// All families of the two worlds.
pub(crate) const FAMILIES: usize = 12;

/// `count` pairs of start URL and intent; the same seed and day give the same list.
pub fn sample_intents(seed: u64, today: Date, count: usize) -> Vec<(String, String)> {
    let catalogue = Catalogue::of(seed);
    let guide = Guide::of(seed);
    let mut random = StdRng::seed_from_u64(seed);
    (0..count).filter_map(|number| one(number % SOLVABLE, &catalogue, &guide, today, &mut random)).collect()
}

/// `count` draws of one family.
pub(crate) fn draw(family: usize, seed: u64, today: Date, count: usize) -> Vec<(String, String)> {
    let (catalogue, guide) = (Catalogue::of(seed), Guide::of(seed));
    let mut random = StdRng::seed_from_u64(seed);
    (0..count).filter_map(|_| one(family, &catalogue, &guide, today, &mut random)).collect()
}

/// Which family a goal is of; `None` for the documentation, which has no state.
pub(super) fn family_of(goal: &Goal, catalogue: &Catalogue, guide: &Guide) -> Option<usize> {
    Some(match goal {
        Goal::Shop(ShopGoal::Buy(wanted))
            if catalogue.by_slug(&wanted.slug).is_some_and(|p| p.is_sold_out(&wanted.colour, &wanted.size)) =>
        {
            SOLD_OUT
        }
        Goal::Tables(TablesGoal::Book { slug, date, party, time })
            if guide.by_slug(slug).is_some_and(|r| !guide.slots(r, *date, *party).iter().any(|slot| slot.free && slot.time == time)) =>
        {
            TAKEN
        }
        Goal::Shop(ShopGoal::Price { .. }) => 0,
        Goal::Shop(ShopGoal::AddToCart(_)) => 1,
        Goal::Shop(ShopGoal::Cheapest(_)) => 2,
        Goal::Shop(ShopGoal::BestRated(_)) => 3,
        Goal::Shop(ShopGoal::Buy(_)) => 4,
        Goal::Tables(TablesGoal::Fact { .. }) => 5,
        Goal::Tables(TablesGoal::BestRated { .. }) => 6,
        Goal::Tables(TablesGoal::FreeTimes { .. }) => 7,
        Goal::Tables(TablesGoal::Book { .. }) => 8,
        Goal::Tables(TablesGoal::Message { .. }) => 9,
        Goal::Docs(_) => return None,
    })
}

fn one(family: usize, catalogue: &Catalogue, guide: &Guide, today: Date, random: &mut StdRng) -> Option<(String, String)> {
    let (start, intent) = match family {
        0..5 | SOLD_OUT => (SHOP, shop(family, catalogue, random)),
        _ => (TABLES, tables(family, guide, today, random)),
    };
    Some((start.to_owned(), intent?))
}

fn shop(family: usize, catalogue: &Catalogue, random: &mut StdRng) -> Option<String> {
    let product = catalogue.products.choose(random)?;
    let department = Department::ALL.choose(random)?.name();
    Some(match family {
        0 => format!("What is the price of the {}?", product.name),
        1 => format!("Add {} to the cart.", thing(product, random)?),
        2 => format!("Find the cheapest product in the {department} category and tell me its name and price."),
        3 => format!("Find the highest rated product in the {department} category and tell me its name and rating."),
        SOLD_OUT => {
            let product =
                catalogue.products.iter().filter(|product| !product.sold_out.is_empty()).collect::<Vec<_>>().choose(random).copied()?;
            format!("Buy {} and pay for the order.", worded(product, product.sold_out.choose(random)?, random))
        }
        _ => {
            let thing = thing(product, random)?;
            // The comma closes "size M,", so a thing without a size needs none.
            format!("Buy {thing} and pay for the order.")
        }
    })
}

/// `2 Alder Rain Jacket in Forest, size M,` of a variant that is in stock.
fn thing(product: &Product, random: &mut StdRng) -> Option<String> {
    let variant = *product.in_stock().choose(random)?;
    Some(worded(product, &variant, random))
}

fn worded(product: &Product, (colour, size): &(&str, &str), random: &mut StdRng) -> String {
    let quantity = random.random_range(1..=3);
    let colour = if colour.is_empty() { String::new() } else { format!(" in {colour}") };
    let size = if size.is_empty() { String::new() } else { format!(", size {size},") };
    format!("{quantity} {}{colour}{size}", product.name)
}

fn tables(family: usize, guide: &Guide, today: Date, random: &mut StdRng) -> Option<String> {
    let restaurant = guide.restaurants.choose(random)?;
    let name = restaurant.name;
    let party = random.random_range(1..=6_u8);
    Some(match family {
        5 => format!("What is the {} of {name}?", ["phone number", "street address", "price level"].choose(random)?),
        6 => format!("Which {} restaurant in {} has the highest rating?", restaurant.cuisine, restaurant.place),
        7 => format!("At what times is a table for {party} available at {name} on {}?", dates::long(open_day(restaurant, today, random))),
        8 | TAKEN => {
            let date = open_day(restaurant, today, random);
            let slots = guide.slots(restaurant, date, party).into_iter().filter(|slot| slot.free == (family == 8));
            let times: Vec<&str> = slots.map(|slot| slot.time).collect();
            format!("Book a table for {party} at {name} on {} at {}.", dates::long(date), times.choose(random)?)
        }
        _ => format!("Send a message to {name} asking \"{}\".", QUESTIONS.choose(random)?),
    })
}

/// A day 2 to 21 days ahead on which the restaurant is open.
fn open_day(restaurant: &Restaurant, today: Date, random: &mut StdRng) -> Date {
    let date = today + Duration::days(random.random_range(2..=20));
    if restaurant.is_closed_on(date) { date + Duration::days(1) } else { date }
}
