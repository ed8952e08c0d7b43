//! Which day it is for those who work on a run.

use crate::run::RunSpec;
use std::time::{Duration, SystemTime};
use time::OffsetDateTime;

/// Where the roles of a process take their day from. All of them take it from here, per run, so that who proposes a task and who
/// solves it agree.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Calendar {
    /// The day on which the run was made, also when it is resumed later: the worlds of `generate` live on that day.
    RunDay,
    /// The day that the clock shows, for roles that serve for weeks sites that live on by themselves.
    Clock,
}

impl Calendar {
    /// Today for a run (UTC), as an ISO 8601 date.
    pub fn today(self, run: &RunSpec, now: SystemTime) -> String {
        let day = match self {
            Self::RunDay => run.day(),
            Self::Clock => OffsetDateTime::from(now).date(),
        };
        day.to_string()
    }
}

impl RunSpec {
    /// The day on which the run was made (UTC).
    pub fn day(&self) -> time::Date {
        let made = SystemTime::UNIX_EPOCH.checked_add(Duration::from_millis(self.created_unix_ms));
        made.map_or(time::Date::MIN, |made| OffsetDateTime::from(made).date())
    }
}
