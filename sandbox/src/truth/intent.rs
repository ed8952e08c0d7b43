//! Reads an intent of the bundled worlds. The wordings are a contract with whoever proposes and solves them; case and a trailing
//! clause ("on Juniper & Pine") do not matter.

use crate::dates;
use crate::shop::catalogue::{Catalogue, Department};
use crate::tables::guide::Guide;
use regex::{Captures, Regex};
use time::Date;

/// What a task wants.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Goal {
    Shop(ShopGoal),
    Tables(TablesGoal),
    Docs(DocsGoal),
}

/// A line that a cart or an order is to hold.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Wanted {
    pub(super) slug: String,
    pub(super) colour: String,
    pub(super) size: String,
    pub(super) quantity: i64,
}

/// What a task wants of the shop.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum ShopGoal {
    Price { slug: String },
    AddToCart(Wanted),
    Cheapest(Department),
    BestRated(Department),
    Buy(Wanted),
}

/// A fact about a restaurant.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Fact {
    Phone,
    Address,
    PriceLevel,
}

/// What a task wants of Tablewise.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum TablesGoal {
    Fact { fact: Fact, slug: String },
    BestRated { cuisine: String, place: String },
    FreeTimes { slug: String, date: Date, party: u8 },
    Book { slug: String, date: Date, party: u8, time: String },
    Message { slug: String, question: String },
}

/// What a task wants of the documentation.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum DocsGoal {
    Purpose { module: String },
    Added { name: String },
}

type Found = Result<Option<Goal>, String>;

/// The goal of an intent, or why it cannot be read.
pub(super) fn parse(intent: &str, host: &str, catalogue: &Catalogue, guide: &Guide) -> Result<Goal, String> {
    let text = tidy(intent);
    let found = match host {
        "shop.localhost" => shop(&text, catalogue),
        "tables.localhost" => tables(&text, guide),
        "docs.localhost" => docs(&text),
        other => return Err(format!("{other:?} is not a world of the sandbox")),
    }?;
    found.ok_or_else(|| format!("the intent {intent:?} is not one of the wordings that the oracle of {host} reads"))
}

/// One line, single spaces, plain quotes, without the clause that names the site.
fn tidy(intent: &str) -> String {
    let text = intent.replace(['“', '”'], "\"").replace(['’', '‘'], "'");
    let text = text.split_whitespace().collect::<Vec<_>>().join(" ");
    let clause = Regex::new(
        r"(?i)[,]?\s+(?:on|at|from|in|using|via|with)\s+(?:the\s+)?(?:juniper\s*(?:&|and)\s*pine|tablewise|this (?:web)?site|this shop|this store|shop|python docs)(?:\s+(?:web)?(?:site|shop|store))?\s*([.?!]?)$",
    );
    clause.map(|clause| clause.replace(&text, "$1").into_owned()).unwrap_or(text)
}

fn captures<'t>(pattern: &str, text: &'t str) -> Result<Option<Captures<'t>>, String> {
    let pattern = Regex::new(&format!("(?i)^(?:please )?{pattern}[.?! ]*$")).map_err(|error| error.to_string())?;
    Ok(pattern.captures(text))
}

fn shop(text: &str, catalogue: &Catalogue) -> Found {
    let product =
        |name: &str| catalogue.by_name(name).map(|p| p.slug.clone()).ok_or_else(|| format!("the shop has no product called {name:?}"));
    let department = |name: &str| {
        Department::ALL
            .into_iter()
            .find(|d| d.name().eq_ignore_ascii_case(&name.replace(" and ", " & ")))
            .ok_or_else(|| format!("the shop has no category called {name:?}"))
    };
    if let Some(found) = captures(r"what is the price of (?:the |an? )?(.+?)", text)? {
        return Ok(Some(Goal::Shop(ShopGoal::Price { slug: product(&found[1])? })));
    }
    if let Some(found) =
        captures(r"find the (cheapest|highest rated|highest-rated|best rated) product in the (.+?) category(?: and tell me .*)?", text)?
    {
        let department = department(&found[2])?;
        let is_cheapest = found[1].eq_ignore_ascii_case("cheapest");
        return Ok(Some(Goal::Shop(if is_cheapest { ShopGoal::Cheapest(department) } else { ShopGoal::BestRated(department) })));
    }
    if let Some(found) = captures(r"add (\d+) (.+?),? to (?:the|my) (?:cart|basket)", text)? {
        return Ok(Some(Goal::Shop(ShopGoal::AddToCart(wanted(&found[1], &found[2], catalogue)?))));
    }
    if let Some(found) = captures(r"buy (\d+) (.+?),? and pay for the order", text)? {
        return Ok(Some(Goal::Shop(ShopGoal::Buy(wanted(&found[1], &found[2], catalogue)?))));
    }
    Ok(None)
}

