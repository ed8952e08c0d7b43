//! Figures that belong to the cluster and not to a worker (what waits in the queues, what runs yield), taken every few seconds by the one
//! role that sees all of it.

use anyhow::Result;
use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;
use tokio_util::sync::CancellationToken;
use wayfarer_bus::{Bus, Queue, RunFollower};
use wayfarer_core::RunId;
use wayfarer_core::run::Summary;
use wayfarer_telemetry::metrics;

/// Dashboards and autoscaling look less often than this.
const EVERY: Duration = Duration::from_secs(5);

/// Samples until the token is cancelled.
pub async fn sample(bus: Bus, follower: Arc<RunFollower>, token: CancellationToken) {
    let mut ticks = tokio::time::interval(EVERY);
    ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    let mut complete = BTreeSet::new();
    loop {
        tokio::select! {
            () = token.cancelled() => return,
            _ = ticks.tick() => {}
        }
        if let Err(error) = sample_once(&bus, &follower, &mut complete).await {
            tracing::warn!(error = format!("{error:#}"), "queues and runs could not be sampled; it is tried again");
        }
    }
}

/// `complete` are runs that need no further look: their last figure stands.
async fn sample_once(bus: &Bus, follower: &RunFollower, complete: &mut BTreeSet<RunId>) -> Result<()> {
    for queue in Queue::ALL {
        metrics().queue_depth(queue.as_str(), bus.queue_depth(queue).await?.waiting);
    }
    for spec in bus.list_runs().await? {
        if complete.contains(&spec.run) {
            continue;
        }
        let tally = follower.tally(&spec).await?;
        if let Some(ratio) = yield_of(&tally.summary(0.0)) {
            metrics().yield_ratio(spec.run.as_str(), ratio);
        }
        if tally.is_complete() {
            complete.insert(spec.run);
        }
    }
    Ok(())
}

/// Accepted tasks per finished task; none before the first is finished.
fn yield_of(summary: &Summary) -> Option<f64> {
    let finished = summary.finished();
    (finished > 0).then(|| summary.accepted as f64 / finished as f64)
}
