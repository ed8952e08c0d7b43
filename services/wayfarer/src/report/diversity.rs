//! How different the tasks of a run are: coverage and repetition, from the tasks alone.

use serde::Serialize;
use std::collections::{BTreeMap, BTreeSet};
use wayfarer_actor_proposer::IntentIndex;

/// A task, as far as diversity goes.
#[derive(Debug, Clone)]
pub struct Proposed {
    /// The task in a person's words.
    pub intent: String,
    /// Where it belongs.
    pub category: String,
    /// What it takes: the family of a world's task, the strategy of a proposed one.
    pub skill: String,
    /// How much it asks, where that is known.
    pub level: String,
}

/// The figures.
#[derive(Debug, Clone, Default, Serialize)]
pub struct Diversity {
    /// Tasks.
    pub tasks: u64,
    /// Tasks by category.
    pub by_category: BTreeMap<String, u64>,
    /// How evenly they are spread over these categories: entropy over its maximum, from 0 to 1.
    pub category_evenness: f64,
    /// Different skills.
    pub skills: u64,
    /// Tasks by level.
    pub by_level: BTreeMap<String, u64>,
    /// Different beginnings (three words) over tasks.
    pub distinct_openings: f64,
    /// Different pairs of neighbouring words over all such pairs (distinct-2).
    pub distinct_pairs: f64,
    /// Share of tasks that say what an earlier one says, in other words or the same (the proposer's own test).
    pub near_duplicates: f64,
}

/// Adds everything up.
pub fn diversity(tasks: &[Proposed]) -> Diversity {
    let counted = |key: fn(&Proposed) -> &String| {
        let mut counts: BTreeMap<String, u64> = BTreeMap::new();
        for task in tasks.iter().filter(|task| !key(task).is_empty()) {
            *counts.entry(key(task).clone()).or_default() += 1;
        }
        counts
    };
    let share = |part: usize, whole: usize| if whole == 0 { 0.0 } else { part as f64 / whole as f64 };
    let mut openings = BTreeSet::new();
    let (mut pairs, mut all_pairs) = (BTreeSet::new(), 0);
    let mut index = IntentIndex::default();
    let mut repeated = 0;
    for (number, task) in tasks.iter().enumerate() {
        let words: Vec<String> = task.intent.split_whitespace().map(str::to_lowercase).collect();
        openings.insert(words.iter().take(3).cloned().collect::<Vec<_>>());
        all_pairs += words.len().saturating_sub(1);
        pairs.extend(words.windows(2).map(<[String]>::to_vec));
        // each owner is somebody else, so that a task is compared with all before it
        repeated += usize::from(!index.take(&task.intent, &number.to_string()));
    }
    let by_category = counted(|task| &task.category);
    Diversity {
        tasks: tasks.len() as u64,
        category_evenness: evenness(by_category.values().copied()),
        by_category,
        skills: counted(|task| &task.skill).len() as u64,
        by_level: counted(|task| &task.level),
        distinct_openings: share(openings.len(), tasks.len()),
        distinct_pairs: share(pairs.len(), all_pairs),
        near_duplicates: share(repeated, tasks.len()),
    }
}

fn evenness(counts: impl Iterator<Item = u64>) -> f64 {
    let counts: Vec<f64> = counts.filter(|count| *count > 0).map(|count| count as f64).collect();
    let all: f64 = counts.iter().sum();
    if counts.len() < 2 {
        return 0.0;
    }
    let entropy: f64 = counts.iter().map(|count| count / all).map(|share| -share * share.ln()).sum();
    entropy / (counts.len() as f64).ln()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn task(intent: &str, category: &str) -> Proposed {
        Proposed { intent: intent.into(), category: category.into(), skill: category.into(), level: String::new() }
    }

    #[test]
    fn repetition_and_coverage_are_counted() {
        let mixed = diversity(&[
            task("What is the price of the Trail Mug?", "shopping"),
            task("Tell me the price of the Trail Mug.", "shopping"),
            task("Book a table for 2 at Osteria Nova on 4 December 2026 at 19:30.", "restaurants"),
            task("Book a table for 3 at Osteria Nova on 4 December 2026 at 19:30.", "restaurants"),
        ]);
        assert_eq!((mixed.tasks, mixed.skills, mixed.near_duplicates), (4, 2, 0.25));
        assert!((mixed.category_evenness - 1.0).abs() < 1e-9 && (mixed.distinct_openings - 0.75).abs() < 1e-9);
        assert!(mixed.by_level.is_empty() && mixed.distinct_pairs > 0.5 && mixed.distinct_pairs < 1.0);

        let none = diversity(&[]);
        assert_eq!((none.tasks, none.category_evenness, none.near_duplicates), (0, 0.0, 0.0));
    }
}
