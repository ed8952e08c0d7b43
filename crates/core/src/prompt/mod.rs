//! What models are asked, as typed inputs and replies.
//!
//! A prompt is a file of the actor that uses it; its data part is the input as JSON in a fenced block, with the prompt's name in the
//! field `prompt`. The reply is one JSON object of the type named here. The stand-in model reads the very same messages.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize, de::DeserializeOwned};

pub mod judge;
pub mod orchestrate;
pub mod propose;
pub mod surf;
pub mod user;

/// The roles that are routed to models by configuration.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ModelRole {
    /// Proposing tasks from a page.
    Propose,
    /// Walking a site to find tasks.
    Explore,
    /// Facts, plans and the ledger.
    Orchestrate,
    /// One browser action at a time.
    Surf,
    /// A native agent: pixels in, actions out.
    Native,
    /// The simulated user.
    SimulateUser,
    /// The alignment judge.
    JudgeAlignment,
    /// The rubric judge.
    JudgeRubric,
    /// The multimodal judge.
    JudgeMultimodal,
    /// The universal verdict: relevance, criteria, side effects, outcome, efficiency, first failure.
    JudgeUniversal,
}

impl ModelRole {
    /// The name in configuration, metrics and on every wire.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Propose => "propose",
            Self::Explore => "explore",
            Self::Orchestrate => "orchestrate",
            Self::Surf => "surf",
            Self::Native => "native",
            Self::SimulateUser => "simulate_user",
            Self::JudgeAlignment => "judge_alignment",
            Self::JudgeRubric => "judge_rubric",
            Self::JudgeMultimodal => "judge_multimodal",
            Self::JudgeUniversal => "judge_universal",
        }
    }

    /// All roles.
    pub const ALL: [Self; 10] = [
        Self::Propose,
        Self::Explore,
        Self::Orchestrate,
        Self::Surf,
        Self::Native,
        Self::SimulateUser,
        Self::JudgeAlignment,
        Self::JudgeRubric,
        Self::JudgeMultimodal,
        Self::JudgeUniversal,
    ];
}

impl std::str::FromStr for ModelRole {
    type Err = String;
    fn from_str(text: &str) -> Result<Self, String> {
        Self::ALL.into_iter().find(|role| role.as_str() == text).ok_or_else(|| format!("{text:?} is not a model role"))
    }
}

/// Whether the schema of a reply is sent along with the question (`response_format` on the OpenAI wire).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SchemaMode {
    /// Until the server refuses it; then as much of it as the server takes.
    #[default]
    Auto,
    /// Always.
    On,
    /// Never.
    Off,
}

/// A question to a model: the type of its input names the prompt, the role and the type of the reply.
pub trait Ask: Serialize + Send + Sync {
    /// Value of the field `prompt` of the data block.
    const PROMPT: &'static str;
    /// The role that it is routed by.
    const ROLE: ModelRole;
    /// The reply.
    type Reply: DeserializeOwned + Serialize + JsonSchema + Send;
}

macro_rules! ask {
    ($input:ty, $name:literal, $role:ident, $reply:ty) => {
        impl $crate::prompt::Ask for $input {
            const PROMPT: &'static str = $name;
            const ROLE: $crate::prompt::ModelRole = $crate::prompt::ModelRole::$role;
            type Reply = $reply;
        }
    };
}
pub(crate) use ask;

/// A page in words, for prompts that need no picture.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct PageText {
    /// Address.
    pub url: String,
    /// Title.
    pub title: String,
    /// Visible text in reading order, cut to a bound.
    pub text: String,
}

/// A mark as prompts show it.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct MarkText {
    /// Id drawn on the picture.
    pub id: u32,
    /// Role.
    pub role: String,
    /// Accessible name.
    pub name: String,
    /// Current value.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub value: String,
    /// `type` of an input.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub input_type: String,
    /// Options of a select.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub options: Vec<String>,
    /// Target of a link: path and query when it stays on the site, whole address otherwise.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub href: String,
    /// Checked, selected or pressed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub checked: Option<bool>,
    /// Cannot be used now.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub disabled: bool,
    /// Above or below the viewport.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub offscreen: bool,
}

/// A page with its marks.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct PageView {
    /// Address.
    pub url: String,
    /// Title.
    pub title: String,
    /// Visible text in reading order, cut to a bound.
    pub text: String,
    /// Marks, visible ones first.
    pub marks: Vec<MarkText>,
    /// Mark that has the focus.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub focused: Option<u32>,
    /// Pixels above the viewport.
    pub scroll_top: f64,
    /// Height of the page.
    pub page_height: f64,
    /// Height of the viewport.
    pub viewport_height: f64,
}

/// A step as later prompts tell it.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct StepText {
    /// From 1.
    pub index: u32,
    /// Address on which it was decided.
    pub url: String,
    /// What the surfer said it saw.
    #[serde(default)]
    pub state_description: String,
    /// Why it acted.
    #[serde(default)]
    pub reasoning: String,
    /// The action in one line ([`crate::Action::describe`]).
    pub action: String,
    /// Name of the action.
    pub action_name: String,
    /// Error, if it could not be done.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error: Option<String>,
    /// Whether the page changed.
    pub changed: bool,
    /// What the gate said: `pass`, `permitted: <kind>`, `held: <kind>`.
    pub gate: String,
    /// Address after it.
    pub url_after: String,
    /// Title after it.
    #[serde(default)]
    pub title_after: String,
}
