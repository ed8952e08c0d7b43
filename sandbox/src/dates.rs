//! Dates as people write them.

use time::{Date, Month};

const MONTHS: [Month; 12] = [
    Month::January,
    Month::February,
    Month::March,
    Month::April,
    Month::May,
    Month::June,
    Month::July,
    Month::August,
    Month::September,
    Month::October,
    Month::November,
    Month::December,
];

/// `4 December 2026`.
pub(crate) fn long(date: Date) -> String {
    format!("{} {} {}", date.day(), date.month(), date.year())
}

/// `4 Dec`.
pub(crate) fn short(date: Date) -> String {
    format!("{} {}", date.day(), &date.month().to_string()[..3])
}

/// `2026-12-04`.
pub(crate) fn iso(date: Date) -> String {
    format!("{:04}-{:02}-{:02}", date.year(), u8::from(date.month()), date.day())
}

/// Reads `4 December 2026`, `4 Dec 2026`, `December 4, 2026`, `2026-12-04` and `04/12/2026` (day first).
pub(crate) fn parse(text: &str) -> Option<Date> {
    let parts: Vec<&str> = text.split(|c: char| !c.is_ascii_alphanumeric()).filter(|part| !part.is_empty()).collect();
    let [first, second, third] = parts.as_slice() else { return None };
    let number = |text: &str| text.trim_end_matches(|c: char| c.is_ascii_alphabetic()).parse::<i32>().ok();
    if first.len() == 4 {
        return date(number(first)?, number(second)?, number(third)?);
    }
    let year = number(third)?;
    if let Some(month) = month_named(second) {
        return date(year, month, number(first)?);
    }
    if let Some(month) = month_named(first) {
        return date(year, month, number(second)?);
    }
    date(year, number(second)?, number(first)?)
}

fn month_named(text: &str) -> Option<i32> {
    let text = text.to_ascii_lowercase();
    let position = MONTHS.iter().position(|month| text.len() >= 3 && month.to_string().to_ascii_lowercase().starts_with(&text))?;
    i32::try_from(position + 1).ok()
}

fn date(year: i32, month: i32, day: i32) -> Option<Date> {
    let month = Month::try_from(u8::try_from(month).ok()?).ok()?;
    Date::from_calendar_date(year, month, u8::try_from(day).ok()?).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_usual_ways_to_write_a_date_mean_the_same() {
        for text in ["4 December 2026", "4 dec 2026", "December 4, 2026", "2026-12-04", "04/12/2026", "4th December 2026"] {
            assert_eq!(parse(text).map(long).as_deref(), Some("4 December 2026"), "{text}");
        }
        for text in ["", "tomorrow", "31 February 2026", "4 Foo 2026", "2026-13-01"] {
            assert_eq!(parse(text), None, "{text}");
        }
    }
}
