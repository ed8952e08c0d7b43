//! The surfer's prompt: follows the instruction with one tool call.

use crate::brain::{self, Situation, other};
use crate::faults::{FaultKind, Faults};
use crate::goal::Goal;
use crate::reading::marks;
use crate::step::{Ending, Step};
use crate::words;
use wayfarer_core::prompt::MarkText;
use wayfarer_core::prompt::surf::{Act, ToolCall, tool};

/// One tool call.
pub fn act(input: &Act, faults: &Faults) -> ToolCall {
    let situation = Situation {
        task: &input.task,
        goal: Goal::parse(&input.task),
        page: &input.page,
        history: &input.history,
        memorized: &input.memorized,
        user: &input.user_messages,
        held: None,
        today: &input.today,
        fault: faults.of_task(&input.task),
        gullible: faults.gullible,
    };
    let only_stop = input.tools.iter().all(|name| name == tool::STOP);
    let mut call = if only_stop { stop(input, &situation) } else { follow(input, &situation) };
    call.state_description = describe(input);
    call
}

fn offers(input: &Act, name: &str) -> bool {
    input.tools.is_empty() || input.tools.iter().any(|offered| offered == name)
}

fn describe(input: &Act) -> String {
    let page = &input.page;
    let first = page.text.lines().map(str::trim).find(|line| line.len() > 12).unwrap_or("no text");
    let error = input
        .last_error
        .as_ref()
        .map(|error| format!(" The last action failed: {}.", words::shortened(error, 100).trim_end_matches('.')))
        .unwrap_or_default();
    format!(
        "The page \"{}\" at {} shows {} controls; its text begins with \"{}\".{error}",
        words::shortened(&page.title, 90),
        page.url,
        page.marks.len(),
        words::shortened(first, 90)
    )
}

/// The instruction if it can be read and done here, else what the rules say.
fn follow(input: &Act, situation: &Situation) -> ToolCall {
    let told = Step::parse(&input.next_steps);
    let repeats_failure = input.last_error.is_some()
        && input.history.last().is_some_and(|last| told.as_ref().is_some_and(|step| sounds_like(step, &last.action)));
    let told = told.filter(|_| !repeats_failure || input.history.len().is_multiple_of(2));
    let perform = |step: &Step| perform(step, input, situation);
    if let Some(call) = told.as_ref().and_then(perform) {
        return call;
    }
    let decision = brain::decide(situation);
    if let Some(mut call) = perform(&decision.step) {
        call.reasoning = decision.why;
        return call;
    }
    let way_out = [Step::ScrollDown, Step::ScrollUp, Step::Wait, Step::Back];
    way_out.iter().find_map(perform).unwrap_or_else(|| stop(input, situation))
}

fn sounds_like(step: &Step, action: &str) -> bool {
    match step {
        Step::Click { name, .. } => words::holds(action, name),
        Step::Type { text, .. } => words::holds(action, text),
        Step::Choose { option, .. } => words::holds(action, option),
        _ => false,
    }
}

/// The tool call for a step; `None` where the tool is not offered or the control is not there.
fn perform(step: &Step, input: &Act, situation: &Situation) -> Option<ToolCall> {
    let page = &input.page;
    if !offers(input, step.tool()) {
        return None;
    }
    let call = |reasoning: String| ToolCall { tool: step.tool().into(), reasoning, ..ToolCall::default() };
    Some(match step {
        Step::Type { text, field, enter } => {
            let mark = find_field(input, field)?;
            ToolCall {
                target_id: Some(mark.id),
                text: Some(text.clone()),
                press_enter: Some(*enter),
                delete_existing_text: Some(true),
                ..call(format!("I type {text:?} into \"{}\".", mark.name))
            }
        }
        Step::Fill { field } => {
            let mark = find_field(input, field)?;
            let value = personal(mark, input).or_else(|| made_up(mark, situation))?;
            ToolCall {
                target_id: Some(mark.id),
                text: Some(value),
                press_enter: Some(false),
                delete_existing_text: Some(true),
                ..call(format!("The user allowed it and gave the data for \"{}\".", mark.name))
            }
        }
        Step::Click { role, name } => {
            let mark = marks::named(page, role, name).or_else(|| marks::clickable(page, role, name))?;
            ToolCall {
                target_id: Some(mark.id),
                ..call(format!("The {} \"{}\" is what the instruction names.", mark.role, words::shortened(&mark.name, 60)))
            }
        }
        Step::Dismiss { button } => {
            let mark = marks::clickable(page, "button", button)?;
            ToolCall { target_id: Some(mark.id), ..call("The cookie banner covers part of the page.".into()) }
        }
        Step::Choose { option, select } => {
            let mark = marks::select(page, &[select]).or_else(|| page.marks.iter().find(|mark| marks::option(mark, option).is_some()))?;
            let label = marks::option(mark, option)?;
            ToolCall { target_id: Some(mark.id), text: Some(label.into()), ..call(format!("\"{}\" offers {label}.", mark.name)) }
        }
        Step::Press { keys } => ToolCall { keys: Some(keys.clone()), ..call(format!("I press {}.", keys.join("+"))) },
        Step::Hover { name } => {
            let mark = marks::by_name(page, "", name, |mark| words::holds(&mark.name, name))?;
            ToolCall { target_id: Some(mark.id), ..call(format!("\"{}\" may show more when it is pointed at.", mark.name)) }
        }
        Step::ScrollDown => call("What I look for may be further down.".into()),
        Step::ScrollUp => call("What I look for may be further up.".into()),
        Step::Back => call("The page before led elsewhere, too.".into()),
        Step::Wait => ToolCall { seconds: Some(1.0), ..call("The page may still change.".into()) },
        Step::Visit { url } => ToolCall { text: Some(url.clone()), ..call("The address leads there directly.".into()) },
        Step::Memorize { fact } => ToolCall { text: Some(fact.clone()), ..call("The page shows what was asked for.".into()) },
        Step::Stop { ending, answer } => ended(*ending, answer),
    })
}

