//! The page of a run: its figures and its tasks, as values. Pure.

use crate::attempt_page::{OutcomeView, outcome_view};
use crate::format::{cost, count, duration_ms, moment, money, share, wire_name, words};
use crate::judge_view::decision_tone;
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};
use wayfarer_core::run::{RunSpec, StrategyTally, Summary};
use wayfarer_core::task::Task;
use wayfarer_core::verdict::{Decision, Judge};
use wayfarer_core::{AttemptId, TaskId, Trajectory, Verdict};

/// Where a run keeps the tasks that no trajectory tells of, under its root.
pub const TASKS_DOCUMENT: &str = "tasks.json";

/// The judges of the table's columns, with their short names; those that were heard are shown.
const JUDGES: [(Judge, &str); 10] = [
    (Judge::Alignment, "A"),
    (Judge::Rubric, "R"),
    (Judge::Multimodal, "M"),
    (Judge::Process, "P"),
    (Judge::Outcome, "O"),
    (Judge::SideEffects, "S"),
    (Judge::Efficiency, "E"),
    (Judge::CriticalPoint, "C"),
    (Judge::Oracle, "T"),
    (Judge::Person, "☺"),
];

/// A line of `tasks.json`: a task of the run and where it stands, so that tasks without an attempt (dead-lettered, waiting) are seen
/// as well.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct TaskNote {
    /// The task.
    pub task: Task,
    /// `accepted`, `rejected`, `invalid_task`, `dead_lettered` or `open`.
    #[serde(default)]
    pub state: String,
    /// The verdict's decision, where there is one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub decision: Option<Decision>,
    /// Why, for a person.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub reason: String,
}

/// What the run's page needs of one attempt: small, so that a long run need not be held in memory.
#[derive(Debug)]
pub(crate) struct AttemptDigest {
    task: Task,
    number: u32,
    attempt: String,
    outcome: OutcomeView,
    outcome_name: &'static str,
    steps: u64,
    wall_ms: f64,
    usage: wayfarer_core::Usage,
    decision: Option<&'static str>,
    disputed: bool,
    why: String,
    judges: BTreeMap<Judge, bool>,
    models: Vec<String>,
}

impl AttemptDigest {
    /// Whether a verdict is in: the attempt is then read once, however often the page of its run is written.
    pub(crate) fn is_judged(&self) -> bool {
        self.decision.is_some()
    }

    /// The models that solved it.
    pub(crate) fn models(&self) -> impl Iterator<Item = &str> {
        self.models.iter().map(String::as_str)
    }

    /// The digest of an attempt.
    pub(crate) fn of(trajectory: &Trajectory, verdict: Option<&Verdict>) -> Self {
        let mut usage = trajectory.usage;
        if let Some(verdict) = verdict {
            usage += verdict.usage;
        }
        let why = match verdict.map(|verdict| &verdict.decision) {
            Some(Decision::Rejected { why, .. } | Decision::InvalidTask { why }) => why.clone(),
            _ => String::new(),
        };
        Self {
            task: trajectory.task.clone(),
            number: trajectory.attempt.number,
            attempt: trajectory.attempt.to_string(),
            outcome: outcome_view(&trajectory.outcome),
            outcome_name: trajectory.outcome.name(),
            steps: trajectory.steps.len() as u64,
            wall_ms: trajectory.ended_unix_ms.saturating_sub(trajectory.started_unix_ms) as f64,
            usage,
            decision: verdict.map(|verdict| verdict.decision.name()),
            disputed: verdict.is_some_and(|verdict| verdict.disputed),
            why,
            judges: verdict.iter().flat_map(|verdict| &verdict.opinions).map(|opinion| (opinion.judge, opinion.pass)).collect(),
            models: trajectory.models.clone(),
        }
    }
}

