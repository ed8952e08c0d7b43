//! What a task asks for, read from its wording.
//!
//! The families are those of the bundled sites' contract; anything else is [`Goal::Other`], which the rules treat as a search for its
//! key terms.

use crate::skill::{self, Told};
use crate::words;
use regex::{Captures, Regex};
use std::sync::LazyLock;

/// A thing to put into the cart.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Order {
    /// How many.
    pub quantity: u32,
    /// Name of the product.
    pub product: String,
    /// Colour, where the product has colours.
    pub colour: Option<String>,
    /// Size, where the product has sizes.
    pub size: Option<String>,
}

/// A table to take.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Booking {
    /// How many people.
    pub party: u32,
    /// Name of the restaurant.
    pub restaurant: String,
    /// The day, as the task writes it.
    pub date: String,
    /// `19:30`.
    pub time: String,
}

/// Something that a restaurant's page says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RestaurantFact {
    /// Its telephone number.
    Phone,
    /// Its street address.
    Address,
    /// Its price level.
    PriceLevel,
}

impl RestaurantFact {
    /// As the task words it.
    pub fn words(self) -> &'static str {
        match self {
            Self::Phone => "phone number",
            Self::Address => "street address",
            Self::PriceLevel => "price level",
        }
    }

    /// Labels under which pages show it.
    pub fn labels(self) -> &'static [&'static str] {
        match self {
            Self::Phone => &["phone", "phone number", "telephone", "call"],
            Self::Address => &["address", "street address", "where"],
            Self::PriceLevel => &["price level", "price", "price range"],
        }
    }
}

/// By what a list is to be ordered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Extreme {
    /// Lowest price.
    Cheapest,
    /// Highest rating.
    HighestRated,
}

/// What a task asks for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Goal {
    /// The price of a product.
    Price {
        /// Its name.
        product: String,
    },
    /// Put something into the cart.
    AddToCart(Order),
    /// The best of a category of a shop.
    BestProduct {
        /// By what.
        by: Extreme,
        /// Name of the category.
        category: String,
    },
    /// Buy and pay.
    Buy(Order),
    /// A fact about a restaurant.
    Restaurant {
        /// Which fact.
        fact: RestaurantFact,
        /// Its name.
        restaurant: String,
    },
    /// The best restaurant of a kind at a place.
    BestRestaurant {
        /// The kind.
        cuisine: String,
        /// The place.
        place: String,
    },
    /// Times at which a table is free.
    FreeTimes {
        /// How many people.
        party: u32,
        /// Name of the restaurant.
        restaurant: String,
        /// The day, as the task writes it.
        date: String,
    },
    /// Take a table.
    Book(Booking),
    /// Write to a restaurant.
    Message {
        /// Its name.
        restaurant: String,
        /// What to ask.
        question: String,
    },
    /// What a module of the documentation is for.
    Module {
        /// Its name.
        module: String,
    },
    /// Since when something exists.
    AddedIn {
        /// Its dotted name.
        name: String,
    },
    /// Something that a skill knows.
    Skilled(Box<Told>),
    /// Anything else: find out about these words.
    Other {
        /// Key terms, in order.
        terms: Vec<String>,
    },
}

type Reader = fn(&Captures) -> Option<Goal>;

fn text(found: &Captures, name: &str) -> Option<String> {
    found.name(name).map(|piece| piece.as_str().trim().trim_matches(['"', '“', '”']).to_string()).filter(|piece| !piece.is_empty())
}

