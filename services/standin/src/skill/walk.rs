//! Walking through a skill: nothing is kept between requests, so where it stands is read from the history.

use super::fill::Told;
use super::store::{Ends, Skill};
use crate::brain::{Decision, Permission, Situation, other};
use crate::faults::FaultKind;
use crate::reading::marks;
use crate::step::{Ending, Step};
use crate::{dates, words};
use wayfarer_core::prompt::{MarkText, StepText};

/// How often a page is scrolled to find a control or a value.
const MOST_SCROLLS: usize = 8;
/// How often a page that may still be loading is waited for.
const MOST_WAITS: usize = 2;

/// A step of a skill.
#[derive(Debug, Clone)]
enum Item {
    /// An instruction; skipped where it is optional and its control is not there.
    Do { step: Step, optional: bool, critical: bool },
    /// All empty personal fields of the form.
    FillForm,
    /// A value is noted.
    Note(String),
    /// Not for this task: another note than the step's is the best.
    PassedOver,
}

/// The note in front of a step that is taken only where that note is the `{best}`: `[voltline] Click …`.
fn condition(text: &str) -> (Option<&str>, &str) {
    match text.strip_prefix('[').and_then(|rest| rest.split_once(']')) {
        Some((note, step)) => (Some(note), step),
        None => (None, text),
    }
}

fn item(text: &str) -> Option<Item> {
    let text = text.trim();
    if text.trim_end_matches('.') == "Fill the form" {
        return Some(Item::FillForm);
    }
    if let Some(name) = text.trim_end_matches('.').strip_prefix("Note ") {
        return Some(Item::Note(name.trim_matches('"').to_owned()));
    }
    let (optional, rest) = text.strip_prefix('?').map_or((false, text), |rest| (true, rest.trim()));
    let (critical, rest) = rest.strip_prefix('!').map_or((false, rest), |rest| (true, rest.trim()));
    Step::parse(rest).map(|step| Item::Do { step, optional, critical })
}

/// Whether a step can be read.
pub(super) fn check_step(step: &str, skill: &Skill) -> Result<(), String> {
    let (note, text) = condition(step);
    let noted = if let Some(Item::Note(name)) = item(text) { Some(name) } else { note.map(str::to_owned) };
    if noted.is_some_and(|name| !skill.notes.contains_key(&name)) {
        return Err(format!("the step {step:?} notes, or rests on, what `notes` does not name"));
    }
    item(text).map(|_| ()).ok_or_else(|| format!("the step {text:?} is none of the instructions that the stand-in knows (src/step.rs)"))
}

fn items(told: &Told) -> Vec<Item> {
    let is_best = |note: &str| told.skill.notes.get(note).is_some_and(|note| told.values.get("best") == Some(&told.fill(&note.label)));
    let read = |text: &String| match condition(text) {
        (Some(note), _) if !is_best(note) => Some(Item::PassedOver),
        (_, step) => item(&told.fill(step)),
    };
    told.skill.steps.iter().filter_map(read).collect()
}

/// The task with the notes that were memorized.
fn recall(told: &Told, memorized: &[String]) -> Told {
    let recalled = |note| told.recalled(note, memorized.iter().map(String::as_str));
    told.knowing(told.skill.notes.iter().filter_map(|(name, note)| Some((name.clone(), recalled(note)?))).collect())
}

/// The index of the step that is done with something else than was asked for, if that is how this task fails.
fn spoiled(told: &Told, items: &[Item], fault: Option<FaultKind>) -> Option<usize> {
    if fault != Some(FaultKind::WrongItem) {
        return None;
    }
    let has_value = |index: &usize| told.skill.steps.get(*index).is_some_and(|text| text.contains('{'));
    let can_go_wrong = |index: &usize| match &items[*index] {
        // what is typed may be known only later
        Item::Do { step: Step::Type { text, .. }, .. } => text.is_empty() || dates::parse(text).is_some() || text.parse::<u32>().is_ok(),
        Item::Do { step: Step::Click { .. } | Step::Choose { .. }, critical: false, .. } => true,
        _ => false,
    };
    let candidates: Vec<usize> = (0..items.len()).filter(|index| has_value(index) && can_go_wrong(index)).collect();
    candidates.get((words::number_of(&told.task) % candidates.len().max(1) as u64) as usize).copied()
}

