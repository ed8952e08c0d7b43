//! What the Orchestrator asks its model: plans, ledgers, target pages.

use super::{Halt, Solving};
use crate::plan::plan_of;
use bytes::Bytes;
use wayfarer_chat::{AskError, ModelError, PromptFile, ask};
use wayfarer_core::ledger::Ledger;
use wayfarer_core::outcome::{Budget, EnvFailure, Outcome};
use wayfarer_core::prompt::Ask;
use wayfarer_core::prompt::orchestrate::{FillLedger, FindTargets, MakePlan, Replan};
use wayfarer_core::trajectory::TargetUrl;
use wayfarer_core::{BlobHash, StepIndex, Usage, view};

const PLAN: PromptFile = PromptFile(include_str!("../../prompts/plan.md"));
const REPLAN: PromptFile = PromptFile(include_str!("../../prompts/replan.md"));
const LEDGER: PromptFile = PromptFile(include_str!("../../prompts/ledger.md"));
const TARGETS: PromptFile = PromptFile(include_str!("../../prompts/targets.md"));

impl Solving {
    pub(super) async fn find_targets(&mut self) -> Vec<TargetUrl> {
        let Some(answer) = self.answer.clone() else { return Vec::new() };
        let history = self.history.told();
        let known: Vec<String> = history.iter().flat_map(|step| [step.url.clone(), step.url_after.clone()]).collect();
        let input = FindTargets { task: self.job.task.intent.clone(), history, answer };
        match ask(self.deps.model.as_ref(), &self.scope(), TARGETS, &input, &[]).await {
            Ok(answer) => {
                self.charge(answer.usage);
                // an address that was never visited is no evidence
                answer
                    .reply
                    .targets
                    .into_iter()
                    .filter(|target| known.contains(&target.url))
                    .take(3)
                    .map(|target| TargetUrl { url: target.url, why: target.why })
                    .collect()
            }
            Err(error) => {
                tracing::warn!(%error, "the target pages were not named");
                Vec::new()
            }
        }
    }

    pub(super) async fn make_plan(&mut self, why: &str) -> Result<(), Halt> {
        let page = self.current()?.clone();
        let input = MakePlan { task: self.intent().to_owned(), page: view::page_view(&page), today: self.job.today.clone() };
        let reply = self.ask(PLAN, &input, &[&page.screenshot]).await?;
        self.history.adopt(plan_of(&reply, StepIndex(self.history.steps.len() as u32 + 1), why));
        Ok(())
    }

    pub(super) async fn replan(&mut self, kind: &str, why: &str) -> Result<(), Halt> {
        let page = self.current()?.clone();
        let (facts, plan) = self.history.plan();
        let input = Replan {
            task: self.intent().to_owned(),
            facts,
            plan,
            history: self.history.told(),
            current: view::page_view(&page),
            why: why.to_owned(),
            today: self.job.today.clone(),
        };
        let reply = self.ask(REPLAN, &input, &[&page.screenshot]).await?;
        self.history.adopt(plan_of(&reply, StepIndex(self.history.steps.len() as u32 + 1), kind));
        Ok(())
    }

    pub(super) async fn fill_ledger(&mut self) -> Result<Ledger, Halt> {
        let current = self.current()?.clone();
        let previous = self.history.previous().cloned();
        let (facts, plan) = self.history.plan();
        let input = FillLedger {
            task: self.intent().to_owned(),
            facts,
            plan,
            history: self.history.told(),
            previous: previous.as_ref().map(view::page_view),
            current: view::page_view(&current),
            memorized: self.history.steps.last().map(|step| step.surfed.facts.clone()).unwrap_or_default(),
            user_messages: self.user_messages.clone(),
            proposed_answer: self.proposed_answer(),
            held: self.held().map(|point| point.what.clone()),
            today: self.job.today.clone(),
        };
        let pictures: Vec<&BlobHash> = previous.iter().map(|page| &page.screenshot).chain([&current.screenshot]).collect();
        let ledger = self.ask(LEDGER, &input, &pictures).await?;
        if let Some(step) = self.history.steps.last() {
            let is_page_action = step.surfed.action.touches_page();
            let succeeded = ledger.last_action_successful.answer && step.surfed.effect.error.is_none();
            if is_page_action {
                self.history.successes.push(succeeded);
            }
        }
        Ok(ledger)
    }

    /// Asks the model with pictures from the store; what it costs belongs to the attempt and to the step that is not logged yet.
    pub(super) async fn ask<A: Ask>(&mut self, file: PromptFile, input: &A, pictures: &[&BlobHash]) -> Result<A::Reply, Halt> {
        let mut loaded: Vec<Bytes> = Vec::with_capacity(pictures.len());
        for hash in pictures {
            match self.deps.store.get_blob(hash).await {
                Ok(bytes) => loaded.push(bytes),
                Err(error) => return Err(Halt::Ends(Outcome::EnvFailed { kind: EnvFailure::Store, detail: error.to_string() })),
            }
        }
        match ask(self.deps.model.as_ref(), &self.scope(), file, input, &loaded).await {
            Ok(answer) => {
                self.charge(answer.usage);
                self.history.answered_by(&answer.model);
                Ok(answer.reply)
            }
            Err(AskError::Model(ModelError::BudgetSpent { .. })) => Err(Halt::Ends(Outcome::BudgetExceeded { budget: Budget::Cost })),
            Err(error) => {
                if let AskError::Unreadable { usage, .. } = &error {
                    self.charge(*usage);
                }
                Err(Halt::Ends(Outcome::EnvFailed { kind: error.env_failure(), detail: error.to_string() }))
            }
        }
    }

    pub(super) fn charge(&mut self, usage: Usage) {
        self.history.usage += usage;
        self.uncharged += usage;
    }
}