fn number(found: &Captures, name: &str) -> Option<u32> {
    let written = text(found, name)?;
    const WORDS: [&str; 11] = ["a", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten"];
    written.parse().ok().or_else(|| WORDS.iter().position(|word| *word == written.to_lowercase()).map(|at| at.max(1) as u32))
}

fn order(found: &Captures) -> Option<Order> {
    Some(Order {
        quantity: number(found, "quantity").unwrap_or(1),
        product: text(found, "product")?,
        colour: text(found, "colour"),
        size: text(found, "size"),
    })
}

fn restaurant_fact(words: &str) -> Option<RestaurantFact> {
    let words = words.to_lowercase();
    [("phone", RestaurantFact::Phone), ("address", RestaurantFact::Address), ("price", RestaurantFact::PriceLevel)]
        .into_iter()
        .find(|(key, _)| words.contains(key))
        .map(|(_, fact)| fact)
}

const ORDER: &str = r"(?P<quantity>\d+|an?|one|two|three|four|five|six|seven|eight|nine|ten)\s+(?P<product>.+?)(?:\s+in\s+(?P<colour>[^,]+?))?(?:,?\s*(?:in\s+)?size\s+(?P<size>[^,]+?))?,?\s+";

/// One rule a row, the first that matches wins.
fn grammar() -> Vec<(String, Reader)> {
    let row = |pattern: &str, reader: Reader| (format!("(?i)^{pattern}$"), reader);
    vec![
        row(
            r"(?:what is|tell me|find) the (?P<fact>phone number|telephone number|street address|address|price level) of (?:the restaurant )?(?P<restaurant>.+?)",
            |f| Some(Goal::Restaurant { fact: restaurant_fact(&text(f, "fact")?)?, restaurant: text(f, "restaurant")? }),
        ),
        row(r"(?:what is|tell me|find) the price of (?:the )?(?P<product>.+?)", |f| Some(Goal::Price { product: text(f, "product")? })),
        row(r"how much (?:does|is) (?:the )?(?P<product>.+?)(?: cost)?", |f| Some(Goal::Price { product: text(f, "product")? })),
        row(&format!(r"(?:add|put) {ORDER}(?:to|into|in) (?:the|my) (?:shopping )?(?:cart|basket)"), |f| order(f).map(Goal::AddToCart)),
        row(&format!(r"(?:buy|order|purchase) {ORDER}(?:and|then) pay(?: for (?:the order|it|them))?"), |f| order(f).map(Goal::Buy)),
        row(
            r"find the (?P<by>cheapest|highest[- ]rated|best[- ]rated) product in the (?P<category>.+?) category(?: and tell me .*)?",
            |f| {
                let by = if text(f, "by")?.eq_ignore_ascii_case("cheapest") { Extreme::Cheapest } else { Extreme::HighestRated };
                Some(Goal::BestProduct { by, category: text(f, "category")? })
            },
        ),
        row(r"which (?P<cuisine>.+?) restaurant in (?P<place>.+?) (?:has the highest rating|is (?:the )?(?:highest|best)[- ]rated)", |f| {
            Some(Goal::BestRestaurant { cuisine: text(f, "cuisine")?, place: text(f, "place")? })
        }),
        row(r"(?:at what times|when) is a table for (?P<party>\w+)(?: people)? available at (?P<restaurant>.+?) on (?P<date>.+?)", |f| {
            Some(Goal::FreeTimes { party: number(f, "party")?, restaurant: text(f, "restaurant")?, date: text(f, "date")? })
        }),
        row(
            r"(?:book|reserve) a table for (?P<party>\w+)(?: people)? at (?P<restaurant>.+?) on (?P<date>.+?) at (?P<time>\d{1,2}:\d{2})",
            |f| {
                Some(Goal::Book(Booking {
                    party: number(f, "party")?,
                    restaurant: text(f, "restaurant")?,
                    date: text(f, "date")?,
                    time: text(f, "time")?,
                }))
            },
        ),
        row(r#"send a message to (?P<restaurant>.+?) asking[:,]? ["“](?P<question>.+)["”]"#, |f| {
            Some(Goal::Message { restaurant: text(f, "restaurant")?, question: text(f, "question")? })
        }),
        row(r"(?:according to .+?, )?what is the (?P<module>[\w.]+) module(?: used)? for", |f| {
            Some(Goal::Module { module: text(f, "module")? })
        }),
        row(
            r"(?:according to .+?, )?in (?:which|what) (?:python )?version(?: of python)? was (?P<name>[\w.]+?)(?:\(\))? (?:added|introduced)",
            |f| Some(Goal::AddedIn { name: text(f, "name")? }),
        ),
    ]
}

static GRAMMAR: LazyLock<Vec<(Regex, Reader)>> = LazyLock::new(|| {
    grammar().into_iter().filter_map(|(pattern, reader)| Regex::new(&pattern).ok().map(|regex| (regex, reader))).collect()
});