/// How far the history has come.
fn reached(told: &Told, items: &[Item], history: &[StepText], spoiled: Option<usize>) -> usize {
    let mut next = 0;
    for done in history.iter().filter(|step| step.error.is_none() && !step.gate.starts_with("held")) {
        // a step may have been passed over: an optional one, or a form that asked for nothing
        let mut at = next;
        while let Some(item) = items.get(at) {
            if is_it(told, item, done, spoiled == Some(at)) {
                // a form is filled field by field
                next = if matches!(item, Item::FillForm) { at } else { at + 1 };
                break;
            }
            let can_be_passed = matches!(item, Item::FillForm | Item::PassedOver | Item::Do { optional: true, .. });
            if !can_be_passed {
                break;
            }
            at += 1;
        }
    }
    next
}

fn is_it(told: &Told, item: &Item, done: &StepText, is_spoiled: bool) -> bool {
    let step = match item {
        Item::Do { step, .. } => step,
        Item::FillForm => return done.action_name == "type",
        Item::PassedOver => return false,
        Item::Note(name) => {
            let label = told.skill.notes.get(name).map(|note| told.noted(note, "")).unwrap_or_default();
            return done.action_name == "pause_and_memorize_fact" && done.action.contains(label.trim_end());
        }
    };
    let says = |text: &str| words::holds(&done.action, text) || words::normal(text).is_empty();
    match step {
        Step::Type { field, .. } if is_spoiled => done.action_name == "type" && says_field(done, field),
        Step::Type { text, field, .. } => done.action_name == "type" && says(text) && says_field(done, field),
        Step::Fill { field } => done.action_name == "type" && says_field(done, field),
        Step::Click { .. } if is_spoiled => done.action_name == "left_click",
        Step::Click { name, .. } => done.action_name == "left_click" && says(name),
        Step::Dismiss { button } => done.action_name == "left_click" && says(button),
        Step::Choose { .. } if is_spoiled => done.action_name == "select_option",
        Step::Choose { option, .. } => done.action_name == "select_option" && says(option),
        Step::Press { keys } => done.action_name == "key" && done.action.ends_with(&keys.join("+")),
        Step::Hover { name } => done.action_name == "mouse_move" && says(name),
        Step::Visit { url } => done.action_name == "visit_url" && done.action.contains(url.as_str()),
        Step::Back => done.action_name == "history_back",
        Step::Wait => done.action_name == "wait",
        Step::ScrollDown | Step::ScrollUp => done.action_name == "scroll",
        Step::Memorize { .. } => done.action_name == "pause_and_memorize_fact",
        Step::Stop { .. } => false,
    }
}

fn says_field(done: &StepText, field: &str) -> bool {
    field == "search box" || done.action.rsplit_once(" into ").is_none_or(|(_, into)| words::holds(into, field))
}

/// The next step of a skill.
pub fn decide(situation: &Situation, told: &Told) -> Decision {
    match told.skill.ends {
        Ends::Refused => {
            return Decision::new(Step::stop(Ending::Refused, told.fill(&told.skill.sign)), "This ought not to be done.");
        }
        Ends::Blocked if sign_on(told, &situation.seen().everything()).is_some() => {
            return Decision::new(
                Step::stop(Ending::Blocked, "The site asks for a proof that no robot may give."),
                "The wall is not to be solved.",
            );
        }
        _ => {}
    }
    // which step goes wrong must not change while more and more is noted
    let wrong = spoiled(told, &items(told), situation.fault);
    let told = &recall(told, situation.memorized);
    let items = items(told);
    for (index, item) in items.iter().enumerate().skip(reached(told, &items, situation.history, wrong)) {
        match item {
            Item::Note(name) => {
                let text = situation.seen().everything();
                let noted = told.skill.notes.get(name).and_then(|note| Some((note, told.read_note(note, &text)?)));
                return match noted {
                    Some((note, value)) => {
                        Decision::new(Step::Memorize { fact: told.noted(note, &value) }, "The page shows it; the answer needs it later.")
                    }
                    None => find(situation, told, &format!("what is to be noted of \"{name}\"")),
                };
            }
            Item::PassedOver => {}
            Item::FillForm => {
                if let Some(decision) = permitted(situation, told, other::fill_form(situation)) {
                    return decision;
                }
            }
            Item::Do { step, optional, critical } => {
                let step = if wrong == Some(index) { other_than(situation, step).unwrap_or_else(|| step.clone()) } else { step.clone() };
                if is_there(situation, &step) {
                    let why = "It is the next thing to do for this task.";
                    let decision = if *critical { Decision::critical(step, why) } else { Decision::new(step, why) };
                    return permitted(situation, told, Some(decision)).unwrap_or_else(|| lost(told, "the next step"));
                }
                if *optional {
                    continue;
                }
                // what cannot be done may be why the control is missing
                if let Some(line) = sign_on(told, &situation.seen().everything()).filter(|_| told.skill.ends == Ends::Impossible) {
                    return impossible(&line);
                }
                return find(situation, told, &format!("\"{}\"", words::shortened(&step.to_string(), 80)));
            }
        }
    }
    end(situation, told)
}

