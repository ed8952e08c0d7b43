//! What the attempt has come to so far: steps, plans, and what they cost.

use crate::loops::Trace;
use wayfarer_core::prompt::StepText;
use wayfarer_core::trajectory::{Plan, Step};
use wayfarer_core::{Observation, Usage, view};

/// Failed actions in a row that call for a new plan.
const FAILURES_BOUND: usize = 3;

/// The memory of an attempt.
#[derive(Debug, Clone, Default)]
pub struct History {
    /// The start page.
    pub first: Option<Observation>,
    /// The steps, the last one perhaps not logged yet.
    pub steps: Vec<Step>,
    /// Facts and plans.
    pub plans: Vec<Plan>,
    /// What loops are looked for in; begins anew with every plan.
    pub trace: Vec<Trace>,
    /// Whether the actions since the last plan succeeded.
    pub successes: Vec<bool>,
    /// All costs so far.
    pub usage: Usage,
    /// Models that answered, in order of first use.
    pub models: Vec<String>,
}

impl History {
    /// The page now.
    pub fn current(&self) -> Option<&Observation> {
        self.steps.last().map(|step| &step.surfed.observation).or(self.first.as_ref())
    }

    /// The page before the last action.
    pub fn previous(&self) -> Option<&Observation> {
        match self.steps.len() {
            0 => None,
            1 => self.first.as_ref(),
            count => Some(&self.steps[count - 2].surfed.observation),
        }
    }

    /// The steps as prompts tell them.
    pub fn told(&self) -> Vec<StepText> {
        view::history(self.first.as_ref(), &self.steps)
    }

    /// The plan in force.
    pub fn plan(&self) -> (String, String) {
        self.plans.last().map(|plan| (plan.facts.clone(), plan.plan.clone())).unwrap_or_default()
    }

    /// Takes a new plan; loops and failures are counted anew.
    pub fn adopt(&mut self, plan: Plan) {
        self.plans.push(plan);
        self.trace.clear();
        self.successes.clear();
    }

    /// The last actions all failed.
    pub fn is_failing(&self) -> bool {
        self.successes.len() >= FAILURES_BOUND && self.successes.iter().rev().take(FAILURES_BOUND).all(|succeeded| !succeeded)
    }

    /// Keeps the name of a model that answered.
    pub fn answered_by(&mut self, model: &str) {
        if !model.is_empty() && !self.models.iter().any(|known| known == model) {
            self.models.push(model.to_owned());
        }
    }
}
