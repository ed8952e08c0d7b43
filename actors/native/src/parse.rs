//! From what a server really sends to a thought and an action.
//!
//! Trained models write `<tool_call>\n{"name": "computer_use", "arguments": {"action": …}}\n</tool_call>` behind a thought. Servers eat
//! closing tags as stop strings, quantised models lose brackets, some runtimes hand the call over apart from the text; all of it is read
//! here (spec/faragen.md D.5). What cannot be read is an error in words that are fed back to the model; nothing panics.

use serde_json::{Map, Value};
use std::borrow::Cow;
use wayfarer_chat::FunctionCall;
use wayfarer_core::Action;
use wayfarer_core::action::{Status, Target};

/// Pause when the model names none (spec/faragen.md E).
const DEFAULT_WAIT: f64 = 3.0;
/// Pixels of a scroll whose length is not said: what the reference scrolls, whatever is said (spec/faragen.md E).
const DEFAULT_SCROLL: i32 = 400;
/// Longest scroll that is taken at its word.
const MAX_SCROLL: f64 = 100_000.0;

/// What a call leaves unsaid.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Habits {
    /// Where the pointer stands, in the model's space: a drag that names only its end begins there.
    pub pointer: (f64, f64),
    /// Whether Enter follows typed text.
    pub press_enter: bool,
}

/// What a reply says.
#[derive(Debug, Clone, PartialEq)]
pub struct Parsed {
    /// What the model thought before it acted.
    pub thought: String,
    /// What it wants to do; points and lengths are in the model's own space.
    pub action: Action,
    /// The student's name of the action.
    pub name: &'static str,
}

/// Why a reply is no action, in words for the model.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ParseError {
    /// Nothing in it looks like a call.
    #[error(
        "there is no tool call in the reply; answer with <tool_call>{{\"name\": \"computer_use\", \"arguments\": {{\"action\": …}}}}</tool_call>"
    )]
    NoCall,
    /// It looks like a call and is no JSON.
    #[error("the tool call is no valid JSON: {why}")]
    NoJson {
        /// What the reader met.
        why: String,
    },
    /// There is no such action.
    #[error("there is no action {action:?}; the actions are {known}")]
    Unknown {
        /// What was called.
        action: String,
        /// What may be called.
        known: String,
    },
    /// An argument is missing or of the wrong form.
    #[error("action {action} needs {argument}")]
    Missing {
        /// What was called.
        action: String,
        /// What it lacks.
        argument: &'static str,
    },
}

/// Actions of the student (spec/faragen.md D.3 and E).
const ACTIONS: [&str; 19] = [
    "key",
    "type",
    "mouse_move",
    "left_click",
    "double_click",
    "triple_click",
    "right_click",
    "left_click_drag",
    "scroll",
    "hscroll",
    "visit_url",
    "web_search",
    "history_back",
    "read_page_answer_question",
    "pause_and_memorize_fact",
    "ask_user_question",
    "wait",
    "terminate",
    "select_option",
];

/// Other names under which models know an action.
const ALIASES: [(&str, &str); 18] = [
    ("click", "left_click"),
    ("hover", "mouse_move"),
    ("keypress", "key"),
    ("press", "key"),
    ("input_text", "type"),
    ("sleep", "wait"),
    ("stop", "terminate"),
    ("stop_and_answer_question", "terminate"),
    ("stop_execution", "terminate"),
    ("goto", "visit_url"),
    ("navigate", "visit_url"),
    ("go_back", "history_back"),
    ("back", "history_back"),
    ("drag", "left_click_drag"),
    ("search", "web_search"),
    ("read_page", "read_page_answer_question"),
    ("memorize", "pause_and_memorize_fact"),
    ("ask_user", "ask_user_question"),
];

/// Whether this is the student's name of an action.
pub fn is_action(name: &str) -> bool {
    ACTIONS.contains(&name)
}