/// `Alder Rain Jacket in Forest, size M`: the longest product name that the text begins with, then the axes that it has.
fn wanted(quantity: &str, thing: &str, catalogue: &Catalogue) -> Result<Wanted, String> {
    let lower = thing.to_lowercase();
    let product = catalogue
        .products
        .iter()
        .filter(|p| lower.strip_prefix(&p.name.to_lowercase()).is_some_and(|rest| rest.is_empty() || rest.starts_with([' ', ','])))
        .max_by_key(|p| p.name.len())
        .ok_or_else(|| format!("the shop has no product called {thing:?}"))?;
    let rest = &thing[product.name.len()..];
    let axes = Regex::new(r"(?i)^(?:,? in (?:the colou?r )?(?<colour>[\w ]+?))?(?:,? (?:in )?size (?<size>[\w .]+?))?$")
        .map_err(|error| error.to_string())?;
    let found = axes.captures(rest).ok_or_else(|| format!("{rest:?} does not name a colour and a size"))?;
    let chosen = |axis: &str, values: &[&str]| -> Result<String, String> {
        let given = found.name(axis).map_or("", |value| value.as_str().trim());
        match values.iter().find(|value| value.eq_ignore_ascii_case(given)) {
            Some(value) => Ok((*value).to_owned()),
            None if given.is_empty() => Ok(String::new()),
            None => Err(format!("{} does not come in the {axis} {given:?}", product.name)),
        }
    };
    Ok(Wanted {
        slug: product.slug.clone(),
        colour: chosen("colour", product.colours)?,
        size: chosen("size", product.sizes)?,
        quantity: quantity.parse().map_err(|_| format!("{quantity:?} is not a quantity"))?,
    })
}

fn tables(text: &str, guide: &Guide) -> Found {
    let restaurant =
        |name: &str| guide.by_name(name).map(|r| r.slug.clone()).ok_or_else(|| format!("Tablewise has no restaurant called {name:?}"));
    let day = |text: &str| dates::parse(text).ok_or_else(|| format!("{text:?} is not a date"));
    let number = |text: &str| text.parse::<u8>().map_err(|_| format!("{text:?} is not the size of a party"));
    if let Some(found) = captures(r"what is the (phone number|street address|address|price level) of (.+?)", text)? {
        let fact = match found[1].to_lowercase().as_str() {
            "phone number" => Fact::Phone,
            "price level" => Fact::PriceLevel,
            _ => Fact::Address,
        };
        return Ok(Some(Goal::Tables(TablesGoal::Fact { fact, slug: restaurant(&found[2])? })));
    }
    if let Some(found) = captures(r"which (\w+) restaurant in (\w+) has the highest rating", text)? {
        guide.best_rated(&found[1], &found[2]).ok_or_else(|| format!("Tablewise has no {} restaurant in {}", &found[1], &found[2]))?;
        return Ok(Some(Goal::Tables(TablesGoal::BestRated { cuisine: found[1].to_owned(), place: found[2].to_owned() })));
    }
    if let Some(found) = captures(r"at what times is a table for (\d+)(?: people| persons?)? available at (.+?) on (.+?)", text)? {
        return Ok(Some(Goal::Tables(TablesGoal::FreeTimes {
            slug: restaurant(&found[2])?,
            date: day(&found[3])?,
            party: number(&found[1])?,
        })));
    }
    if let Some(found) = captures(r"book a table for (\d+)(?: people| persons?)? at (.+?) on (.+?) at (\d{1,2}:\d{2})", text)? {
        let goal =
            TablesGoal::Book { slug: restaurant(&found[2])?, date: day(&found[3])?, party: number(&found[1])?, time: found[4].to_owned() };
        return Ok(Some(Goal::Tables(goal)));
    }
    if let Some(found) = captures("send a message to (.+?) asking \"(.+)\"", text)? {
        return Ok(Some(Goal::Tables(TablesGoal::Message { slug: restaurant(&found[1])?, question: found[2].to_owned() })));
    }
    Ok(None)
}

fn docs(text: &str) -> Found {
    if let Some(found) = captures(r"according to the python documentation, what is the ([\w.]+) module for", text)? {
        return Ok(Some(Goal::Docs(DocsGoal::Purpose { module: found[1].to_owned() })));
    }
    if let Some(found) = captures(r"according to the python documentation, in which python version was ([\w.]+)(?:\(\))? added", text)? {
        return Ok(Some(Goal::Docs(DocsGoal::Added { name: found[1].to_owned() })));
    }
    Ok(None)
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn read(intent: &str, host: &str) -> Result<Goal, String> {
        parse(intent, host, &Catalogue::of(7), &Guide::of(7))
    }

    #[test]
    fn every_sampled_intent_is_read_with_and_without_a_trailing_clause() {
        let today = time::macros::date!(2026 - 11 - 21);
        let (catalogue, guide) = (Catalogue::of(7), Guide::of(7));
        for (url, intent) in crate::truth::sample_intents(7, today, 60) {
            let host = url.split('/').nth(2).unwrap();
            let goal = parse(&intent, host, &catalogue, &guide).unwrap();
            let site = if host.starts_with("shop") { "on Juniper & Pine" } else { "at Tablewise" };
            let (head, mark) = intent.split_at(intent.len() - 1);
            assert_eq!(parse(&format!("{head} {site}{mark}"), host, &catalogue, &guide).unwrap(), goal, "{intent}");
            assert!(parse(&intent.to_uppercase(), host, &catalogue, &guide).is_ok(), "{intent}");
        }
    }

    #[test]
    fn near_names_stay_apart_and_what_does_not_exist_is_said() {
        let Goal::Shop(ShopGoal::AddToCart(plain)) = read("Add 2 Trail Mug to the cart.", "shop.localhost").unwrap() else { panic!() };
        let Goal::Shop(ShopGoal::AddToCart(large)) = read("add 2 trail mug xl to the cart", "shop.localhost").unwrap() else { panic!() };
        assert_eq!((plain.slug.as_str(), large.slug.as_str()), ("trail-mug", "trail-mug-xl"));
        assert!(read("Add 1 Alder Rain Jacket in Pink, size M, to the cart.", "shop.localhost").is_err());
        assert!(read("Buy 1 Flying Carpet and pay for the order.", "shop.localhost").is_err());
        assert!(read("Sing me a song.", "tables.localhost").is_err());
    }
}
