//! What a judge hands over: its opinion, the step at which it saw things go wrong, and the models that spoke.

use crate::evidence;
use wayfarer_core::prompt::judge::PassFail;
use wayfarer_core::verdict::{CriterionScore, Evidence, Judge};
use wayfarer_core::{Opinion, Trajectory, Usage};

/// An opinion with what the verdict needs besides.
#[derive(Debug, Clone, PartialEq)]
pub struct Judged {
    /// The opinion.
    pub opinion: Opinion,
    /// The step at which it went wrong first, where the judge says so.
    pub first_failure: Option<u32>,
    /// Models that answered, in order of first use.
    pub models: Vec<String>,
}

/// What all calls of a judge cost, and who answered them.
#[derive(Debug, Default)]
pub(crate) struct Calls {
    pub usage: Usage,
    pub models: Vec<String>,
}

impl Calls {
    /// Books an answer and hands its reply on.
    pub fn book<R>(&mut self, answer: wayfarer_chat::Answer<R>) -> R {
        self.usage += answer.usage;
        if !self.models.contains(&answer.model) {
            self.models.push(answer.model);
        }
        answer.reply
    }
}

/// An opinion from a yes-or-no reply: a yes whose citations cannot be found is a no.
pub(crate) fn from_reply(judge: Judge, trajectory: &Trajectory, reply: PassFail, calls: Calls) -> Judged {
    let evidence = evidence::resolved(trajectory, &reply.evidence);
    let last_step = trajectory.steps.last().map_or(0, |step| step.index.0);
    let mut reasoning = reply.reasoning;
    let pass = grounded(reply.pass, &evidence, &mut reasoning);
    let opinion = Opinion {
        judge,
        pass,
        score: if pass { 1.0 } else { 0.0 },
        reasoning,
        evidence,
        criteria: Vec::<CriterionScore>::new(),
        usage: calls.usage,
    };
    Judged { opinion, first_failure: reply.first_failure.filter(|step| !pass && *step <= last_step), models: calls.models }
}

/// Takes back a pass that rests on nothing, and says so in the reasoning.
pub(crate) fn grounded(pass: bool, evidence: &[Evidence], reasoning: &mut String) -> bool {
    let stands = pass && !evidence.is_empty();
    if pass && !stands {
        reasoning.push_str(" [does not count: nothing that was cited is found in the trajectory]");
    }
    stands
}
