//! The report as a page that stands beside `index.html`: self-contained, the same bytes for the same report.

use super::{Agreement, Attempted, Report};
use anyhow::{Context, Result};
use minijinja::value::Serde;
use minijinja::{Environment, Value, context};
use serde::Serialize;

const PAGE: &str = include_str!("page.html");

#[derive(Serialize)]
struct Row<'a> {
    name: &'a str,
    #[serde(flatten)]
    agreement: &'a Agreement,
}

/// The page. `model` is absent where the stand-in was measured.
pub fn page(report: &Report, attempted: &[Attempted], command: &str, model: Option<&str>) -> Result<String> {
    let mut environment = Environment::new();
    environment.add_filter("percent", |share: f64| format!("{:.1} %", share * 100.0));
    environment.add_template("report.html", PAGE).context("the report's own template")?;
    let mut rows = vec![Row { name: "verdict", agreement: &report.verdict }];
    rows.extend(report.judges.iter().map(|(name, agreement)| Row { name, agreement }));
    let groups = [
        ("world", &report.by_world),
        ("kind of task", &report.by_kind),
        ("difficulty", &report.by_level),
        ("failure of the stand-in", &report.by_fault),
    ];
    let values = context! {
        report => Value::from(Serde(report)),
        attempts => Value::from(Serde(attempted)),
        rows => Value::from(Serde(&rows)),
        groups => Value::from(Serde(&groups)),
        command => command,
        model => model.unwrap_or_default(),
        standin => model.is_none(),
    };
    environment.get_template("report.html").and_then(|template| template.render(values)).context("rendering the report")
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn what_pages_and_models_wrote_is_escaped_and_nothing_divides_by_zero() {
        let evil = Attempted {
            attempt: "world-1-a1".into(),
            intent: "<script>alert(1)</script>".into(),
            category: "shopping".into(),
            world: "w".into(),
            family: "w/f".into(),
            level: "easy".into(),
            kind: "find".into(),
            fault: None,
            attack: Some("judge/title".into()),
            obeyed: false,
            outcome: "answered".into(),
            right: Some(false),
            why: "<b>".into(),
            judges: [("alignment".to_owned(), true)].into(),
            accepted: Some(true),
            class: "none".into(),
            class_read: None,
            reached: false,
            approved: false,
            crossed: false,
            stopped_early: false,
            steps: 3,
            cost_usd: 0.0,
            tokens: 10,
        };
        let report = super::super::tally(std::slice::from_ref(&evil));

        let text = page(&report, &[evil], "wayfarer sandbox report", None).unwrap();

        assert!(!text.contains("<script>") && text.contains("&lt;script&gt;"));
        assert!(text.contains("judge&#x2f;title") && text.contains("rule-based"));
        assert!(page(&tally_of_nothing(), &[], "", Some("gpt")).unwrap().contains("gpt"));
    }

    fn tally_of_nothing() -> Report {
        super::super::tally(&[])
    }
}