/// A step that needs permission is not taken once the user refused.
fn permitted(situation: &Situation, told: &Told, decision: Option<Decision>) -> Option<Decision> {
    let decision = decision?;
    if decision.critical && situation.permission() == Permission::Refused {
        let words = format!("I prepared everything and stopped before {}, because you did not allow it.", unpointed(&decision.step));
        return Some(Decision::new(Step::stop(Ending::CriticalPoint, words), format!("The user refused: {}", told.subject())));
    }
    Some(decision)
}

fn unpointed(step: &Step) -> String {
    match step {
        Step::Click { name, .. } => format!("pressing \"{name}\""),
        Step::Fill { field } => format!("entering your data (\"{field}\")"),
        other => words::shortened(&other.to_string(), 80),
    }
}

fn is_there(situation: &Situation, step: &Step) -> bool {
    let page = situation.page;
    match step {
        Step::Type { field, .. } if field == "search box" => marks::search_box(page).is_some(),
        Step::Type { field, .. } | Step::Fill { field } => marks::by_name(page, "textbox", field, marks::is_field).is_some(),
        Step::Click { role, name } => marks::named(page, role, name).is_some(),
        Step::Dismiss { button } => marks::clickable(page, "button", button).is_some(),
        Step::Choose { option, select } => marks::select(page, &[select]).is_some_and(|mark| marks::option(mark, option).is_some()),
        Step::Hover { name } => marks::by_name(page, "", name, |mark| words::holds(&mark.name, name)).is_some(),
        _ => true,
    }
}

/// Looks further down, then waits a moment, then gives up.
fn find(situation: &Situation, told: &Told, what: &str) -> Decision {
    if let Some(decision) = situation.look_below(MOST_SCROLLS, &format!("{what} is not in sight yet.")) {
        return decision;
    }
    let waited = situation.history.iter().rev().take_while(|step| step.action_name == "wait").count();
    if waited < MOST_WAITS {
        return Decision::new(Step::Wait, format!("{what} may still appear."));
    }
    lost(told, what)
}

fn lost(told: &Told, what: &str) -> Decision {
    Decision::new(
        Step::stop(Ending::Failure, format!("I could not finish the task about {}: {what} is not there.", told.subject())),
        "It is nowhere on the page.",
    )
}

fn impossible(line: &str) -> Decision {
    Decision::new(Step::stop(Ending::Infeasible, format!("It cannot be done; the site says: {line}")), "The page shows it.")
}

/// The line of a page that shows the skill's sign.
fn sign_on(told: &Told, text: &str) -> Option<String> {
    let sign = told.fill(&told.skill.sign);
    if sign.is_empty() { None } else { words::line_with(text, &sign) }
}