/// Reads a reply. `calls` are those that the server handed over apart from the text.
pub fn parse(text: &str, calls: &[FunctionCall], habits: Habits) -> Result<Parsed, ParseError> {
    let text = after_thinking(text);
    let (thought, arguments) = match (tagged(text), calls.first()) {
        (Some((thought, body)), _) => (thought, read_call(body)?),
        (None, Some(call)) => {
            let read = read_object(&call.arguments)?;
            (text, unwrapped(call.name.clone(), read))
        }
        (None, None) => {
            let start = bare_call(text).ok_or(ParseError::NoCall)?;
            let thought = text[..start].trim_end().trim_end_matches("```json").trim_end_matches("```");
            (thought, read_call(&text[start..])?)
        }
    };
    let (name, action) = action(&arguments, habits)?;
    let thought = thought.trim().to_owned();
    Ok(Parsed { thought, action, name })
}

/// What follows the block of thoughts that reasoning servers leave in.
fn after_thinking(text: &str) -> &str {
    text.rsplit_once("</think>").map_or(text, |(_, answer)| answer)
}

/// Thought and body of the first tagged call; the closing tag may be missing.
fn tagged(text: &str) -> Option<(&str, &str)> {
    let (thought, rest) = text.split_once("<tool_call>")?;
    let body = rest.split_once("</tool_call>").map_or(rest, |(body, _)| body);
    Some((thought, body.split("<tool_call>").next().unwrap_or(body)))
}

/// Where an untagged call begins: at an object that names an action.
fn bare_call(text: &str) -> Option<usize> {
    text.match_indices('{').map(|(at, _)| at).find(|at| {
        let rest = &text[*at..];
        let head: String = rest.chars().take(400).collect();
        ["\"name\"", "\"action\"", "'name'", "'action'", "\"arguments\""].iter().any(|key| head.contains(key))
    })
}

/// A call as text: `{"name": …, "arguments": …}`, or the arguments alone.
fn read_call(body: &str) -> Result<Map<String, Value>, ParseError> {
    let mut call = read_object(body)?;
    let name = call.get("name").and_then(Value::as_str).unwrap_or_default().to_owned();
    match call.remove("arguments").or_else(|| call.remove("parameters")) {
        Some(Value::Object(arguments)) => Ok(unwrapped(name, arguments)),
        Some(Value::String(arguments)) => Ok(unwrapped(name, read_object(&arguments)?)),
        _ => Ok(unwrapped(name, call)),
    }
}

/// Arguments that name their action; some models call the action itself as if it were the function.
fn unwrapped(name: String, mut arguments: Map<String, Value>) -> Map<String, Value> {
    if !arguments.contains_key("action") && known(&name).is_some() {
        arguments.insert("action".into(), Value::String(name));
    }
    arguments
}

fn read_object(text: &str) -> Result<Map<String, Value>, ParseError> {
    let text = text.trim().trim_start_matches("```json").trim_matches('`').trim();
    if let Ok(Value::Object(object)) = serde_json::from_str(text) {
        return Ok(object);
    }
    let mended = mend_coordinates(text);
    if let Ok(Value::Object(object)) = serde_json::from_str(&mended) {
        return Ok(object);
    }
    let no_json = |why: String| ParseError::NoJson { why };
    let options = llm_json::RepairOptions { ensure_ascii: false, ..Default::default() };
    let repaired = llm_json::repair_json(&mended, &options).map_err(|error| no_json(error.to_string()))?;
    match serde_json::from_str(&repaired) {
        Ok(Value::Object(object)) => Ok(object),
        Ok(_) => Err(no_json("it is no object".into())),
        Err(error) => Err(no_json(error.to_string())),
    }
}

/// `"coordinate": 136, 99]`, which a quantised model writes, with its bracket (spec/faragen.md D.5).
fn mend_coordinates(text: &str) -> Cow<'_, str> {
    const KEY: &str = "\"coordinate\":";
    let Some(at) = text.find(KEY) else { return Cow::Borrowed(text) };
    let (head, rest) = text.split_at(at + KEY.len());
    let rest = rest.trim_start();
    let digits = rest.find(|c: char| !(c.is_ascii_digit() || matches!(c, ',' | ' ' | '.' | '-'))).unwrap_or(rest.len());
    let starts_bare = rest.starts_with(|c: char| c.is_ascii_digit() || c == '-');
    if !starts_bare || !rest[..digits].contains(',') {
        return Cow::Borrowed(text);
    }
    let (numbers, tail) = rest.split_at(digits);
    let numbers = numbers.trim_end_matches([' ', ',']);
    let closed = if tail.starts_with(']') { "" } else { "]" };
    let comma = if tail.starts_with('"') { "," } else { "" };
    Cow::Owned(format!("{head}[{numbers}{closed}{comma}{tail}"))
}

