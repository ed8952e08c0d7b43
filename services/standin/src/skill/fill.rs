//! A task read by a skill, and its values put into words.

use super::store::{Ends, Note, Skill, skills};
use crate::{dates, words};
use regex::{Captures, Regex};
use std::collections::BTreeMap;
use std::sync::LazyLock;

/// `{value}` or `{value:form}`.
static GAP: LazyLock<Option<Regex>> = LazyLock::new(|| Regex::new(r"\{([a-z_]+)(?::([a-z_]+))?\}").ok());

/// A task as a skill reads it.
#[derive(Debug, Clone)]
pub struct Told {
    /// The skill.
    pub skill: &'static Skill,
    /// Values by name, as the task writes them.
    pub values: BTreeMap<String, String>,
    /// The task's words.
    pub task: String,
}

impl PartialEq for Told {
    fn eq(&self, other: &Self) -> bool {
        self.skill.name == other.skill.name && self.values == other.values
    }
}

impl Eq for Told {}

/// Reads a task; `None` where no skill knows its wording.
pub fn tell(task: &str) -> Option<Told> {
    let flat = task.split_whitespace().collect::<Vec<_>>().join(" ");
    let bare = flat.trim_end_matches(['.', '?', '!', ' ']);
    skills().iter().find_map(|skill| {
        let found = skill.patterns.iter().find_map(|pattern| pattern.captures(bare).map(|found| (pattern, found)))?;
        Some(Told { skill, values: values(found.0, &found.1), task: flat.clone() })
    })
}

fn values(pattern: &Regex, found: &Captures) -> BTreeMap<String, String> {
    pattern
        .capture_names()
        .flatten()
        .filter_map(|name| found.name(name).map(|piece| (name.to_owned(), piece.as_str().trim().trim_matches(['"', '“', '”']).to_owned())))
        .collect()
}

impl Told {
    /// Puts the task's values into a text.
    pub fn fill(&self, text: &str) -> String {
        self.fill_with(text, &BTreeMap::new(), |value| value.to_owned())
    }

    /// The same, also with values that were read from a page.
    pub fn fill_read(&self, text: &str, read: &BTreeMap<String, String>) -> String {
        self.fill_with(text, read, |value| value.to_owned())
    }

    /// What stands before the first gap of the answer that only a page can fill.
    pub fn answer_start(&self) -> String {
        let concluded = ["best", "least", "worst", "most", "difference"].map(str::to_owned);
        let names = self.skill.read.keys().chain(self.skill.notes.keys()).cloned().chain(concluded);
        let marked: BTreeMap<String, String> = names.map(|name| (name, "\u{1}".to_owned())).collect();
        self.fill_read(&self.skill.answer, &marked).split('\u{1}').next().unwrap_or_default().to_owned()
    }

    fn fill_with(&self, text: &str, read: &BTreeMap<String, String>, escape: impl Fn(&str) -> String) -> String {
        let Some(gap) = GAP.as_ref() else { return text.to_owned() };
        gap.replace_all(text, |found: &Captures| {
            let value = read.get(&found[1]).or_else(|| self.values.get(&found[1]));
            let form = found.get(2).map_or("", |form| form.as_str());
            value.map(|value| escape(&formed(value, form))).unwrap_or_default()
        })
        .into_owned()
    }

    /// Reads everything that the answer needs from a page's text; `None` where a piece is not there.
    pub fn read(&self, text: &str) -> Option<BTreeMap<String, String>> {
        let mut read = BTreeMap::new();
        for (name, pattern) in &self.skill.read {
            let pattern = Regex::new(&self.fill_with(pattern, &BTreeMap::new(), regex::escape)).ok()?;
            let found = pattern.captures(text)?;
            let value = found.iter().skip(1).flatten().next()?.as_str().split_whitespace().collect::<Vec<_>>().join(" ");
            read.insert(name.clone(), value);
        }
        Some(read)
    }

    /// The value of a note on a page; `None` where the page is another one, or does not show it.
    pub fn read_note(&self, note: &Note, page: &str) -> Option<String> {
        if !self.shows(page, &note.about) {
            return None;
        }
        let pattern = Regex::new(&self.fill_with(&note.read, &BTreeMap::new(), regex::escape)).ok()?;
        let found = pattern.captures(page)?;
        Some(found.iter().skip(1).flatten().next()?.as_str().split_whitespace().collect::<Vec<_>>().join(" "))
    }

    /// How a note is memorized.
    pub fn noted(&self, note: &Note, value: &str) -> String {
        format!("{}: {value}", self.fill(&note.label))
    }

