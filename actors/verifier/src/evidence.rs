//! Whether what an opinion cites is really there: the step exists, and the words stand on its page, in its action or in the answer.
//! What cannot be found is discarded, so that a judge cannot pass an attempt on words that it made up.

use wayfarer_core::prompt::judge::Cited;
use wayfarer_core::verdict::Evidence;
use wayfarer_core::{Observation, Trajectory};

/// A shorter quote must stand as a word of its own (`$$` is not found in `$$$`), or it would be found anywhere.
const SHORT_QUOTE: usize = 4;

/// The citations that can be found in the trajectory, each with the picture of its step.
pub fn resolved(trajectory: &Trajectory, cited: &[Cited]) -> Vec<Evidence> {
    cited.iter().filter_map(|one| resolve(trajectory, one)).collect()
}

/// One citation; `None` if its step does not exist or its words are not there.
///
/// Step 0 is the start page. A later step is its action and the page that it led to; the answer belongs to the last step.
pub fn resolve(trajectory: &Trajectory, cited: &Cited) -> Option<Evidence> {
    let quote = cited.quote.trim_matches(|c: char| c.is_whitespace() || "\"'`“”‘’…".contains(c));
    let wanted = normal(quote);
    // a price level (`$$`) is a quote, a lone comma is not
    if !wanted.chars().any(|c| c.is_alphanumeric() || "$€£★%".contains(c)) {
        return None;
    }
    let is_there = |text: &str| holds(&normal(text), &wanted);
    let (page, in_action) = if cited.step == 0 {
        (trajectory.first_observation.as_ref()?, false)
    } else {
        let step = trajectory.steps.iter().find(|step| step.index.0 == cited.step)?;
        let is_last = trajectory.steps.last().is_some_and(|last| last.index == step.index);
        let in_answer = is_last && trajectory.answer.as_deref().is_some_and(is_there);
        (&step.surfed.observation, in_answer || is_there(&step.surfed.action.describe()))
    };
    (in_action || on_page(page, is_there)).then(|| Evidence {
        step: Some(cited.step),
        screenshot: Some(page.screenshot.clone()),
        text: quote.to_owned(),
    })
}

fn on_page(page: &Observation, is_there: impl Fn(&str) -> bool) -> bool {
    if is_there(&page.visible_text) || is_there(&page.title) || is_there(&page.url) {
        return true;
    }
    page.marks.iter().any(|mark| {
        let line = crate::record::state_line(mark).unwrap_or_default();
        is_there(&line) || is_there(&format!("{} {:?}", mark.role, mark.name)) || is_there(&mark.name) || is_there(&mark.value)
    })
}

/// Lower case, every run of white space one space: how a page wraps its lines must not matter.
fn normal(text: &str) -> String {
    text.split_whitespace().map(str::to_lowercase).collect::<Vec<_>>().join(" ")
}

fn holds(text: &str, wanted: &str) -> bool {
    if wanted.chars().count() >= SHORT_QUOTE {
        return text.contains(wanted);
    }
    text.match_indices(wanted).any(|(at, found)| {
        let before = text[..at].chars().next_back();
        let after = text[at + found.len()..].chars().next();
        let joins = |c: char| c.is_alphanumeric() || wanted.contains(c);
        !before.is_some_and(joins) && !after.is_some_and(joins)
    })
}
