//! Dates as tasks, forms and pages write them.

use regex::Regex;
use std::sync::LazyLock;
use time::{Date, Duration, Month};

const MONTHS: [&str; 12] =
    ["January", "February", "March", "April", "May", "June", "July", "August", "September", "October", "November", "December"];

/// `4 December 2026`.
pub fn long(date: Date) -> String {
    format!("{} {} {}", date.day(), MONTHS[date.month() as usize - 1], date.year())
}

/// `2026-12-04`, as date fields want it.
pub fn iso(date: Date) -> String {
    format!("{:04}-{:02}-{:02}", date.year(), date.month() as u8, date.day())
}

/// The date in `4 December 2026`, `December 4, 2026`, `2026-12-04` or a text that begins with ISO 8601.
pub fn parse(text: &str) -> Option<Date> {
    let text = text.trim();
    parse_iso(text.get(..10).unwrap_or(text)).or_else(|| parse_long(text))
}

fn parse_iso(text: &str) -> Option<Date> {
    let mut parts = text.split('-').map(|part| part.parse::<i32>().ok());
    let (year, month, day) = (parts.next()??, parts.next()??, parts.next()??);
    Date::from_calendar_date(year, Month::try_from(u8::try_from(month).ok()?).ok()?, u8::try_from(day).ok()?).ok()
}

fn parse_long(text: &str) -> Option<Date> {
    let words: Vec<String> = text.split(|c: char| !c.is_alphanumeric()).filter(|w| !w.is_empty()).map(str::to_lowercase).collect();
    let month = words.iter().find_map(|word| MONTHS.iter().position(|m| word.len() >= 3 && m.to_lowercase().starts_with(word.as_str())))?;
    let numbers: Vec<i32> = words.iter().filter_map(|word| word.trim_end_matches(['s', 't', 'n', 'd', 'r', 'h']).parse().ok()).collect();
    let day = numbers.iter().copied().find(|n| (1..=31).contains(n))?;
    let year = numbers.iter().copied().find(|n| *n > 1000)?;
    Date::from_calendar_date(year, Month::try_from(month as u8 + 1).ok()?, u8::try_from(day).ok()?).ok()
}

/// A date among other words.
static WRITTEN: LazyLock<Option<Regex>> = LazyLock::new(|| {
    let month = "(?:jan|feb|mar|apr|may|jun|jul|aug|sep|oct|nov|dec)[a-z]*";
    let weekday = "(?:(?:mon|tues?|wed(?:nes)?|thu(?:rs)?|fri|sat(?:ur)?|sun)(?:day)?,? )?";
    Regex::new(&format!(
        r"(?i)\b{weekday}(?:\d{{1,2}}(?:st|nd|rd|th)? {month},? \d{{4}}|{month} \d{{1,2}}(?:st|nd|rd|th)?,? \d{{4}})\b|\b\d{{4}}-\d{{2}}-\d{{2}}\b"
    ))
    .ok()
});

/// The first date in a text, and what stands before and after it.
pub fn split(text: &str) -> Option<(&str, Date, &str)> {
    let found = WRITTEN.as_ref()?.find(text)?;
    Some((&text[..found.start()], parse(found.as_str())?, &text[found.end()..]))
}

/// `days` after the day that `today` (ISO 8601) names.
pub fn after(today: &str, days: i64) -> Option<Date> {
    parse(today)?.checked_add(Duration::days(days))
}

/// Whether `text` shows the date in one of the usual ways (with or without weekday and year).
pub fn shown(text: &str, date: Date) -> bool {
    let month = MONTHS[date.month() as usize - 1];
    let (day, short) = (date.day(), &month[..3]);
    let forms = [
        format!("{day} {month}"),
        format!("{day} {short}"),
        format!("{month} {day}"),
        format!("{short} {day}"),
        iso(date).replace('-', " "),
        format!("{:02} {:02} {}", day, date.month() as u8, date.year()),
    ];
    forms.iter().any(|form| crate::words::holds(text, form))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    #[allow(clippy::unwrap_used)]
    fn reads_what_it_writes() {
        let date = after("2026-11-21", 13).unwrap();
        assert_eq!(long(date), "4 December 2026");
        assert_eq!(parse(&long(date)), Some(date));
        assert_eq!(parse(&iso(date)), Some(date));
        assert_eq!(parse("Friday, December 4, 2026"), Some(date));
        assert_eq!(split("Table for 2 on Friday, 4 December 2026, 19:30"), Some(("Table for 2 on ", date, ", 19:30")));
        assert_eq!(split("Flight SK12"), None);
        assert!(shown("Fri 4 December 2026, 19:30", date) && shown("2026-12-04", date) && !shown("14 December 2026", date));
    }
}
