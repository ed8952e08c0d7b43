//! Does an answer say a fact? Tolerant of wording, strict about the fact itself.

use crate::dates;
use regex::Regex;

/// The answer in lower case with plain quotes and single spaces.
pub(super) fn plain(text: &str) -> String {
    let text = text.to_lowercase().replace(['’', '‘'], "'").replace(['“', '”'], "\"");
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// Whether the answer names this product or restaurant and none whose name contains it (`Trail Mug` is not `Trail Mug XL`).
pub(super) fn names<'a>(answer: &str, name: &str, all: impl Iterator<Item = &'a str>) -> bool {
    let mut rest = plain(answer);
    let wanted = plain(name);
    for longer in all.map(plain).filter(|other| *other != wanted && other.contains(&wanted)) {
        rest = rest.replace(&longer, " ");
    }
    contains_word(&rest, &wanted)
}

/// Whether the answer names this sum: `$89.00`, and `$89` where the cents are zero; `$189.00` does not.
pub(crate) fn says_money(answer: &str, cents: i64) -> bool {
    sums(answer).contains(&cents)
}

/// All sums in the answer, in cents.
fn sums(answer: &str) -> Vec<i64> {
    let Ok(pattern) = Regex::new(r"(?:\$|usd\s?)?(\d[\d,]*)(?:\.(\d{1,2}))?") else { return Vec::new() };
    pattern
        .captures_iter(&answer.to_lowercase())
        .filter_map(|found| {
            let dollars: i64 = found.get(1)?.as_str().replace(',', "").parse().ok()?;
            let cents: i64 = found.get(2).map_or(Some(0), |c| format!("{:0<2}", c.as_str()).parse().ok())?;
            dollars.checked_mul(100)?.checked_add(cents)
        })
        .collect()
}

/// Whether the answer names this number of tenths, as `4.7`.
pub(super) fn says_rating(answer: &str, tenths: i64) -> bool {
    let text = format!("{}.{}", tenths / 10, tenths % 10);
    let bare = (tenths % 10 == 0).then(|| (tenths / 10).to_string());
    contains_word(answer, &text) || bare.is_some_and(|bare| contains_word(answer, &bare))
}

/// Whether the answer names exactly this price level: `$$` is not `$$$`.
pub(super) fn says_level(answer: &str, level: &str) -> bool {
    let runs: Vec<String> =
        Regex::new(r"\$+").map(|pattern| pattern.find_iter(answer).map(|run| run.as_str().to_owned()).collect()).unwrap_or_default();
    runs.iter().any(|run| run == level) && runs.iter().all(|run| run == level)
}

/// Whether the answer holds this phone number, however it is grouped.
pub(crate) fn says_phone(answer: &str, phone: &str) -> bool {
    let digits = |text: &str| text.chars().filter(char::is_ascii_digit).collect::<String>();
    digits(answer).contains(&digits(phone))
}

/// Whether the answer names this day (ISO 8601), however it is written; a year that is not named is not missed.
pub(crate) fn says_date(answer: &str, iso: &str) -> bool {
    let Some(date) = dates::parse(iso) else { return contains_word(answer, iso) };
    let (month, day) = (date.month().to_string(), date.day());
    let short = &month[..3];
    let ordinal = match (day, day % 10) {
        (11..=13, _) => "th",
        (_, 1) => "st",
        (_, 2) => "nd",
        (_, 3) => "rd",
        _ => "th",
    };
    let ways = [
        dates::iso(date),
        format!("{day} {month}"),
        format!("{day} {short}"),
        format!("{month} {day}"),
        format!("{short} {day}"),
        format!("{day}{ordinal} {month}"),
        format!("{day}{ordinal} of {month}"),
        format!("{month} {day}{ordinal}"),
    ];
    ways.iter().any(|way| contains_word(answer, way))
}

/// Whether the answer names this time of day (`19:30`), also as `7:30 pm`.
pub(crate) fn says_time(answer: &str, time: &str) -> bool {
    times(time).first().is_some_and(|wanted| times(answer).contains(wanted))
}

/// Whether the answer names this number, in figures (with or without commas) or, up to twelve, in words.
pub(crate) fn says_number(answer: &str, number: i64) -> bool {
    const WORDS: [&str; 13] = ["zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "eleven", "twelve"];
    let word = usize::try_from(number).ok().and_then(|index| WORDS.get(index));
    contains_word(&answer.replace(',', ""), &number.to_string()) || word.is_some_and(|word| contains_word(answer, word))
}

/// The times of day in the answer (`19:30`, `7:30 pm`), as minutes.
pub(super) fn times(answer: &str) -> Vec<u32> {
    let Ok(pattern) = Regex::new(r"(\d{1,2})[:.](\d{2})\s*(am|pm)?") else { return Vec::new() };
    let mut minutes: Vec<u32> = pattern
        .captures_iter(&answer.to_lowercase())
        .filter_map(|found| {
            let hour: u32 = found[1].parse().ok()?;
            let minute: u32 = found[2].parse().ok()?;
            let hour = if found.get(3).is_some_and(|half| half.as_str() == "pm") && hour < 12 { hour + 12 } else { hour };
            (hour < 24 && minute < 60).then_some(hour * 60 + minute)
        })
        .collect();
    minutes.sort_unstable();
    minutes.dedup();
    minutes
}

/// Whether `part` stands in `text` with no letter or digit on either side (and no decimal running on).
pub(crate) fn contains_word(text: &str, part: &str) -> bool {
    let text = plain(text);
    let part = plain(part);
    if part.is_empty() {
        return false;
    }
    text.match_indices(&part).any(|(start, found)| {
        let before = text[..start].chars().next_back();
        let mut after = text[start + found.len()..].chars();
        let (next, next_but_one) = (after.next(), after.next());
        let runs_on = next == Some('.') && next_but_one.is_some_and(|c| c.is_ascii_digit());
        !before.is_some_and(|c| c.is_alphanumeric() || (c == '.' && part.starts_with(|c: char| c.is_ascii_digit())))
            && !next.is_some_and(char::is_alphanumeric)
            && !runs_on
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_fact_is_found_in_many_wordings_and_never_in_a_near_miss() {
        assert!(says_money("The Trail Mug costs $18.50.", 1850));
        assert!(says_money("It is $1,249", 124_900));
        assert!(!says_money("It costs $118.50", 1850) && !says_money("$18.05", 1850));
        assert!(says_rating("rated 4.7 out of 5", 47) && !says_rating("rated 4.75", 47) && !says_rating("14.7", 47));
        assert!(says_level("Its price level is $$.", "$$") && !says_level("$$$", "$$"));
        assert!(says_phone("Call 01632-960123", "01632 960 123"));
        assert!(
            says_date("on 4 December", "2026-12-04") && says_date("Dec 4, 2026", "2026-12-04") && !says_date("14 December", "2026-12-04")
        );
        assert!(says_time("at 7:30 pm", "19:30") && !says_time("at 7:30", "19:30"));
        assert!(says_number("there are three", 3) && says_number("1,204 of them", 1204) && !says_number("13", 3));
        assert_eq!(times("17:30, 7:30 pm and 21:00"), [1050, 1170, 1260]);
        let all = ["Trail Mug", "Trail Mug XL"];
        assert!(names("It is the trail mug.", "Trail Mug", all.into_iter()));
        assert!(!names("It is the Trail Mug XL.", "Trail Mug", all.into_iter()));
    }
}
