//! Lists of things with a price or a rating: shop categories and restaurant searches.

use super::Seen;
use crate::goal::Extreme;
use crate::words;
use regex::Regex;
use std::sync::LazyLock;

/// One entry of a list.
#[derive(Debug, Clone, PartialEq)]
pub struct Entry {
    /// Its name.
    pub name: String,
    /// Its price as written.
    pub price: Option<String>,
    /// Its rating.
    pub rating: Option<String>,
}

const NOT_NAMES: &[&str] = &[
    "add to cart",
    "new",
    "sale",
    "sold out",
    "in stock",
    "out of stock",
    "view",
    "filter",
    "filters",
    "sort",
    "sort by",
    "apply",
    "price",
    "rating",
    "colour",
    "size",
    "free delivery",
    "low stock",
    "book a table",
    "view details",
    "reviews",
    "reserve",
    "home",
    "cart",
    "search",
    "next",
    "previous",
    "only a few left",
];

/// What lines say that show a sum of money and are no entry.
const NOT_ENTRIES: &[&str] = &["delivery", "orders", "shipping", "stars and up", "from $", "to $"];

fn is_name(line: &str) -> bool {
    let letters = line.chars().filter(|c| c.is_alphabetic()).count();
    letters >= 3
        && line.len() <= 70
        && words::money(line).is_empty()
        && words::ratings(line).is_empty()
        && !line.contains(['·', '|', '/'])
        && !NOT_NAMES.contains(&words::normal(line).as_str())
        && !line.ends_with(['.', ':', '?', '!'])
}

/// The entries of a list in order: a name line, and the price or rating that follows it before the next entry.
pub fn read(page: &Seen) -> Vec<Entry> {
    let mut entries: Vec<Entry> = Vec::new();
    let mut name: Option<String> = None;
    for line in page.text.lines().map(str::trim).filter(|line| !line.is_empty() && words::holds_any(line, NOT_ENTRIES).is_none()) {
        let (prices, ratings) = (words::money(line), words::ratings(line));
        if prices.is_empty() && ratings.is_empty() {
            if is_name(line) && !belongs_to_last(line) {
                name = Some(line.to_string());
            }
            continue;
        }
        let inline = inline_name(line);
        if let Some(inline) = inline.or_else(|| name.take()) {
            name = None;
            entries.push(Entry { name: inline, price: None, rating: None });
        }
        if let Some(entry) = entries.last_mut() {
            entry.price = entry.price.take().or_else(|| prices.last().cloned());
            entry.rating = entry.rating.take().or_else(|| ratings.first().cloned());
        }
    }
    entries
}

/// Small print of the entry above: "128 reviews", "3 colours".
fn belongs_to_last(line: &str) -> bool {
    line.starts_with(|c: char| c.is_ascii_digit() || c == '(' || c == '★')
        || words::holds_any(line, &["reviews", "review", "colours", "rating"]).is_some()
}

/// The name in a line such as `Trail Mug $18.00 ★ 4.6`.
fn inline_name(line: &str) -> Option<String> {
    let end = line.find(['$', '€', '£', '★'])?;
    let name = line[..end].trim().trim_end_matches(['—', '-', ',', ':', '(']).trim();
    (is_name(name)
        && name.split_whitespace().count() <= 7
        && !words::same(name, "from")
        && !words::same(name, "was")
        && !words::same(name, "now"))
    .then(|| name.to_string())
}

static TALLY: LazyLock<Option<Regex>> = LazyLock::new(|| Regex::new(r"(?i)\b(\d+) (?:products?|restaurants?|results?|items?)\b").ok());

/// How many entries the list says that it has: `Showing 1–9 of 12 products`.
pub fn tally(text: &str) -> Option<usize> {
    TALLY.as_ref()?.captures(text)?.get(1)?.as_str().parse().ok()
}

/// An entry that has the figure and is not the best.
pub fn second(entries: &[Entry], by: Extreme) -> Option<&Entry> {
    let best = best(entries, by)?;
    let has_figure = |entry: &&Entry| match by {
        Extreme::Cheapest => entry.price.is_some(),
        Extreme::HighestRated => entry.rating.is_some(),
    };
    entries.iter().filter(has_figure).find(|entry| entry.name != best.name)
}

/// The best entry, if any has the figure.
pub fn best(entries: &[Entry], by: Extreme) -> Option<&Entry> {
    let key = |entry: &Entry| match by {
        Extreme::Cheapest => entry.price.as_deref().map(words::amount),
        Extreme::HighestRated => entry.rating.as_deref().and_then(|rating| rating.parse::<f64>().ok()).map(|rating| -rating),
    };
    entries.iter().filter(|entry| key(entry).is_some()).min_by(|a, b| key(a).unwrap_or(f64::MAX).total_cmp(&key(b).unwrap_or(f64::MAX)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    #[allow(clippy::unwrap_used)]
    fn reads_cards_and_finds_the_best() {
        let text = "Camp Kitchen\n3 products\nTrail Mug\n4.6 (120 reviews)\n$18.00\nAdd to cart\nEmber Pot\n4.8\n$49.00\nSpork\n3.9\nwas $9.00 now $7.50";
        let entries = read(&Seen { text: text.into(), ..Seen::default() });
        assert_eq!(entries.iter().map(|e| e.name.as_str()).collect::<Vec<_>>(), ["Trail Mug", "Ember Pot", "Spork"]);
        assert_eq!(best(&entries, Extreme::Cheapest).unwrap().price.as_deref(), Some("$7.50"));
        assert_eq!(best(&entries, Extreme::HighestRated).unwrap().name, "Ember Pot");
    }
}