/// A clause at the end that only says where: "on Juniper & Pine", "from this site".
static TRAILING: LazyLock<Option<Regex>> = LazyLock::new(|| {
    Regex::new(
        r"(?i)[\s,]+(?:on|at|from|in|using|via|with)\s+(?:the\s+)?(?:juniper\s*(?:&|and)\s*pine|tablewise|this\s+(?:site|website|shop|store|page|documentation)|(?:shop|tables|docs)\.localhost|online\s+shop|site|website|shop|store|python documentation)(?:\s+(?:site|website|shop|store))?\s*$",
    )
    .ok()
});

impl Goal {
    /// Reads a task's wording.
    pub fn parse(task: &str) -> Self {
        if let Some(told) = skill::tell(task) {
            return Self::Skilled(Box::new(told));
        }
        let flat = task.split_whitespace().collect::<Vec<_>>().join(" ");
        let bare = flat.trim_end_matches(['.', '?', '!', ' ']);
        let shorter = TRAILING.as_ref().map(|clause| clause.replace(bare, "").to_string()).unwrap_or_else(|| bare.to_string());
        // "Please", "Can you" and the like say nothing
        let plain = ["please ", "can you ", "could you "]
            .iter()
            .fold(shorter.as_str(), |rest, polite| if rest.to_lowercase().starts_with(polite) { &rest[polite.len()..] } else { rest });
        GRAMMAR
            .iter()
            .find_map(|(pattern, reader)| pattern.captures(plain).and_then(|found| reader(&found)))
            .unwrap_or_else(|| Self::Other { terms: words::key_terms(plain) })
    }

    /// The contract's wording.
    pub fn wording(&self) -> String {
        let variant = |order: &Order| {
            let colour = order.colour.as_ref().map(|c| format!(" in {c}")).unwrap_or_default();
            let size = order.size.as_ref().map(|s| format!(", size {s}")).unwrap_or_default();
            let comma = if order.size.is_some() { "," } else { "" };
            format!("{} {}{colour}{size}{comma}", order.quantity, order.product)
        };
        match self {
            Self::Price { product } => format!("What is the price of the {product}?"),
            Self::AddToCart(order) => format!("Add {} to the cart.", variant(order)),
            Self::BestProduct { by: Extreme::Cheapest, category } => {
                format!("Find the cheapest product in the {category} category and tell me its name and price.")
            }
            Self::BestProduct { by: Extreme::HighestRated, category } => {
                format!("Find the highest rated product in the {category} category and tell me its name and rating.")
            }
            Self::Buy(order) => format!("Buy {} and pay for the order.", variant(order)),
            Self::Restaurant { fact, restaurant } => format!("What is the {} of {restaurant}?", fact.words()),
            Self::BestRestaurant { cuisine, place } => format!("Which {cuisine} restaurant in {place} has the highest rating?"),
            Self::FreeTimes { party, restaurant, date } => {
                format!("At what times is a table for {party} available at {restaurant} on {date}?")
            }
            Self::Book(b) => format!("Book a table for {} at {} on {} at {}.", b.party, b.restaurant, b.date, b.time),
            Self::Message { restaurant, question } => format!("Send a message to {restaurant} asking \"{question}\"."),
            Self::Module { module } => format!("According to the Python documentation, what is the {module} module for?"),
            Self::AddedIn { name } => format!("According to the Python documentation, in which Python version was {name} added?"),
            Self::Skilled(told) => told.task.clone(),
            Self::Other { terms } => format!("Find information about {}.", terms.join(" ")),
        }
    }

    /// Whether the task ends with an answer in words (and not with a state of the site).
    pub fn asks_for_words(&self) -> bool {
        match self {
            Self::AddToCart(_) | Self::Buy(_) | Self::Book(_) | Self::Message { .. } => false,
            Self::Skilled(told) => !told.skill.answer.is_empty(),
            _ => true,
        }
    }

    /// Whether the task cannot be finished without the user's permission.
    pub fn is_critical(&self) -> bool {
        match self {
            Self::Buy(_) | Self::Book(_) | Self::Message { .. } => true,
            Self::Skilled(told) => told.is_critical(),
            _ => false,
        }
    }

