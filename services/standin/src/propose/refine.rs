//! Is a task good enough, and how should it read?

use super::classify::{HARMFUL, PERSONAL, flagged};
use crate::dates;
use crate::goal::Goal;
use crate::words;
use wayfarer_core::ledger::Flag;
use wayfarer_core::prompt::propose::{RefineIntent, RefinedIntent};

fn flag(answer: bool, yes: &str, no: &str) -> Flag {
    Flag { answer, reason: if answer { yes } else { no }.into() }
}

/// Checks a wording, and tightens it in the first round.
pub fn refine(input: &RefineIntent) -> RefinedIntent {
    let goal = Goal::parse(&input.intent);
    let known = !matches!(goal, Goal::Other { .. });
    let pages: String = std::iter::once(&input.page)
        .chain(&input.linked_pages)
        .map(|page| format!("{}\n{}\n{}\n", page.title, page.url.replace(['/', '-'], " "), page.text))
        .collect();
    let shown = words::overlap(&pages, &goal.subject()) >= 0.6;
    let date_is_ahead = super::intents::date_of(&goal).is_none_or(|date| dates::parse(&input.today).is_none_or(|today| date > today));
    let specific = if let Goal::Other { terms } = &goal { terms.len() >= 2 } else { true };
    RefinedIntent {
        intent: tightened(input, known),
        achievable: flag(
            (shown || known) && date_is_ahead,
            "The site shows what it takes.",
            if date_is_ahead { "The pages do not show what is asked for." } else { "The date lies in the past." },
        ),
        login_free: flag(
            words::holds_any(&input.intent, &["log in", "sign in", "my account", "my order", "subscribe"]).is_none(),
            "Nothing needs an account.",
            "It needs an account.",
        ),
        specific: flag(specific, "It says exactly what is wanted.", "It leaves open what is wanted."),
        useful: flag(specific, "A person would ask this.", "Nobody would ask this."),
        verifiable: flag(known || shown, "One page shows whether it was done.", "No page would show whether it was done."),
        harmful: flagged(&input.intent, HARMFUL, "harm"),
        personal_data: flagged(&input.intent, PERSONAL, "personal data"),
    }
}

/// The contract's wording for known goals; other wordings get a full stop and single spaces.
fn tightened(input: &RefineIntent, known: bool) -> String {
    let flat = input.intent.split_whitespace().collect::<Vec<_>>().join(" ");
    if input.round > 1 || known || flat.ends_with(['.', '?', '!']) { flat } else { format!("{flat}.") }
}
