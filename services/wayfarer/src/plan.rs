//! From a seed file to a run: how many tasks of which strategy each seed is asked for. Pure.

use anyhow::{Result, bail};
use url::Url;
use wayfarer_core::run::{Budgets, ConsentPolicy, RunSpec, Solver};
use wayfarer_core::seed::{Seed, SeedKind, SeedLine};
use wayfarer_core::task::Lineage;
use wayfarer_core::{Category, RunId, SeedId, Strategy, Task, TaskId, TenantId};

/// What the command line says about a run.
#[derive(Debug, Clone)]
pub struct Wanted {
    /// Name of the run.
    pub run: RunId,
    /// Tasks at most.
    pub tasks: u32,
    /// Strategies.
    pub strategies: Vec<Strategy>,
    /// Judged attempts a task may have.
    pub attempts: u32,
    /// Every draw follows from it.
    pub seed: u64,
    /// Bounds of an attempt.
    pub budgets: Budgets,
    /// The simulated user.
    pub consent: ConsentPolicy,
    /// Who solves.
    pub solver: Solver,
    /// Milliseconds since the epoch (UTC).
    pub now_unix_ms: u64,
}

/// Shares the tasks evenly over strategies, and each strategy's share evenly over its seeds. What the exemplars of the seed file do not
/// use of their share is left to tasks that the run itself accepts.
pub fn plan(lines: &[SeedLine], wanted: &Wanted) -> Result<RunSpec> {
    let urls: Vec<_> =
        lines.iter().filter_map(|line| if let SeedLine::Url { url, category } = line { Some((url, *category)) } else { None }).collect();
    let given: Vec<Seed> = lines.iter().filter_map(|line| given_of(line, &wanted.run)).collect();
    let exemplars: Vec<_> = lines.iter().filter_map(|line| exemplar_of(line, &wanted.run)).collect();
    let strategies: Vec<Strategy> = [Strategy::Targeted, Strategy::Exploration, Strategy::Exemplar]
        .into_iter()
        .filter(|strategy| wanted.strategies.contains(strategy))
        .filter(|strategy| !urls.is_empty() || *strategy == Strategy::Exemplar && !exemplars.is_empty())
        .collect();
    if strategies.is_empty() && given.is_empty() {
        bail!("the seed file holds only exemplars, but the strategy exemplar is switched off; add it to --strategies");
    }
    // ready-made tasks are all taken; what is proposed fills up to the wanted number
    let left = wanted.tasks.saturating_sub(u32::try_from(given.len()).unwrap_or(u32::MAX));
    let max_tasks = wanted.tasks.max(u32::try_from(given.len()).unwrap_or(u32::MAX));
    let mut seeds = given;
    let mut exemplar_tasks = 0;
    for (strategy, share) in strategies.iter().zip(shares(left, strategies.len())) {
        match strategy {
            Strategy::Targeted | Strategy::Exploration => {
                for ((url, category), count) in urls.iter().zip(shares(share, urls.len())).filter(|(_, count)| *count > 0) {
                    let (url, category) = ((*url).clone(), *category);
                    let kind = if *strategy == Strategy::Targeted {
                        SeedKind::Targeted { url, category, count }
                    } else {
                        SeedKind::Exploration { url, category, count }
                    };
                    seeds.push(seed(&wanted.run, kind));
                }
            }
            _ => {
                // half of the share for the file's exemplars, the rest for what the run accepts
                let of_file = if exemplars.is_empty() { 0 } else { share.div_ceil(2) };
                for (task, count) in exemplars.iter().zip(shares(of_file, exemplars.len())).filter(|(_, count)| *count > 0) {
                    seeds.push(seed(&wanted.run, SeedKind::Exemplar { task: Box::new(task.clone()), count }));
                }
                exemplar_tasks = if urls.is_empty() { 0 } else { share - of_file };
            }
        }
    }
    Ok(RunSpec {
        run: wanted.run.clone(),
        tenant: TenantId::default(),
        seeds,
        max_tasks,
        exemplar_tasks,
        attempts: wanted.attempts,
        seed: wanted.seed,
        budgets: wanted.budgets.clone(),
        consent: wanted.consent.clone(),
        solver: wanted.solver.to_string(),
        created_unix_ms: wanted.now_unix_ms,
    })
}