/// Everything on the page of a run.
#[derive(Debug, Serialize)]
pub(crate) struct RunPage {
    title: String,
    created: String,
    details: Vec<String>,
    state: Option<&'static str>,
    cards: Vec<Card>,
    bar: Vec<BarPart>,
    strategies: Vec<StrategyRow>,
    outcomes: Vec<(String, String)>,
    dropped: Vec<(String, String)>,
    rows: Vec<TaskRow>,
    judges: Vec<(String, &'static str)>,
    verdicts: Vec<(String, usize)>,
    disputed: usize,
    sites: Vec<String>,
    unreadable: Vec<String>,
    stand_in: Option<String>,
}

#[derive(Debug, Serialize)]
struct Card {
    name: &'static str,
    value: String,
    note: String,
    tone: &'static str,
}

#[derive(Debug, Serialize)]
struct BarPart {
    name: &'static str,
    tone: &'static str,
    percent: f64,
}

#[derive(Debug, Serialize)]
struct StrategyRow {
    name: String,
    tally: StrategyTally,
    share: String,
}

#[derive(Debug, Serialize)]
struct TaskRow {
    id: String,
    intent: String,
    site: String,
    category: String,
    strategy: String,
    outcome: Option<OutcomeView>,
    verdict: String,
    tone: &'static str,
    disputed: bool,
    why: String,
    judges: Vec<Tick>,
    steps: u64,
    cost_usd: f64,
    cost: String,
    wall_ms: f64,
    wall: String,
    attempts: Vec<AttemptLink>,
    href: Option<String>,
    search: String,
}

#[derive(Debug, Serialize)]
struct Tick {
    sign: &'static str,
    tone: &'static str,
}

#[derive(Debug, Serialize)]
struct AttemptLink {
    number: u32,
    href: String,
    tone: &'static str,
    title: String,
}

/// What the page of a run is made from.
#[derive(Debug)]
pub(crate) struct RunInput<'a> {
    pub(crate) summary: Option<Summary>,
    pub(crate) spec: Option<RunSpec>,
    pub(crate) notes: Vec<TaskNote>,
    pub(crate) attempts: &'a BTreeMap<AttemptId, AttemptDigest>,
    pub(crate) unreadable: Vec<String>,
    pub(crate) folder: String,
}

/// The page of a run.
pub(crate) fn run_page(input: &RunInput) -> RunPage {
    let heard: BTreeSet<Judge> = input.attempts.values().flat_map(|attempt| attempt.judges.keys().copied()).collect();
    let columns: Vec<(Judge, &str)> = JUDGES.into_iter().filter(|(judge, _)| heard.contains(judge)).collect();
    let rows = task_rows(input, &columns);
    let title = match (&input.summary, &input.spec) {
        (Some(summary), _) => summary.run_id.to_string(),
        (None, Some(spec)) => spec.run.to_string(),
        (None, None) => input.folder.clone(),
    };
    let mut verdicts: BTreeMap<String, usize> = BTreeMap::new();
    for row in &rows {
        *verdicts.entry(row.verdict.clone()).or_default() += 1;
    }
    let mut sites: Vec<String> = rows.iter().map(|row| row.site.clone()).collect();
    sites.sort();
    sites.dedup();
    let stand_in = input.attempts.values().flat_map(|attempt| &attempt.models).find(|model| model.starts_with("wayfarer-standin"));
    RunPage {
        title,
        created: input.spec.as_ref().map(|spec| moment(spec.created_unix_ms)).unwrap_or_default(),
        details: input.spec.as_ref().map(spec_details).unwrap_or_default(),
        state: input.summary.as_ref().map(|summary| if summary.complete { "complete" } else { "not complete" }),
        cards: cards(input, &rows),
        bar: input.summary.as_ref().map(bar).unwrap_or_default(),
        strategies: input
            .summary
            .iter()
            .flat_map(|summary| &summary.by_strategy)
            .map(|(name, tally)| StrategyRow { name: name.clone(), tally: *tally, share: share(tally.accepted, tally.finished()) })
            .collect(),
        outcomes: input.summary.as_ref().map(|summary| named_counts(&summary.by_outcome)).unwrap_or_default(),
        dropped: input.summary.as_ref().map(|summary| named_counts(&summary.dropped)).unwrap_or_default(),
        disputed: rows.iter().filter(|row| row.disputed).count(),
        rows,
        judges: columns.into_iter().map(|(judge, short)| (words(judge.as_str()), short)).collect(),
        verdicts: verdicts.into_iter().collect(),
        sites,
        unreadable: input.unreadable.clone(),
        stand_in: stand_in.cloned(),
    }
}

