//! From a question to a reply: one row a prompt.

use crate::faults::Faults;
use crate::request::Question;
use crate::{judge, orchestrate, propose, surf, user};
use serde::Serialize;
use serde::de::DeserializeOwned;
use wayfarer_core::prompt::Ask;

/// Why there is no reply.
#[derive(Debug, thiserror::Error)]
pub enum AnswerError {
    /// Nobody knows this prompt.
    #[error("the stand-in knows no prompt {0:?}; it answers the prompts of this product only")]
    Unknown(String),
    /// The input is not of the prompt's type.
    #[error("the input of prompt {prompt:?} cannot be read: {why}")]
    Input {
        /// The prompt.
        prompt: String,
        /// Why.
        why: String,
    },
}

type Rule = fn(&Question, &Faults) -> Result<String, AnswerError>;

fn by<A>(question: &Question, rule: impl Fn(A) -> A::Reply) -> Result<String, AnswerError>
where
    A: Ask + DeserializeOwned,
    A::Reply: Serialize,
{
    let bad = |error: serde_json::Error| AnswerError::Input { prompt: question.prompt.clone(), why: error.to_string() };
    let input: A = serde_json::from_value(question.input.clone()).map_err(bad)?;
    serde_json::to_string(&rule(input)).map_err(bad)
}

const RULES: &[(&str, Rule)] = &[
    ("propose.classify", |q, _| by(q, |input| propose::classify::classify(&input))),
    ("propose.intents", |q, _| by(q, |input| propose::intents::propose(&input))),
    ("propose.refine", |q, _| by(q, |input| propose::refine::refine(&input))),
    ("explore.step", |q, _| by(q, |input| propose::explore::step(&input))),
    ("exemplar.template", |q, _| by(q, |input| propose::template::make(&input))),
    ("exemplar.refill", |q, _| by(q, |input| propose::template::refill(&input))),
    ("orchestrate.plan", |q, _| by(q, |input| orchestrate::plan(&input))),
    ("orchestrate.ledger", |q, faults| by(q, |input| orchestrate::ledger(&input, faults))),
    ("orchestrate.replan", |q, _| by(q, |input| orchestrate::replan(&input))),
    ("orchestrate.targets", |q, _| by(q, |input| orchestrate::targets(&input))),
    ("surf.act", |q, faults| by(q, |input| surf::act(&input, faults))),
    ("user.critical_point", |q, _| by(q, |input| user::critical_point(&input))),
    ("user.follow_up", |q, _| by(q, |input| user::follow_up(&input))),
    ("judge.alignment", |q, _| by(q, |input| judge::alignment(&input))),
    ("judge.rubric_make", |q, _| by(q, |input| judge::rubric_make(&input))),
    ("judge.rubric_score", |q, _| by(q, |input| judge::rubric_score(&input))),
    ("judge.key_points", |q, _| by(q, |input| judge::key_points(&input))),
    ("judge.screenshot_score", |q, _| by(q, |input| judge::screenshot_score(&input))),
    ("judge.relevance", |q, _| by(q, |input| judge::universal::relevance(&input))),
    ("judge.criterion", |q, _| by(q, |input| judge::universal::criterion(&input))),
    ("judge.side_effects", |q, _| by(q, |input| judge::universal::side_effects(&input))),
    ("judge.outcome", |q, _| by(q, |input| judge::universal::outcome(&input))),
    ("judge.efficiency", |q, _| by(q, |input| judge::universal::efficiency(&input))),
    ("judge.critical_point", |q, _| by(q, |input| judge::typology::critical_point(&input))),
    ("judge.first_failure", |q, _| by(q, |input| judge::universal::first_failure(&input))),
    ("judge.multimodal", |q, _| by(q, |input| judge::multimodal(&input))),
];

/// The reply to a question, as JSON text, before any damage.
pub fn answer(question: &Question, faults: &Faults) -> Result<String, AnswerError> {
    let rule = RULES.iter().find(|(prompt, _)| *prompt == question.prompt).ok_or_else(|| AnswerError::Unknown(question.prompt.clone()))?;
    (rule.1)(question, faults)
}