    /// What was memorized of a note.
    pub fn recalled<'a>(&self, note: &Note, memorized: impl DoubleEndedIterator<Item = &'a str>) -> Option<String> {
        let start = format!("{}: ", self.fill(&note.label));
        memorized.rev().find_map(|fact| fact.split_once(&start).map(|(_, value)| value.trim_matches(['"', '.', ' ']).to_owned()))
    }

    /// What follows from the notes, for the answer: each by its name; of sums of money or numbers also `best` and `least` (label and value
    /// of the smallest), `worst` and `most`, and `difference`.
    pub fn conclude(&self, mut noted: BTreeMap<String, String>) -> BTreeMap<String, String> {
        let labelled = |name: &str| self.skill.notes.get(name).map(|note| self.fill(&note.label)).unwrap_or_default();
        let mut figures: Vec<(f64, String, String)> = noted
            .iter()
            .map(|(name, value)| (words::amount(value), labelled(name), value.clone()))
            .filter(|(figure, ..)| *figure < f64::MAX)
            .collect();
        figures.sort_by(|a, b| a.0.total_cmp(&b.0));
        if let (Some((low, best, least)), Some((high, worst, most))) = (figures.first().cloned(), figures.last().cloned()) {
            let sign = if least.contains('$') { "$" } else { "" };
            let difference = if sign.is_empty() { format!("{}", high - low) } else { format!("${:.2}", high - low) };
            let concluded = [("best", best), ("least", least), ("worst", worst), ("most", most), ("difference", difference)];
            noted.extend(concluded.map(|(name, value)| (name.to_owned(), value)));
        }
        noted
    }

    /// Whether a page shows all of these words (with gaps); dates count in every usual form.
    pub fn shows(&self, page: &str, wanted: &[String]) -> bool {
        wanted.iter().all(|wanted| self.shows_one(page, wanted))
    }

    /// The first of these words that a page does not show, filled.
    pub fn not_shown(&self, page: &str, wanted: &[String]) -> Option<String> {
        wanted.iter().find(|wanted| !self.shows_one(page, wanted)).map(|wanted| self.fill(wanted))
    }

    fn shows_one(&self, page: &str, wanted: &str) -> bool {
        holds_dated(page, &self.fill(wanted))
    }

    /// Whether it meets a step that needs permission.
    pub fn is_critical(&self) -> bool {
        !self.skill.prepared.is_empty() || self.skill.ends == Ends::Asking
    }

    /// What it is about, in a few words.
    pub fn subject(&self) -> String {
        let named = ["name", "title", "item", "subject"].iter().find_map(|name| self.values.get(*name));
        named.or_else(|| self.values.values().max_by_key(|value| value.len())).cloned().unwrap_or_else(|| words::shortened(&self.task, 60))
    }
}

/// Whether a page holds these words, a date among them in any usual form.
fn holds_dated(page: &str, wanted: &str) -> bool {
    let is_there = |words: &str| !words.contains(char::is_alphanumeric) || holds_dated(page, words);
    words::holds(page, wanted)
        || dates::split(wanted).is_some_and(|(before, date, after)| dates::shown(page, date) && is_there(before) && is_there(after))
}

/// A value in the form that a control wants.
fn formed(value: &str, form: &str) -> String {
    let date = dates::parse(value);
    match (form, date) {
        ("iso", Some(date)) => dates::iso(date),
        ("day", Some(date)) => date.day().to_string(),
        ("month", Some(date)) => format!("{} {}", date.month(), date.year()),
        ("short", Some(date)) => format!("{} {}", date.day(), &date.month().to_string()[..3]),
        ("us", Some(date)) => format!("{:02}/{:02}/{}", u8::from(date.month()), date.day(), date.year()),
        ("lower", _) => value.to_lowercase(),
        ("first", _) => value.split_whitespace().next().unwrap_or_default().to_owned(),
        ("digits", _) => value.chars().filter(char::is_ascii_digit).collect(),
        _ => value.to_owned(),
    }
}

/// Whether a pattern of `read` can be used, whatever stands in its gaps.
pub(super) fn check_pattern(pattern: &str) -> Result<(), String> {
    let Some(gap) = GAP.as_ref() else { return Ok(()) };
    let compiled = Regex::new(&gap.replace_all(pattern, "x")).map_err(|error| error.to_string())?;
    if compiled.captures_len() < 2 { Err(format!("the pattern {pattern:?} has no group")) } else { Ok(()) }
}

#[cfg(test)]
mod tests {
    use super::holds_dated;

    #[test]
    fn a_date_counts_in_every_form_and_does_not_speak_for_the_words_beside_it() {
        let page = "Booking confirmed | Room 12 | Fri 4 December, 19:30";
        assert!(holds_dated(page, "4 December 2026"));
        assert!(holds_dated(page, "Room 12, 4 December 2026, 19:30"));
        assert!(!holds_dated(page, "Room 13, 4 December 2026") && !holds_dated(page, "Room 12, 5 December 2026"));
        assert!(!holds_dated(page, ""));
    }
}
