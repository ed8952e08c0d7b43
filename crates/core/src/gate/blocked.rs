//! Telling a captcha or a bot wall from a page.

use super::words::{holds_any, normal};
use crate::observation::Observation;

/// Words that only walls use, whatever else the page says.
const WALLS: &[&str] = &[
    "verify you are human",
    "verify that you are human",
    "verifying you are human",
    "are you robot",
    "im not robot",
    "i am not robot",
    "confirm you are human",
    "prove you are human",
    "prove youre human",
    "unusual traffic from",
    "checking if site connection is secure",
    "checking browser before",
    "press and hold to confirm",
    "complete security check",
    "enable javascript and cookies to continue",
    "complete captcha",
    "solve captcha",
    "automated access to",
    "bot detection",
];
/// Titles of walls.
const TITLES: &[&str] = &[
    "just moment",
    "attention required",
    "access denied",
    "access to page has been denied",
    "captcha",
    "robot check",
    "security check",
    "are you robot",
    "pardon our interruption",
];
/// A wall says little; a page that says more than this and happens to name a captcha is a page.
const WALL_CHARS: usize = 1500;

/// What bars the way on this page (a captcha, a bot wall), if anything.
pub fn looks_blocked(observation: &Observation) -> Option<String> {
    if observation.visible_text.chars().count() > WALL_CHARS {
        return None;
    }
    let title = normal(&observation.title);
    let text = normal(&observation.visible_text);
    let by_title = || TITLES.iter().find(|words| holds_any(&title, &[words])).map(|_| format!("a page titled {:?}", observation.title));
    WALLS.iter().find(|words| holds_any(&text, &[words])).map(|words| format!("a page that says {words:?}")).or_else(by_title)
}
