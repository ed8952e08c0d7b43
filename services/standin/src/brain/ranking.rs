//! The best of a list: in a category of a shop, and, with the same sorting, among restaurants.

use super::{Decision, Situation, answer};
use crate::goal::Extreme;
use crate::reading::{listing, marks};
use crate::step::{Ending, Step};
use crate::words;
use wayfarer_core::prompt::MarkText;

/// S3 and S4.
pub fn best(situation: &Situation, by: Extreme, category: &str) -> Decision {
    let (page, seen) = (situation.page, situation.seen());
    if !is_category_page(situation, category) {
        if let Some(link) = marks::link_to(page, category) {
            return Decision::new(Step::link(&link.name), format!("The category {category} is linked."));
        }
        return match situation.look_below(3, "The category is not in sight.") {
            Some(decision) => decision,
            None => Decision::new(
                Step::stop(Ending::Infeasible, format!("The site has no category {category}.")),
                "No link names the category.",
            ),
        };
    }
    if let Some(decision) = sort(situation, by) {
        return decision;
    }
    // sorted lists show the answer at the top; unsorted ones must be read to the end
    let sorted = is_sorted(situation, by);
    let entries = listing::read(&seen);
    if !sorted && let Some(decision) = situation.look_below(6, "The whole list must be read to compare.") {
        return decision;
    }
    let chosen = if situation.is_wrong_item() { listing::second(&entries, by) } else { listing::best(&entries, by) };
    let figure = chosen.and_then(|entry| match by {
        Extreme::Cheapest => entry.price.clone(),
        Extreme::HighestRated => entry.rating.clone(),
    });
    match (chosen, figure) {
        (Some(entry), Some(figure)) => Decision::new(
            Step::Memorize { fact: answer::fact_for(&situation.goal, &[&entry.name, &figure]) },
            format!("The list shows {} with {figure}.", entry.name),
        ),
        _ => situation.look_below(6, "The list is further down.").unwrap_or_else(|| {
            Decision::new(
                Step::stop(Ending::Failure, format!("The list of {category} shows nothing to compare.")),
                "No entry of the list has the figure.",
            )
        }),
    }
}

fn is_category_page(situation: &Situation, category: &str) -> bool {
    let seen = situation.seen();
    let slug = words::normal(category).replace(" and ", " ").replace(' ', "-");
    seen.is_about(category) || seen.path().split(['/', '?', '=', '&']).any(|part| part == slug)
}

fn sort_words(by: Extreme) -> &'static [&'static str] {
    match by {
        Extreme::Cheapest => {
            &["price: low to high", "price low to high", "price, low to high", "lowest price", "cheapest", "price ascending"]
        }
        Extreme::HighestRated => {
            &["rating: high to low", "highest rated", "highest rating", "best rated", "top rated", "customer rating", "rating"]
        }
    }
}

fn sort_select<'a>(situation: &'a Situation, by: Extreme) -> Option<(&'a MarkText, &'a str)> {
    let select = marks::select(situation.page, &["sort", "order by", "sort by"])?;
    sort_words(by).iter().find_map(|wanted| marks::option(select, wanted)).map(|option| (select, option))
}

/// Chooses the wanted order, and presses a button where one is needed.
pub(super) fn sort(situation: &Situation, by: Extreme) -> Option<Decision> {
    if let Some((select, option)) = sort_select(situation, by) {
        if !words::same(&select.value, option) && situation.tried(&[option]) < 2 {
            return Some(Decision::new(
                Step::Choose { option: option.into(), select: select.name.clone() },
                "A sorted list shows the answer at its top.",
            ));
        }
        if !situation.seen().path().contains("sort=")
            && let Some(apply) = marks::button(situation.page, APPLY)
            && situation.tried(&[&apply.name]) < 3
        {
            return Some(Decision::new(Step::button(&apply.name), "The order takes effect when it is applied."));
        }
        return None;
    }
    if is_sorted(situation, by) {
        return None;
    }
    let link = situation
        .page
        .marks
        .iter()
        .find(|mark| mark.role == "link" && sort_words(by).iter().any(|wanted| words::same(&mark.name, wanted)))?;
    (situation.tried(&[&link.name]) == 0).then(|| Decision::new(Step::link(&link.name), "A sorted list shows the answer at its top."))
}

/// Whether the list stands in the wanted order: by its select, or by the sort link that was followed.
pub(super) fn is_sorted(situation: &Situation, by: Extreme) -> bool {
    let path = situation.seen().path();
    let says_so = match by {
        Extreme::Cheapest => path.contains("sort=price"),
        Extreme::HighestRated => path.contains("sort=rating"),
    };
    let unapplied = marks::button(situation.page, APPLY).is_some() && !path.contains("sort=");
    says_so || sort_select(situation, by).is_some_and(|(select, option)| words::same(&select.value, option) && !unapplied)
}

const APPLY: &[&str] = &["apply", "update", "go"];
