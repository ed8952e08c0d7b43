//! The work on one seed: what it costs, what was dropped and what may become a task. Shared by the strategies.

use crate::dedup::IntentIndex;
use crate::gates::{self, IntentFacts, PageFacts, Policy, SiteFacts};
use crate::page::{self, Page};
use crate::ports::ProposerDeps;
use crate::proposal::{Proposal, ProposeError};
use crate::{dates, prompts};
use bytes::Bytes;
use rand::SeedableRng;
use rand::rngs::StdRng;
use std::collections::HashSet;
use time::Date;
use url::Url;
use wayfarer_chat::{AskError, ModelError, PromptFile, Scope, ask};
use wayfarer_core::event::Dropped;
use wayfarer_core::prompt::propose::{Classified, Classify, Offer, RefineIntent, RefinedIntent};
use wayfarer_core::prompt::{Ask, PageText};
use wayfarer_core::run::RunSpec;
use wayfarer_core::{Category, Seed, Strategy, Task, TaskId, Usage, hash};

/// Rounds of refinement (spec/faragen.md A).
pub(crate) const REFINE_ROUNDS: u32 = 5;
/// Linked pages that are read for details.
const NEIGHBOURS: usize = 6;
/// Of those, how many come straight from the start page.
const FIRST_HOP: usize = 3;
/// Known intents that a prompt shows.
const MAX_AVOID: usize = 60;

/// The work on one seed.
pub(crate) struct Work<'a> {
    pub deps: &'a ProposerDeps,
    pub spec: &'a RunSpec,
    pub seed: &'a Seed,
    pub strategy: Strategy,
    pub today: Date,
    pub policy: Policy,
    pub usage: Usage,
    pub dropped: Vec<Dropped>,
    pub candidates: Vec<Task>,
    random: StdRng,
}

impl<'a> Work<'a> {
    pub fn new(deps: &'a ProposerDeps, spec: &'a RunSpec, seed: &'a Seed, strategy: Strategy, today: Date) -> Self {
        let drawn = hash::sha256_hex(format!("{}\u{1f}{}", spec.seed, seed.kind.subject()).as_bytes());
        let random = StdRng::seed_from_u64(u64::from_str_radix(&drawn[..16], 16).unwrap_or_default());
        let (policy, usage) = (Policy::default(), Usage::default());
        Self { deps, spec, seed, strategy, today, policy, usage, dropped: Vec::new(), candidates: Vec::new(), random }
    }

    /// Today as prompts show it.
    pub fn today_text(&self) -> String {
        dates::iso_text(self.today)
    }

    /// Asks a model. A reply that cannot be read, or a budget that is spent, drops the subject; a model that is down is an error.
    pub async fn ask<A: Ask>(
        &mut self,
        file: PromptFile,
        question: &A,
        pictures: &[Bytes],
        about: &str,
    ) -> Result<Option<A::Reply>, ProposeError> {
        let scope = Scope { tenant: self.spec.tenant.clone(), run: self.spec.run.clone(), task: None, attempt: None, step: 0 };
        match ask(&*self.deps.model, &scope, file, question, pictures).await {
            Ok(answer) => {
                self.usage += answer.usage;
                Ok(Some(answer.reply))
            }
            Err(AskError::Unreadable { usage, why, .. }) => {
                self.usage += usage;
                self.drop(about, gates::MODEL, why);
                Ok(None)
            }
            Err(AskError::Model(error @ ModelError::BudgetSpent { .. })) => {
                self.drop(about, gates::MODEL, error.to_string());
                Ok(None)
            }
            Err(error) => Err(error.into()),
        }
    }

    /// Notes a drop.
    pub fn drop(&mut self, subject: &str, gate: &str, reason: impl Into<String>) {
        self.dropped.push(gates::dropped(subject, gate, reason));
    }

    /// Fetches and reads the start page; `None` (and a drop) if a gate is against it.
    pub async fn start_page(&mut self, url: &Url) -> Option<Page> {
        let fetched = match self.deps.fetcher.fetch(url).await {
            Ok(fetched) => fetched,
            Err(error) => {
                self.drop(url.as_str(), gates::REACHABLE, error.to_string());
                return None;
            }
        };
        let page = page::read(&fetched, page::START_TEXT);
        self.keep(gates::pass(&gates::page_gates(), &PageFacts { fetched: &fetched, page: &page }, url.as_str())).map(|()| page)
    }

    /// Pages of the site that promise details: some behind the start page's links, some behind theirs.
    pub async fn neighbours(&mut self, start: &Page) -> Vec<PageText> {
        let mut met: HashSet<Url> = Url::parse(&start.text.url).into_iter().collect();
        let mut links = start.links.clone();
        let mut read = Vec::new();
        for wanted in [FIRST_HOP, NEIGHBOURS] {
            for link in page::promising(&links, &met, wanted - read.len().min(wanted), &mut self.random) {
                met.insert(link.clone());
                match self.deps.fetcher.fetch(&link).await {
                    Ok(fetched) if (200..300).contains(&fetched.status) && fetched.content_type.contains("html") => {
                        let page = page::read(&fetched, page::LINKED_TEXT);
                        links.extend(page.links);
                        read.push(page.text);
                    }
                    Ok(fetched) => tracing::debug!(%link, status = fetched.status, "a linked page is passed over"),
                    Err(error) => tracing::debug!(%link, %error, "a linked page is passed over"),
                }
            }
        }
        read
    }