/// `total` in `parts` parts that differ by one at most, the larger ones first.
fn shares(total: u32, parts: usize) -> Vec<u32> {
    let parts = parts as u32;
    (0..parts).map(|part| total / parts + u32::from(part < total % parts)).collect()
}

fn seed(run: &RunId, kind: SeedKind) -> Seed {
    let (prefix, subject, count) = match &kind {
        SeedKind::Targeted { url, count, .. } => ("targeted", url.to_string(), *count),
        SeedKind::Exploration { url, count, .. } => ("exploration", url.to_string(), *count),
        SeedKind::Exemplar { task, count } => ("exemplar", task.intent.clone(), *count),
        SeedKind::Given { task } => ("given", task.id.to_string(), 1),
    };
    Seed { id: SeedId::derived(prefix, &[run.as_str(), &subject, &count.to_string()]), kind }
}

/// A ready-made task of the seed file, as the seed that brings it into the run.
fn given_of(line: &SeedLine, run: &RunId) -> Option<Seed> {
    let SeedLine::Given { task, start_url, category } = line else { return None };
    let id = TaskId::derived("world", &[task, start_url.as_str()]);
    let task = Task { id, strategy: Strategy::World, ..plain_task(task, start_url, *category, run) };
    Some(seed(run, SeedKind::Given { task: Box::new(task) }))
}

fn exemplar_of(line: &SeedLine, run: &RunId) -> Option<Task> {
    let SeedLine::Exemplar { intent, start_url, category } = line else { return None };
    Some(plain_task(intent, start_url, *category, run))
}

/// A ready-made task.
pub fn plain_task(intent: &str, start_url: &Url, category: Category, run: &RunId) -> Task {
    Task {
        id: TaskId::derived("given", &[run.as_str(), intent]),
        intent: intent.to_owned(),
        start_url: start_url.clone(),
        category,
        strategy: Strategy::Exemplar,
        expected_critical_point: None,
        valid_from: None,
        valid_until: None,
        lineage: Lineage {
            seed: SeedId::derived("given", &[intent]),
            parent: None,
            earlier_intents: Vec::new(),
            template: None,
            pages: Vec::new(),
        },
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use wayfarer_core::seed::read_seed_lines;

    fn wanted(tasks: u32, strategies: &[Strategy]) -> Wanted {
        Wanted {
            run: RunId::new("run-1").unwrap(),
            tasks,
            strategies: strategies.to_vec(),
            attempts: 1,
            seed: 7,
            budgets: Budgets::default(),
            consent: ConsentPolicy::default(),
            solver: Solver::Ledger,
            now_unix_ms: 0,
        }
    }

    fn asked(spec: &RunSpec) -> u32 {
        spec.seeds
            .iter()
            .map(|seed| match &seed.kind {
                SeedKind::Targeted { count, .. } | SeedKind::Exploration { count, .. } | SeedKind::Exemplar { count, .. } => *count,
                SeedKind::Given { .. } => 1,
            })
            .sum()
    }

    const FILE: &str = "{\"url\": \"http://a.test/\"}\n{\"url\": \"http://b.test/\"}\n{\"intent\": \"Do it.\", \"start_url\": \"http://a.test/\", \"category\": \"other\"}\n";

    #[test]
    fn all_tasks_are_asked_for_whatever_the_number() {
        let lines = read_seed_lines(FILE).unwrap();
        for tasks in 1..60 {
            let spec = plan(&lines, &wanted(tasks, &[Strategy::Targeted, Strategy::Exploration, Strategy::Exemplar])).unwrap();
            assert_eq!(asked(&spec) + spec.exemplar_tasks, tasks, "{tasks} tasks");
        }
    }

    #[test]
    fn the_same_file_gives_the_same_seeds() {
        let lines = read_seed_lines(FILE).unwrap();
        let all = [Strategy::Targeted, Strategy::Exploration, Strategy::Exemplar];
        assert_eq!(plan(&lines, &wanted(9, &all)).unwrap(), plan(&lines, &wanted(9, &all)).unwrap());
    }

    #[test]
    fn exemplars_alone_need_their_strategy() {
        let lines = read_seed_lines(FILE.lines().last().unwrap()).unwrap();
        assert!(plan(&lines, &wanted(3, &[Strategy::Targeted])).unwrap_err().to_string().contains("--strategies"));
    }
}
