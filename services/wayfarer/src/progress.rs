//! Progress of a run on a terminal: one line a stage, one line in all; a plain line every few seconds where there is no terminal.

use indicatif::{HumanDuration, MultiProgress, ProgressBar, ProgressDrawTarget, ProgressStyle};
use std::io::IsTerminal;
use std::time::{Duration, Instant};
use wayfarer_core::run::{Stages, Summary};

/// How often a plain line is printed where there is no terminal.
const PLAIN_EVERY: Duration = Duration::from_secs(10);

/// The display.
pub struct Progress {
    bars: Option<Bars>,
    plain: bool,
    last_plain: Option<Instant>,
    /// When this process looked first, and how many tasks were done by then: those say nothing about its speed.
    first: Option<(Instant, u64)>,
}

struct Bars {
    all: MultiProgress,
    propose: ProgressBar,
    solve: ProgressBar,
    verify: ProgressBar,
    total: ProgressBar,
}

impl Progress {
    /// `quiet` shows nothing at all.
    pub fn new(quiet: bool) -> Self {
        let terminal = std::io::stderr().is_terminal();
        let bars = (!quiet && terminal).then(|| {
            let all = MultiProgress::with_draw_target(ProgressDrawTarget::stderr_with_hz(4));
            let style =
                ProgressStyle::with_template("{prefix:>9} {bar:28.cyan/dim} {msg}").unwrap_or_else(|_| ProgressStyle::default_bar());
            let bar = |prefix: &'static str| all.add(ProgressBar::new(1).with_style(style.clone()).with_prefix(prefix));
            let (propose, solve, verify) = (bar("propose"), bar("solve"), bar("verify"));
            let plain = ProgressStyle::with_template("{prefix:>9} {msg}").unwrap_or_else(|_| ProgressStyle::default_bar());
            let total = all.add(ProgressBar::new(1).with_style(plain).with_prefix("in all"));
            Bars { all, propose, solve, verify, total }
        });
        Self { bars, plain: !quiet && !terminal, last_plain: None, first: None }
    }

    /// Shows where the run stands; `wanted` is the number of tasks that it was asked for.
    pub fn show(&mut self, stages: Stages, summary: &Summary, wanted: u64) {
        let (started, done_before) = *self.first.get_or_insert_with(|| (Instant::now(), stages.verify_done));
        let pace = Pace { done: stages.verify_done.saturating_sub(done_before), within: started.elapsed() };
        let totals = totals(pace, stages, summary, wanted);
        if let Some(bars) = &self.bars {
            set(
                &bars.propose,
                stages.seeds_done,
                stages.seeds_waiting + stages.seeds_running + stages.seeds_done,
                &format!(
                    "{} waiting · {} running · {} done · {} tasks · {} dropped",
                    stages.seeds_waiting,
                    stages.seeds_running,
                    stages.seeds_done,
                    summary.tasks_in,
                    summary.dropped.values().sum::<u64>()
                ),
            );
            set(
                &bars.solve,
                stages.solve_done,
                summary.tasks_in,
                &format!(
                    "{} waiting · {} running · {} done · {} steps · {} env failures",
                    stages.solve_waiting, stages.solve_running, stages.solve_done, summary.steps, summary.env_failed
                ),
            );
            set(
                &bars.verify,
                stages.verify_done,
                summary.tasks_in,
                &format!(
                    "{} waiting · {} running · {} done · {} accepted · {} rejected · {} invalid · {} dead-lettered",
                    stages.verify_waiting,
                    stages.verify_running,
                    stages.verify_done,
                    summary.accepted,
                    summary.rejected,
                    summary.invalid_task,
                    summary.dead_lettered
                ),
            );
            bars.total.set_message(totals);
        } else if self.plain && self.last_plain.is_none_or(|at| at.elapsed() >= PLAIN_EVERY) {
            self.last_plain = Some(Instant::now());
            eprintln!(
                "seeds {}/{} ({} running) · solving {} (+{} waiting) · judging {} (+{} waiting) · judged {}/{} · {totals}",
                stages.seeds_done,
                stages.seeds_done + stages.seeds_running + stages.seeds_waiting,
                stages.seeds_running,
                stages.solve_running,
                stages.solve_waiting,
                stages.verify_running,
                stages.verify_waiting,
                stages.verify_done,
                summary.tasks_in
            );
        }
    }

    /// A line above the bars.
    pub fn say(&self, line: &str) {
        match &self.bars {
            Some(bars) => {
                // a terminal that went away is no reason to stop
                let _ = bars.all.println(line);
            }
            None if self.plain => eprintln!("{line}"),
            None => {}
        }
    }

    /// Leaves the last state on the screen.
    pub fn finish(&self) {
        if let Some(bars) = &self.bars {
            for bar in [&bars.propose, &bars.solve, &bars.verify, &bars.total] {
                bar.abandon();
            }
        }
    }
}

/// What this process got done in the time that it had; a resumed run begins with what others did.
#[derive(Debug, Clone, Copy)]
struct Pace {
    done: u64,
    within: Duration,
}

impl Pace {
    fn tasks_per_minute(self) -> f64 {
        self.done as f64 / (self.within.as_secs_f64() / 60.0).max(1e-6)
    }

    /// For so many more tasks; unknown before the first is done.
    fn time_for(self, left: u64) -> Option<Duration> {
        (self.done > 0).then(|| self.within.mul_f64(left as f64 / self.done as f64))
    }
}

fn totals(pace: Pace, stages: Stages, summary: &Summary, wanted: u64) -> String {
    let finished = summary.finished();
    let yield_share = if finished == 0 { "–".to_owned() } else { format!("{:.0} %", 100.0 * summary.accepted as f64 / finished as f64) };
    // until all seeds are worked off, what was asked for is the best guess of what is to come
    let expected = if stages.seeds_waiting + stages.seeds_running > 0 { wanted.max(summary.tasks_in) } else { summary.tasks_in };
    let left = expected.saturating_sub(stages.verify_done);
    let eta = match (left, pace.time_for(left)) {
        (0, _) => "done".to_owned(),
        (_, None) => "time left –".to_owned(),
        (_, Some(time)) => format!("{} left", HumanDuration(time)),
    };
    let cost = if summary.usage().is_unpriced() { "unpriced".to_owned() } else { format!("${:.2}", summary.cost_usd) };
    format!(
        "{:.1} tasks/min · yield {yield_share} · {} model calls · {:.2} M tokens · {cost} · {eta}",
        pace.tasks_per_minute(),
        summary.model_calls,
        (summary.prompt_tokens + summary.completion_tokens) as f64 / 1e6,
    )
}

fn set(bar: &ProgressBar, position: u64, length: u64, message: &str) {
    bar.set_length(length.max(1));
    bar.set_position(position);
    bar.set_message(message.to_owned());
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_done_before_says_nothing_about_the_pace() {
        let resumed = Pace { done: 3, within: Duration::from_secs(60) };
        assert_eq!(resumed.tasks_per_minute(), 3.0);
        assert_eq!(resumed.time_for(6), Some(Duration::from_secs(120)));
        assert_eq!(Pace { done: 0, within: Duration::from_secs(60) }.time_for(6), None);
    }
}
