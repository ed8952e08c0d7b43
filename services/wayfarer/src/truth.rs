//! What the bundled worlds know of the attempts at their own tasks, for whoever has their state at hand.

use crate::local::WORLD_SEED;
use std::path::PathBuf;
use std::sync::OnceLock;
use time::Date;
use wayfarer_actor_verifier::truth::{GroundTruth, KnownTruth};
use wayfarer_core::Trajectory;
use wayfarer_sandbox::engine::{Known, WorldOracle};
use wayfarer_sandbox::truth::Truth;

/// The oracle of a folder of instances; opened when it is first asked, because reading all tasks takes a second.
pub struct WorldTruth {
    worlds: PathBuf,
    today: Date,
    oracle: OnceLock<Option<WorldOracle>>,
}

impl WorldTruth {
    /// Over the instances in `worlds`, which were served on the day `today`.
    pub fn new(worlds: PathBuf, today: Date) -> Self {
        Self { worlds, today, oracle: OnceLock::new() }
    }

    /// What is known; `None` where the attempt was not on a world. A further turn changes what the first one left behind.
    pub fn known(&self, trajectory: &Trajectory) -> Option<Known> {
        let opened = self.oracle.get_or_init(|| match WorldOracle::open(None, &self.worlds, WORLD_SEED, self.today) {
            Ok(oracle) => Some(oracle),
            Err(error) => {
                tracing::warn!(%error, "the worlds' ground truth cannot be read");
                None
            }
        });
        opened.as_ref().filter(|_| trajectory.follow_ups.is_empty())?.check(trajectory)
    }
}

impl GroundTruth for WorldTruth {
    fn of(&self, trajectory: &Trajectory) -> Option<KnownTruth> {
        match self.known(trajectory)?.truth {
            Truth::Success => Some(KnownTruth {
                right: true,
                why: "the world's state (or the answer) is what the task asked for, and nothing else".into(),
            }),
            Truth::Failure { why } => Some(KnownTruth { right: false, why }),
            Truth::Unknown { .. } => None,
        }
    }
}