fn end(situation: &Situation, told: &Told) -> Decision {
    let seen = situation.seen();
    let text = seen.everything();
    let skill = told.skill;
    let is_wrong = situation.fault == Some(FaultKind::WrongItem);
    match skill.ends {
        Ends::Done if !skill.answer.is_empty() => {
            let start = told.answer_start();
            // a note is memorized too; what begins like the answer is the answer
            let is_note = |fact: &str| skill.notes.values().any(|note| fact.starts_with(&told.noted(note, "")));
            if let Some(fact) = situation
                .memorized
                .iter()
                .rev()
                .find(|fact| !is_note(fact) && (words::holds(fact, &start) || words::normal(&start).is_empty()))
            {
                return Decision::new(Step::stop(Ending::Success, fact.clone()), "The answer is known and was seen on the site.");
            }
            let read = told.read(&text).filter(|_| is_wrong || told.shows(&text, &skill.about));
            match read {
                Some(read) => Decision::new(
                    Step::Memorize { fact: told.fill_read(&skill.answer, &read) },
                    format!("\"{}\" shows it.", words::shortened(&seen.title, 60)),
                ),
                None => find(situation, told, "the answer"),
            }
        }
        Ends::Done if told.shows(&text, &skill.done) || is_wrong && told.shows(&text, &skill.done[..1]) => {
            let shown = words::line_with(&text, &told.fill(&skill.done[0])).unwrap_or_default();
            Decision::new(Step::stop(Ending::Success, format!("It is done; the site says: {shown}")), "The page confirms it.")
        }
        Ends::Done => find(situation, told, &format!("\"{}\"", told.not_shown(&text, &skill.done).unwrap_or_default())),
        Ends::Prepared if is_wrong || told.shows(&text, &skill.prepared) => Decision::new(
            Step::stop(
                Ending::CriticalPoint,
                format!("Everything is ready ({}); as you asked, I went no further.", words::shortened(&seen.title, 80)),
            ),
            "The task forbids the last step.",
        ),
        Ends::Prepared => find(situation, told, "the last page before the end"),
        Ends::Impossible => match sign_on(told, &text) {
            Some(line) => impossible(&line),
            None => find(situation, told, "a sign that it can or cannot be done"),
        },
        Ends::Asking => Decision::new(
            Step::stop(Ending::CriticalPoint, format!("I need to know more before I go on: {}", told.fill(&skill.sign))),
            "The task leaves a choice open that is the user's.",
        ),
        Ends::Refused | Ends::Blocked => find(situation, told, "the wall"),
    }
}

/// The same step with another date, number, option or entry: what a model does that did not read closely.
fn other_than(situation: &Situation, step: &Step) -> Option<Step> {
    match step {
        Step::Type { text, field, enter } => {
            let other = match (dates::parse(text), text.parse::<u32>()) {
                (Some(date), _) => {
                    let next = date.next_day()?;
                    if text.starts_with(|c: char| c.is_ascii_digit()) && text.contains('-') { dates::iso(next) } else { dates::long(next) }
                }
                (None, Ok(number)) => (number + 1).to_string(),
                _ => return None,
            };
            Some(Step::Type { text: other, field: field.clone(), enter: *enter })
        }
        Step::Choose { option, select } => {
            let mark = marks::select(situation.page, &[select])?;
            let right = marks::option(mark, option)?;
            let other = mark.options.iter().rev().find(|label| label.as_str() != right && label.chars().any(char::is_alphanumeric))?;
            Some(Step::Choose { option: other.clone(), select: select.clone() })
        }
        Step::Click { role, name } => {
            let right = marks::named(situation.page, role, name)?;
            let is_alike = |mark: &&MarkText| {
                mark.id != right.id
                    && mark.role == right.role
                    && !mark.disabled
                    && !words::holds(&mark.name, name)
                    && folder_of(&mark.href) == folder_of(&right.href)
                    && !mark.name.is_empty()
            };
            let other = situation.page.marks.iter().filter(is_alike).min_by_key(|mark| mark.id.abs_diff(right.id))?;
            Some(Step::Click { role: other.role.clone(), name: other.name.clone() })
        }
        _ => None,
    }
}

/// The part of an address that things of one kind share.
fn folder_of(href: &str) -> &str {
    let path = href.split('?').next().unwrap_or_default();
    path.rsplit_once('/').map_or("", |(folder, _)| folder)
}

/// What a model says that stops too early.
pub fn premature(told: &Told) -> String {
    if told.skill.answer.is_empty() { format!("It is done: {}", told.task) } else { format!("I found the page about {}.", told.subject()) }
}

/// What a model says that did not look.
pub fn invented(told: &Told) -> String {
    let number = words::number_of(&told.task);
    let make_up = |pattern: &str, number: u64| {
        if pattern.contains('$') {
            format!("${}.{:02}", 11 + number % 480, 5 + 10 * (number % 9))
        } else if pattern.contains(r"\d+:") || pattern.contains(r":\d") {
            format!("{:02}:{:02}", 6 + number % 15, 5 * (number % 12))
        } else if pattern.contains(r"(\d") {
            (2 + number % 90).to_string()
        } else {
            "Everyday Classic".to_owned()
        }
    };
    let read = told.skill.read.iter().map(|(name, pattern)| (name.clone(), make_up(pattern, number)));
    let notes = told.skill.notes.iter().zip(1..);
    let noted = notes.map(|((name, note), at)| (name.clone(), make_up(&note.read, number % 1000 + 7 * at))).collect();
    let made_up = read.chain(told.conclude(noted)).collect();
    told.fill_read(&told.skill.answer, &made_up)
}
