//! The card of a run's folder: `README.md`, in the form that dataset hosts show.

use std::fmt::Write;
use wayfarer_core::run::Summary;

/// Models with this beginning are rules, not language models.
const STAND_IN: &str = "wayfarer-standin";

/// The card: what the folder is, what made it, what it came to, and under which terms.
pub fn dataset_card(summary: &Summary, models: &[String]) -> String {
    let mut names: Vec<&str> = models.iter().map(String::as_str).collect();
    names.sort_unstable();
    names.dedup();
    let stand_in = names.iter().find(|name| name.starts_with(STAND_IN));
    let mut card = String::new();
    // Writing to a String cannot fail.
    let _ = write!(
        card,
        "---\npretty_name: Wayfarer run {run}\ntask_categories:\n- image-text-to-text\ntags:\n- web-agents\n- computer-use\n- trajectories\n- synthetic\n{tag}---\n\n\
         # Wayfarer run {run}\n\nWeb tasks that were proposed, solved in a real browser and judged, each step with its screenshot.\n",
        run = summary.run_id,
        tag = if stand_in.is_some() { "- rule-based-stand-in\n" } else { "" },
    );
    if let Some(stand_in) = stand_in {
        let _ = write!(
            card,
            "\n> **Made with a rule-based stand-in (`{stand_in}`), not with a language model.** Thoughts, answers and verdicts follow from \
             written rules and from failures injected on purpose. It shows that the machinery works; it is no measure of any model and no \
             training data.\n",
        );
    }
    if !summary.complete {
        let _ = write!(card, "\n> **The run is not complete.** The figures below are those so far.\n");
    }
    let _ = write!(
        card,
        "\n## What is here\n\n\
         | path | what it is |\n|---|---|\n\
         | `index.html` | the run, to be looked at in a browser |\n\
         | `attempts/<attempt>/trajectory.json` | an attempt, schema-versioned: task with lineage, facts and plans, every step |\n\
         | `attempts/<attempt>/verdict-<n>.json` | what the judges said, with evidence; the highest `n` is in force |\n\
         | `blobs/<xx>/<sha256>.png` | screenshots by their hash |\n\
         | `harness/traj/<task>/` | judged attempts as the reference harness lays them out |\n\
         | `tasks.json` | every task with what became of it and why |\n\
         | `events.jsonl` | the event log of the run: `wayfarer run audit --out` proves from it that nothing was lost or counted twice |\n\
         | `summary.json` | the figures below |\n",
    );
    let _ = write!(
        card,
        "\n## Figures\n\n\
         | | |\n|---|---|\n\
         | tasks | {} |\n| accepted | {} |\n| rejected | {} |\n| invalid task | {} |\n| dead-lettered | {} |\n\
         | attempts | {} ({} ended by the environment) |\n| steps | {} |\n| model calls | {} |\n\
         | tokens | {} sent, {} received |\n| cost | {} |\n\
         | critical points | {} met: {} stopped, {} approved, {} denied |\n",
        summary.tasks_in,
        summary.accepted,
        summary.rejected,
        summary.invalid_task,
        summary.dead_lettered,
        summary.attempts,
        summary.env_failed,
        summary.steps,
        summary.model_calls,
        summary.prompt_tokens,
        summary.completion_tokens,
        if summary.usage().is_unpriced() { "unpriced".to_owned() } else { format!("${:.4}", summary.cost_usd) },
        summary.critical_points.reached,
        summary.critical_points.stopped,
        summary.critical_points.approved,
        summary.critical_points.denied,
    );
    let _ = write!(card, "\n| strategy | tasks | accepted | rejected | invalid | dead-lettered |\n|---|---|---|---|---|---|\n");
    for (strategy, tally) in &summary.by_strategy {
        let _ = writeln!(
            card,
            "| {strategy} | {} | {} | {} | {} | {} |",
            tally.tasks_in, tally.accepted, tally.rejected, tally.invalid_task, tally.dead_lettered
        );
    }
    let made_by = match names.is_empty() {
        true => "no model is recorded".to_owned(),
        false => names.iter().map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", "),
    };
    let _ = write!(
        card,
        "\n## Where it comes from, and terms\n\n\
         - Models that proposed, solved and judged: {made_by}. Their providers' terms decide what may be trained on their output.\n\
         - Screenshots and page texts belong to the sites they show; this card gives no licence for them. Check the sites' terms before you \
         pass them on. The bundled worlds' pages are fictional.\n\
         - Accepted means that every judge said yes with evidence. Judges err in both directions; sample before you rely on it.\n\
         - Personal data that was typed at critical points is a synthetic persona's.\n",
    );
    card
}