fn spec_details(spec: &RunSpec) -> Vec<String> {
    vec![
        format!("{} seeds", spec.seeds.len()),
        format!("at most {} tasks", spec.max_tasks),
        format!("{} judged {} a task", spec.attempts, if spec.attempts == 1 { "attempt" } else { "attempts" }),
        format!("solver {}", spec.solver),
        format!("draws from seed {}", spec.seed),
        format!("tenant {}", spec.tenant),
    ]
}

fn named_counts(counts: &BTreeMap<String, u64>) -> Vec<(String, String)> {
    counts.iter().map(|(name, number)| (words(name), count(*number))).collect()
}

fn cards(input: &RunInput, rows: &[TaskRow]) -> Vec<Card> {
    let card = |name, value: String, note: String, tone| Card { name, value, note, tone };
    let Some(summary) = &input.summary else {
        // The run is still young: what the folder shows so far.
        let steps = input.attempts.values().map(|attempt| attempt.steps).sum();
        let accepted = rows.iter().filter(|row| row.tone == "good").count() as u64;
        return vec![
            card("tasks", count(rows.len() as u64), "so far".into(), ""),
            card("accepted", count(accepted), String::new(), "good"),
            card("attempts", count(input.attempts.len() as u64), String::new(), ""),
            card("steps", count(steps), String::new(), ""),
        ];
    };
    let points = &summary.critical_points;
    let per_accepted = match summary.accepted {
        _ if summary.usage().is_unpriced() => "no prices are configured".into(),
        0 => String::new(),
        accepted => format!("{} an accepted task", money(summary.cost_usd / accepted as f64)),
    };
    let per_attempt = match summary.attempts {
        0 => String::new(),
        attempts => format!("{:.1} an attempt", summary.steps as f64 / attempts as f64),
    };
    // of a run that goes on, these are the attempts in flight
    let without_end = summary.attempts.saturating_sub(summary.by_outcome.values().sum());
    let interrupted = if summary.complete && without_end > 0 { format!(", {} interrupted", count(without_end)) } else { String::new() };
    let open = if summary.open == 0 { String::new() } else { format!(", {} not done yet", count(summary.open)) };
    vec![
        card("tasks in", count(summary.tasks_in), format!("{} seeds worked off{open}", count(summary.seeds_done)), ""),
        card("accepted", count(summary.accepted), format!("yield {}", share(summary.accepted, summary.finished())), "good"),
        card("rejected", count(summary.rejected), String::new(), "bad"),
        card("invalid", count(summary.invalid_task), "tasks that cannot be judged".into(), "warn"),
        card("dead-lettered", count(summary.dead_lettered), "given up for a reason of ours".into(), "dim"),
        card("attempts", count(summary.attempts), format!("{} ended by the environment{interrupted}", count(summary.env_failed)), ""),
        card("steps", count(summary.steps), per_attempt, ""),
        card(
            "tokens",
            count(summary.prompt_tokens + summary.completion_tokens),
            format!(
                "{} sent, {} received, {} calls",
                count(summary.prompt_tokens),
                count(summary.completion_tokens),
                count(summary.model_calls)
            ),
            "",
        ),
        card("cost", cost(&summary.usage()), per_accepted, ""),
        card("wall clock", duration_ms(summary.wall_s * 1000.0), String::new(), ""),
        card(
            "critical points",
            count(points.reached),
            format!("{} stopped, {} approved, {} denied", points.stopped, points.approved, points.denied),
            "warn",
        ),
    ]
}

fn bar(summary: &Summary) -> Vec<BarPart> {
    let whole = summary.tasks_in.max(1) as f64;
    let done = summary.finished();
    let parts = [
        ("accepted", "good", summary.accepted),
        ("rejected", "bad", summary.rejected),
        ("invalid", "warn", summary.invalid_task),
        ("dead-lettered", "dark", summary.dead_lettered),
        ("open", "open", summary.tasks_in.saturating_sub(done)),
    ];
    parts
        .into_iter()
        .filter(|(_, _, number)| *number > 0)
        .map(|(name, tone, number)| BarPart { name, tone, percent: (number as f64 / whole * 10_000.0).round() / 100.0 })
        .collect()
}

