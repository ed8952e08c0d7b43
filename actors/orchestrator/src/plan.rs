//! Facts and plans as texts.

use wayfarer_core::StepIndex;
use wayfarer_core::prompt::orchestrate::PlanReply;
use wayfarer_core::trajectory::Plan;

/// The reply as it is kept and shown: the four headings of facts, and the plan as a list.
pub fn plan_of(reply: &PlanReply, from_step: StepIndex, why: &str) -> Plan {
    let headings = [("Given", &reply.given), ("To look up", &reply.look_up), ("To derive", &reply.derive), ("Guesses", &reply.guesses)];
    let facts = headings.iter().filter(|(_, lines)| !lines.is_empty()).map(|(heading, lines)| format!("{heading}:\n{}", bullets(lines)));
    Plan { from_step, facts: facts.collect::<Vec<_>>().join("\n\n"), plan: bullets(&reply.plan), why: why.to_owned() }
}

fn bullets(lines: &[String]) -> String {
    lines.iter().map(|line| format!("- {}", line.trim())).collect::<Vec<_>>().join("\n")
}
