//! From the model's tool call to an action with mark and pixel position; what cannot be done is said in words for the model.

use wayfarer_core::action::{Status, Target};
use wayfarer_core::observation::Mark;
use wayfarer_core::prompt::surf::{ToolCall, tool};
use wayfarer_core::{Action, Observation};

/// Share of the viewport that one scroll moves.
const SCROLL_SHARE: f64 = 0.8;
/// Longest wait of one step, seconds.
const MAX_WAIT: f64 = 10.0;
/// Wait when the model names none (spec/faragen.md E).
const DEFAULT_WAIT: f64 = 3.0;

/// Why a tool call is no action.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CallError {
    /// The tool does not exist or is not legal now.
    #[error("tool {tool:?} is not offered now; use one of {offered}")]
    NotOffered {
        /// What was called.
        tool: String,
        /// What may be called.
        offered: String,
    },
    /// An argument is missing.
    #[error("tool {tool} needs {argument}")]
    Missing {
        /// What was called.
        tool: &'static str,
        /// What it lacks.
        argument: &'static str,
    },
    /// The mark is not on the page.
    #[error("there is no mark {id} on this page; use an id of the list of marks")]
    NoMark {
        /// What was named.
        id: u32,
    },
    /// The select has no such option.
    #[error("{select} has no option {option:?}; its options are {options}")]
    NoOption {
        /// The select.
        select: String,
        /// What was asked for.
        option: String,
        /// What there is.
        options: String,
    },
    /// The address cannot be opened.
    #[error("{url:?} is no http or https address")]
    NoUrl {
        /// What was given.
        url: String,
    },
}

/// How the stop tool's status reads in the student's two words, keeping the finer one apart.
pub fn stop_status(status: Option<&str>) -> Status {
    match status.map(str::trim).map(str::to_lowercase).as_deref() {
        None | Some("" | "success" | "critical_point" | "answered" | "done") => Status::Success,
        Some(_) => Status::Failure,
    }
}

/// The action that the call means on this page.
pub fn translate(call: &ToolCall, observation: &Observation, offered: &[&'static str]) -> Result<Action, CallError> {
    let Some(name) = offered.iter().copied().find(|name| *name == call.tool.trim()) else {
        return Err(CallError::NotOffered { tool: call.tool.clone(), offered: offered.join(", ") });
    };
    let words = |argument| call.text.clone().filter(|text| !text.trim().is_empty()).ok_or(CallError::Missing { tool: name, argument });
    let marked = || -> Result<&Mark, CallError> {
        let id = call.target_id.ok_or(CallError::Missing { tool: name, argument: "target_id" })?;
        observation.mark(id).ok_or(CallError::NoMark { id })
    };
    let scroll = |sign: f64| Action::Scroll { pixels: (sign * f64::from(observation.viewport.height) * SCROLL_SHARE) as i32, target: None };
    Ok(match name {
        tool::CLICK => Action::LeftClick { target: target_of(marked()?) },
        tool::INPUT_TEXT => {
            let target = match (call.target_id, observation.focused) {
                (None, Some(_)) => None,
                _ => Some(target_of(marked()?)),
            };
            Action::Type {
                target,
                text: call.text.clone().ok_or(CallError::Missing { tool: name, argument: "text" })?,
                press_enter: call.press_enter.unwrap_or(true),
                delete_existing_text: call.delete_existing_text.unwrap_or(true),
            }
        }
        tool::SELECT_OPTION => {
            let mark = marked()?;
            let wanted = words("text")?;
            let same = |option: &&String| option.trim().eq_ignore_ascii_case(wanted.trim());
            let no_option = || CallError::NoOption { select: label_of(mark), option: wanted.clone(), options: mark.options.join(", ") };
            let option = mark
                .options
                .iter()
                .find(same)
                .cloned()
                .or_else(|| mark.options.is_empty().then(|| wanted.clone()))
                .ok_or_else(no_option)?;
            Action::SelectOption { target: target_of(mark), option }
        }
        tool::HOVER => Action::MouseMove { target: target_of(marked()?) },
        tool::KEYPRESS => {
            let keys = call.keys.clone().unwrap_or_default();
            if keys.is_empty() {
                return Err(CallError::Missing { tool: name, argument: "keys" });
            }
            Action::Key { keys }
        }
        tool::SCROLL_UP => scroll(1.0),
        tool::SCROLL_DOWN => scroll(-1.0),
        tool::VISIT_URL => Action::VisitUrl { url: web_address(&words("text (the address)")?)? },
        tool::WEB_SEARCH => Action::WebSearch { query: words("text (the query)")? },
        tool::HISTORY_BACK => Action::HistoryBack,
        tool::MEMORIZE => Action::PauseAndMemorizeFact { fact: words("text (the fact)")? },
        tool::SLEEP => {
            Action::Wait { seconds: call.seconds.filter(|seconds| seconds.is_finite()).unwrap_or(DEFAULT_WAIT).clamp(0.1, MAX_WAIT) }
        }
        _ => Action::Terminate { status: stop_status(call.status.as_deref()), answer: call.text.clone().unwrap_or_default() },
    })
}

fn label_of(mark: &Mark) -> String {
    let name = if mark.name.is_empty() { &mark.value } else { &mark.name };
    format!("{} {name:?}", mark.role)
}

fn target_of(mark: &Mark) -> Target {
    let (x, y) = mark.rect.centre();
    Target { mark: Some(mark.id), x, y, label: label_of(mark) }
}

/// `https://` is put before what looks like a host; anything but http and https is refused.
fn web_address(text: &str) -> Result<String, CallError> {
    let text = text.trim();
    let no_url = || CallError::NoUrl { url: text.to_owned() };
    let has_scheme = text.contains("://");
    let whole = if has_scheme { text.to_owned() } else { format!("https://{text}") };
    let plain_host = whole.split("://").nth(1).is_some_and(|rest| !rest.is_empty() && !rest.starts_with('/') && !rest.contains(' '));
    let web = whole.starts_with("http://") || whole.starts_with("https://");
    let other_scheme = !has_scheme
        && text
            .split(['/', '?'])
            .next()
            .is_some_and(|head| head.contains(':') && head.rsplit(':').next().is_none_or(|port| port.parse::<u16>().is_err()));
    if web && plain_host && !other_scheme { Ok(whole) } else { Err(no_url()) }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::expect_used)]
