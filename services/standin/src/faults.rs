//! Failing on demand, the way models do: measured against it, judges, gates and repair prove what they catch.
//!
//! Which task fails, and how, follows from the seed and the task's words alone, so that every request about a task tells the same story.
//! Broken and slow replies follow from the seed and the whole request.

use crate::goal::Goal;
use crate::words;
use std::str::FromStr;
use std::time::Duration;

/// A way to fail.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum FaultKind {
    /// Works with another product, variant, quantity, date or entry than was asked for.
    WrongItem,
    /// Stops and claims success before the work is done.
    PrematureStop,
    /// Answers without having looked.
    InventedAnswer,
    /// Does the same thing again and again.
    Loop,
    /// Goes over a critical point without asking.
    Crossing,
    /// Does what a page tells its reader to do, where one does; only where it is asked for by name, because few pages do.
    Obeying,
    /// Replies that are no valid JSON of the wanted type (per request).
    Malformed,
    /// Replies that take long (per request).
    Slow,
}

impl FaultKind {
    /// All kinds.
    pub const ALL: [Self; 8] = [
        Self::WrongItem,
        Self::PrematureStop,
        Self::InventedAnswer,
        Self::Loop,
        Self::Crossing,
        Self::Obeying,
        Self::Malformed,
        Self::Slow,
    ];

    /// The kinds that are drawn from where none are named.
    pub fn usual() -> Vec<Self> {
        Self::ALL.into_iter().filter(|kind| *kind != Self::Obeying).collect()
    }

    /// The name on the command line and in reports.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::WrongItem => "wrong-item",
            Self::PrematureStop => "premature-stop",
            Self::InventedAnswer => "invented-answer",
            Self::Loop => "loop",
            Self::Crossing => "crossing",
            Self::Obeying => "obeying",
            Self::Malformed => "malformed",
            Self::Slow => "slow",
        }
    }

    /// Whether it is drawn for each request, and not for each task.
    pub fn is_per_request(self) -> bool {
        matches!(self, Self::Malformed | Self::Slow)
    }

    /// Whether a task of this kind can fail so.
    fn applies_to(self, goal: &Goal) -> bool {
        match self {
            Self::InventedAnswer => goal.asks_for_words(),
            Self::Crossing => matches!(goal, Goal::AddToCart(_)) || goal.is_critical(),
            _ => true,
        }
    }
}

impl FromStr for FaultKind {
    type Err = String;
    fn from_str(text: &str) -> Result<Self, String> {
        let wanted = text.trim().replace('_', "-");
        Self::ALL.into_iter().find(|kind| kind.as_str() == wanted).ok_or_else(|| {
            let names: Vec<&str> = Self::ALL.iter().map(|kind| kind.as_str()).collect();
            format!("fault kind {text:?} is not one of {}", names.join(", "))
        })
    }
}

/// How the stand-in is made to fail.
#[derive(Debug, Clone, PartialEq)]
pub struct Faults {
    /// Share of tasks that are made to fail, and of requests that are broken or slow; from 0 to 1.
    pub rate: f64,
    /// What the draws follow from.
    pub seed: u64,
    /// Ways to fail; empty means never.
    pub kinds: Vec<FaultKind>,
    /// Never holds back at a critical point, whatever was said.
    pub gullible: bool,
    /// Waited before every reply; a slow reply waits twenty times as long, and at least two seconds.
    pub latency: Duration,
}

impl Default for Faults {
    /// What the product uses: one task in ten fails in some way.
    fn default() -> Self {
        Self { rate: 0.1, seed: 0, kinds: FaultKind::usual(), gullible: false, latency: Duration::ZERO }
    }
}

/// How a reply is broken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Damage {
    /// JSON in a fence, within prose: can be read by any tolerant reader.
    Fenced,
    /// JSON with a trailing comma and single quotes: can be repaired.
    Sloppy,
    /// JSON that ends in the middle.
    Cut,
    /// No JSON at all.
    Prose,
}

impl Faults {
    /// Never fails.
    pub fn none() -> Self {
        Self { rate: 0.0, kinds: Vec::new(), ..Self::default() }
    }

    fn draw(&self, what: &str, text: &str) -> f64 {
        (words::number_of(&format!("{}\u{1f}{what}\u{1f}{text}", self.seed)) % 1_000_000) as f64 / 1_000_000.0
    }

    fn choose<T: Copy>(&self, what: &str, text: &str, from: &[T]) -> Option<T> {
        let at = words::number_of(&format!("{}\u{1f}{what}\u{1f}{text}", self.seed)) % (from.len().max(1) as u64);
        from.get(at as usize).copied()
    }

    /// How this task is made to fail, if it is.
    pub fn of_task(&self, task: &str) -> Option<FaultKind> {
        let goal = Goal::parse(task);
        let task = words::normal(task);
        if self.draw("task", &task) >= self.rate {
            return None;
        }
        let kinds: Vec<FaultKind> = self.kinds.iter().copied().filter(|kind| !kind.is_per_request() && kind.applies_to(&goal)).collect();
        self.choose("kind", &task, &kinds)
    }

    /// How the reply to this request is broken, if it is. An error turn is a new request and is drawn anew.
    pub fn damage(&self, request: &str) -> Option<Damage> {
        if !self.kinds.contains(&FaultKind::Malformed) || self.draw("malformed", request) >= self.rate * SHARE_OF_REQUESTS {
            return None;
        }
        self.choose("damage", request, &[Damage::Fenced, Damage::Sloppy, Damage::Cut, Damage::Prose])
    }

    /// How long to wait before this reply.
    pub fn wait(&self, request: &str) -> Duration {
        let is_slow = self.kinds.contains(&FaultKind::Slow) && self.draw("slow", request) < self.rate * SHARE_OF_REQUESTS / 4.0;
        if is_slow { (self.latency * 20).max(Duration::from_secs(2)) } else { self.latency }
    }
}

/// A task makes dozens of requests: broken replies are rarer than failing tasks, or no task would get through.
const SHARE_OF_REQUESTS: f64 = 0.2;

impl Damage {
    /// Breaks a reply.
    pub fn apply(self, reply: &str) -> String {
        match self {
            Self::Fenced => format!("Here is what I think:\n```json\n{reply}\n```\nLet me know if you need more."),
            Self::Sloppy => format!("{},}}", reply.trim_end().trim_end_matches('}')),
            Self::Cut => reply.chars().take(reply.chars().count() / 2).collect(),
            Self::Prose => "I am not sure what to do with this page, sorry.".into(),
        }
    }
}
