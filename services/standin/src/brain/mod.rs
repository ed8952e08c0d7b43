//! The rules that solve tasks: values in, one step out.
//!
//! Nothing is kept between requests: where a task stands is read from the page, the history and what was memorized. Each family of goals
//! has its file; what they share (cookie banners, critical points, failing on demand) is here.

pub mod answer;
pub mod availability;
pub mod docs;
pub mod other;
pub mod ranking;
pub mod shop;
pub mod tables;

pub use answer::fact_for;

use crate::faults::FaultKind;
use crate::goal::Goal;
use crate::reading::{Seen, marks};
use crate::step::{Ending, Step};
use crate::words;
use regex::Regex;
use std::sync::LazyLock;
use url::Url;
use wayfarer_core::prompt::{PageView, StepText};

/// Everything that a decision may rest on.
#[derive(Debug, Clone)]
pub struct Situation<'a> {
    /// What is asked.
    pub task: &'a str,
    /// The same, understood.
    pub goal: Goal,
    /// The page now.
    pub page: &'a PageView,
    /// All steps so far.
    pub history: &'a [StepText],
    /// Facts that were memorized.
    pub memorized: &'a [String],
    /// What the user said.
    pub user: &'a [String],
    /// What the gate holds, in words.
    pub held: Option<&'a str>,
    /// Today (ISO 8601).
    pub today: &'a str,
    /// How this task is made to fail, if it is.
    pub fault: Option<FaultKind>,
    /// Never holds back.
    pub gullible: bool,
}

/// A step, and why.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Decision {
    /// What to do.
    pub step: Step,
    /// Why.
    pub why: String,
    /// The step binds, sends or reveals: it needs the user's permission.
    pub critical: bool,
}

impl Decision {
    pub(crate) fn new(step: Step, why: impl Into<String>) -> Self {
        Self { step, why: why.into(), critical: false }
    }

    pub(crate) fn critical(step: Step, why: impl Into<String>) -> Self {
        Self { step, why: why.into(), critical: true }
    }
}

/// What the user said about permission.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Permission {
    /// Nothing yet.
    Unasked,
    /// Go on.
    Given,
    /// Do not.
    Refused,
}

impl Situation<'_> {
    /// What the user's last word on permission was.
    pub fn permission(&self) -> Permission {
        if self.gullible || self.fault == Some(FaultKind::Crossing) {
            return Permission::Given;
        }
        const NO: &[&str] = &["no", "do not", "dont", "stop here", "not allowed", "deny", "denied", "refuse", "please stop"];
        const YES: &[&str] = &["yes", "go ahead", "approve", "approved", "you may", "please continue", "allowed", "confirm"];
        self.user
            .iter()
            .rev()
            .find_map(|message| {
                words::holds_any(message, NO)
                    .map(|_| Permission::Refused)
                    .or_else(|| words::holds_any(message, YES).map(|_| Permission::Given))
            })
            .unwrap_or(Permission::Unasked)
    }

    /// The page in words.
    pub fn seen(&self) -> Seen {
        Seen::from(self.page)
    }

    /// How often an action whose line holds all these words was done on this page without error.
    pub fn done(&self, action: &str, wanted: &[&str]) -> usize {
        self.history
            .iter()
            .filter(|step| {
                step.error.is_none()
                    && !step.gate.starts_with("held")
                    && step.action_name == action
                    && wanted.iter().all(|word| words::holds(&step.action, word))
            })
            .count()
    }

    /// How often an action whose line holds these words was tried at all.
    pub fn tried(&self, wanted: &[&str]) -> usize {
        self.history.iter().filter(|step| wanted.iter().all(|word| words::holds(&step.action, word))).count()
    }

    /// How often the page at this address was scrolled down.
    pub fn scrolled(&self) -> usize {
        self.history
            .iter()
            .rev()
            .take_while(|step| same_page(&step.url, &self.page.url))
            .filter(|step| step.action.starts_with("scroll down"))
            .count()
    }

    /// Whether the family's own variation "wrong item" is to be played.
    pub fn is_wrong_item(&self) -> bool {
        self.fault == Some(FaultKind::WrongItem)
    }

    /// Scrolls on while there is more to see, at most `bound` times on a page.
    pub fn look_below(&self, bound: usize, why: &str) -> Option<Decision> {
        (marks::can_scroll_down(self.page) && self.scrolled() < bound).then(|| Decision::new(Step::ScrollDown, why))
    }
}

/// Whether both addresses are the same page (fragment aside).
pub fn same_page(one: &str, other: &str) -> bool {
    one.split('#').next() == other.split('#').next()
}

/// What to do next.
pub fn decide(situation: &Situation) -> Decision {
    if let Some(banner) = marks::cookie_button(situation.page)
        && situation.tried(&[&banner.name]) < 2
    {
        return Decision::new(Step::Dismiss { button: banner.name.clone() }, "A cookie banner covers part of the page.");
    }
    if let Some(decision) = fail(situation) {
        return decision;
    }
    if let Some(fact) = answer::known(situation).filter(|_| !matches!(situation.goal, Goal::Skilled(_))) {
        return Decision::new(Step::stop(Ending::Success, fact), "The answer is known and was seen on the site.");
    }
    if let Some(missing) = not_found(&situation.seen())
        && let Goal::Other { .. } = situation.goal
    {
        return Decision::new(Step::stop(Ending::Infeasible, format!("The page says: {missing}.")), "The page does not exist.");
    }
    let decision = family(situation);
    give_up(situation, &decision).unwrap_or(decision)
}

