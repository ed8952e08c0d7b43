//! Intents that can be solved, of every family in turn, made from the data.

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
const FAMILIES: usize = 10;

/// `count` pairs of start URL and intent; the same seed and day give the same list.
pub fn sample_intents(seed: u64, today: Date, count: usize) -> Vec<(String, String)> {
    let catalogue = Catalogue::of(seed);
    let guide = Guide::of(seed);
    let mut random = StdRng::seed_from_u64(seed);
    (0..count)
        .filter_map(|number| {
            let family = number % FAMILIES;
            let start = if family < 5 { SHOP } else { TABLES };
            let intent = if family < 5 { shop(family, &catalogue, &mut random) } else { tables(family, &guide, today, &mut random) };
            Some((start.to_owned(), intent?))
        })
        .collect()
}

fn shop(family: usize, catalogue: &Catalogue, random: &mut StdRng) -> Option<String> {
    let product = catalogue.products.choose(random)?;
    let department = Department::ALL.choose(random)?.name();
    Some(match family {
        0 => format!("What is the price of the {}?", product.name),
        1 => format!("Add {} to the cart.", thing(product, random)?),
        2 => format!("Find the cheapest product in the {department} category and tell me its name and price."),
        3 => format!("Find the highest rated product in the {department} category and tell me its name and rating."),
        _ => {
            let thing = thing(product, random)?;
            // The comma closes "size M,", so a thing without a size needs none.
            format!("Buy {thing} and pay for the order.")
        }
    })
}

/// `2 Alder Rain Jacket in Forest, size M,` of a variant that is in stock.
fn thing(product: &Product, random: &mut StdRng) -> Option<String> {
    let (colour, size) = *product.in_stock().choose(random)?;
    let quantity = random.random_range(1..=3);
    let colour = if colour.is_empty() { String::new() } else { format!(" in {colour}") };
    let size = if size.is_empty() { String::new() } else { format!(", size {size},") };
    Some(format!("{quantity} {}{colour}{size}", product.name))
}

fn tables(family: usize, guide: &Guide, today: Date, random: &mut StdRng) -> Option<String> {
    let restaurant = guide.restaurants.choose(random)?;
    let name = restaurant.name;
    let party = random.random_range(1..=6_u8);
    Some(match family {
        5 => format!("What is the {} of {name}?", ["phone number", "street address", "price level"].choose(random)?),
        6 => format!("Which {} restaurant in {} has the highest rating?", restaurant.cuisine, restaurant.place),
        7 => format!("At what times is a table for {party} available at {name} on {}?", dates::long(open_day(restaurant, today, random))),
        8 => {
            let date = open_day(restaurant, today, random);
            let free: Vec<&str> = guide.slots(restaurant, date, party).into_iter().filter(|slot| slot.free).map(|slot| slot.time).collect();
            format!("Book a table for {party} at {name} on {} at {}.", dates::long(date), free.choose(random)?)
        }
        _ => format!("Send a message to {name} asking \"{}\".", QUESTIONS.choose(random)?),
    })
}

/// A day 2 to 21 days ahead on which the restaurant is open.
fn open_day(restaurant: &Restaurant, today: Date, random: &mut StdRng) -> Date {
    let date = today + Duration::days(random.random_range(2..=20));
    if restaurant.is_closed_on(date) { date + Duration::days(1) } else { date }
}
