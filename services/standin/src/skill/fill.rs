//! A task read by a skill, and its values put into words.

use super::store::{Ends, Note, Skill, skills};
use crate::{dates, words};
use regex::{Captures, Regex};
use std::collections::BTreeMap;
use std::sync::LazyLock;

/// What follows from figures that were noted.
const CONCLUSIONS: [&str; 6] = ["best", "least", "worst", "most", "difference", "sum"];

/// Stands for a value that no page has shown yet.
const OPEN: &str = "\u{1}";

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
        let names = self.skill.read.keys().map(String::as_str).chain(self.noted_names());
        let marked: BTreeMap<String, String> = names.map(|name| (name.to_owned(), OPEN.to_owned())).collect();
        self.fill_read(&self.skill.answer, &marked).split(OPEN).next().unwrap_or_default().to_owned()
    }

    /// The same task with what has been noted, and what follows from it, among its values: steps and words of pages may name it.
    pub fn knowing(&self, noted: BTreeMap<String, String>) -> Self {
        let mut told = self.clone();
        told.values.extend(self.conclude(noted));
        told
    }

    /// The notes in the order in which the steps take them: a later one may rest on an earlier one.
    pub fn notes(&self) -> Vec<(&'static String, &'static Note)> {
        let place = |name: &str| self.skill.steps.iter().position(|step| step.starts_with(&format!("Note \"{name}\"")));
        let mut notes: Vec<_> = self.skill.notes.iter().collect();
        notes.sort_by_key(|(name, _)| place(name));
        notes
    }

    /// Whether a note is taken only after the step that needs permission: whoever stops there has none.
    pub fn is_noted_after_permission(&self, name: &str) -> bool {
        let place = |step: &str| self.skill.steps.iter().position(|text| text.starts_with(step));
        place("!").is_some_and(|critical| place(&format!("Note \"{name}\"")) > Some(critical))
    }

    /// What a gap may name beside the task's values.
    pub fn noted_names(&self) -> impl Iterator<Item = &'static str> {
        let conclusions = if self.skill.notes.is_empty() { &[] } else { CONCLUSIONS.as_slice() };
        self.skill.notes.keys().map(String::as_str).chain(conclusions.iter().copied())
    }

    /// What is not noted yet, each written in some way.
    fn open(&self, write: impl Fn(&str) -> String) -> BTreeMap<String, String> {
        self.noted_names().filter(|name| !self.values.contains_key(*name)).map(|name| (name.to_owned(), write(name))).collect()
    }

    /// Puts the task's values into a text that is to be read; what is not noted yet is named.
    pub fn describe(&self, text: &str) -> String {
        self.fill_read(text, &self.open(|name| format!("<{name}>")))
    }

    /// Whether a text has a gap for something that is not noted yet.
    fn is_open(&self, text: &str) -> bool {
        let open = self.open(str::to_owned);
        GAP.as_ref().is_some_and(|gap| gap.captures_iter(text).any(|found| open.contains_key(&found[1])))
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
            let found = self.pattern(pattern)?.captures(text)?;
            let value = found.iter().skip(1).flatten().next()?.as_str().split_whitespace().collect::<Vec<_>>().join(" ");
            read.insert(name.clone(), value);
        }
        Some(read)
    }

    /// A pattern with the task's values; what is not noted yet may be anything.
    fn pattern(&self, text: &str) -> Option<Regex> {
        Regex::new(
            &self.fill_with(
                text,
                &self.open(|_| OPEN.to_owned()),
                |value| if value == OPEN { ".+?".to_owned() } else { regex::escape(value) },
            ),
        )
        .ok()
    }

    /// The value of a note on a page; `None` where the page is another one, or does not show it.
    pub fn read_note(&self, note: &Note, page: &str) -> Option<String> {
        if !self.shows(page, &note.about) {
            return None;
        }
        let found = self.pattern(&note.read)?.captures(page)?;
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

    /// What follows from the notes: each by its name; of sums of money (or, where there are none, of numbers) also `best` and `least` (label
    /// and value of the smallest), `worst` and `most`, `difference` and `sum`.
    pub fn conclude(&self, mut noted: BTreeMap<String, String>) -> BTreeMap<String, String> {
        let labelled = |name: &str| self.skill.notes.get(name).map(|note| self.fill(&note.label)).unwrap_or_default();
        let are_money = noted.values().any(|value| value.contains('$'));
        let mut figures: Vec<(f64, String, String)> = noted
            .iter()
            .filter(|(_, value)| value.contains('$') == are_money)
            .map(|(name, value)| (words::amount(value), labelled(name), value.clone()))
            .filter(|(figure, ..)| *figure < f64::MAX)
            .collect();
        figures.sort_by(|a, b| a.0.total_cmp(&b.0));
        if let (Some((low, best, least)), Some((high, worst, most))) = (figures.first().cloned(), figures.last().cloned()) {
            let written = |figure: f64| if are_money { format!("${figure:.2}") } else { format!("{figure}") };
            let (difference, sum) = (written(high - low), written(figures.iter().map(|(figure, ..)| figure).sum()));
            noted.extend(CONCLUSIONS.map(str::to_owned).into_iter().zip([best, least, worst, most, difference, sum]));
        }
        noted
    }

    /// Whether a page shows all of these words (with gaps); dates count in every usual form. Words that wait for a note exclude no page.
    pub fn shows(&self, page: &str, wanted: &[String]) -> bool {
        wanted.iter().all(|wanted| self.shows_one(page, wanted))
    }

    /// The first of these words that a page does not show, filled.
    pub fn not_shown(&self, page: &str, wanted: &[String]) -> Option<String> {
        wanted.iter().find(|wanted| !self.shows_one(page, wanted)).map(|wanted| self.fill(wanted))
    }

    fn shows_one(&self, page: &str, wanted: &str) -> bool {
        self.is_open(wanted) || holds_dated(page, &self.fill(wanted))
    }

    /// Whether it meets a step that needs permission.
    pub fn is_critical(&self) -> bool {
        !self.skill.prepared.is_empty() || self.skill.ends == Ends::Asking
    }

    /// What it is about, in a few words.
    pub fn subject(&self) -> String {
        let named = ["name", "title", "item", "subject"].iter().find_map(|name| self.values.get(*name));
        let told = self.values.iter().filter(|(name, _)| !self.noted_names().any(|noted| noted == name.as_str()));
        named
            .or_else(|| told.map(|(_, value)| value).max_by_key(|value| value.len()))
            .cloned()
            .unwrap_or_else(|| words::shortened(&self.task, 60))
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
        ("next", Some(date)) => date.next_day().map(dates::long).unwrap_or_default(),
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
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::skill::store;

    #[test]
    fn what_is_noted_is_a_value_of_later_steps_and_of_the_words_of_pages() {
        let skill = r#"
            [[skill]]
            name = 'a/b'
            reads = ['a room on the day of the (?<show>\w+) show']
            steps = ['Note "day"', 'Note "seat"', 'Note "room"', '! Click "Confirm"', 'Note "code"']
            notes.day = { label = 'Day', about = [], read = '{show} show: (\d+ \w+ \d+)' }
            notes.seat = { label = 'Seat', about = ['{day}'], read = 'one seat (\$\d+)' }
            notes.room = { label = 'Room', about = ['{day}'], read = '{day:next} (\$\d+)' }
            notes.code = { label = 'Code', about = [], read = 'Code (\d+)' }
            done = ['Booked', 'until {day:next}']
        "#;
        let skill: &'static Skill = Box::leak(store::read("a.toml", skill).unwrap().remove(0).into());
        let told = Told { skill, values: [("show".to_owned(), "late".to_owned())].into(), task: String::new() };
        let note = |told: &Told, name: &str, page: &str| told.read_note(&skill.notes[name], page);
        let late = BTreeMap::from([("day".to_owned(), note(&told, "day", "early show: 4 May 2027, late show: 5 May 2027").unwrap())]);
        let page = "5 May 2027, until 6 May 2027: 6 May 2027 $90";

        // what is not noted yet excludes no page
        assert_eq!(note(&told, "room", "4 May 2027 $80").as_deref(), Some("$80"));
        assert!(told.shows("Booked until 5 May 2027", &skill.done));

        let told = told.knowing(late.clone());
        assert_eq!(note(&told, "room", "4 May 2027 $80"), None);
        assert_eq!(note(&told, "room", page).as_deref(), Some("$90"));
        assert!(!told.shows("Booked until 5 May 2027", &skill.done) && told.shows("Booked until 6 May 2027", &skill.done));

        let prices = [("seat", "$40"), ("room", "$90"), ("code", "7")].map(|(name, value)| (name.to_owned(), value.to_owned()));
        let told = told.knowing(late.into_iter().chain(prices).collect());
        assert_eq!(told.fill("{best} {least} {worst} {most} {difference} {sum}"), "Seat $40 Room $90 $50.00 $130.00");
        assert!(told.is_noted_after_permission("code") && !told.is_noted_after_permission("room"));
    }

    #[test]
    fn a_date_counts_in_every_form_and_does_not_speak_for_the_words_beside_it() {
        let page = "Booking confirmed | Room 12 | Fri 4 December, 19:30";
        assert!(holds_dated(page, "4 December 2026"));
        assert!(holds_dated(page, "Room 12, 4 December 2026, 19:30"));
        assert!(!holds_dated(page, "Room 13, 4 December 2026") && !holds_dated(page, "Room 12, 5 December 2026"));
        assert!(!holds_dated(page, ""));
    }
}
