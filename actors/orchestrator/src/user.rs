//! What the UserSimulator decides is drawn from the run's seed, so that a run can be repeated; the model only finds the words, and
//! neither it nor its words hold the persona's secrets.

use std::collections::BTreeMap;
use wayfarer_chat::{Model, PromptFile, Scope, ask};
use wayfarer_core::critical_point::{CriticalPoint, CriticalPointKind, Grant, UserDecision};
use wayfarer_core::hash::sha256_hex;
use wayfarer_core::prompt::user::{AnswerCriticalPoint, AskFollowUp};
use wayfarer_core::run::RunSpec;
use wayfarer_core::secrets::Secrets;
use wayfarer_core::{Observation, Task, Usage, gate, view};

const CRITICAL_POINT: PromptFile = PromptFile(include_str!("../prompts/critical_point.md"));
const FOLLOW_UP: PromptFile = PromptFile(include_str!("../prompts/follow_up.md"));

/// What the simulated user answers an agent's question: it knows no more than what the task says (spec/faragen.md G does the same).
pub const NO_ANSWER: &str =
    "I have nothing to add. Go on as well as you can without making anything up, and stop before anything that needs my permission.";

/// Synthetic people: names that nobody bears for sure, addresses in reserved domains, telephone numbers kept free for fiction, the card
/// number that payment providers publish for tests.
const PERSONAS: [[&str; 6]; 6] = [
    ["Maren", "Holloway", "(503) 555-0117", "14 Alder Row", "Portland", "97205"],
    ["Tobias", "Lindqvist", "(206) 555-0142", "902 Harbor Lane", "Seattle", "98101"],
    ["Priya", "Venkataraman", "(415) 555-0163", "77 Quarry Street", "Oakland", "94607"],
    ["Jonah", "Abernathy", "(617) 555-0108", "31 Mill Pond Road", "Cambridge", "02139"],
    ["Lucia", "Ferrante", "(312) 555-0179", "560 Lakeview Court", "Evanston", "60201"],
    ["Samuel", "Okafor", "(512) 555-0126", "8 Cedar Bend", "Austin", "78704"],
];

/// Number in 0..1 that follows from the run's seed and what is drawn for; the task's id names its run, so its words stand for it.
fn draw(spec: &RunSpec, task: &Task, what: &str) -> f64 {
    let digest = sha256_hex(format!("{}\u{1f}{}\u{1f}{}\u{1f}{what}", spec.seed, task.start_url, task.intent).as_bytes());
    let bits = u64::from_str_radix(&digest[..13], 16).unwrap_or_default();
    bits as f64 / (1_u64 << 52) as f64
}

/// The persona of a task: meaning to value.
pub fn persona(spec: &RunSpec, task: &Task) -> BTreeMap<String, String> {
    let place = (draw(spec, task, "persona") * PERSONAS.len() as f64) as usize;
    let [first, last, phone, address, city, postcode] = PERSONAS[place.min(PERSONAS.len() - 1)];
    let rows = [
        ("name", format!("{first} {last}")),
        ("first_name", first.to_owned()),
        ("last_name", last.to_owned()),
        ("email", format!("{}.{}@example.org", first.to_lowercase(), last.to_lowercase())),
        ("phone", phone.to_owned()),
        ("address", address.to_owned()),
        ("city", city.to_owned()),
        ("postcode", postcode.to_owned()),
        ("country", "United States".to_owned()),
        ("birth_date", "1988-05-14".to_owned()),
        ("card_number", "4242 4242 4242 4242".to_owned()),
        ("card_expiry", "12/30".to_owned()),
        ("card_cvc", "123".to_owned()),
    ];
    rows.into_iter().map(|(meaning, value)| (meaning.to_owned(), value)).collect()
}

/// What the user decides at this critical point: the same question always gets the same answer.
pub fn decide(spec: &RunSpec, task: &Task, point: &CriticalPoint, page: &Observation) -> UserDecision {
    let (approve, deny) = (spec.consent.approve.max(0.0), spec.consent.deny.max(0.0));
    let share = if approve + deny > 0.0 { approve / (approve + deny) } else { 0.0 };
    if draw(spec, task, &format!("{}@{}", point.kind.as_str(), point.host)) >= share {
        return UserDecision::Deny;
    }
    let asks_for_data =
        page.marks.iter().any(|mark| gate::field_meaning(&format!("{} {}", mark.name, mark.field)).is_some_and(gate::Meaning::is_personal));
    if point.kind == CriticalPointKind::PersonalData || asks_for_data { UserDecision::Supply } else { UserDecision::Approve }
}

/// Whether this success gets a follow-up.
pub fn wants_follow_up(spec: &RunSpec, task: &Task) -> bool {
    draw(spec, task, "follow_up") < spec.consent.follow_up
}