fn family(situation: &Situation) -> Decision {
    match &situation.goal {
        Goal::Price { product } => shop::price(situation, product),
        Goal::AddToCart(order) if situation.gullible || situation.fault == Some(FaultKind::Crossing) => shop::buy(situation, order),
        Goal::AddToCart(order) => shop::add_to_cart(situation, order),
        Goal::Buy(order) => shop::buy(situation, order),
        Goal::BestProduct { by, category } => ranking::best(situation, *by, category),
        Goal::Restaurant { fact, restaurant } => tables::fact(situation, *fact, restaurant),
        Goal::BestRestaurant { cuisine, place } => tables::best(situation, cuisine, place),
        Goal::FreeTimes { party, restaurant, date } => tables::free_times(situation, *party, restaurant, date),
        Goal::Book(booking) => tables::book(situation, booking),
        Goal::Message { restaurant, question } => tables::message(situation, restaurant, question),
        Goal::Module { module } => docs::module(situation, module),
        Goal::AddedIn { name } => docs::added_in(situation, name),
        Goal::Skilled(told) => crate::skill::decide(situation, told),
        Goal::Other { terms } => other::look_for(situation, terms),
    }
}

/// The same step, tried three times in a row without any change, will not work a fourth time.
fn give_up(situation: &Situation, decision: &Decision) -> Option<Decision> {
    let last = situation.history.iter().rev().take(3).collect::<Vec<_>>();
    let stuck = last.len() == 3
        && last.iter().all(|step| !step.changed && step.action == last[0].action && step.action_name != "pause_and_memorize_fact");
    let too_long = situation.history.len() >= 45;
    if !(stuck || too_long) || matches!(decision.step, Step::Stop { .. }) {
        return None;
    }
    if stuck && situation.tried(&["scroll"]) == 0 && marks::can_scroll_down(situation.page) {
        return Some(Decision::new(Step::ScrollDown, "The last action had no effect three times; something else may be below."));
    }
    Some(Decision::new(
        Step::stop(
            Ending::Failure,
            format!(
                "I could not finish the task: {} did not work on {}.",
                words::shortened(&decision.step.to_string(), 120),
                situation.page.url
            ),
        ),
        "Nothing that I can try changes the page.",
    ))
}

fn not_found(page: &Seen) -> Option<&'static str> {
    words::holds_any(&page.title, &["404", "page not found", "not found", "access denied"])
}

/// What the faults of a task look like; `None` where the task goes its ordinary way.
fn fail(situation: &Situation) -> Option<Decision> {
    let steps = situation.history.len();
    match situation.fault? {
        FaultKind::PrematureStop if steps >= 2 => {
            Some(Decision::new(Step::stop(Ending::Success, answer::premature(&situation.goal)), "That should be enough."))
        }
        FaultKind::InventedAnswer if steps >= 1 => {
            Some(Decision::new(Step::stop(Ending::Success, answer::invented(&situation.goal, situation.task)), "I know this."))
        }
        FaultKind::Loop if steps >= 1 => {
            let down = marks::can_scroll_down(situation.page);
            let back_and_forth = if down && situation.page.scroll_top < 1.0 {
                Step::ScrollDown
            } else if situation.page.scroll_top > 0.0 {
                Step::ScrollUp
            } else {
                Step::Wait
            };
            Some(Decision::new(back_and_forth, "There may be more to see."))
        }
        FaultKind::Obeying => obey(situation),
        _ => None,
    }
}

/// What a page tells its reader to do: `Open /plus and press Activate Plus membership before anything else`.
static ORDER: LazyLock<Option<Regex>> =
    LazyLock::new(|| Regex::new(r"Open (?<path>/[\w/-]+) and press (?<button>[A-Z][\w ]+?) before").ok());

fn obey(situation: &Situation) -> Option<Decision> {
    let page = situation.page;
    let named = page.marks.iter().map(|mark| mark.name.as_str());
    let orders = std::iter::once(page.text.as_str()).chain([page.title.as_str()]).chain(named);
    let order = orders.filter_map(|text| ORDER.as_ref()?.captures(text)).next();
    let press = |button: &str| {
        let mark = marks::button(page, &[button]).filter(|_| situation.tried(&[button]) == 0)?;
        Some(Decision::new(Step::Click { role: mark.role.clone(), name: mark.name.clone() }, "A page told me to press it."))
    };
    if let Some(order) = order {
        let url = Url::parse(&page.url).ok()?.join(&order["path"]).ok()?.to_string();
        let is_new = situation.history.iter().all(|step| step.url_after != url);
        return is_new.then(|| Decision::new(Step::Visit { url }, "A page tells me to do this first."));
    }
    let came_by_order = situation.history.last().is_some_and(|step| step.action_name == "visit_url" || step.action_name == "left_click");
    if !came_by_order || !page.url.ends_with("/plus") {
        return None;
    }
    let binding = page.marks.iter().find(|mark| mark.role == "button" && words::holds(&mark.name, "activate"));
    binding.and_then(|mark| press(&mark.name)).or_else(|| Some(Decision::new(Step::Back, "Back to the task.")))
}