fn known(name: &str) -> Option<&'static str> {
    let name = name.trim().to_ascii_lowercase().replace(['-', ' '], "_");
    let alias = ALIASES.iter().find(|(other, _)| *other == name).map(|(_, own)| *own);
    alias.or_else(|| ACTIONS.into_iter().find(|own| *own == name))
}

fn action(arguments: &Map<String, Value>, habits: Habits) -> Result<(&'static str, Action), ParseError> {
    let said = arguments.get("action").and_then(Value::as_str).unwrap_or_default();
    let name = known(said).ok_or_else(|| ParseError::Unknown { action: said.to_owned(), known: ACTIONS.join(", ") })?;
    let missing = |argument| ParseError::Missing { action: name.to_owned(), argument };
    let at = |keys: &[&str]| point(arguments, keys);
    let target = || at(&["coordinate", "coordinates", "position", "point"]).ok_or_else(|| missing("a coordinate [x, y]"));
    let words = |keys: &[&str]| keys.iter().find_map(|key| arguments.get(*key).and_then(as_text));
    let action = match name {
        "left_click" => Action::LeftClick { target: target()? },
        "double_click" => Action::DoubleClick { target: target()? },
        "triple_click" => Action::TripleClick { target: target()? },
        "right_click" => Action::RightClick { target: target()? },
        "mouse_move" => Action::MouseMove { target: target()? },
        "left_click_drag" => {
            let from = at(&["start_coordinate", "from", "start"]).unwrap_or_else(|| spot(habits.pointer));
            let to = at(&["end_coordinate", "to", "end", "coordinate"]).ok_or_else(|| missing("a coordinate [x, y]"))?;
            Action::LeftClickDrag { from, to }
        }
        "select_option" => {
            Action::SelectOption { target: target()?, option: words(&["option", "text", "value"]).ok_or_else(|| missing("an option"))? }
        }
        "type" => Action::Type {
            // Fara1.5 types where the focus is
            target: at(&["coordinate", "coordinates"]),
            text: words(&["text", "text_value"]).ok_or_else(|| missing("text"))?,
            press_enter: flag(arguments, "press_enter").unwrap_or(habits.press_enter),
            delete_existing_text: flag(arguments, "delete_existing_text").unwrap_or(false),
        },
        "key" => {
            let keys = keys(arguments.get("keys").or_else(|| arguments.get("key")).or_else(|| arguments.get("text")));
            if keys.is_empty() {
                return Err(missing("keys"));
            }
            Action::Key { keys }
        }
        "scroll" => Action::Scroll { pixels: pixels(arguments), target: at(&["coordinate"]) },
        "hscroll" => Action::Hscroll { pixels: pixels(arguments), target: at(&["coordinate"]) },
        "visit_url" => Action::VisitUrl { url: words(&["url"]).ok_or_else(|| missing("a url"))? },
        "web_search" => Action::WebSearch { query: words(&["query", "text"]).ok_or_else(|| missing("a query"))? },
        "history_back" => Action::HistoryBack,
        "read_page_answer_question" => Action::ReadPage { question: words(&["question", "query"]).unwrap_or_default() },
        "pause_and_memorize_fact" => Action::PauseAndMemorizeFact { fact: words(&["fact", "text"]).ok_or_else(|| missing("a fact"))? },
        "ask_user_question" => Action::AskUserQuestion { question: words(&["question", "text"]).ok_or_else(|| missing("a question"))? },
        "wait" => {
            let seconds = ["time", "duration", "seconds"].iter().find_map(|key| arguments.get(*key).and_then(as_number));
            Action::Wait { seconds: seconds.unwrap_or(DEFAULT_WAIT).max(0.0) }
        }
        _ => {
            let status = words(&["status"]).unwrap_or_default();
            let failed = ["fail", "error", "infeasible", "impossible"].iter().any(|word| status.to_ascii_lowercase().contains(word));
            let status = if failed { Status::Failure } else { Status::Success };
            Action::Terminate { status, answer: words(&["answer", "text", "response"]).unwrap_or_default() }
        }
    };
    Ok((name, action))
}

