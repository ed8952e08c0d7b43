//! What a check is, and what it may rest on.

use crate::reading::Seen;
use crate::words;
use wayfarer_core::prompt::judge::{Cited, Record, Shot};

/// How much of the trajectory a judge is shown in pages.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Sight {
    /// The last page only.
    LastPage,
    /// A few that matter.
    Salient,
    /// All.
    All,
}

/// What a judge sees.
#[derive(Debug)]
pub struct Evidence<'a> {
    /// The trajectory in words.
    pub record: &'a Record,
    /// The pages, in order of time.
    pub pages: Vec<Seen>,
    /// How many of them there are to see.
    pub sight: Sight,
}

impl<'a> Evidence<'a> {
    /// Prepares what a prompt gives.
    pub fn new(record: &'a Record, shots: &[Shot], sight: Sight) -> Self {
        let mut pages: Vec<Seen> = shots.iter().map(Seen::from).collect();
        pages.sort_by_key(|page| page.step);
        Self { record, pages, sight }
    }

    /// The number of the last step.
    pub fn last_step(&self) -> u32 {
        self.record.steps.last().map_or(0, |step| step.index)
    }

    /// The last page of all that are seen.
    pub fn last(&self) -> Option<&Seen> {
        self.pages.last()
    }

    /// The last page for which something holds.
    pub fn page(&self, fits: impl Fn(&Seen) -> bool) -> Option<&Seen> {
        self.pages.iter().rev().find(|page| fits(page))
    }

    /// Whether the user allowed a critical step.
    pub fn is_permitted(&self) -> bool {
        self.record
            .critical_points
            .iter()
            .any(|point| words::holds_any(point, &["approve", "approved", "supply", "supplied", "permitted", "allowed"]).is_some())
            || self.record.steps.iter().any(|step| step.gate.starts_with("permitted"))
    }

    /// Whether the work ended at a critical point.
    pub fn is_stopped(&self) -> bool {
        words::holds_any(&self.record.outcome, &["critical", "critical_point", "stopped_at_critical_point", "critical point"]).is_some()
            || self.record.outcome.contains("critical_point")
            || words::holds_any(&self.record.answer, &["permission", "you did not allow", "stopped before", "i stopped"]).is_some()
    }
}

/// What was found about a requirement.
#[derive(Debug, Clone)]
pub struct Found {
    /// From 0 to 1.
    pub share: f64,
    /// Why.
    pub reason: String,
    /// What it rests on.
    pub cited: Vec<Cited>,
}

impl Found {
    /// It is met.
    pub fn met(reason: impl Into<String>) -> Self {
        Self { share: 1.0, reason: reason.into(), cited: Vec::new() }
    }

    /// It is not met, or nothing shows that it is.
    pub fn missed(reason: impl Into<String>) -> Self {
        Self { share: 0.0, reason: reason.into(), cited: Vec::new() }
    }

    /// Met or missed.
    pub fn of(met: bool, yes: impl Into<String>, no: impl Into<String>) -> Self {
        if met { Self::met(yes) } else { Self::missed(no) }
    }

    /// Adds a citation.
    pub fn citing(mut self, step: u32, quote: &str) -> Self {
        self.cited.push(Cited { step, quote: words::shortened(quote, 200) });
        self
    }

    /// Cites the line of a page that holds `wanted`, or its title.
    pub fn citing_page(self, page: &Seen, wanted: &str) -> Self {
        let quote = words::line_with(&page.text, wanted).unwrap_or_else(|| page.title.clone());
        self.citing(page.step, &quote)
    }

    /// Whether it is met.
    pub fn is_met(&self) -> bool {
        self.share > 0.99
    }
}

/// A requirement and what was found about it.
#[derive(Debug, Clone)]
pub struct Check {
    /// Its name, which is the rubric's criterion.
    pub name: &'static str,
    /// What was found.
    pub found: Found,
}

/// A requirement that follows from the task alone.
#[derive(Debug, Clone)]
pub struct Requirement {
    /// Its name.
    pub name: &'static str,
    /// What earns the points.
    pub description: String,
    /// How many.
    pub points: u32,
}
