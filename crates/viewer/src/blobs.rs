//! Which screenshots the pages of an attempt point at, and which of them are there.

use std::collections::BTreeSet;
use wayfarer_core::{BlobHash, Trajectory, Verdict};
use wayfarer_store::Store;

/// The way from an attempt's page to the root of the run's folder.
const TO_ROOT: &str = "../../";

/// The blobs that are there, among those an attempt names.
#[derive(Debug, Default)]
pub(crate) struct Blobs {
    present: BTreeSet<BlobHash>,
    /// Named, but not in the store; in order.
    pub(crate) missing: Vec<BlobHash>,
}

impl Blobs {
    /// Looks which of the blobs are there. A hash that is no hash (a document that somebody edited) counts as missing, so that it can
    /// never become a path.
    pub(crate) async fn look(store: &Store, named: BTreeSet<BlobHash>) -> Self {
        let mut blobs = Self::default();
        for hash in named {
            let is_there = match BlobHash::parse(hash.as_str()) {
                Some(hash) => tokio::fs::try_exists(store.root().join(Store::blob_path(&hash))).await.unwrap_or(false),
                None => false,
            };
            if is_there {
                blobs.present.insert(hash);
            } else {
                blobs.missing.push(hash);
            }
        }
        blobs
    }

    /// Path of a blob as an attempt's page writes it; `None` where the blob is missing.
    pub(crate) fn path(&self, hash: &BlobHash) -> Option<String> {
        self.present.contains(hash).then(|| format!("{TO_ROOT}{}", Store::blob_path(hash)))
    }
}

/// Every blob that the page of an attempt points at.
pub(crate) fn named_blobs(trajectory: &Trajectory, verdict: Option<&Verdict>) -> BTreeSet<BlobHash> {
    let mut named = BTreeSet::new();
    named.extend(trajectory.first_observation.as_ref().map(|observation| observation.screenshot.clone()));
    for step in &trajectory.steps {
        named.insert(step.surfed.observation.screenshot.clone());
        named.extend(step.surfed.som_screenshot.clone());
    }
    for opinion in verdict.iter().flat_map(|verdict| &verdict.opinions) {
        let of_criteria = opinion.criteria.iter().flat_map(|criterion| &criterion.evidence);
        named.extend(opinion.evidence.iter().chain(of_criteria).filter_map(|evidence| evidence.screenshot.clone()));
    }
    named
}