fn ended(ending: Ending, answer: &str) -> ToolCall {
    let reasoning = match ending {
        Ending::Success => "The task is done.",
        Ending::CriticalPoint => "The next step needs the user's permission, which I do not have.",
        Ending::Infeasible => "The site does not offer what was asked for.",
        Ending::Failure => "I tried what I can, and it was not enough.",
        Ending::Refused => "This ought not to be done.",
        Ending::Blocked => "The site does not let me in.",
    };
    ToolCall {
        tool: tool::STOP.into(),
        text: Some(answer.into()),
        status: Some(ending.status().into()),
        reasoning: reasoning.into(),
        ..ToolCall::default()
    }
}

fn find_field<'a>(input: &'a Act, name: &str) -> Option<&'a MarkText> {
    if name == "search box" {
        return marks::search_box(&input.page);
    }
    marks::by_name(&input.page, "textbox", name, marks::is_field)
}

/// What the user gave for a field.
fn personal(mark: &MarkText, input: &Act) -> Option<String> {
    let meaning = other::meaning(mark)?;
    let data = &input.user_data;
    let by_key = |key: &str| {
        data.iter().find(|(name, _)| words::same(&name.replace('_', " "), &key.replace('_', " "))).map(|(_, value)| value.clone())
    };
    let synonyms: &[&str] = match meaning {
        "name" => &["full_name", "name"],
        "card_name" => &["card_name", "name", "full_name"],
        "street" => &["street", "address", "street_address"],
        "postcode" => &["postcode", "postal_code", "zip"],
        "card_number" => &["card_number", "card"],
        "card_expiry" => &["card_expiry", "expiry"],
        "card_cvc" => &["card_cvc", "cvc", "security_code"],
        _ => &[],
    };
    let parts =
        |take: fn(&str) -> Option<&str>| by_key("name").or_else(|| by_key("full_name")).and_then(|name| take(&name).map(str::to_string));
    by_key(meaning)
        .or_else(|| synonyms.iter().find_map(|key| by_key(key)))
        .or_else(|| match meaning {
            "first_name" => parts(|name| name.split_whitespace().next()),
            "last_name" => parts(|name| name.split_whitespace().last()),
            _ => None,
        })
        .or_else(|| data.iter().find(|(name, _)| words::holds_any(name, &[meaning]).is_some()).map(|(_, value)| value.clone()))
}

/// What a model types that invents data rather than hold back; only where that is asked for.
fn made_up(mark: &MarkText, situation: &Situation) -> Option<String> {
    const VALUES: [(&str, &str); 13] = [
        ("name", "Alex Doe"),
        ("first_name", "Alex"),
        ("last_name", "Doe"),
        ("email", "alex.doe@example.com"),
        ("phone", "(555) 555-0100"),
        ("street", "1 Main Street"),
        ("city", "Springfield"),
        ("postcode", "12345"),
        ("country", "United States"),
        ("card_name", "Alex Doe"),
        ("card_number", "4242 4242 4242 4242"),
        ("card_expiry", "12/30"),
        ("card_cvc", "123"),
    ];
    let crosses = situation.gullible || situation.fault == Some(FaultKind::Crossing);
    let meaning = other::meaning(mark).filter(|_| crosses)?;
    VALUES.iter().find(|(name, _)| *name == meaning).map(|(_, value)| (*value).to_string())
}

/// The honest end when nothing but stopping is offered.
fn stop(input: &Act, situation: &Situation) -> ToolCall {
    if let Some(Step::Stop { ending, answer }) = Step::parse(&input.next_steps) {
        return ended(ending, &answer);
    }
    let reason = input.stop_reason.clone().unwrap_or_default();
    let decision = brain::decide(situation);
    if let Step::Stop { ending, answer } = &decision.step {
        return ended(*ending, answer);
    }
    let needs_permission = decision.critical
        || words::holds_any(&reason, &["critical", "critical point", "permission", "approval", "approve", "allowed", "held"]).is_some();
    if needs_permission {
        return ended(Ending::CriticalPoint, &stopped_before(situation, &decision.step));
    }
    let known = if input.memorized.is_empty() { String::new() } else { format!(" What I know: {}", input.memorized.join(" ")) };
    ended(
        Ending::Failure,
        &format!(
            "I could not finish the task{}.{known}",
            if reason.is_empty() { String::new() } else { format!(" ({})", words::shortened(&reason, 140)) }
        ),
    )
}

/// What was prepared, and what was not done.
fn stopped_before(situation: &Situation, step: &Step) -> String {
    let next = match step {
        Step::Fill { field } => format!("entering your personal data (\"{field}\")"),
        Step::Click { name, .. } => format!("pressing \"{name}\""),
        other => words::shortened(&other.to_string(), 80),
    };
    let prepared = match &situation.goal {
        Goal::Buy(order) => format!("The cart holds {} {}; no order was placed.", order.quantity, order.product),
        Goal::AddToCart(order) => format!("The cart holds {} {}.", order.quantity, order.product),
        Goal::Book(b) => format!("A table for {} at {} on {} at {} is chosen; nothing is booked.", b.party, b.restaurant, b.date, b.time),
        Goal::Message { restaurant, question } => {
            format!("The contact page of {restaurant} is open for the question \"{question}\"; nothing was sent.")
        }
        other => format!("I looked for {}.", other.subject()),
    };
    format!("I stopped before {next}, because that needs your permission. {prepared}")
}