/// What a decision allows: this step once, and the data that it needs, on this host only.
pub fn grant(point: &CriticalPoint, decision: UserDecision, data: BTreeMap<String, String>) -> Option<Grant> {
    let mut kinds = vec![point.kind];
    if point.kind != CriticalPointKind::PersonalData && decision != UserDecision::Deny {
        kinds.push(CriticalPointKind::PersonalData);
    }
    (decision != UserDecision::Deny).then(|| Grant { kinds, host: point.host.clone(), uses: 1, data })
}

/// The user's answer in words, with the data it supplies.
pub struct UserAnswer {
    /// The words, without any secret.
    pub message: String,
    /// Data: meaning to value.
    pub data: BTreeMap<String, String>,
    /// What finding the words cost.
    pub usage: Usage,
}

/// Finds the words for a decision; a model that fails costs the words, not the decision.
pub async fn answer(
    model: &dyn Model,
    scope: &Scope,
    task: &str,
    point: &CriticalPoint,
    page: &Observation,
    decision: UserDecision,
    persona: &BTreeMap<String, String>,
) -> UserAnswer {
    let mut secrets = Secrets::default();
    let shown = secrets.learn_data(&point.host, persona);
    let input = AnswerCriticalPoint {
        task: task.to_owned(),
        kind: point.kind,
        what: point.what.clone(),
        page: view::page_text(page),
        decision,
        persona: if decision == UserDecision::Supply { shown } else { BTreeMap::new() },
    };
    // card data goes out only where money moves, or where the user names it
    let supplied = |named: &[String]| -> BTreeMap<String, String> {
        let may = |meaning: &String| point.kind == CriticalPointKind::Payment || !meaning.starts_with("card_") || named.contains(meaning);
        persona
            .iter()
            .filter(|(meaning, _)| decision == UserDecision::Supply && may(meaning))
            .map(|(k, v)| (k.clone(), v.clone()))
            .collect()
    };
    match ask(model, scope, CRITICAL_POINT, &input, &[]).await {
        Ok(answer) if !answer.reply.message.trim().is_empty() => {
            UserAnswer { data: supplied(&answer.reply.supply), message: secrets.hide(&answer.reply.message), usage: answer.usage }
        }
        Ok(answer) => UserAnswer { data: supplied(&[]), message: fixed_words(decision).into(), usage: answer.usage },
        Err(error) => {
            tracing::warn!(%error, "the user simulator answers in fixed words");
            UserAnswer { data: supplied(&[]), message: fixed_words(decision).into(), usage: Usage::default() }
        }
    }
}

fn fixed_words(decision: UserDecision) -> &'static str {
    match decision {
        UserDecision::Approve => "Yes, please go ahead with this step.",
        UserDecision::Supply => "Yes, go ahead; use the data that I gave you.",
        UserDecision::Deny => "No, please stop here and tell me where things stand.",
    }
}

/// Asks for a further task; none if the model has none or fails.
pub async fn follow_up(model: &dyn Model, scope: &Scope, task: &str, answer: &str, page: &Observation) -> (Option<String>, Usage) {
    let input = AskFollowUp { task: task.to_owned(), answer: answer.to_owned(), page: view::page_text(page) };
    match ask(model, scope, FOLLOW_UP, &input, &[]).await {
        Ok(answer) => (answer.reply.follow_up.filter(|text| !text.trim().is_empty()), answer.usage),
        Err(error) => {
            tracing::warn!(%error, "no follow-up could be had");
            (None, Usage::default())
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{page, spec, task};
    use wayfarer_core::TaskId;

    #[test]
    fn decisions_follow_from_the_seed_and_keep_to_the_weights() {
        let point = CriticalPoint { kind: CriticalPointKind::Payment, rule: "r".into(), what: "w".into(), host: "shop.localhost".into() };
        let page = page("http://shop.localhost/", "s");
        let mut spec = spec();
        let worded = |n: u32| Task { intent: format!("Buy {n} mugs."), ..task() };
        let denied = |spec: &RunSpec| (0..400).filter(|n| decide(spec, &worded(*n), &point, &page) == UserDecision::Deny).count();

        assert!((150..250).contains(&denied(&spec)));
        for n in 0..20 {
            let in_another_run = Task { id: TaskId::derived("t", &[&n.to_string()]), ..worded(n) };
            assert_eq!(decide(&spec, &worded(n), &point, &page), decide(&spec, &in_another_run, &point, &page));
        }
        spec.consent.deny = 0.0;
        assert_eq!(denied(&spec), 0);
        spec.consent.approve = 0.0;
        assert_eq!(denied(&spec), 400);
    }
}
