//! What `wayfarer agent` puts in the place of a cluster: a surfer in this process, events in memory, and the person at the terminal.

use async_trait::async_trait;
use clap::ValueEnum;
use std::io::{BufRead, IsTerminal, Write};
use std::sync::{Mutex, PoisonError};
use tokio::sync::oneshot;
use wayfarer_actor_native::NativeDeps;
use wayfarer_actor_orchestrator::{Person, SurferPort};
use wayfarer_bus::{EventLog, LogError, Logged};
use wayfarer_core::critical_point::{CriticalPoint, GateDecision, UserDecision};
use wayfarer_core::event::{About, RunEvent};
use wayfarer_core::outcome::EnvFailure;
use wayfarer_core::surf::{SurfOpen, SurfOpened, SurfOrder, SurfReport, SurfedStep};
use wayfarer_core::{Observation, RunId, Usage};
use wayfarer_hands::SurferHandle;

/// What happens at a critical point.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum CriticalPoints {
    /// Ask at the terminal; without one, stop.
    Ask,
    /// Stop: what is prepared stays prepared.
    Stop,
    /// Allow every one. For pages where nothing can be lost.
    Allow,
}

/// Tells of every step.
#[derive(Debug, Clone, Copy)]
pub struct Watch {
    /// Tells nothing.
    pub quiet: bool,
}

impl Watch {
    fn told(self, number: u32, step: &SurfedStep) {
        if self.quiet {
            return;
        }
        for line in step.reasoning.lines().filter(|line| !line.trim().is_empty()) {
            println!("      {line}");
        }
        let held = if matches!(step.gate, GateDecision::Held { .. }) { " (held)" } else { "" };
        println!("{number:>4}  {}{held}  {:.1} s", step.action.describe(), step.total_ms / 1e3);
        if let Some(error) = step.effect.error.as_ref().filter(|_| held.is_empty()) {
            println!("      failed: {error}");
        }
    }
}

/// One session in this process.
pub struct OneSurfer {
    deps: NativeDeps,
    watch: Watch,
    handle: tokio::sync::Mutex<Option<SurferHandle>>,
}

impl OneSurfer {
    /// For one attempt.
    pub fn new(deps: NativeDeps, watch: Watch) -> Self {
        Self { deps, watch, handle: tokio::sync::Mutex::default() }
    }
}

#[async_trait]
impl SurferPort for OneSurfer {
    async fn open(&self, open: SurfOpen) -> SurfOpened {
        let (opened, handle) = wayfarer_actor_native::open(self.deps.clone(), open).await;
        *self.handle.lock().await = handle;
        opened
    }

    async fn step(&self, order: SurfOrder) -> SurfReport {
        let number = order.step.0;
        // the lock is not held while the step goes on: closing cuts it off
        let handle = self.handle.lock().await.clone();
        let Some(handle) = handle else {
            return SurfReport::Failed { kind: EnvFailure::SurferLost, detail: "no page is open".into(), usage: Usage::default() };
        };
        let report = handle.step(order).await;
        if let SurfReport::Stepped { step } = &report {
            self.watch.told(number, step);
        }
        report
    }

    async fn close(&self) {
        if let Some(handle) = self.handle.lock().await.take() {
            handle.close().await;
        }
    }
}

/// Events of one attempt; nobody else writes.
#[derive(Default)]
pub struct MemoryLog(Mutex<Vec<Logged>>);

#[async_trait]
impl EventLog for MemoryLog {
    async fn read(&self, _: &RunId, about: &About) -> Result<Vec<Logged>, LogError> {
        let events = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        Ok(events.iter().filter(|logged| logged.event.about() == *about).cloned().collect())
    }

    async fn append(&self, _: &RunId, event: &RunEvent, _: u64) -> Result<u64, LogError> {
        let mut events = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let sequence = events.len() as u64 + 1;
        events.push(Logged { sequence, at_unix_ms: crate::local::now_unix_ms(), event: event.clone() });
        Ok(sequence)
    }
}

/// The person at the terminal.
pub struct Terminal {
    critical_points: CriticalPoints,
    quiet: bool,
}

impl Terminal {
    /// One that is asked as the flags say.
    pub fn new(critical_points: CriticalPoints, quiet: bool) -> Self {
        Self { critical_points, quiet }
    }

    fn can_ask(&self) -> bool {
        !self.quiet && std::io::stdin().is_terminal()
    }
}

#[async_trait]
impl Person for Terminal {
    async fn may_i(&self, point: &CriticalPoint, _: &Observation) -> (UserDecision, String) {
        if !self.quiet {
            println!("\n      Critical point: {} ({}).", point.what, point.kind.as_str().replace('_', " "));
        }
        let asked = self.critical_points == CriticalPoints::Ask && self.can_ask();
        let allowed = match self.critical_points {
            CriticalPoints::Allow => true,
            CriticalPoints::Ask if asked => matches!(ask("      Allow this once? [y/N] ").await.trim(), "y" | "Y" | "yes"),
            _ => false,
        };
        if allowed {
            return (UserDecision::Approve, "Yes, do that.".into());
        }
        if !self.quiet && !asked {
            println!("      It is not done; --critical-points says when it would be.");
        }
        (UserDecision::Deny, "No, do not do that.".into())
    }

    async fn answer(&self, question: &str) -> String {
        if self.can_ask() {
            println!("\n      The agent asks: {question}");
            let said = ask("      > ").await;
            if !said.trim().is_empty() {
                return said.trim().to_owned();
            }
        }
        "I cannot say more. Go on without making anything up.".into()
    }

    async fn anything_else(&self, _: &str) -> Option<String> {
        None
    }
}

/// A line from the terminal. A thread of its own reads it: one of the runtime's would keep the program from ending.
async fn ask(prompt: &'static str) -> String {
    let (answer, answered) = oneshot::channel();
    std::thread::spawn(move || {
        print!("{prompt}");
        let _ = std::io::stdout().flush();
        let mut line = String::new();
        let _ = std::io::stdin().lock().read_line(&mut line);
        let _ = answer.send(line);
    });
    answered.await.unwrap_or_default()
}
