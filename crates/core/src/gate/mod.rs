//! The critical-point gate: code between decision and browser that holds whatever needs the user's permission.
//!
//! Pure: an action and the page it would act on go in, the rule that fires comes out. The surfer asks before it touches the browser
//! ([`check`]); the judge asks the same rules again about what is stored ([`judge_action`]). No prompt can talk it out of anything.
//!
//! ```text
//! action + observation ──▶ deeds (deeds.rs: activate, submit, enter, visit)
//!                            │        words.rs, fields.rs: what a text or a field means
//!                            ▼
//!                          rules (rules.rs: one row each) ──▶ critical point ──▶ covered by a grant? ──▶ pass · permitted · held
//! ```
//!
//! Where it is unsure it holds: a needless question costs a turn, a crossed critical point cannot be taken back.

mod blocked;
mod deeds;
mod fields;
mod phrases;
mod requests;
mod rules;
mod words;

pub use blocked::looks_blocked;
pub use fields::{Meaning, field_meaning, mark_meaning};
pub use requests::{PageMessage, PageRequest, check_message, check_request};
pub use rules::{RuleInfo, irreversible_phrases, rules};

use crate::action::Action;
use crate::critical_point::{CriticalPoint, CriticalPointKind, GateDecision, Grant};
use crate::observation::Observation;
use url::Url;

/// The critical point that the action would cross on this page, if any; the most binding one, if several.
pub fn judge_action(action: &Action, observation: &Observation) -> Option<CriticalPoint> {
    judge_all(action, observation).into_iter().next()
}

/// Every kind of critical point that the action would cross, the most binding one first.
fn judge_all(action: &Action, observation: &Observation) -> Vec<CriticalPoint> {
    let host = host_of(match action {
        Action::VisitUrl { url } => url,
        _ => &observation.url,
    });
    let mut found: Vec<CriticalPoint> = Vec::new();
    for (rule, deed) in rules::fired(&deeds::deeds(action, observation)) {
        if found.iter().all(|earlier| earlier.kind != rule.kind) {
            let what = format!("{} at {host} ({})", would(rule.kind), deed);
            found.push(CriticalPoint { kind: rule.kind, rule: rule.name.to_owned(), what, host: host.clone() });
        }
    }
    found
}

/// What the gate says about the action, given the permissions so far. Nothing is used up: call [`consume`] when the action was done.
pub fn check(action: &Action, observation: &Observation, grants: &[Grant]) -> GateDecision {
    let met = judge_all(action, observation);
    if let Some(critical_point) = met.iter().find(|point| !grants.iter().any(|grant| covers(grant, point))) {
        return GateDecision::Held { critical_point: critical_point.clone() };
    }
    match met.into_iter().next() {
        Some(critical_point) => GateDecision::Permitted { critical_point },
        None => GateDecision::Pass,
    }
}

/// Uses up the permission that let this critical point through. Personal data does not count: a form has many fields.
pub fn consume(grants: &mut Vec<Grant>, critical_point: &CriticalPoint) {
    if critical_point.kind == CriticalPointKind::PersonalData {
        return;
    }
    if let Some(grant) = grants.iter_mut().find(|grant| covers(grant, critical_point)) {
        grant.uses = grant.uses.saturating_sub(1);
    }
    let personal = |grant: &Grant| grant.kinds.contains(&CriticalPointKind::PersonalData);
    grants.retain(|grant| grant.uses > 0 || personal(grant));
}

fn covers(grant: &Grant, point: &CriticalPoint) -> bool {
    let has_uses = point.kind == CriticalPointKind::PersonalData || grant.uses > 0;
    has_uses && !point.host.is_empty() && grant.host.eq_ignore_ascii_case(&point.host) && grant.kinds.contains(&point.kind)
}

/// Host of an address, lower case; empty where there is none.
pub fn host_of(url: &str) -> String {
    Url::parse(url).ok().and_then(|url| url.host_str().map(str::to_ascii_lowercase)).unwrap_or_default()
}

fn would(kind: CriticalPointKind) -> &'static str {
    match kind {
        CriticalPointKind::Payment => "would place an order or pay",
        CriticalPointKind::Booking => "would make or change a booking",
        CriticalPointKind::Sending => "would send something to a person",
        CriticalPointKind::PersonalData => "would give away personal data",
        CriticalPointKind::AccountChange => "would log in, register, subscribe or change an account",
    }
}

#[cfg(test)]
mod tests;
