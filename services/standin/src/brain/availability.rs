//! Forms that ask for a party and a day, and the times that they show.

use super::{Decision, Situation};
use crate::dates;
use crate::reading::marks;
use crate::step::Step;
use crate::words;
use time::Date;
use wayfarer_core::prompt::MarkText;

const CHECK: &[&str] =
    &["check availability", "find a table", "show times", "check times", "find times", "search times", "update", "see times", "search"];
const PARTY: &[&str] = &["party size", "party", "guests", "people", "number of guests", "covers"];
const DATE: &[&str] = &["date", "day", "when"];

/// Sets a field or select to a value, if it is not there yet.
pub(super) fn set(situation: &Situation, names: &[&str], value: &str) -> Option<Decision> {
    if let Some(select) = marks::select(situation.page, names) {
        let option = marks::option(select, value)?;
        return (!words::same(&select.value, option)).then(|| {
            Decision::new(Step::Choose { option: option.into(), select: select.name.clone() }, format!("The task asks for {value}."))
        });
    }
    let field = marks::field(situation.page, names)?;
    if words::holds(&field.value, value) || situation.tried(&["type", value]) >= 2 {
        return None;
    }
    Some(Decision::new(Step::Type { text: value.into(), field: field.name.clone(), enter: false }, format!("The task asks for {value}.")))
}

fn set_date(situation: &Situation, date: &str) -> Option<Decision> {
    let day = dates::parse(date)?;
    if let Some(select) = marks::select(situation.page, DATE) {
        let option = select.options.iter().find(|option| dates::shown(option, day))?;
        return (!words::same(&select.value, option)).then(|| {
            Decision::new(Step::Choose { option: option.clone(), select: select.name.clone() }, format!("The task asks for {date}."))
        });
    }
    let field = marks::field(situation.page, DATE)?;
    // a native date field takes ISO 8601 only; a text field takes what people write
    let text = if field.input_type == "date" { dates::iso(day) } else { dates::long(day) };
    if dates::parse(&field.value) == Some(day) || situation.tried(&["type", &text]) >= 3 {
        return None;
    }
    Some(Decision::new(Step::Type { text, field: field.name.clone(), enter: false }, format!("The task asks for {date}.")))
}

/// Fills the availability form and presses its button; `None` once the times for this party and day are shown.
pub(super) fn ask_times(situation: &Situation, party: u32, date: &str) -> Option<Decision> {
    let decision = set_party(situation, party).or_else(|| set_date(situation, date));
    if decision.is_some() {
        return decision;
    }
    if dates::parse(date).is_some_and(|day| heads(&situation.page.text, party, day)) {
        return None;
    }
    let since = situation
        .history
        .iter()
        .rev()
        .take_while(|step| !(matches!(step.action_name.as_str(), "select_option" | "type")))
        .collect::<Vec<_>>();
    let asked = since.iter().any(|step| step.action_name == "left_click" && words::holds_any(&step.action, CHECK).is_some());
    let changed_form = since.len() < situation.history.len();
    let must_ask = !asked && (changed_form || slots(situation).is_empty());
    let button = marks::button(situation.page, CHECK).filter(|_| must_ask)?;
    Some(Decision::new(Step::Click { role: button.role.clone(), name: button.name.clone() }, "The form holds the party and the day."))
}

/// Whether one line says for which party and day the times are; a field that holds the day speaks for what will be asked, not for what is
/// shown.
pub fn heads(text: &str, party: u32, day: Date) -> bool {
    let parties = [format!("party of {party}"), format!("table for {party}"), format!("{party} guests at")];
    let is_for = |line: &str| parties.iter().any(|party| words::holds(line, party)) && dates::shown(line, day);
    text.lines().any(is_for)
}

fn set_party(situation: &Situation, party: u32) -> Option<Decision> {
    if let Some(select) = marks::select(situation.page, PARTY) {
        let option = select.options.iter().find(|option| words::normal(option).split(' ').next() == Some(party.to_string().as_str()))?;
        return (!words::same(&select.value, option)).then(|| {
            Decision::new(
                Step::Choose { option: option.clone(), select: select.name.clone() },
                format!("The task asks for {party} people."),
            )
        });
    }
    set(situation, PARTY, &party.to_string())
}

/// Times that a page's text shows as free and as taken: `18:00 19:30 full`. Opening hours ("17:30 to 23:00") are neither.
pub fn times_on(text: &str) -> (Vec<String>, Vec<String>) {
    let (mut free, mut taken) = (Vec::new(), Vec::new());
    for line in text.lines().filter(|line| words::holds_any(line, &["to", "until", "open", "opening", "holds", "hours"]).is_none()) {
        let tokens: Vec<&str> = line.split_whitespace().collect();
        for (at, token) in tokens.iter().enumerate().filter(|(_, token)| words::times(token).len() == 1 && token.len() <= 6) {
            let is_taken = tokens.get(at + 1).is_some_and(|next| words::holds_any(next, TAKEN).is_some());
            if is_taken { &mut taken } else { &mut free }.extend(words::times(token));
        }
    }
    // a line of its own may say that the time above is taken
    free.retain(|time| !taken.contains(time));
    (free, taken)
}

const TAKEN: &[&str] = &["full", "taken", "unavailable", "booked"];

/// Marks that are a time of day: free slots.
pub(super) fn slots<'a>(situation: &'a Situation) -> Vec<&'a MarkText> {
    let is_time = |mark: &MarkText| words::times(&mark.name).len() == 1 && mark.name.len() < 40;
    situation
        .page
        .marks
        .iter()
        .filter(|mark| {
            matches!(mark.role.as_str(), "button" | "link" | "radio")
                && is_time(mark)
                && !mark.disabled
                && words::holds_any(&mark.name, &["taken", "full", "unavailable", "sold out", "booked"]).is_none()
        })
        .collect()
}