fn spot((x, y): (f64, f64)) -> Target {
    Target { mark: None, x, y, label: String::new() }
}

/// The first of these arguments that is a point, or `x` and `y` beside each other.
fn point(arguments: &Map<String, Value>, keys: &[&str]) -> Option<Target> {
    let named = keys.iter().find_map(|key| arguments.get(*key).and_then(as_point));
    let apart = || Some((as_number(arguments.get("x")?)?, as_number(arguments.get("y")?)?));
    named.or_else(apart).filter(|(x, y)| x.is_finite() && y.is_finite()).map(spot)
}

/// `[x, y]`, `[[x, y]]`, a box of four, `{"x": …, "y": …}`, or any of it as text.
fn as_point(value: &Value) -> Option<(f64, f64)> {
    match value {
        Value::Array(parts) => match parts.as_slice() {
            [inner @ (Value::Array(_) | Value::String(_) | Value::Object(_))] => as_point(inner),
            [x, y] => Some((as_number(x)?, as_number(y)?)),
            // a box: the middle is meant
            [left, top, right, bottom] => {
                let middle = |from: &Value, to: &Value| Some((as_number(from)? + as_number(to)?) / 2.0);
                Some((middle(left, right)?, middle(top, bottom)?))
            }
            _ => None,
        },
        Value::Object(parts) => Some((as_number(parts.get("x")?)?, as_number(parts.get("y")?)?)),
        Value::String(text) => {
            let numbers: Vec<f64> = text
                .split(|c: char| !(c.is_ascii_digit() || c == '.' || c == '-'))
                .filter(|part| !part.is_empty())
                .map(str::parse)
                .collect::<Result<_, _>>()
                .ok()?;
            match numbers[..] {
                [x, y] => Some((x, y)),
                [left, top, right, bottom] => Some(((left + right) / 2.0, (top + bottom) / 2.0)),
                _ => None,
            }
        }
        _ => None,
    }
}

fn as_number(value: &Value) -> Option<f64> {
    match value {
        Value::Number(number) => number.as_f64(),
        Value::String(text) => text.trim().trim_end_matches("px").trim().parse().ok(),
        Value::Array(parts) => match parts.as_slice() {
            [one] => as_number(one),
            _ => None,
        },
        _ => None,
    }
}

fn as_text(value: &Value) -> Option<String> {
    match value {
        Value::String(text) => Some(text.clone()),
        Value::Number(number) => Some(number.to_string()),
        Value::Bool(flag) => Some(flag.to_string()),
        _ => None,
    }
}

fn flag(arguments: &Map<String, Value>, key: &str) -> Option<bool> {
    match arguments.get(key)? {
        Value::Bool(flag) => Some(*flag),
        Value::String(text) => match text.trim().to_ascii_lowercase().as_str() {
            "true" | "yes" | "1" => Some(true),
            "false" | "no" | "0" => Some(false),
            _ => None,
        },
        Value::Number(number) => number.as_f64().map(|number| number != 0.0),
        _ => None,
    }
}

/// A list of keys, or one text of keys joined with plus signs.
fn keys(value: Option<&Value>) -> Vec<String> {
    match value {
        Some(Value::Array(parts)) => parts.iter().filter_map(as_text).filter(|key| !key.is_empty()).collect(),
        Some(Value::String(text)) if text.len() > 1 => {
            text.split('+').map(str::trim).filter(|key| !key.is_empty()).map(str::to_owned).collect()
        }
        Some(other) => as_text(other).into_iter().filter(|key| !key.is_empty()).collect(),
        None => Vec::new(),
    }
}

/// Positive is up (and right, for a horizontal scroll); nothing or zero means as far as the reference goes, down.
fn pixels(arguments: &Map<String, Value>) -> i32 {
    let said = arguments.get("pixels").and_then(as_number).filter(|pixels| pixels.is_finite());
    if let Some(pixels) = said.filter(|pixels| *pixels != 0.0) {
        return pixels.clamp(-MAX_SCROLL, MAX_SCROLL) as i32;
    }
    let direction = arguments.get("direction").and_then(Value::as_str).unwrap_or("down").to_ascii_lowercase();
    if matches!(direction.as_str(), "up" | "right") { DEFAULT_SCROLL } else { -DEFAULT_SCROLL }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::expect_used)]
mod tests;