    /// Classifies the site and asks its gates; `None` (and a drop) if one is against it.
    pub async fn classify(
        &mut self,
        page: &PageText,
        offers: &[Offer],
        hint: Option<Category>,
    ) -> Result<Option<Classified>, ProposeError> {
        let question = Classify { page: page.clone(), offers: offers.to_vec(), hint };
        let Some(classified) = self.ask(prompts::CLASSIFY, &question, &[], &page.url).await? else { return Ok(None) };
        let facts = SiteFacts { classified: &classified, policy: &self.policy };
        let passed = gates::pass(&gates::site_gates(), &facts, &page.url);
        Ok(self.keep(passed).map(|()| classified))
    }

    /// Refines a wording for at most `rounds` rounds, until nothing is to be mended; earlier wordings go to `earlier`.
    pub async fn refine(
        &mut self,
        intent: &str,
        page: &PageText,
        linked_pages: &[PageText],
        rounds: u32,
        earlier: &mut Vec<String>,
    ) -> Result<Option<RefinedIntent>, ProposeError> {
        let mut intent = intent.trim().to_owned();
        for round in 1.. {
            let question = RefineIntent {
                intent: intent.clone(),
                page: page.clone(),
                linked_pages: linked_pages.to_vec(),
                round,
                today: self.today_text(),
            };
            let Some(mut refined) = self.ask(prompts::REFINE, &question, &[], &intent).await? else { return Ok(None) };
            refined.intent = refined.intent.trim().to_owned();
            let changed = !refined.intent.is_empty() && refined.intent != intent;
            if changed {
                earlier.push(std::mem::replace(&mut intent, refined.intent.clone()));
            } else {
                refined.intent = intent.clone();
            }
            let hopeless = refined.harmful.answer || refined.personal_data.answer;
            // an unchanged wording would get the same answer again
            if is_good(&refined) || hopeless || !changed || round >= rounds {
                return Ok(Some(refined));
            }
        }
        Ok(None)
    }

    /// Asks the gates over wordings; `false` (and a drop) if one is against it.
    pub fn admits(&mut self, intent: &str, refined: Option<&RefinedIntent>, valid_until: Option<&str>) -> bool {
        let valid_until = valid_until.and_then(dates::iso_date);
        let facts = IntentFacts { intent, refined, today: self.today, valid_until };
        let passed = gates::pass(&gates::intent_gates(), &facts, intent);
        self.keep(passed).is_some()
    }

    /// Intents that the next proposals should not repeat, the newest last.
    pub async fn avoid(&self) -> Vec<String> {
        let mut known = self.deps.seen.known(&self.spec.run).await;
        known.extend(self.candidates.iter().map(|task| task.intent.clone()));
        let extra = known.len().saturating_sub(MAX_AVOID);
        known.split_off(extra)
    }

    /// Turns candidates into tasks: no more than `count`, and none that the run has already. This comes last, when nothing can fail any
    /// more: a claim of a proposal that never comes keeps other seeds from the same intent.
    pub async fn finish(mut self, count: u32) -> Result<Proposal, ProposeError> {
        let mut tasks: Vec<Task> = Vec::new();
        let mut own = IntentIndex::default();
        for mut task in std::mem::take(&mut self.candidates) {
            if tasks.len() >= count as usize {
                self.drop(&task.intent, gates::QUOTA, format!("{count} tasks were wanted of this seed"));
                continue;
            }
            let is_new = own.take(&task.intent, &tasks.len().to_string());
            if !is_new || !self.deps.seen.claim(&self.spec.run, &self.seed.id, &task.intent).await.map_err(ProposeError::Seen)? {
                self.drop(&task.intent, gates::DUPLICATE, "the run has this task already, in these or other words");
                continue;
            }
            task.id = self.task_id(tasks.len());
            tasks.push(task);
        }
        tracing::info!(seed = %self.seed.id, strategy = self.strategy.as_str(), tasks = tasks.len(), dropped = self.dropped.len(), "seed proposed");
        Ok(Proposal { strategy: self.strategy, tasks, dropped: self.dropped, usage: self.usage })
    }

    /// Follows from run, seed and place, so that a seed that is worked off twice gives the same ids.
    pub fn task_id(&self, ordinal: usize) -> TaskId {
        TaskId::derived(self.strategy.as_str(), &[self.spec.run.as_str(), self.seed.id.as_str(), &ordinal.to_string()])
    }

    fn keep(&mut self, passed: Result<(), Dropped>) -> Option<()> {
        match passed {
            Ok(()) => Some(()),
            Err(dropped) => {
                self.dropped.push(dropped);
                None
            }
        }
    }
}

fn is_good(refined: &RefinedIntent) -> bool {
    let wanted = [&refined.achievable, &refined.login_free, &refined.specific, &refined.useful, &refined.verifiable];
    wanted.iter().all(|flag| flag.answer) && !refined.harmful.answer && !refined.personal_data.answer
}
