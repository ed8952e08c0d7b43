//! Seeds: what a run is made from.

use crate::id::SeedId;
use crate::task::{Category, Task};
use serde::{Deserialize, Serialize};
use url::Url;

/// One line of `seeds.jsonl`, with an id that follows from its content.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Seed {
    /// Follows from the kind and its content.
    pub id: SeedId,
    /// What the proposer does with it.
    pub kind: SeedKind,
}

/// What a seed asks the proposer to do.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum SeedKind {
    /// Targeted-URL proposal: read the page, propose and refine up to `count` tasks.
    Targeted {
        /// The page.
        url: Url,
        /// A category that the seed file already knows.
        category: Option<Category>,
        /// Tasks wanted.
        count: u32,
    },
    /// Agentic exploration: `count` walks from the URL, each with its own number so that they differ.
    Exploration {
        /// Where the walk begins.
        url: Url,
        /// A category that the seed file already knows.
        category: Option<Category>,
        /// Walks (one task each).
        count: u32,
    },
    /// Exemplar proposal: make a template of a task and fill it `count` times with other values.
    Exemplar {
        /// The task that serves as the example (accepted in this run, or written in the seed file).
        task: Box<Task>,
        /// Tasks wanted.
        count: u32,
    },
    /// A ready-made task: it is taken as it is, without a model and without gates.
    Given {
        /// The task.
        task: Box<Task>,
    },
}

impl SeedKind {
    /// What it asks for, the same in every run: what is drawn for a seed follows from this, and not from ids, which name the run.
    pub fn subject(&self) -> String {
        match self {
            Self::Targeted { url, count, .. } => format!("targeted\u{1f}{url}\u{1f}{count}"),
            Self::Exploration { url, count, .. } => format!("exploration\u{1f}{url}\u{1f}{count}"),
            Self::Given { task } => format!("given\u{1f}{}\u{1f}{}", task.start_url, task.intent),
            Self::Exemplar { task, count } => format!("exemplar\u{1f}{}\u{1f}{}\u{1f}{count}", task.start_url, task.intent),
        }
    }
}

/// A line of the seed file as people write it: `{"url": "...", "category": "shopping"}`,
/// `{"intent": "...", "start_url": "...", "category": "..."}` for an exemplar, or the same with `task` in place of `intent` for a task that
/// is taken as it is.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum SeedLine {
    /// A page to propose tasks for.
    Url {
        /// The page.
        url: Url,
        /// Its category, where it is known.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        category: Option<Category>,
    },
    /// A ready-made task.
    Given {
        /// The task in a person's words.
        task: String,
        /// Where the task begins.
        start_url: Url,
        /// Its category.
        category: Category,
    },
    /// An example of a task.
    Exemplar {
        /// The task in a person's words.
        intent: String,
        /// Where the task begins.
        start_url: Url,
        /// Its category.
        category: Category,
    },
}

/// Why a seed file cannot be used; the line is counted from 1.
#[derive(Debug, thiserror::Error)]
pub enum SeedFileError {
    /// No line holds a seed.
    #[error("the seed file holds no seed; write one JSON object a line, such as {{\"url\": \"https://example.org/\"}}")]
    Empty,
    /// A line that is not a seed.
    #[error(
        "line {line} of the seed file is not a seed ({why}); write {{\"url\": \"https://…\", \"category\": \"shopping\"}} or {{\"intent\": \"…\", \"start_url\": \"https://…\", \"category\": \"…\"}} (or \"task\" for \"intent\": a task to be taken as it is)"
    )]
    Line {
        /// Counted from 1.
        line: usize,
        /// What the reader met.
        why: String,
    },
    /// A URL that no browser of ours may open.
    #[error("line {line} of the seed file names {url}; only http and https can be opened")]
    Scheme {
        /// Counted from 1.
        line: usize,
        /// The URL as written.
        url: Url,
    },
}

/// Reads a seed file: JSON lines; empty lines and lines that begin with `#` are passed over.
pub fn read_seed_lines(text: &str) -> Result<Vec<SeedLine>, SeedFileError> {
    let mut seeds = Vec::new();
    for (index, raw) in text.lines().enumerate() {
        let line = index + 1;
        let raw = raw.trim();
        if raw.is_empty() || raw.starts_with('#') {
            continue;
        }
        let seed: SeedLine = serde_json::from_str(raw).map_err(|error| SeedFileError::Line { line, why: error.to_string() })?;
        let url = match &seed {
            SeedLine::Url { url, .. } => url,
            SeedLine::Exemplar { start_url, .. } | SeedLine::Given { start_url, .. } => start_url,
        };
        if !matches!(url.scheme(), "http" | "https") {
            return Err(SeedFileError::Scheme { line, url: url.clone() });
        }
        seeds.push(seed);
    }
    if seeds.is_empty() { Err(SeedFileError::Empty) } else { Ok(seeds) }
}
