//! Which of the segments a page belongs to, and whether it may be used: by words on the page.

use crate::words;
use wayfarer_core::ledger::Flag;
use wayfarer_core::prompt::propose::{Classified, Classify};
use wayfarer_core::task::Category;

const WORDS: &[(Category, &[&str])] = &[
    (Category::Shopping, &["add to cart", "cart", "basket", "checkout", "shop", "products", "free delivery", "returns", "sale"]),
    (Category::Flights, &["flight", "flights", "airline", "departure", "one way", "round trip", "boarding"]),
    (Category::Hotels, &["hotel", "hotels", "check in", "check out", "rooms", "nights", "stay"]),
    (Category::Restaurants, &["restaurant", "restaurants", "table", "cuisine", "reservation", "menu", "guests", "dining", "party"]),
    (Category::Activities, &["things to do", "tour", "tours", "museum", "attractions", "opening hours", "activities"]),
    (Category::Ticketing, &["tickets", "concert", "seats", "venue", "event", "box office"]),
    (Category::RealEstate, &["bedrooms", "for rent", "for sale", "apartment", "listing agent", "real estate", "square feet"]),
    (Category::Jobs, &["jobs", "apply now", "vacancies", "career", "salary", "full time", "resume"]),
    (Category::News, &["breaking news", "headlines", "reporter", "editorial", "subscribe", "opinion"]),
    (
        Category::Reference,
        &["documentation", "reference", "tutorial", "library", "module", "modules", "index", "glossary", "encyclopedia", "manual"],
    ),
    (Category::Services, &["appointment", "clinic", "patients", "permit", "public services", "health", "council"]),
];

/// Words that speak of things that a page must not be used for.
pub const ADULT: &[&str] = &["porn", "xxx", "adult only", "escort", "nude"];
/// Words that speak of harm.
pub const HARMFUL: &[&str] = &[
    "weapon",
    "weapons",
    "explosive",
    "explosives",
    "cocaine",
    "heroin",
    "counterfeit",
    "stolen",
    "malware",
    "ransomware",
    "phishing",
    "hack into",
    "poison",
    "kill",
];
/// Words that speak of data of people.
pub const PERSONAL: &[&str] = &[
    "social security number",
    "passport number",
    "home address of",
    "date of birth",
    "medical record",
    "credit card number",
    "password of",
];

/// A flag by a list of words.
pub fn flagged(text: &str, list: &[&str], what: &str) -> Flag {
    match words::holds_any(text, list) {
        Some(word) => Flag { answer: true, reason: format!("\"{word}\" speaks of {what}.") },
        None => Flag { answer: false, reason: format!("No word speaks of {what}.") },
    }
}

/// Classifies a page.
pub fn classify(input: &Classify) -> Classified {
    let names: String = input.offers.iter().map(|offer| format!(" | {}", offer.name)).collect();
    let text = format!("{} {} {names}", input.page.title, input.page.text);
    let count = |list: &[&str]| list.iter().filter(|word| words::holds(&text, word)).count();
    let best = WORDS
        .iter()
        .map(|(category, list)| (count(list), *category))
        .max_by_key(|(count, category)| (*count, Some(*category) == input.hint));
    let (hits, category) = best.filter(|(count, _)| *count >= 2).unwrap_or((0, input.hint.unwrap_or(Category::Other)));
    let controls = input.offers.iter().filter(|offer| offer.kind != "link").count();
    let interactiveness =
        1 + u8::from(input.offers.len() > 3) + u8::from(input.offers.len() > 12) + u8::from(controls >= 1) + u8::from(controls >= 4);
    Classified {
        category,
        language: language(&text).into(),
        interactiveness,
        nsfw: flagged(&text, ADULT, "adult content"),
        harmful: flagged(
            &input.page.text,
            &["buy weapons", "explosives", "cocaine", "heroin", "counterfeit", "malware for sale", "stolen"],
            "harmful goods",
        ),
        personal_data: flagged(&text, PERSONAL, "personal data"),
        reason: if hits > 0 {
            format!("{hits} words of that kind are on the page.")
        } else {
            "No kind stands out; the hint of the seed decides.".into()
        },
    }
}

/// The language by its most common small words; English unless another is clearly there.
fn language(text: &str) -> &'static str {
    const SMALL: &[(&str, &[&str])] = &[
        ("en", &["the", "and", "of", "to", "for", "with", "is", "your"]),
        ("de", &["der", "die", "und", "nicht", "mit", "für", "ist", "das"]),
        ("fr", &["le", "les", "des", "et", "une", "pour", "avec", "est"]),
        ("es", &["el", "los", "las", "una", "para", "con", "está", "del"]),
        ("it", &["il", "gli", "della", "una", "per", "con", "che", "sono"]),
    ];
    let padded = format!(" {} ", words::normal(text));
    let count = |list: &[&str]| list.iter().map(|word| padded.matches(&format!(" {word} ")).count()).sum::<usize>();
    SMALL
        .iter()
        .rev()
        .map(|(code, list)| (count(list), *code))
        .max_by_key(|(count, _)| *count)
        .filter(|(count, _)| *count > 0)
        .map_or("en", |(_, code)| code)
}
