//! Rules for goals of no known family, and for forms: what any site has.

use super::{Decision, Situation, answer};
use crate::reading::marks;
use crate::step::{Ending, Step};
use crate::words;
use wayfarer_core::prompt::MarkText;

/// What fields mean that only the user can fill, and the words by which they are known. Order matters: the first that fits wins.
pub const PERSONAL: &[(&str, &[&str])] = &[
    ("email", &["email", "e mail", "email address"]),
    ("phone", &["phone", "telephone", "mobile", "phone number"]),
    ("card_name", &["name on card", "cardholder"]),
    ("card_number", &["card number", "card"]),
    ("card_expiry", &["expiry", "expiry date", "expires", "mm yy", "valid until"]),
    ("card_cvc", &["cvc", "cvv", "security code"]),
    ("postcode", &["postcode", "postal code", "zip", "zip code"]),
    ("city", &["city", "town"]),
    ("country", &["country"]),
    ("street", &["street", "address", "street address", "address line 1"]),
    ("first_name", &["first name", "given name"]),
    ("last_name", &["last name", "surname", "family name"]),
    ("name", &["name", "full name", "your name"]),
];

/// The personal meaning of a field, if it has one.
pub fn meaning(mark: &MarkText) -> Option<&'static str> {
    if !marks::is_field(mark) || marks::search_box_like(mark) {
        return None;
    }
    let by_type = match mark.input_type.as_str() {
        "email" => Some("email"),
        "tel" if words::holds_any(&mark.name, &["card", "cvc", "expiry"]).is_none() => Some("phone"),
        _ => None,
    };
    by_type.or_else(|| PERSONAL.iter().find(|(_, names)| words::holds_any(&mark.name, names).is_some()).map(|(meaning, _)| *meaning))
}

/// The next empty personal field of a form, as a critical step; `None` once all are filled.
pub fn fill_form(situation: &Situation) -> Option<Decision> {
    let field = situation.page.marks.iter().find(|mark| {
        meaning(mark).is_some()
            && mark.value.trim().is_empty()
            && words::holds_any(&mark.name, &["optional", "newsletter"]).is_none()
            && situation.tried(&["type", &mark.name]) < 2
    })?;
    Some(Decision::critical(Step::Fill { field: field.name.clone() }, format!("The form asks for the user's \"{}\".", field.name)))
}

/// Follows the links and the search box towards the key terms.
pub fn look_for(situation: &Situation, terms: &[String]) -> Decision {
    let (page, seen) = (situation.page, situation.seen());
    let wanted = terms.join(" ");
    if terms.is_empty() {
        return Decision::new(Step::stop(Ending::Infeasible, "The task does not say what to look for."), "No key terms.");
    }
    let best_line = seen
        .text
        .lines()
        .filter(|line| line.len() > 20)
        .map(|line| (words::overlap(line, &wanted), line))
        .max_by(|a, b| a.0.total_cmp(&b.0));
    if let Some((share, line)) = best_line
        && (share >= 0.99 || (share >= 0.66 && situation.history.len() >= 4))
    {
        return Decision::new(
            Step::Memorize { fact: answer::fact_for(&situation.goal, &[&words::shortened(line, 240)]) },
            "A line of the page holds the terms.",
        );
    }
    let link = page
        .marks
        .iter()
        .filter(|mark| mark.role == "link" && situation.tried(&[&mark.name]) == 0 && mark.name.len() > 2)
        .map(|mark| (words::overlap(&wanted, &mark.name), mark))
        .filter(|(share, _)| *share > 0.6)
        .max_by(|a, b| a.0.total_cmp(&b.0));
    if let Some((_, link)) = link {
        return Decision::new(Step::link(&link.name), "The link's words are among the terms.");
    }
    if situation.tried(&["type", &terms[0]]) == 0
        && let Some(field) = marks::search_box(page)
    {
        return Decision::new(Step::Type { text: wanted, field: "search box".into(), enter: true }, format!("{} can search.", field.name));
    }
    situation.look_below(5, "The terms may be further down.").unwrap_or_else(|| {
        Decision::new(
            Step::stop(Ending::Infeasible, format!("I could not find anything about {wanted} on this site.")),
            "Links, search and the page's end show nothing.",
        )
    })
}