/// One row a task: tasks with attempts, then those that only `tasks.json` knows, by id.
fn task_rows(input: &RunInput, judges: &[(Judge, &str)]) -> Vec<TaskRow> {
    let mut tasks: BTreeMap<&TaskId, (&Task, Vec<&AttemptDigest>, Option<&TaskNote>)> = BTreeMap::new();
    for attempt in input.attempts.values() {
        tasks.entry(&attempt.task.id).or_insert_with(|| (&attempt.task, Vec::new(), None)).1.push(attempt);
    }
    for note in &input.notes {
        tasks.entry(&note.task.id).or_insert_with(|| (&note.task, Vec::new(), None)).2 = Some(note);
    }
    let mut rows: Vec<TaskRow> = tasks.into_values().map(|(task, attempts, note)| task_row(task, &attempts, note, judges)).collect();
    rows.sort_by_key(|row| row.attempts.is_empty());
    rows
}

fn task_row(task: &Task, attempts: &[&AttemptDigest], note: Option<&TaskNote>, judges: &[(Judge, &str)]) -> TaskRow {
    // The attempt that decided: the accepted one, else the last that was judged, else the last.
    let decisive = attempts
        .iter()
        .find(|attempt| attempt.decision == Some("accepted"))
        .or_else(|| attempts.iter().rev().find(|attempt| attempt.decision.is_some()))
        .or_else(|| attempts.last());
    let noted =
        note.map(|note| note.decision.as_ref().map_or(note.state.as_str(), |decision| decision.name())).filter(|state| !state.is_empty());
    let verdict = decisive.and_then(|attempt| attempt.decision).or(noted).unwrap_or("not judged");
    let why = match (decisive.map(|attempt| attempt.why.as_str()), note.map(|note| note.reason.as_str())) {
        (Some(why), _) if !why.is_empty() => why.to_owned(),
        (_, Some(reason)) => reason.to_owned(),
        _ => String::new(),
    };
    let site = task.start_url.host_str().unwrap_or_default().to_owned();
    let mut usage = wayfarer_core::Usage::default();
    for attempt in attempts {
        usage += attempt.usage;
    }
    let wall_ms: f64 = attempts.iter().map(|attempt| attempt.wall_ms).fold(0.0, |sum, wall| sum + wall);
    TaskRow {
        id: task.id.to_string(),
        intent: task.intent.clone(),
        category: words(&wire_name(&task.category)),
        strategy: task.strategy.as_str().to_owned(),
        outcome: decisive.map(|attempt| OutcomeView {
            name: attempt.outcome.name.clone(),
            detail: attempt.outcome.detail.clone(),
            tone: attempt.outcome.tone,
        }),
        verdict: words(verdict),
        tone: decision_tone(verdict),
        disputed: decisive.is_some_and(|attempt| attempt.disputed),
        judges: judges.iter().map(|(judge, _)| tick(decisive.and_then(|attempt| attempt.judges.get(judge)).copied())).collect(),
        steps: decisive.map_or(0, |attempt| attempt.steps),
        cost: if attempts.is_empty() { "–".into() } else { cost(&usage) },
        cost_usd: usage.cost_usd,
        wall: if attempts.is_empty() { "–".into() } else { duration_ms(wall_ms) },
        wall_ms,
        href: decisive.map(|attempt| attempt_href(attempt)),
        attempts: attempts
            .iter()
            .map(|attempt| AttemptLink {
                number: attempt.number,
                href: attempt_href(attempt),
                tone: attempt.decision.map_or("dim", decision_tone),
                title: format!("{}, {}", words(attempt.decision.unwrap_or("not judged")), words(attempt.outcome_name)),
            })
            .collect(),
        search: format!("{} {site} {} {why}", task.intent, task.id).to_lowercase(),
        why,
        site,
    }
}

/// Attempt ids are made of letters, digits, `-` and `_`: nothing to encode.
fn attempt_href(attempt: &AttemptDigest) -> String {
    format!("attempts/{}/index.html", attempt.attempt)
}

fn tick(pass: Option<bool>) -> Tick {
    match pass {
        Some(true) => Tick { sign: "✓", tone: "good" },
        Some(false) => Tick { sign: "✗", tone: "bad" },
        None => Tick { sign: "·", tone: "dim" },
    }
}
