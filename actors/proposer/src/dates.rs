//! Dates in intents, as people write them: `4 December 2026`.

use time::{Date, Month};

/// Reads an ISO 8601 date such as `2026-12-04`.
pub fn iso_date(text: &str) -> Option<Date> {
    let mut parts = text.trim().splitn(3, '-');
    let year = parts.next()?.parse().ok()?;
    let month = Month::try_from(parts.next()?.parse::<u8>().ok()?).ok()?;
    Date::from_calendar_date(year, month, parts.next()?.get(..2)?.parse().ok()?).ok()
}

/// The date in ISO 8601.
pub fn iso_text(date: Date) -> String {
    format!("{:04}-{:02}-{:02}", date.year(), u8::from(date.month()), date.day())
}

/// Every date of the form `4 December 2026` in a text, in order.
pub fn dates_in(text: &str) -> Vec<Date> {
    let words: Vec<&str> = text.split(|c: char| !c.is_alphanumeric()).filter(|word| !word.is_empty()).collect();
    words
        .windows(3)
        .filter_map(|three| {
            let day = three[0].trim_end_matches(char::is_alphabetic).parse().ok()?;
            let month = month(three[1])?;
            Date::from_calendar_date(three[2].parse().ok().filter(|year| (1900..3000).contains(year))?, month, day).ok()
        })
        .collect()
}

fn month(word: &str) -> Option<Month> {
    let month: Month = {
        let mut letters = word.chars();
        let first = letters.next()?.to_uppercase().to_string();
        (first + &letters.as_str().to_lowercase()).parse().ok()?
    };
    Some(month)
}

#[cfg(test)]
mod tests {
    use super::*;
    use time::macros::date;

    #[test]
    fn dates_are_read_as_people_write_them() {
        let text = "Book a table for 4 at Osteria Nova on 4 December 2026 at 19:30, or on 5th december 2026; not on 31 February 2027.";
        assert_eq!(dates_in(text), [date!(2026 - 12 - 04), date!(2026 - 12 - 05)]);
        assert_eq!(iso_date("2026-12-04").map(iso_text).as_deref(), Some("2026-12-04"));
        assert_eq!(iso_date("soon"), None);
    }
}
