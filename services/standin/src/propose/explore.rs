//! Walking a site and rewriting the task by what each page shows.

use super::intents::{self, Choice};
use super::inventory::{self, Inventory};
use crate::dates;
use crate::goal::Goal;
use crate::reading::{Seen, marks};
use crate::words;
use wayfarer_core::prompt::propose::{Explore, ExploreAction, Explored, Offer};
use wayfarer_core::prompt::{MarkText, PageText};
use wayfarer_core::task::Category;

/// One step of a walk.
pub fn step(input: &Explore) -> Explored {
    let offers: Vec<Offer> = input.page.marks.iter().map(offer_of).collect();
    let page = PageText { url: input.page.url.clone(), title: input.page.title.clone(), text: input.page.text.clone() };
    let have = inventory::collect(&offers, &[&page]);
    let salt = format!("walk {} {}", input.walk, input.page.url);
    let here = Seen::from(&page);
    let documents = |name: &str| name.split('.').next().is_some_and(|module| here.is_about(module));
    let about_here = |goal: &Goal| here.is_about(&goal.subject()) || matches!(goal, Goal::AddedIn { name } if documents(name));
    let mut goals = intents::goals(&narrowed(&have, &page), &input.today, &input.avoid, 6, &salt);
    goals.extend(intents::goals(&have, &input.today, &input.avoid, 6, &salt));
    let known = Goal::parse(&input.task_so_far);
    let is_settled = !matches!(known, Goal::Other { .. }) && !input.avoid.iter().any(|other| words::same(other, &input.task_so_far));
    // a task on the thing that this page is about is better than what was known before, and anything is better than nothing
    let goal = goals.iter().find(|goal| about_here(goal)).or_else(|| if is_settled { Some(&known) } else { goals.first() });
    let task = goal
        .map(Goal::wording)
        .or_else(|| (!input.task_so_far.is_empty()).then(|| input.task_so_far.clone()))
        .unwrap_or_else(|| format!("Find information about {} on this site.", words::shortened(&input.page.title, 50)));
    let is_specific = goal.is_some_and(about_here);
    let next = if let Some(action) = ask_for_tables(input) {
        action
    } else if input.steps_left == 0 || (is_specific && input.history.len() >= 2) {
        stop()
    } else {
        walk(input)
    };
    Explored {
        learned: learned(input, &have),
        critical_point: goal.and_then(intents::permission),
        category: category(input, goal),
        task,
        next,
    }
}

/// Only what the page itself is about; all of it where it is about nothing in particular.
fn narrowed(have: &Inventory, page: &PageText) -> Inventory {
    let here = Seen::from(page);
    let mut narrow = have.clone();
    narrow.products.retain(|product| here.is_about(&product.name));
    for list in [&mut narrow.categories, &mut narrow.restaurants, &mut narrow.modules] {
        list.retain(|name| here.is_about(name));
    }
    narrow.free.retain(|table| here.is_about(&table.restaurant));
    narrow.names.retain(|name| name.split('.').next().is_some_and(|module| here.is_about(module)));
    narrow.pairs.retain(|(cuisine, place)| words::holds(&page.title, cuisine) && words::holds(&page.title, place));
    narrow.cuisines.clear();
    narrow
}

fn offer_of(mark: &MarkText) -> Offer {
    let kind = if marks::is_select(mark) {
        "select"
    } else if marks::is_field(mark) {
        "field"
    } else if mark.role == "link" || !mark.href.is_empty() {
        "link"
    } else {
        "button"
    };
    Offer { kind: kind.into(), name: mark.name.clone(), href: mark.href.clone(), options: mark.options.clone() }
}

fn learned(input: &Explore, have: &inventory::Inventory) -> String {
    let lists: [(&str, usize); 3] =
        [("products", have.products.len()), ("categories", have.categories.len()), ("restaurants", have.restaurants.len())];
    let told: Vec<String> = lists.iter().filter(|(_, count)| *count > 0).map(|(what, count)| format!("{count} {what}")).collect();
    let told = if told.is_empty() { format!("{} controls", input.page.marks.len()) } else { told.join(", ") };
    format!("\"{}\" shows {told}.", words::shortened(&input.page.title, 80))
}

