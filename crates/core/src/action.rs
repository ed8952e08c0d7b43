//! What an agent can do: exactly the student's action space (spec/faragen.md D.3), plus `select_option`, each with the mark *and*
//! its pixel position, so that a trajectory can be turned into pixel samples.

use serde::{Deserialize, Serialize};

/// What an action points at.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Target {
    /// The mark, where the action came from a set-of-marks agent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mark: Option<u32>,
    /// CSS pixels of the viewport.
    pub x: f64,
    /// CSS pixels of the viewport.
    pub y: f64,
    /// For a person: `button "Add to cart"`.
    #[serde(default)]
    pub label: String,
}

/// How an agent says that it ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Status {
    /// The task is done, or done up to its critical point.
    Success,
    /// It is not.
    Failure,
}

/// One action.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "action", rename_all = "snake_case")]
pub enum Action {
    /// Click with the left button.
    LeftClick {
        /// Where.
        target: Target,
    },
    /// Type into a field (or where the focus is).
    Type {
        /// Clicked first, if given.
        target: Option<Target>,
        /// What to type.
        text: String,
        /// Press Enter after.
        press_enter: bool,
        /// Clear the field before.
        delete_existing_text: bool,
    },
    /// Choose an option of a native select.
    SelectOption {
        /// The select.
        target: Target,
        /// Label of the option.
        option: String,
    },
    /// Move the pointer (hover).
    MouseMove {
        /// Where to.
        target: Target,
    },
    /// Press keys in order, release in reverse.
    Key {
        /// Key names.
        keys: Vec<String>,
    },
    /// Scroll: positive is up, negative is down (spec/faragen.md D.3).
    Scroll {
        /// CSS pixels.
        pixels: i32,
        /// Where the pointer stands; the middle of the viewport if absent.
        target: Option<Target>,
    },
    /// Open an address.
    VisitUrl {
        /// Absolute; http or https.
        url: String,
    },
    /// Ask the configured search engine.
    WebSearch {
        /// The words.
        query: String,
    },
    /// Back by one page.
    HistoryBack,
    /// Keep a fact for later; shown again at every step.
    PauseAndMemorizeFact {
        /// The fact.
        fact: String,
    },
    /// Let the page go on by itself.
    Wait {
        /// Seconds, at most 10.
        seconds: f64,
    },
    /// Stop, with the answer.
    Terminate {
        /// How it ended.
        status: Status,
        /// The answer, or why the agent stopped.
        answer: String,
    },
}

impl Action {
    /// The student's name of the action.
    pub fn name(&self) -> &'static str {
        match self {
            Self::LeftClick { .. } => "left_click",
            Self::Type { .. } => "type",
            Self::SelectOption { .. } => "select_option",
            Self::MouseMove { .. } => "mouse_move",
            Self::Key { .. } => "key",
            Self::Scroll { .. } => "scroll",
            Self::VisitUrl { .. } => "visit_url",
            Self::WebSearch { .. } => "web_search",
            Self::HistoryBack => "history_back",
            Self::PauseAndMemorizeFact { .. } => "pause_and_memorize_fact",
            Self::Wait { .. } => "wait",
            Self::Terminate { .. } => "terminate",
        }
    }

    /// What it points at.
    pub fn target(&self) -> Option<&Target> {
        match self {
            Self::LeftClick { target } | Self::SelectOption { target, .. } | Self::MouseMove { target } => Some(target),
            Self::Type { target, .. } | Self::Scroll { target, .. } => target.as_ref(),
            _ => None,
        }
    }

    /// Whether the browser is touched at all.
    pub fn touches_page(&self) -> bool {
        !matches!(self, Self::PauseAndMemorizeFact { .. } | Self::Terminate { .. })
    }

    /// One line for a person and for prompts: `left_click button "Add to cart"`.
    pub fn describe(&self) -> String {
        let label =
            |target: &Target| if target.label.is_empty() { format!("at ({:.0}, {:.0})", target.x, target.y) } else { target.label.clone() };
        match self {
            Self::LeftClick { target } | Self::MouseMove { target } => format!("{} {}", self.name(), label(target)),
            Self::Type { target, text, press_enter, .. } => {
                let into = target.as_ref().map(|t| format!(" into {}", label(t))).unwrap_or_default();
                format!("type {text:?}{into}{}", if *press_enter { " and press Enter" } else { "" })
            }
            Self::SelectOption { target, option } => format!("select {option:?} in {}", label(target)),
            Self::Key { keys } => format!("key {}", keys.join("+")),
            Self::Scroll { pixels, .. } => format!("scroll {} by {} px", if *pixels >= 0 { "up" } else { "down" }, pixels.abs()),
            Self::VisitUrl { url } => format!("visit_url {url}"),
            Self::WebSearch { query } => format!("web_search {query:?}"),
            Self::HistoryBack => "history_back".into(),
            Self::PauseAndMemorizeFact { fact } => format!("memorize {fact:?}"),
            Self::Wait { seconds } => format!("wait {seconds} s"),
            Self::Terminate { status, answer } => format!("terminate {status:?}: {answer}"),
        }
    }
}

/// What an action did, as the browser layer saw it.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct Effect {
    /// A fault of the action itself, in words that the agent can use ("mark 31 is gone"); the session goes on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error: Option<String>,
    /// The address changed.
    pub navigated: bool,
    /// The page's state hash changed (known once it was observed).
    #[serde(default)]
    pub changed: bool,
    /// A new tab or window was opened and is now the current page.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub popup: bool,
    /// Dialogs that were answered by policy: `confirm "Leave?" -> dismissed`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub dialogs: Vec<String>,
    /// Names of files that were downloaded.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub downloads: Vec<String>,
    /// Milliseconds in the browser layer, settling not included.
    #[serde(default)]
    pub ms: f64,
}
