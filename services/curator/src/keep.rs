//! The folders of a cluster's runs, kept by the curator: pages while a run goes on, and all that a finished run leaves.

use crate::finish::finish_run;
use crate::folder::RunFolder;
use anyhow::Result;
use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;
use tokio_util::sync::CancellationToken;
use wayfarer_bus::Bus;
use wayfarer_core::RunId;
use wayfarer_core::run::{RunSpec, Summary};
use wayfarer_store::{SUMMARY_DOCUMENT, Store, StoreError, Stores};

/// People reload a page less often than this.
const EVERY: Duration = Duration::from_secs(2);

/// Keeps the folders of all runs until the token is cancelled. Replicas do the same work twice and harm nothing: whoever writes last
/// writes the same.
pub(crate) async fn keep_folders(bus: Bus, stores: Stores, token: CancellationToken) {
    if matches!(stores, Stores::Single(..)) {
        // who runs everything in one process writes its one folder itself: it alone knows how long its processes worked
        return;
    }
    let mut keeper = Keeper { bus, stores, open: BTreeMap::new(), finished: BTreeSet::new() };
    let mut ticks = tokio::time::interval(EVERY);
    ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    loop {
        tokio::select! {
            () = token.cancelled() => return,
            _ = ticks.tick() => {}
        }
        match keeper.bus.list_runs().await {
            Ok(runs) => keeper.keep_all(&runs, &token).await,
            Err(error) => tracing::warn!(%error, "the runs could not be listed; it is tried again"),
        }
    }
}

struct Keeper {
    bus: Bus,
    stores: Stores,
    open: BTreeMap<RunId, RunFolder>,
    /// Runs that need no further look.
    finished: BTreeSet<RunId>,
}

impl Keeper {
    /// The trouble of one run (a full disk, say) costs the others nothing.
    async fn keep_all(&mut self, runs: &[RunSpec], token: &CancellationToken) {
        for spec in runs {
            if token.is_cancelled() {
                return;
            }
            if !self.finished.contains(&spec.run)
                && let Err(error) = self.keep(spec).await
            {
                tracing::warn!(run = %spec.run, error = format!("{error:#}"), "the run's folder could not be written; it is tried again");
            }
        }
    }

    async fn keep(&mut self, spec: &RunSpec) -> Result<()> {
        let store = self.stores.of(&spec.run)?;
        if !store.exists("run.json").await? {
            // the gateway is about to write it, or somebody has removed the folder: then it stays so
            return Ok(());
        }
        if !self.open.contains_key(&spec.run) && is_finished(&store, spec).await? {
            self.finished.insert(spec.run.clone());
            return Ok(());
        }
        let folder = self.open.entry(spec.run.clone()).or_insert_with(|| RunFolder::new(store.clone(), spec));
        let is_complete = folder.catch_up(&self.bus, spec).await?.is_complete();
        let wall_s = folder.elapsed_s(spec);
        if !is_complete {
            return folder.write_if_due(wall_s).await;
        }
        let events = self.bus.events_of(&spec.run).await?;
        let summary = finish_run(&store, spec, &events, wall_s).await?;
        tracing::info!(run = %spec.run, tasks_in = summary.tasks_in, accepted = summary.accepted, "the run is complete and its folder written");
        self.open.remove(&spec.run);
        self.finished.insert(spec.run.clone());
        Ok(())
    }
}

/// Whether an earlier curator finished it.
async fn is_finished(store: &Store, spec: &RunSpec) -> Result<bool> {
    let summary: Option<Summary> = match store.find_document(SUMMARY_DOCUMENT).await {
        // written anew
        Err(StoreError::Corrupt { .. }) => None,
        found => found?,
    };
    Ok(summary.is_some_and(|summary| summary.complete && summary.run_id == spec.run) && store.exists("index.html").await?)
}
