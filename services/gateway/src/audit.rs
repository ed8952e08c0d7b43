//! The proof of conservation: tasks in = accepted + rejected + invalid + dead-lettered, each with a reason, each with what is stored.

use std::collections::BTreeSet;
use wayfarer_bus::Logged;
use wayfarer_core::event::RunEvent;
use wayfarer_core::run::{RunSpec, Summary, Tally};
use wayfarer_core::verdict::Decision;
use wayfarer_core::{AttemptId, Verdict};
use wayfarer_store::Store;

/// What an audit found.
#[derive(Debug, Clone)]
pub struct AuditReport {
    /// What was checked, one line each.
    pub checked: Vec<String>,
    /// What is wrong, one line each; empty is good.
    pub faults: Vec<String>,
    /// The run by its events.
    pub summary: Summary,
}

impl AuditReport {
    /// Nothing is wrong.
    pub fn passed(&self) -> bool {
        self.faults.is_empty()
    }
}

/// Audits a run by its events, wherever they come from, and its store.
pub async fn audit(events: &[Logged], store: &Store, spec: &RunSpec) -> AuditReport {
    let mut tally = Tally::new(spec.run.clone(), spec.seeds.iter().map(|seed| seed.id.clone()));
    for logged in events {
        tally.apply(&logged.event);
    }
    let summary = tally.summary(0.0);
    let mut report = AuditReport { checked: Vec::new(), faults: tally.faults().to_vec(), summary };
    check_conservation(&mut report, &tally);
    check_order(&mut report, events);
    check_store(&mut report, store, events).await;
    report
}

fn check_conservation(report: &mut AuditReport, tally: &Tally) {
    let s = &report.summary;
    let done = s.finished();
    report.checked.push(format!(
        "conservation: {} tasks in = {} accepted + {} rejected + {} invalid + {} dead-lettered",
        s.tasks_in, s.accepted, s.rejected, s.invalid_task, s.dead_lettered
    ));
    if s.tasks_in != done {
        let open: Vec<String> = tally.open_tasks().take(10).map(ToString::to_string).collect();
        report.faults.push(format!("{} tasks are not done: {}", s.tasks_in - done, open.join(", ")));
    }
    if !tally.is_complete() && s.tasks_in == done {
        report.faults.push("seeds are still waiting to be worked off".into());
    }
}

/// Fencing seen from the log: steps of an attempt carry the epoch under which it was opened, and nobody writes to a task that is done.
fn check_order(report: &mut AuditReport, events: &[Logged]) {
    let mut opened = std::collections::BTreeMap::new();
    let mut newest = std::collections::BTreeMap::new();
    let mut steps = 0;
    for logged in events {
        match &logged.event {
            RunEvent::AttemptStarted { attempt, .. } => {
                opened.insert(attempt.clone(), logged.sequence);
                newest.insert(attempt.task.clone(), logged.sequence);
            }
            RunEvent::Stepped { attempt, epoch, .. } | RunEvent::AttemptEnded { attempt, epoch, .. } => {
                steps += 1;
                if opened.get(attempt) != Some(&epoch.0) || newest.get(&attempt.task) != Some(&epoch.0) {
                    report.faults.push(format!("attempt {attempt} has an event of a fenced owner (epoch {})", epoch.0));
                }
            }
            _ => {}
        }
    }
    report.checked.push(format!("fencing: {steps} steps and ends were written by the newest owner of their task"));
}

/// What the events say was kept is there and says the same; what is there but unlike its event was altered.
async fn check_store(report: &mut AuditReport, store: &Store, events: &[Logged]) {
    let (mut trajectories, mut verdicts, mut blobs) = (0, 0, BTreeSet::new());
    for logged in events {
        match &logged.event {
            RunEvent::AttemptEnded { attempt, outcome, steps, .. } => match store.get_trajectory(attempt).await {
                Ok(trajectory) => {
                    trajectories += 1;
                    if trajectory.outcome != *outcome || trajectory.steps.len() as u64 != u64::from(*steps) {
                        report
                            .faults
                            .push(format!("attempt {attempt}: its trajectory does not end as the event says ({outcome}, {steps} steps)"));
                    }
                    blobs.extend(trajectory.steps.iter().map(|step| step.surfed.observation.screenshot.clone()));
                }
                Err(error) => report.faults.push(format!("attempt {attempt}: {error}")),
            },
            RunEvent::Judged { attempt, decision: decision @ (Decision::Accepted | Decision::Rejected { .. }), .. } => {
                match store.get_verdicts(attempt).await {
                    Ok(versions) => {
                        verdicts += 1;
                        check_verdicts(report, attempt, decision, &versions);
                    }
                    Err(error) => report.faults.push(format!("attempt {attempt}: {error}")),
                }
            }
            _ => {}
        }
    }
    for blob in &blobs {
        if let Err(error) = store.get_blob(blob).await {
            report.faults.push(format!("screenshot: {error}"));
        }
    }
    report.checked.push(format!(
        "store: {trajectories} trajectories, verdicts of {verdicts} attempts, {} screenshots are there and agree with the events",
        blobs.len()
    ));
}

/// The first verdict is the one that the event tells of; every version follows from its opinions.
fn check_verdicts(report: &mut AuditReport, attempt: &AttemptId, decision: &Decision, versions: &[Verdict]) {
    match versions.first() {
        None => report.faults.push(format!("attempt {attempt} was judged but has no verdict in the store")),
        Some(first) if first.version != 1 || first.decision != *decision => report.faults.push(format!(
            "attempt {attempt} was {} by its event, which its first verdict ({}) does not say",
            decision.name(),
            first.decision.name()
        )),
        Some(_) => {}
    }
    for verdict in versions {
        let all_say_yes =
            !verdict.opinions.is_empty() && verdict.opinions.iter().all(|opinion| opinion.pass && !opinion.evidence.is_empty());
        if all_say_yes != matches!(verdict.decision, Decision::Accepted) {
            report.faults.push(format!(
                "attempt {attempt}: verdict {} is {}, which does not follow from its opinions and their evidence",
                verdict.version,
                verdict.decision.name()
            ));
        }
    }
}