    /// What the task is about, for searching and for comparing pages.
    pub fn subject(&self) -> String {
        match self {
            Self::Price { product } => product.clone(),
            Self::AddToCart(order) | Self::Buy(order) => order.product.clone(),
            Self::BestProduct { category, .. } => category.clone(),
            Self::Restaurant { restaurant, .. } | Self::FreeTimes { restaurant, .. } | Self::Message { restaurant, .. } => {
                restaurant.clone()
            }
            Self::BestRestaurant { cuisine, place } => format!("{cuisine} {place}"),
            Self::Book(booking) => booking.restaurant.clone(),
            Self::Module { module } => module.clone(),
            Self::AddedIn { name } => name.clone(),
            Self::Skilled(told) => told.subject(),
            Self::Other { terms } => terms.join(" "),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_rule_of_the_grammar_compiles() {
        assert_eq!(GRAMMAR.len(), grammar().len());
        assert!(TRAILING.is_some());
    }

    #[test]
    fn reads_what_it_words() {
        let order = |colour: Option<&str>, size: Option<&str>| Order {
            quantity: 2,
            product: "Pack-in Trail Mug".into(),
            colour: colour.map(Into::into),
            size: size.map(Into::into),
        };
        let goals = [
            Goal::Price { product: "Alder Rain Shell".into() },
            Goal::AddToCart(order(None, None)),
            Goal::AddToCart(order(Some("Forest Green"), None)),
            Goal::AddToCart(order(None, Some("M"))),
            Goal::AddToCart(order(Some("Forest"), Some("XL"))),
            Goal::Buy(order(Some("Forest"), Some("M"))),
            Goal::Buy(order(None, None)),
            Goal::BestProduct { by: Extreme::Cheapest, category: "Camp Kitchen".into() },
            Goal::BestProduct { by: Extreme::HighestRated, category: "Lighting".into() },
            Goal::Restaurant { fact: RestaurantFact::Phone, restaurant: "Casa Lume".into() },
            Goal::Restaurant { fact: RestaurantFact::Address, restaurant: "The Olive at Five".into() },
            Goal::Restaurant { fact: RestaurantFact::PriceLevel, restaurant: "Casa Lume".into() },
            Goal::BestRestaurant { cuisine: "Italian".into(), place: "Old Town".into() },
            Goal::FreeTimes { party: 4, restaurant: "Casa Lume".into(), date: "4 December 2026".into() },
            Goal::Book(Booking { party: 2, restaurant: "The Olive at Five".into(), date: "4 December 2026".into(), time: "19:30".into() }),
            Goal::Message { restaurant: "Casa Lume".into(), question: "Do you have a terrace?".into() },
            Goal::Module { module: "json".into() },
            Goal::AddedIn { name: "json.JSONDecodeError".into() },
        ];
        for goal in goals {
            assert_eq!(Goal::parse(&goal.wording()), goal, "{}", goal.wording());
            assert_eq!(Goal::parse(&goal.wording().to_uppercase()).subject().to_lowercase(), goal.subject().to_lowercase());
        }
    }

    #[test]
    fn a_clause_that_says_where_is_ignored() {
        let rows = [
            ("What is the price of the Trail Mug on Juniper & Pine?", Goal::Price { product: "Trail Mug".into() }),
            (
                "Please add 1 Trail Mug in Forest, to the cart on this site.",
                Goal::AddToCart(Order { quantity: 1, product: "Trail Mug".into(), colour: Some("Forest".into()), size: None }),
            ),
            (
                "Which Thai restaurant in Riverside has the highest rating at Tablewise?",
                Goal::BestRestaurant { cuisine: "Thai".into(), place: "Riverside".into() },
            ),
            (
                "Book a table for 4 at Casa Lume on 4 December 2026 at 19:30 at Tablewise.",
                Goal::Book(Booking { party: 4, restaurant: "Casa Lume".into(), date: "4 December 2026".into(), time: "19:30".into() }),
            ),
        ];
        for (task, goal) in rows {
            assert_eq!(Goal::parse(task), goal, "{task}");
        }
    }

    #[test]
    fn anything_else_is_a_search_for_its_terms() {
        assert_eq!(
            Goal::parse("Tell me about the opening hours of the museum"),
            Goal::Other { terms: vec!["opening".into(), "hours".into(), "museum".into()] }
        );
    }
}
