//! What an agent sees: one settled moment of a page.

use crate::hash::BlobHash;
use serde::{Deserialize, Serialize};

/// A rectangle in CSS pixels of the viewport; x grows right, y grows down.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize, Default)]
pub struct Rect {
    /// Left edge.
    pub x: f64,
    /// Top edge.
    pub y: f64,
    /// Width.
    pub w: f64,
    /// Height.
    pub h: f64,
}

impl Rect {
    /// The middle of the rectangle.
    pub fn centre(&self) -> (f64, f64) {
        (self.x + self.w / 2.0, self.y + self.h / 2.0)
    }

    /// Whether the point lies inside (edges included).
    pub fn contains(&self, x: f64, y: f64) -> bool {
        x >= self.x && y >= self.y && x <= self.x + self.w && y <= self.y + self.h
    }
}

/// The size of the visible part of a page, in CSS pixels.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Viewport {
    /// Width.
    pub width: u32,
    /// Height.
    pub height: u32,
}

impl Default for Viewport {
    /// 1440×900, as the reference runs its student (spec/faragen.md B.5).
    fn default() -> Self {
        Self { width: 1440, height: 900 }
    }
}

/// Where the page stands.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize)]
pub struct Scroll {
    /// Pixels above the viewport.
    pub top: f64,
    /// Height of the whole page.
    pub height: f64,
    /// Pixels to the left of the viewport; negative on pages that are read from the right.
    #[serde(default)]
    pub left: f64,
    /// Width of the whole page; 0 where nobody told it.
    #[serde(default)]
    pub width: f64,
}

/// An interactive element that is visible and on top at its centre.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct Mark {
    /// Stable while the element lives; from 10 (spec/faragen.md B.5).
    pub id: u32,
    /// ARIA role or the tag's implied one: button, link, textbox, searchbox, combobox, checkbox, radio, option, tab, ...
    pub role: String,
    /// Accessible name, at most 120 characters.
    pub name: String,
    /// Lower-case tag name.
    pub tag: String,
    /// `type` of an input, lower case; empty otherwise.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub input_type: String,
    /// Current value of a field (masked for passwords and card fields) or the chosen option's label of a select.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub value: String,
    /// Labels of a select's options, at most 60.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub options: Vec<String>,
    /// Target of a link, absolute; at most 300 characters.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub href: String,
    /// `autocomplete`, `name` and `id` of a field, joined by a space: what the gate reads to know personal data.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub field: String,
    /// The form it belongs to: index into [`Observation::forms`].
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub form: Option<u32>,
    /// Whether activating it submits that form.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub submits: bool,
    /// Checked, selected or pressed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub checked: Option<bool>,
    /// Expanded or collapsed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expanded: Option<bool>,
    /// Cannot be used now.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub disabled: bool,
    /// Where it is, CSS pixels of the viewport.
    pub rect: Rect,
    /// In view; false for the few listed above or below the viewport.
    pub visible: bool,
    /// The frame of another site that it lives in, as that frame's own mark.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub frame: Option<u32>,
}

/// A form of the page, as the gate needs to know it.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct Form {
    /// `get`, `post` or `dialog`.
    pub method: String,
    /// Absolute URL that it submits to.
    pub action: String,
    /// Its accessible name or nearest heading.
    #[serde(default)]
    pub name: String,
    /// For every field: label, `autocomplete`, `name`, `type`, joined by a space, lower case.
    pub fields: Vec<String>,
    /// Text on its submit buttons.
    pub submit_texts: Vec<String>,
}

/// Why settling ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SettleReason {
    /// Network quiet, no pending navigation, two stable frames.
    #[default]
    Quiet,
    /// The network was quiet and the layout never stood still (tickers, carousels).
    Moving,
    /// Requests kept coming until the bound.
    Network,
    /// A navigation was still under way, or its document still being read, at the bound.
    Navigation,
    /// The bound was reached; older records do not say over what.
    Bound,
}

/// How the page came to rest before an observation.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize)]
pub struct Settle {
    /// Why it ended.
    pub reason: SettleReason,
    /// Milliseconds it took.
    pub ms: f64,
}

/// One settled moment of a page.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Observation {
    /// PNG of the viewport.
    pub screenshot: BlobHash,
    /// Address of the page.
    pub url: String,
    /// Title of the page.
    pub title: String,
    /// Size of the viewport.
    pub viewport: Viewport,
    /// Where the page stands.
    pub scroll: Scroll,
    /// Interactive elements: visible ones first in reading order, then at most 30 above or below.
    pub marks: Vec<Mark>,
    /// Forms of the page.
    #[serde(default)]
    pub forms: Vec<Form>,
    /// The focused element's mark, if it has one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub focused: Option<u32>,
    /// Text in the viewport in reading order, at most 6000 characters.
    pub visible_text: String,
    /// Hash of what defines the page's state (URL without fragment, text, marks' roles, names, values and states): equal means that
    /// nothing changed.
    pub state_hash: String,
    /// How the page came to rest.
    #[serde(default)]
    pub settle: Settle,
}

impl Observation {
    /// The mark with this id.
    pub fn mark(&self, id: u32) -> Option<&Mark> {
        self.marks.iter().find(|mark| mark.id == id)
    }

    /// The topmost (last listed) visible mark whose box holds the point.
    pub fn mark_at(&self, x: f64, y: f64) -> Option<&Mark> {
        self.marks.iter().rev().find(|mark| mark.visible && mark.rect.contains(x, y))
    }

    /// The form of a mark.
    pub fn form_of(&self, mark: &Mark) -> Option<&Form> {
        mark.form.and_then(|index| self.forms.get(index as usize))
    }
}
