//! What came of it, task by task.

use super::play::Episode;
use super::solver::LEFT_OUT;
use serde::Serialize;
use std::collections::BTreeMap;
use std::fmt::Write;

/// A task's figures.
#[derive(Debug, Clone, Serialize)]
pub struct Row {
    /// The task's name.
    pub task: String,
    /// Episodes played.
    pub episodes: usize,
    /// Episodes that the page gave a positive reward for.
    pub successes: usize,
    /// Mean of the page's rewards, time not taken into account.
    pub mean_reward: f64,
    /// Mean number of actions.
    pub actions: f64,
    /// A note of one episode that failed.
    pub note: String,
}

/// All figures.
#[derive(Debug, Clone, Serialize)]
pub struct Report {
    /// By task.
    pub rows: Vec<Row>,
    /// Every episode.
    pub episodes: Vec<Episode>,
}

impl Report {
    pub(crate) fn of(mut episodes: Vec<Episode>) -> Self {
        episodes.sort_by(|one, other| (&one.task, one.seed).cmp(&(&other.task, other.seed)));
        let mut by_task = BTreeMap::<&str, Vec<&Episode>>::new();
        for episode in &episodes {
            by_task.entry(&episode.task).or_default().push(episode);
        }
        let mean = |of: &[&Episode], what: fn(&Episode) -> f64| of.iter().map(|episode| what(episode)).sum::<f64>() / of.len() as f64;
        let rows = by_task.into_iter().map(|(task, of)| Row {
            task: task.to_owned(),
            episodes: of.len(),
            successes: of.iter().filter(|episode| episode.is_success()).count(),
            mean_reward: mean(&of, |episode| episode.reward),
            actions: mean(&of, |episode| episode.actions as f64),
            note: of.iter().find(|episode| !episode.is_success()).map(|episode| episode.note.clone()).unwrap_or_default(),
        });
        let rows = rows.collect();
        Self { rows, episodes }
    }

    /// Tasks of which every episode succeeded.
    pub fn solved(&self) -> usize {
        self.rows.iter().filter(|row| row.successes == row.episodes).count()
    }

    /// Share of episodes that succeeded.
    pub fn success_share(&self) -> f64 {
        let successes = self.episodes.iter().filter(|episode| episode.is_success()).count();
        successes as f64 / self.episodes.len().max(1) as f64
    }

    /// The table for people, as Markdown.
    pub fn table(&self) -> String {
        let mut text = String::from("| task | successes | mean reward | actions | note |\n|---|---|---|---|---|\n");
        for Row { task, episodes, successes, mean_reward, actions, note } in &self.rows {
            let note: String = note.chars().take(100).collect::<String>().replace(['|', '\n'], " ");
            let _ = writeln!(text, "| {task} | {successes}/{episodes} | {mean_reward:.2} | {actions:.1} | {note} |");
        }
        text
    }

    /// One line of figures.
    pub fn summary(&self) -> String {
        format!(
            "{} of {} tasks solved in every episode; {:.1} % of {} episodes; {} tasks of the benchmark have no rule",
            self.solved(),
            self.rows.len(),
            self.success_share() * 100.0,
            self.episodes.len(),
            LEFT_OUT.len()
        )
    }
}