mod tests {
    use super::*;
    use crate::testing::{mark, page};
    use crate::tools::offered;

    fn call(tool: &str) -> ToolCall {
        ToolCall { tool: tool.into(), ..ToolCall::default() }
    }

    #[test]
    fn calls_become_actions_with_mark_and_pixels() {
        let page = page("http://shop.localhost/", vec![mark(10, "button", "Add to cart")]);
        let tools = offered(&page, false, false);

        let action = translate(&ToolCall { target_id: Some(10), ..call(tool::CLICK) }, &page, &tools).unwrap();

        let target = action.target().unwrap();
        assert_eq!((target.mark, target.x, target.y), (Some(10), 50.0, 15.0));
        assert_eq!(action.describe(), "left_click button \"Add to cart\"");
    }

    #[test]
    fn what_cannot_be_done_is_said_in_words() {
        let page = page("http://shop.localhost/", vec![mark(10, "button", "Add to cart")]);
        let tools = offered(&page, false, false);
        let refused = |call: ToolCall| translate(&call, &page, &tools).unwrap_err().to_string();

        assert!(refused(call("fly")).contains("not offered"));
        assert!(refused(call(tool::SCROLL_UP)).contains("not offered"));
        assert!(refused(call(tool::CLICK)).contains("needs target_id"));
        assert!(refused(ToolCall { target_id: Some(99), ..call(tool::CLICK) }).contains("no mark 99"));
        for url in ["file:///etc/passwd", "javascript:alert(1)", "data:text/html,x", ""] {
            let error = translate(&ToolCall { text: Some(url.into()), ..call(tool::VISIT_URL) }, &page, &tools);
            assert!(error.is_err(), "{url}");
        }
        let fine = translate(&ToolCall { text: Some("shop.localhost:8080/x".into()), ..call(tool::VISIT_URL) }, &page, &tools).unwrap();
        assert_eq!(fine, Action::VisitUrl { url: "https://shop.localhost:8080/x".into() });
    }
}
