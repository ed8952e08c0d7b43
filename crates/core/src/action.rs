//! What an agent can do: the action space of both generations of students (spec/faragen.md D.3, E), plus `select_option` and
//! `upload_file`, each with the mark *and* its pixel position, so that a trajectory can be turned into pixel samples. What each one does
//! in the browser is told in docs/actions.md.

use crate::critical_point::CriticalPoint;
use crate::hash::BlobHash;
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
    /// Click twice with the left button, as fast as it counts as a double click.
    DoubleClick {
        /// Where.
        target: Target,
    },
    /// Click three times: selects a line or a whole field.
    TripleClick {
        /// Where.
        target: Target,
    },
    /// Click with the right button.
    RightClick {
        /// Where.
        target: Target,
    },
    /// Press the left button at one place, move, and let go at another.
    LeftClickDrag {
        /// Where it is pressed. A student that knows only the end drags from where its pointer stood, which its runtime fills in: the gate
        /// must know what is taken hold of.
        from: Target,
        /// Where it is let go.
        to: Target,
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
    /// Give a field of the page one or more of the session's allowed files.
    UploadFile {
        /// The field, or the button that opens the file chooser.
        target: Target,
        /// Handles of allowed files; never paths.
        files: Vec<String>,
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
    /// Scroll sideways: positive is right, negative is left.
    Hscroll {
        /// CSS pixels.
        pixels: i32,
        /// Where the pointer stands; the middle of the viewport if absent.
        target: Option<Target>,
    },
    /// Read the whole page as text. The student's `read_page_answer_question` is two things: the browser reads (this action, whose text is
    /// in [`Effect::page_text`]) and a model answers, which is no business of a browser.
    ReadPage {
        /// What the reader wants to know; kept so that the step can be said in the student's words.
        #[serde(default)]
        question: String,
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
    /// Ask the person for whom the agent works; the page waits. (In a ledger solver the Orchestrator asks; a native agent asks itself.)
    AskUserQuestion {
        /// The question.
        question: String,
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
            Self::DoubleClick { .. } => "double_click",
            Self::TripleClick { .. } => "triple_click",
            Self::RightClick { .. } => "right_click",
            Self::LeftClickDrag { .. } => "left_click_drag",
            Self::Type { .. } => "type",
            Self::SelectOption { .. } => "select_option",
            Self::UploadFile { .. } => "upload_file",
            Self::MouseMove { .. } => "mouse_move",
            Self::Key { .. } => "key",
            Self::Scroll { .. } => "scroll",
            Self::Hscroll { .. } => "hscroll",
            Self::ReadPage { .. } => "read_page",
            Self::VisitUrl { .. } => "visit_url",
            Self::WebSearch { .. } => "web_search",
            Self::HistoryBack => "history_back",
            Self::PauseAndMemorizeFact { .. } => "pause_and_memorize_fact",
            Self::AskUserQuestion { .. } => "ask_user_question",
            Self::Wait { .. } => "wait",
            Self::Terminate { .. } => "terminate",
        }
    }

    /// What it points at; of a drag the end, as the student says it.
    pub fn target(&self) -> Option<&Target> {
        match self {
            Self::LeftClick { target }
            | Self::DoubleClick { target }
            | Self::TripleClick { target }
            | Self::RightClick { target }
            | Self::LeftClickDrag { to: target, .. }
            | Self::SelectOption { target, .. }
            | Self::UploadFile { target, .. }
            | Self::MouseMove { target } => Some(target),
            Self::Type { target, .. } | Self::Scroll { target, .. } | Self::Hscroll { target, .. } => target.as_ref(),
            _ => None,
        }
    }

    /// Whether the browser is touched at all.
    pub fn touches_page(&self) -> bool {
        !matches!(self, Self::PauseAndMemorizeFact { .. } | Self::AskUserQuestion { .. } | Self::Terminate { .. })
    }

    /// One line for a person and for prompts: `left_click button "Add to cart"`.
    pub fn describe(&self) -> String {
        let label =
            |target: &Target| if target.label.is_empty() { format!("at ({:.0}, {:.0})", target.x, target.y) } else { target.label.clone() };
        match self {
            Self::LeftClick { target }
            | Self::DoubleClick { target }
            | Self::TripleClick { target }
            | Self::RightClick { target }
            | Self::MouseMove { target } => format!("{} {}", self.name(), label(target)),
            Self::LeftClickDrag { from, to } => format!("left_click_drag {} to {}", label(from), label(to)),
            Self::UploadFile { target, files } => format!("upload_file {} to {}", files.join(", "), label(target)),
            Self::Type { target, text, press_enter, .. } => {
                let into = target.as_ref().map(|t| format!(" into {}", label(t))).unwrap_or_default();
                format!("type {text:?}{into}{}", if *press_enter { " and press Enter" } else { "" })
            }
            Self::SelectOption { target, option } => format!("select {option:?} in {}", label(target)),
            Self::Key { keys } => format!("key {}", keys.join("+")),
            Self::Scroll { pixels, .. } => format!("scroll {} by {} px", if *pixels >= 0 { "up" } else { "down" }, pixels.abs()),
            Self::Hscroll { pixels, .. } => format!("hscroll {} by {} px", if *pixels >= 0 { "right" } else { "left" }, pixels.abs()),
            Self::ReadPage { question } if question.is_empty() => "read_page".into(),
            Self::ReadPage { question } => format!("read_page to know {question:?}"),
            Self::AskUserQuestion { question } => format!("ask_user_question {question:?}"),
            Self::VisitUrl { url } => format!("visit_url {url}"),
            Self::WebSearch { query } => format!("web_search {query:?}"),
            Self::HistoryBack => "history_back".into(),
            Self::PauseAndMemorizeFact { fact } => format!("memorize {fact:?}"),
            Self::Wait { seconds } => format!("wait {seconds} s"),
            Self::Terminate { status, answer } => format!("terminate {status:?}: {answer}"),
        }
    }
}

/// A file that a page gave and that the session keeps until it ends.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct KeptFile {
    /// The name that the page suggests; a name, never a path.
    pub name: String,
    /// Length in bytes.
    pub bytes: u64,
    /// Hash of the content, by which the session gives it.
    pub blob: BlobHash,
}

/// What a page would have done without end, and was cut short in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Bound {
    /// Dialogs came one after the other; those beyond the twentieth were not shown.
    DialogStorm,
    /// Windows likewise; those beyond the eighth were not opened, or were closed.
    WindowStorm,
    /// The page asked not to be left, and was left.
    LeaveTrap,
    /// A download was not whole in time, and was ended.
    DownloadTooSlow,
    /// A download was larger than what is kept, and was ended.
    DownloadTooLarge,
    /// A download was not kept, for the session keeps as many as it may.
    TooManyDownloads,
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
    /// Names of files whose download began.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub downloads: Vec<String>,
    /// Files that arrived whole since the action before; one that is big or slow is told later than its name, or never.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub files: Vec<KeptFile>,
    /// What was cut short of what the page did: each once.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub bounds: Vec<Bound>,
    /// What `read_page` read: headings, lists, links and tables in Markdown, at most 20,000 characters.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub page_text: Option<String>,
    /// Requests of the page that the critical-point gate let through because a permission covers them.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub permitted: Vec<CriticalPoint>,
    /// Requests of the page that the critical-point gate held: they did not leave.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub held: Vec<CriticalPoint>,
    /// Milliseconds in the browser layer, settling not included.
    #[serde(default)]
    pub ms: f64,
}