fn category(input: &Explore, goal: Option<&Goal>) -> Category {
    match goal {
        Some(Goal::Price { .. } | Goal::AddToCart(_) | Goal::BestProduct { .. } | Goal::Buy(_)) => Category::Shopping,
        Some(Goal::Restaurant { .. } | Goal::BestRestaurant { .. } | Goal::FreeTimes { .. } | Goal::Book(_) | Goal::Message { .. }) => {
            Category::Restaurants
        }
        Some(Goal::Module { .. } | Goal::AddedIn { .. }) => Category::Reference,
        _ => input.category.unwrap_or(Category::Other),
    }
}

/// On the page of a restaurant: party, then a day, sent with the form, so that free tables are seen.
fn ask_for_tables(input: &Explore) -> Option<ExploreAction> {
    let page = &input.page;
    let day_field = marks::field(page, &["date"])?;
    if input.steps_left == 0 || !page.url.contains("/restaurants/") || words::holds(&page.text, "party of") {
        return None;
    }
    let done = |what: &str| input.history.iter().any(|line| words::holds(line, what));
    let choice = Choice(words::number_of(&format!("{}:{}", input.walk, page.url)));
    if let Some(party) = marks::select(page, &["party"])
        && input.steps_left > 1
        && !done("select")
        && let Some(option) = marks::option(party, &choice.between("party", 2, 6).to_string())
        && !words::same(option, &party.value)
    {
        return Some(ExploreAction { tool: "select_option".into(), target_id: Some(party.id), text: Some(option.into()) });
    }
    let day = dates::after(&input.today, choice.between("day", 2, 21) as i64).map(dates::long)?;
    (!done(&day)).then(|| ExploreAction { tool: "input_text".into(), target_id: Some(day_field.id), text: Some(day) })
}

fn stop() -> ExploreAction {
    ExploreAction { tool: "stop".into(), target_id: None, text: None }
}

/// Where to go: away with banners, then into lists, then into one entry; another one for every walk.
fn walk(input: &Explore) -> ExploreAction {
    let click = |mark: &MarkText| ExploreAction { tool: "click".into(), target_id: Some(mark.id), text: None };
    if let Some(banner) = marks::cookie_button(&input.page)
        && !input.history.iter().any(|line| words::holds(line, &banner.name))
    {
        return click(banner);
    }
    const ENTRIES: &[&str] = &["/product/", "/restaurants/", "/restaurant/"];
    const LISTS: &[&str] = &["/category/", "/search", "/restaurants", "library/index.html", "modindex"];
    let is_docs_entry = |mark: &MarkText| {
        mark.href.contains("library/") && mark.href.contains(".html") && !mark.href.contains('#') && !mark.href.contains("library/index")
    };
    let fresh = |mark: &&MarkText| {
        mark.role == "link" && mark.name.len() > 1 && !mark.disabled && !input.history.iter().any(|line| words::holds(line, &mark.name))
    };
    let matching = |parts: &[&str]| -> Vec<&MarkText> {
        input.page.marks.iter().filter(fresh).filter(|mark| parts.iter().any(|part| mark.href.contains(part))).collect()
    };
    let mut entries = matching(ENTRIES);
    entries.extend(input.page.marks.iter().filter(fresh).filter(|mark| is_docs_entry(mark)));
    let lists = matching(LISTS);
    let choice = Choice(words::number_of(&format!("{}:{}", input.walk, input.history.len())));
    let wants_list = input.history.len() <= 1 && input.walk.is_multiple_of(2);
    let (first, second) = if wants_list { (&lists, &entries) } else { (&entries, &lists) };
    if let Some(mark) = choice.of("link", first).or_else(|| choice.of("link", second)) {
        return click(mark);
    }
    if marks::can_scroll_down(&input.page) && input.history.iter().rev().take_while(|line| line.contains("scroll")).count() < 3 {
        return ExploreAction { tool: "scroll_down".into(), target_id: None, text: None };
    }
    if input.history.is_empty() { stop() } else { ExploreAction { tool: "history_back".into(), target_id: None, text: None } }
}
