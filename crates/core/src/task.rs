//! Tasks: what an agent is asked to do.

use crate::critical_point::CriticalPointKind;
use crate::id::{SeedId, TaskId};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use url::Url;

/// Where a task belongs: the eleven segments of WebTailBench and a few more.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Category {
    /// Buying one thing.
    Shopping,
    /// Flights.
    Flights,
    /// Hotels and stays.
    Hotels,
    /// Restaurants and tables.
    Restaurants,
    /// Things to do.
    Activities,
    /// Tickets for events.
    Ticketing,
    /// Homes to buy or rent.
    RealEstate,
    /// Jobs.
    Jobs,
    /// Two or more items from one shop.
    ShoppingList,
    /// The same thing at several shops.
    ComparisonShopping,
    /// Several sites in one task.
    Compositional,
    /// Reference works and documentation.
    Reference,
    /// News and articles.
    News,
    /// Health and public services.
    Services,
    /// Anything else.
    Other,
}

/// How a task was proposed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Strategy {
    /// From a page and its category.
    Targeted,
    /// From a walk on the site.
    Exploration,
    /// From another task, with other values.
    Exemplar,
    /// From a synthetic world's own families.
    World,
}

impl Strategy {
    /// The name on every wire and in every file.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Targeted => "targeted",
            Self::Exploration => "exploration",
            Self::Exemplar => "exemplar",
            Self::World => "world",
        }
    }
}

impl std::str::FromStr for Strategy {
    type Err = String;
    fn from_str(text: &str) -> Result<Self, String> {
        match text {
            "targeted" => Ok(Self::Targeted),
            "exploration" => Ok(Self::Exploration),
            "exemplar" => Ok(Self::Exemplar),
            "world" => Ok(Self::World),
            other => Err(format!("strategy {other:?} is not one of targeted, exploration, exemplar, world")),
        }
    }
}

/// Where a task comes from, back to its seed.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Lineage {
    /// The seed.
    pub seed: SeedId,
    /// The task it was refilled from (exemplar).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub parent: Option<TaskId>,
    /// Earlier wordings, oldest first.
    #[serde(default)]
    pub earlier_intents: Vec<String>,
    /// The template it was refilled from, with `{name:type}` slots.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub template: Option<String>,
    /// Pages that the proposer saw, in order.
    #[serde(default)]
    pub pages: Vec<String>,
}

/// What an agent is asked to do.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Task {
    /// Follows from run, seed and number.
    pub id: TaskId,
    /// The task in a person's words.
    pub intent: String,
    /// Where it begins.
    pub start_url: Url,
    /// Where it belongs.
    pub category: Category,
    /// How it was proposed.
    pub strategy: Strategy,
    /// The critical point that solving it is expected to meet, if any.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expected_critical_point: Option<CriticalPointKind>,
    /// First day on which the task makes sense (ISO 8601 date).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub valid_from: Option<String>,
    /// Last day on which the task makes sense (ISO 8601 date).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub valid_until: Option<String>,
    /// Where it comes from.
    pub lineage: Lineage,
}
