//! A run's summary for terminals.

use crate::format::{count, duration_ms, money, share, words};
use std::fmt::Write;
use wayfarer_core::run::{StrategyTally, Summary};

/// The summary as aligned text, ready to print.
pub fn print_summary(summary: &Summary) -> String {
    let mut text = String::new();
    let state = if summary.complete { "complete" } else { "not complete" };
    let points = &summary.critical_points;
    let mut lines = vec![
        ("tasks", count(summary.tasks_in)),
        ("accepted", format!("{} ({})", count(summary.accepted), share(summary.accepted, summary.finished()))),
        ("rejected", count(summary.rejected)),
        ("invalid task", count(summary.invalid_task)),
        ("dead-lettered", count(summary.dead_lettered)),
        ("attempts", format!("{} ({} ended by the environment)", count(summary.attempts), count(summary.env_failed))),
        ("steps", count(summary.steps)),
        ("model calls", count(summary.model_calls)),
        ("tokens", format!("{} sent, {} received", count(summary.prompt_tokens), count(summary.completion_tokens))),
        ("cost", cost_line(summary)),
        (
            "critical points",
            format!("{} met: {} stopped, {} approved, {} denied", points.reached, points.stopped, points.approved, points.denied),
        ),
        ("wall clock", duration_ms(summary.wall_s * 1000.0)),
    ];
    if summary.open > 0 {
        lines.insert(5, ("open", format!("{} (not done yet)", count(summary.open))));
    }
    // Writing to a String cannot fail.
    let _ = writeln!(text, "run {} ({state})", summary.run_id);
    for (name, value) in lines {
        let _ = writeln!(text, "  {name:<16}{value}");
    }
    if !summary.by_strategy.is_empty() {
        let _ = writeln!(
            text,
            "\n  {:<16}{:>7}{:>10}{:>10}{:>9}{:>8}{:>8}",
            "strategy", "tasks", "accepted", "rejected", "invalid", "dead", "yield"
        );
        for (name, tally) in &summary.by_strategy {
            let finished = tally.finished();
            let StrategyTally { tasks_in, accepted, rejected, invalid_task, dead_lettered } = tally;
            let share = share(*accepted, finished);
            let _ = writeln!(text, "  {name:<16}{tasks_in:>7}{accepted:>10}{rejected:>10}{invalid_task:>9}{dead_lettered:>8}{share:>8}");
        }
    }
    for (title, counts) in [("outcomes", &summary.by_outcome), ("dropped proposals", &summary.dropped)] {
        if !counts.is_empty() {
            let told: Vec<String> = counts.iter().map(|(name, number)| format!("{} {}", words(name), count(*number))).collect();
            let _ = writeln!(text, "\n  {title}: {}", told.join(", "));
        }
    }
    // Not every terminal knows the narrow space.
    text.replace('\u{202f}', " ")
}

fn cost_line(summary: &Summary) -> String {
    match summary.accepted {
        _ if summary.usage().is_unpriced() => "unpriced (no prices are configured)".into(),
        0 => money(summary.cost_usd),
        accepted => format!("{} ({} an accepted task)", money(summary.cost_usd), money(summary.cost_usd / accepted as f64)),
    }
}
