//! Secrets are handles: models read and write `[[card_number]]`, the page gets the value, and nothing that leaves an actor holds it.
//!
//! A value that the model made up itself is masked as soon as it is typed into a field that asks for secrets.

use crate::critical_point::Grant;
use crate::gate::{self, Meaning};
use crate::observation::Mark;
use crate::surf::SurfedStep;
use crate::{Action, Observation};
use regex::Regex;
use serde_json::Value;
use std::collections::BTreeMap;

/// What stands for a secret that has no name.
const MASK: &str = "••••";
/// Shorter values ("123") are masked where they were typed and not wherever else they may stand.
const LEAST_LENGTH: usize = 6;

/// The secrets of an attempt.
#[derive(Default)]
pub struct Secrets {
    known: Vec<Secret>,
}

struct Secret {
    host: String,
    value: String,
    handle: String,
    /// How it looks in texts and addresses; `None` for short ones.
    shape: Option<Regex>,
}

/// An action as the browser gets it, and as it is kept.
pub struct Split {
    /// With the values.
    pub real: Action,
    /// With handles or masks.
    pub kept: Action,
    /// Short values that were typed: to be masked in the words of this step.
    pub typed: Vec<String>,
}

impl Secrets {
    /// Takes in what the user supplied; gives it as the model may see it.
    pub fn learn(&mut self, grants: &[Grant]) -> BTreeMap<String, String> {
        grants.iter().flat_map(|grant| self.learn_data(&grant.host, &grant.data)).collect()
    }

    /// Takes in data (meaning to value) that is meant for a host; gives it as a model may see it.
    pub fn learn_data(&mut self, host: &str, data: &BTreeMap<String, String>) -> BTreeMap<String, String> {
        let mut shown = BTreeMap::new();
        for (name, value) in data {
            let secret = gate::field_meaning(&name.replace('_', " ")).is_some_and(Meaning::is_secret);
            let handle = format!("[[{name}]]");
            if secret {
                self.add(host, value, &handle);
            }
            shown.insert(name.clone(), if secret { handle } else { value.clone() });
        }
        shown
    }

    fn add(&mut self, host: &str, value: &str, handle: &str) {
        let is_known = |secret: &Secret| secret.value == value && secret.host == host;
        if value.is_empty() || value.contains(MASK) || self.known.iter().any(is_known) {
            return;
        }
        self.known.push(Secret { host: host.to_owned(), value: value.to_owned(), handle: handle.to_owned(), shape: shape_of(value) });
    }

    /// Puts the values in where a field asks for secrets on the host that they were given for; anywhere else a handle stays a handle.
    pub fn split(&mut self, action: Action, page: &Observation) -> Split {
        let field = match &action {
            Action::Type { target: Some(target), .. } | Action::SelectOption { target, .. } => {
                target.mark.and_then(|id| page.mark(id)).or_else(|| page.mark_at(target.x, target.y))
            }
            Action::Type { .. } | Action::Key { .. } => page.focused.and_then(|id| page.mark(id)),
            _ => None,
        };
        let asked = field.is_some_and(asks_for_secret);
        let (mut real, mut kept, mut typed) = (action.clone(), action, Vec::new());
        let host = gate::host_of(&page.url);
        match (&mut real, &mut kept) {
            (Action::Type { text: real, .. }, Action::Type { text: kept, .. })
            | (Action::SelectOption { option: real, .. }, Action::SelectOption { option: kept, .. })
                if asked =>
            {
                for secret in self.known.iter().filter(|secret| secret.host.eq_ignore_ascii_case(&host)) {
                    *real = real.replace(&secret.handle, &secret.value);
                }
                typed.push(real.clone());
                if real == kept {
                    let handle = self.known.iter().find(|secret| secret.value == *real).map_or(MASK, |secret| &secret.handle).to_owned();
                    self.add(&host, real, &handle);
                    *kept = handle;
                }
            }
            (Action::Key { .. }, Action::Key { keys }) if asked && keys.len() == 1 && keys[0].chars().count() == 1 => {
                *keys = vec!["•".into()]
            }
            _ => {}
        }
        Split { real, kept, typed }
    }

    /// The text without any secret.
    pub fn hide(&self, text: &str) -> String {
        let mut hidden = text.to_owned();
        for secret in &self.known {
            if let Some(shape) = &secret.shape {
                hidden = shape.replace_all(&hidden, regex::NoExpand(&secret.handle)).into_owned();
            }
        }
        hidden
    }

    fn hide_all(&self, value: &mut Value) {
        match value {
            Value::String(text) => *text = self.hide(text),
            Value::Array(items) => items.iter_mut().for_each(|item| self.hide_all(item)),
            Value::Object(fields) => fields.values_mut().for_each(|field| self.hide_all(field)),
            _ => {}
        }
    }

    /// A page as it may be shown and kept.
    pub fn hide_page(&self, page: &mut Observation) {
        let hide = |text: &mut String| *text = self.hide(text);
        [&mut page.url, &mut page.title, &mut page.visible_text].into_iter().for_each(hide);
        for mark in &mut page.marks {
            [&mut mark.name, &mut mark.value, &mut mark.href].into_iter().for_each(hide);
            mark.options.iter_mut().for_each(hide);
        }
    }

    /// A step as it may leave: every text in it, whatever it is for.
    pub fn hide_step(&self, mut step: SurfedStep, typed: &[String]) -> SurfedStep {
        for value in typed.iter().filter(|value| !value.is_empty()) {
            for words in [&mut step.state_description, &mut step.reasoning, &mut step.raw_reply] {
                *words = without_word(words, value);
            }
        }
        if self.known.is_empty() {
            return step;
        }
        let hidden = serde_json::to_value(&step).ok().and_then(|mut value| {
            self.hide_all(&mut value);
            serde_json::from_value(value).ok()
        });
        hidden.unwrap_or(step)
    }
}

fn asks_for_secret(field: &Mark) -> bool {
    gate::mark_meaning(field).is_some_and(Meaning::is_secret)
}

/// The value however it is grouped: numbers with spaces, dashes or their encodings between the digits.
fn shape_of(value: &str) -> Option<Regex> {
    let plain: Vec<char> = value.chars().filter(|c| !matches!(c, ' ' | '-')).collect();
    if plain.len() < LEAST_LENGTH {
        return None;
    }
    let is_number = plain.iter().all(char::is_ascii_digit);
    let parts: Vec<String> = plain.iter().map(|c| regex::escape(&c.to_string())).collect();
    let pattern = if is_number { parts.join(r"(?:[\s\u{a0}.+-]|%20)?") } else { regex::escape(value) };
    Regex::new(&pattern).ok()
}

/// Masks a short value where it stands as a word of its own.
fn without_word(text: &str, value: &str) -> String {
    let bounded = format!(r"(^|[^\p{{L}}\p{{N}}])({})($|[^\p{{L}}\p{{N}}])", regex::escape(value));
    match Regex::new(&bounded) {
        Ok(word) => word.replace_all(text, |found: &regex::Captures<'_>| format!("{}{MASK}{}", &found[1], &found[3])).into_owned(),
        Err(_) => text.replace(value, MASK),
    }
}
