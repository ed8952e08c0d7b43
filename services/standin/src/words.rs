//! Comparing and finding words: everything that the stand-in reads comes through here, so that case, punctuation and spacing never
//! decide anything.

use regex::Regex;
use std::sync::LazyLock;

/// Compiles the patterns of a table once; a pattern that does not compile is left out (tests prove that none is).
fn pattern(text: &str) -> Option<Regex> {
    Regex::new(text).ok()
}

static MONEY: LazyLock<Option<Regex>> = LazyLock::new(|| pattern(r"[$€£]\s?\d[\d,]*(?:\.\d{2})?"));
static TIME: LazyLock<Option<Regex>> = LazyLock::new(|| pattern(r"\b(?:[01]?\d|2[0-3]):[0-5]\d\b"));
static PHONE: LazyLock<Option<Regex>> = LazyLock::new(|| pattern(r"\+?\(?\d[\d ()./\-]{5,}\d"));
static RATING: LazyLock<Option<Regex>> = LazyLock::new(|| pattern(r"\b([0-5]\.\d{1,2})\b"));
static VERSION_NOTE: LazyLock<Option<Regex>> = LazyLock::new(|| pattern(r"(?i)\b(?:new|added) in (?:python )?version (\d+(?:\.\d+)+)"));

fn all(pattern: &LazyLock<Option<Regex>>, text: &str) -> Vec<String> {
    pattern.as_ref().map(|p| p.find_iter(text).map(|found| found.as_str().to_string()).collect()).unwrap_or_default()
}

/// Lower-case words with single spaces; dots, colons, underscores and dollar signs stay inside words.
pub fn normal(text: &str) -> String {
    let mut kept = String::with_capacity(text.len());
    for character in text.chars() {
        match character {
            '&' => kept.push_str(" and "),
            '\'' | '’' => {}
            // "Size: M$128.00" is two words
            '$' if kept.ends_with(|c: char| c.is_alphanumeric()) => kept.push_str(" $"),
            c if c.is_alphanumeric() || matches!(c, '.' | ':' | '_' | '$') => kept.extend(c.to_lowercase()),
            _ => kept.push(' '),
        }
    }
    let words: Vec<&str> = kept.split_whitespace().map(|word| word.trim_matches(['.', ':'])).filter(|word| !word.is_empty()).collect();
    words.join(" ")
}

/// Whether `text` holds `wanted` as whole words, in order.
pub fn holds(text: &str, wanted: &str) -> bool {
    let wanted = normal(wanted);
    !wanted.is_empty() && format!(" {} ", normal(text)).contains(&format!(" {wanted} "))
}

/// Whether both say the same words.
pub fn same(one: &str, other: &str) -> bool {
    normal(one) == normal(other)
}

/// The first of `words` that `text` holds.
pub fn holds_any<'a>(text: &str, words: &[&'a str]) -> Option<&'a str> {
    let padded = format!(" {} ", normal(text));
    words.iter().copied().find(|word| padded.contains(&format!(" {} ", normal(word))))
}

/// How many of the words of `wanted` occur in `text`, from 0 to 1.
pub fn overlap(text: &str, wanted: &str) -> f64 {
    let padded = format!(" {} ", normal(text));
    let wanted = normal(wanted);
    let words: Vec<&str> = wanted.split(' ').filter(|word| !word.is_empty()).collect();
    if words.is_empty() {
        return 0.0;
    }
    let found = words.iter().filter(|word| padded.contains(&format!(" {word} "))).count();
    found as f64 / words.len() as f64
}

/// All sums of money, as written.
pub fn money(text: &str) -> Vec<String> {
    all(&MONEY, text)
}

/// A sum of money as a number.
pub fn amount(money: &str) -> f64 {
    money.chars().filter(|c| c.is_ascii_digit() || *c == '.').collect::<String>().parse().unwrap_or(f64::MAX)
}

/// All times of day, as `19:30`.
pub fn times(text: &str) -> Vec<String> {
    all(&TIME, text)
}

/// The first telephone number.
pub fn phone(text: &str) -> Option<String> {
    let digits = |text: &str| text.chars().filter(char::is_ascii_digit).count();
    let is_date = |text: &str| text.len() == 10 && text.as_bytes().get(4) == Some(&b'-');
    text.lines()
        .flat_map(|line| all(&PHONE, line))
        .find(|found| (7..=15).contains(&digits(found)) && !is_date(found))
        .map(|found| found.trim().to_string())
}

/// All ratings such as `4.6`, in order; sums of money do not count.
pub fn ratings(text: &str) -> Vec<String> {
    let without_money = MONEY.as_ref().map(|p| p.replace_all(text, " ").to_string()).unwrap_or_default();
    RATING.as_ref().map(|p| p.captures_iter(&without_money).map(|found| found[1].to_string()).collect()).unwrap_or_default()
}

/// The version in the first "New in version X" note.
pub fn version_note(text: &str) -> Option<String> {
    VERSION_NOTE.as_ref()?.captures(text).map(|found| found[1].to_string())
}

/// The text in one line, cut to a bound in characters.
pub fn shortened(text: &str, bound: usize) -> String {
    let flat = text.split_whitespace().collect::<Vec<_>>().join(" ");
    if flat.chars().count() <= bound { flat } else { flat.chars().take(bound).collect::<String>() + "…" }
}

/// The line of `text` that holds `wanted`, shortened for a quotation.
pub fn line_with(text: &str, wanted: &str) -> Option<String> {
    text.lines().find(|line| holds(line, wanted)).map(|line| shortened(line, 160))
}

/// A number that follows from the text alone: what the stand-in varies by, since it keeps nothing between requests.
pub fn number_of(text: &str) -> u64 {
    let digest = wayfarer_core::hash::sha256_hex(text.as_bytes());
    u64::from_str_radix(digest.get(..15).unwrap_or("0"), 16).unwrap_or(0)
}

const STOP_WORDS: &[&str] = &[
    "a",
    "an",
    "and",
    "are",
    "at",
    "about",
    "by",
    "can",
    "do",
    "does",
    "find",
    "for",
    "from",
    "have",
    "how",
    "i",
    "in",
    "information",
    "is",
    "it",
    "its",
    "me",
    "my",
    "of",
    "on",
    "or",
    "please",
    "show",
    "site",
    "tell",
    "that",
    "the",
    "there",
    "this",
    "to",
    "was",
    "what",
    "when",
    "where",
    "which",
    "who",
    "with",
    "you",
    "page",
    "website",
    "look",
    "up",
    "according",
];

/// The words that carry the meaning, in order, at most six.
pub fn key_terms(task: &str) -> Vec<String> {
    normal(task).split(' ').filter(|word| !STOP_WORDS.contains(word) && !word.is_empty()).take(6).map(str::to_string).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn finds_what_pages_say() {
        assert!(holds("Trail Mug — $18.00", "trail mug"));
        assert!(!holds("Trail Muggers", "trail mug"));
        assert_eq!(money("now $1,089.00, was $1,200.00"), ["$1,089.00", "$1,200.00"]);
        assert_eq!(times("17:30 18:00 and 7:15"), ["17:30", "18:00", "7:15"]);
        assert_eq!(phone("Open 2026-12-04\nCall (503) 555-0142 now").as_deref(), Some("(503) 555-0142"));
        assert_eq!(ratings("4.6 (120 reviews) $18.00"), ["4.6"]);
        assert_eq!(version_note("New in version 3.5.").as_deref(), Some("3.5"));
    }
}
