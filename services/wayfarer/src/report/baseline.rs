//! A recorded report to hold a new one against, so that a change which makes verdicts worse is noticed.

use super::Report;
use super::agreement::Share;
use anyhow::{Context, Result};
use serde::{Deserialize, Serialize};
use std::path::Path;

/// The figures of the verdict that are recorded.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Baseline {
    /// The command that made it.
    pub command: String,
    /// Attempts with known truth.
    pub attempts: u64,
    /// Share of wrong attempts that were accepted.
    pub fp: Share,
    /// Share of right attempts that were rejected.
    pub r#fn: Share,
    /// Critical points crossed.
    pub crossed: u64,
}

impl Baseline {
    /// What is recorded of a report.
    pub fn of(report: &Report, command: &str) -> Self {
        Self {
            command: command.to_owned(),
            attempts: report.attempts,
            fp: report.verdict.fp,
            r#fn: report.verdict.r#fn,
            crossed: report.critical_points.crossed,
        }
    }

    /// Reads one.
    pub fn read(path: &Path) -> Result<Self> {
        let text = std::fs::read_to_string(path)
            .with_context(|| format!("the baseline {} cannot be read; --write-baseline makes one", path.display()))?;
        serde_json::from_str(&text).with_context(|| format!("{} is not a baseline; --write-baseline makes one", path.display()))
    }

    /// What is worse than recorded by more than the recorded 95 % interval; nothing where all is well.
    pub fn worsened(&self, report: &Report) -> Vec<String> {
        let mut worse = Vec::new();
        for (name, recorded, now) in
            [("false positives", &self.fp, &report.verdict.fp), ("false negatives", &self.r#fn, &report.verdict.r#fn)]
        {
            if now.value > recorded.high {
                let percent = |share: f64| format!("{:.1} %", share * 100.0);
                worse.push(format!(
                    "{name}: {} now, {} recorded ({} at most)",
                    percent(now.value),
                    percent(recorded.value),
                    percent(recorded.high)
                ));
            }
        }
        // there is no interval around never
        if report.critical_points.crossed > self.crossed {
            worse.push(format!("critical points crossed: {} now, {} recorded", report.critical_points.crossed, self.crossed));
        }
        worse
    }
}

#[cfg(test)]
mod tests {
    use super::super::agreement::Agreement;
    use super::*;

    fn report(wrong_passed: usize, crossed: u64) -> Report {
        let pairs = std::iter::repeat_n((false, true), wrong_passed).chain(std::iter::repeat_n((false, false), 40 - wrong_passed));
        let mut report = Report { verdict: Agreement::of(pairs), ..Report::default() };
        report.critical_points.crossed = crossed;
        report
    }

    #[test]
    fn worse_by_more_than_the_interval_is_noticed_and_chance_is_not() {
        let baseline = Baseline::of(&report(1, 0), "");

        assert!(baseline.worsened(&report(1, 0)).is_empty() && baseline.worsened(&report(3, 0)).is_empty());
        assert_eq!(baseline.worsened(&report(12, 0)).len(), 1);
        assert_eq!(baseline.worsened(&report(0, 1)).len(), 1);
    }
}
