//! Prompts of proposal: classify a page, propose and refine intents, explore, make and refill templates.

use super::{PageText, PageView, ask};
use crate::critical_point::CriticalPointKind;
use crate::ledger::Flag;
use crate::task::Category;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// A link or control that a fetched page offers.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct Offer {
    /// `link`, `field`, `select`, `button`.
    pub kind: String,
    /// Its text or label.
    pub name: String,
    /// Target of a link.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub href: String,
    /// Options of a select.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub options: Vec<String>,
}

/// Which category, and may it be used at all?
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Classify {
    /// The page.
    pub page: PageText,
    /// What it offers, at most 80.
    pub offers: Vec<Offer>,
    /// What the seed file says.
    pub hint: Option<Category>,
}

/// Reply to [`Classify`].
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Classified {
    /// Where it belongs.
    pub category: Category,
    /// ISO 639-1 code of its language.
    pub language: String,
    /// 1 (a leaflet) to 5 (an application).
    pub interactiveness: u8,
    /// Adult content.
    pub nsfw: Flag,
    /// Illegal or harmful goods or acts.
    pub harmful: Flag,
    /// Shows personal data of real people.
    pub personal_data: Flag,
    /// Why this category.
    pub reason: String,
}
ask!(Classify, "propose.classify", Propose, Classified);

/// What could a person want here?
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ProposeIntents {
    /// The start page.
    pub page: PageText,
    /// What it offers, at most 80.
    pub offers: Vec<Offer>,
    /// Pages behind some of its links, for details.
    pub linked_pages: Vec<PageText>,
    /// Where it belongs.
    pub category: Category,
    /// How many.
    pub count: u32,
    /// Today (ISO 8601).
    pub today: String,
    /// Intents that exist already.
    pub avoid: Vec<String>,
}

/// One proposal.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct ProposedIntent {
    /// In a person's words.
    pub intent: String,
    /// Why it is useful and can be verified.
    pub why: String,
    /// The permission that solving it will need, if any.
    pub critical_point: Option<CriticalPointKind>,
    /// First day on which it makes sense (ISO 8601), if it has dates.
    pub valid_from: Option<String>,
    /// Last day.
    pub valid_until: Option<String>,
}

/// Reply to [`ProposeIntents`].
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct ProposedIntents {
    /// At most as many as asked.
    pub tasks: Vec<ProposedIntent>,
}
ask!(ProposeIntents, "propose.intents", Propose, ProposedIntents);

/// Is it good enough, and if not, how should it read?
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct RefineIntent {
    /// The current wording.
    pub intent: String,
    /// The start page.
    pub page: PageText,
    /// Pages behind some of its links.
    pub linked_pages: Vec<PageText>,
    /// From 1; at most 5.
    pub round: u32,
    /// Today (ISO 8601).
    pub today: String,
}

/// Reply to [`RefineIntent`].
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct RefinedIntent {
    /// The wording after this round (unchanged if nothing is to be mended).
    pub intent: String,
    /// Can be done on this site.
    pub achievable: Flag,
    /// Needs no login or paywall.
    pub login_free: Flag,
    /// Leaves no question open.
    pub specific: Flag,
    /// A person would want it.
    pub useful: Flag,
    /// One can tell from screenshots whether it was done.
    pub verifiable: Flag,
    /// Asks for harm.
    pub harmful: Flag,
    /// Asks for personal data that the task does not give.
    pub personal_data: Flag,
}
ask!(RefineIntent, "propose.refine", Propose, RefinedIntent);

/// One step of a walk that looks for a task.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Explore {
    /// The page (its picture comes with the message).
    pub page: PageView,
    /// The accessibility tree as an indented list, at most 6000 characters.
    pub accessibility_tree: String,
    /// The task as it reads so far; empty at the start.
    pub task_so_far: String,
    /// What was done so far, one line each.
    pub history: Vec<String>,
    /// Steps that are left.
    pub steps_left: u32,
    /// Which walk from this URL it is, from 0: walks should differ.
    pub walk: u32,
    /// Where the site belongs, if known.
    pub category: Option<Category>,
    /// Intents that exist already.
    pub avoid: Vec<String>,
    /// Today (ISO 8601).
    pub today: String,
}

/// What to do next on a walk.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct ExploreAction {
    /// `click`, `input_text`, `select_option`, `scroll_down`, `history_back` or `stop`.
    pub tool: String,
    /// The mark.
    pub target_id: Option<u32>,
    /// Text to type or option to choose.
    pub text: Option<String>,
}

/// Reply to [`Explore`].
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Explored {
    /// What was learned about the site.
    pub learned: String,
    /// The task, rewritten with what is known now.
    pub task: String,
    /// Where it belongs.
    pub category: Category,
    /// The permission that solving it will need, if any.
    pub critical_point: Option<CriticalPointKind>,
    /// What to do next.
    pub next: ExploreAction,
}
ask!(Explore, "explore.step", Explore, Explored);

/// Turn a task into a template.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct MakeTemplate {
    /// The task.
    pub intent: String,
    /// Where it belongs.
    pub category: Category,
}

/// A slot of a template.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Slot {
    /// Name, as in `{name:type}`.
    pub name: String,
    /// `product`, `date`, `place`, `party_size`, `time`, `quantity`, `colour`, `size`, `cuisine`, `restaurant`, `price`, `topic`.
    pub slot_type: String,
    /// What the exemplar has there.
    pub value: String,
}

/// Reply to [`MakeTemplate`].
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Template {
    /// The intent with `{name:type}` for every slot.
    pub template: String,
    /// The slots.
    pub slots: Vec<Slot>,
}
ask!(MakeTemplate, "exemplar.template", Propose, Template);

/// Fill a template with other values that exist.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct RefillTemplate {
    /// The template.
    pub template: Template,
    /// Pages of the site, where values can be found.
    pub pages: Vec<PageText>,
    /// What the site's start page offers.
    pub offers: Vec<Offer>,
    /// How many.
    pub count: u32,
    /// Today (ISO 8601); dates must lie after it.
    pub today: String,
    /// Intents that exist already.
    pub avoid: Vec<String>,
}

/// One set of values.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Filling {
    /// One value for each slot.
    pub values: Vec<Slot>,
    /// Where the values were seen.
    pub why: String,
}

/// Reply to [`RefillTemplate`].
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Refilled {
    /// At most as many as asked.
    pub fillings: Vec<Filling>,
}
ask!(RefillTemplate, "exemplar.refill", Propose, Refilled);
