//! Truth of the documentation's tasks, read from the same HTML that is served, where it lies in its usual place.

use super::intent::DocsGoal;
use super::{Truth, answer};
use crate::docs::folder;
use regex::Regex;
use std::path::Path;
use wayfarer_core::Trajectory;

/// Compares the answer with the documentation on this machine.
pub(super) fn check(goal: &DocsGoal, trajectory: &Trajectory) -> Truth {
    let Some(root) = folder(None) else {
        return Truth::unknown("the documentation is not installed here");
    };
    let text = trajectory.answer.as_deref().unwrap_or("");
    let fact = match goal {
        DocsGoal::Purpose { module } => purpose(&root, module),
        DocsGoal::Added { name } => added(&root, name),
    };
    match fact {
        None => Truth::unknown("the documentation does not say it where the oracle looks"),
        Some(fact) if answer::contains_word(text, &fact) => Truth::Success,
        Some(fact) => Truth::failure(format!("the answer does not say {fact:?}")),
    }
}

/// The synopsis behind the dash of a module's heading: `json — JSON encoder and decoder`.
fn purpose(root: &Path, module: &str) -> Option<String> {
    let html = page(root, module)?;
    let heading = Regex::new(r"(?s)<h1>(.*?)</h1>").ok()?.captures(&html)?;
    let (_, synopsis) = text_of(&heading[1]).split_once('—').map(|(a, b)| (a.to_owned(), b.trim().to_owned()))?;
    Some(synopsis)
}

/// The version in the first "New in version" note of a name's own description.
fn added(root: &Path, name: &str) -> Option<String> {
    let parts: Vec<&str> = name.split('.').collect();
    let html = (1..=parts.len()).rev().find_map(|length| page(root, &parts[..length].join(".")))?;
    let start = html.find(&format!("id=\"{name}\""))?;
    let note = Regex::new(r"New in version (\d+\.\d+(?:\.\d+)?)").ok()?;
    note.captures(&text_of(&own_description(&html[start..]))).map(|found| found[1].to_owned())
}

/// The description of one name: up to the end of its list, without the lists of what is inside it (methods, attributes).
fn own_description(html: &str) -> String {
    let mut own = String::new();
    let mut depth = 0_i32;
    for (number, piece) in html.split("<dl").enumerate() {
        // Each piece but the first stands one list deeper; each `</dl>` in it leads one back.
        depth += i32::from(number > 0);
        for (number, part) in piece.split("</dl>").enumerate() {
            depth -= i32::from(number > 0);
            if depth < 0 {
                return own;
            }
            if depth == 0 {
                own.push_str(part);
            }
        }
    }
    own
}

fn page(root: &Path, module: &str) -> Option<String> {
    let is_name = !module.is_empty()
        && module.split('.').all(|part| !part.is_empty() && part.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_'));
    is_name.then(|| std::fs::read_to_string(root.join("library").join(format!("{module}.html"))).ok()).flatten()
}

/// The text of a piece of HTML.
fn text_of(html: &str) -> String {
    let without_links =
        Regex::new(r#"<a class="headerlink".*?</a>"#).map(|pattern| pattern.replace_all(html, "").into_owned()).unwrap_or_default();
    let text = Regex::new(r"<[^>]*>").map(|pattern| pattern.replace_all(&without_links, "").into_owned()).unwrap_or_default();
    text.replace("&amp;", "&").replace("&lt;", "<").replace("&gt;", ">").replace("&#8217;", "'")
}
