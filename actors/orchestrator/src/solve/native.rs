//! Solving with a native agent: one model decides alone, so there is no ledger, no plan and no way back; what stays is ours: budgets, the
//! user at critical points and for questions, the log.

use super::{Halt, Solving};
use crate::budget;
use tracing::Instrument;
use wayfarer_core::action::{Action, Status};
use wayfarer_core::critical_point::{GateDecision, UserDecision};
use wayfarer_core::ledger::Ledger;
use wayfarer_core::outcome::Outcome;
use wayfarer_core::trajectory::DecisionRecord;

impl Solving {
    pub(super) async fn solve_native(&mut self) -> Result<Outcome, Halt> {
        self.open().await?;
        let mut rule = "start";
        loop {
            let steps = self.history.steps.len() as u32;
            if let Some(budget) = budget::exceeded(&self.job.spec.budgets, steps, self.began.elapsed(), &self.history.usage) {
                return Ok(Outcome::BudgetExceeded { budget });
            }
            let decision = DecisionRecord { rule: rule.to_owned(), decision: "continue".to_owned() };
            let span = tracing::info_span!("step", step = steps + 1, rule);
            self.step(&Ledger::not_kept(), decision).instrument(span).await?;
            let Some(last) = self.history.steps.last().map(|step| step.surfed.clone()) else { continue };
            rule = match (&last.gate, &last.action) {
                (GateDecision::Held { .. }, _) if self.ask_user().await => "allowed",
                (GateDecision::Held { .. }, _) => {
                    self.answer = Some(last.reasoning).filter(|words| !words.trim().is_empty());
                    return Ok(Outcome::StoppedAtCriticalPoint);
                }
                (_, Action::AskUserQuestion { question }) => {
                    let said = self.user.answer(question.clone()).await;
                    self.user_messages.push(said.clone());
                    self.unsent_messages.push(said);
                    "answered"
                }
                (_, Action::Terminate { status, answer }) => {
                    let outcome = self.ended(*status, answer);
                    if !self.goes_on(&outcome, true).await? {
                        return Ok(self.final_outcome(outcome));
                    }
                    "follow_up"
                }
                _ => "continue",
            };
            self.log_last_step().await?;
        }
    }

    /// How the attempt ended, if the agent says that it did.
    fn ended(&self, status: Status, words: &str) -> Outcome {
        match status {
            _ if self.answered.last().is_some_and(|answered| answered.decision == UserDecision::Deny) => Outcome::StoppedAtCriticalPoint,
            Status::Failure => Outcome::Infeasible { why: words.to_owned() },
            Status::Success => Outcome::Answered,
        }
    }
}
