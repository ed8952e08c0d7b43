//! The WebSurfer's prompt: one tool call.

use super::{PageView, StepText, ask};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// One tool call, please. The set-of-marks picture comes with the message.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Act {
    /// What is asked now.
    pub task: String,
    /// The Orchestrator's instruction.
    pub next_steps: String,
    /// The plan, for context.
    pub plan: String,
    /// The page.
    pub page: PageView,
    /// All steps so far.
    pub history: Vec<StepText>,
    /// Facts that were memorized.
    pub memorized: Vec<String>,
    /// What the user said so far.
    pub user_messages: Vec<String>,
    /// Data that the user supplied for forms (synthetic persona): meaning to value.
    pub user_data: std::collections::BTreeMap<String, String>,
    /// Tools that may be used in this step.
    pub tools: Vec<String>,
    /// Why only stopping is possible, if it is.
    pub stop_reason: Option<String>,
    /// The error of the last action, if it failed.
    pub last_error: Option<String>,
    /// Today (ISO 8601).
    pub today: String,
}

/// Names of the surfer's tools.
pub mod tool {
    /// `target_id`
    pub const CLICK: &str = "click";
    /// `target_id` (the field), `text`, `press_enter`, `delete_existing_text`
    pub const INPUT_TEXT: &str = "input_text";
    /// `target_id` (the select), `text` (label of the option)
    pub const SELECT_OPTION: &str = "select_option";
    /// `target_id`
    pub const HOVER: &str = "hover";
    /// `keys`
    pub const KEYPRESS: &str = "keypress";
    /// no argument
    pub const SCROLL_UP: &str = "scroll_up";
    /// no argument
    pub const SCROLL_DOWN: &str = "scroll_down";
    /// `text` (the address)
    pub const VISIT_URL: &str = "visit_url";
    /// `text` (the query)
    pub const WEB_SEARCH: &str = "web_search";
    /// no argument
    pub const HISTORY_BACK: &str = "history_back";
    /// `text` (the fact)
    pub const MEMORIZE: &str = "pause_and_memorize_fact";
    /// `seconds`
    pub const SLEEP: &str = "sleep";
    /// `text` (the answer), `status`
    pub const STOP: &str = "stop_and_answer_question";
}

/// Reply to [`Act`]: state and reasoning first, then one tool with its arguments.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema, Default)]
pub struct ToolCall {
    /// What the page shows.
    pub state_description: String,
    /// Why this tool.
    pub reasoning: String,
    /// One of the offered tools.
    pub tool: String,
    /// Mark that is meant.
    #[serde(default)]
    pub target_id: Option<u32>,
    /// Text, option, address, query, fact or answer.
    #[serde(default)]
    pub text: Option<String>,
    /// Press Enter after typing (default true).
    #[serde(default)]
    pub press_enter: Option<bool>,
    /// Clear the field before typing (default true).
    #[serde(default)]
    pub delete_existing_text: Option<bool>,
    /// Keys to press.
    #[serde(default)]
    pub keys: Option<Vec<String>>,
    /// Seconds to wait.
    #[serde(default)]
    pub seconds: Option<f64>,
    /// `success`, `failure`, `critical_point`, `infeasible`, `refused` or `blocked` (stop tool).
    #[serde(default)]
    pub status: Option<String>,
}
ask!(Act, "surf.act", Surf, ToolCall);
