//! Critical points: steps that bind, communicate, mutate or reveal personal data, and need the user's permission.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// What kind of step needs permission.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum CriticalPointKind {
    /// Money moves or an order is placed.
    Payment,
    /// A table, seat, room or appointment is taken.
    Booking,
    /// A message, application, review or post leaves for a person.
    Sending,
    /// Personal data is typed into a page.
    PersonalData,
    /// A log-in, a registration, a subscription, a change or deletion of an account's data.
    AccountChange,
}

impl CriticalPointKind {
    /// The name on every wire and in every file.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Payment => "payment",
            Self::Booking => "booking",
            Self::Sending => "sending",
            Self::PersonalData => "personal_data",
            Self::AccountChange => "account_change",
        }
    }
}

/// The gate's hold on an action: what it would do, and by which rule that is known.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct CriticalPoint {
    /// What kind of permission is missing.
    pub kind: CriticalPointKind,
    /// The rule that fired (its name in the rule table).
    pub rule: String,
    /// What would happen, for a person: `would place the order at shop.localhost (button "Place order")`.
    pub what: String,
    /// Host of the page.
    pub host: String,
}

/// Permission that the user (or the UserSimulator) gave within an attempt.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Grant {
    /// What is allowed.
    pub kinds: Vec<CriticalPointKind>,
    /// On which host; nowhere else.
    pub host: String,
    /// How many held actions it may let through; counted down by whoever lets one through. Typing into fields does not count.
    pub uses: u32,
    /// Data that the user supplied for it: field meaning (name, email, phone, ...) to value. Synthetic persona data only.
    #[serde(default)]
    pub data: std::collections::BTreeMap<String, String>,
}

/// What the gate says about an action before it reaches the browser.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "gate", rename_all = "snake_case")]
pub enum GateDecision {
    /// No rule applies.
    Pass,
    /// A rule applies, and a grant covers it.
    Permitted {
        /// What it was.
        critical_point: CriticalPoint,
    },
    /// A rule applies, and no grant covers it: the action was not done.
    Held {
        /// What it is.
        critical_point: CriticalPoint,
    },
}

/// What the user answered at a critical point.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum UserDecision {
    /// Go on.
    Approve,
    /// Do not.
    Deny,
    /// Go on, and here is the data you need.
    Supply,
}

/// One meeting with a critical point, as kept in the trajectory.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct CriticalPointRecord {
    /// What it was.
    pub critical_point: CriticalPoint,
    /// What the user said; `None` where nobody was asked and the agent was made to stop.
    pub decision: Option<UserDecision>,
    /// The user's words.
    #[serde(default)]
    pub message: String,
}
