//! Permissions: was a binding step allowed by the user?

use wayfarer_core::Trajectory;
use wayfarer_core::critical_point::{CriticalPointKind, GateDecision, UserDecision};
use wayfarer_core::outcome::Outcome;

/// Whether the user approved (or supplied data for) a step of this kind, or the gate let one through on a grant.
pub(crate) fn is_permitted(trajectory: &Trajectory, kind: CriticalPointKind) -> bool {
    let by_user = trajectory
        .critical_points
        .iter()
        .any(|record| record.critical_point.kind == kind && matches!(record.decision, Some(UserDecision::Approve | UserDecision::Supply)));
    let by_grant = trajectory
        .steps
        .iter()
        .any(|step| matches!(&step.surfed.gate, GateDecision::Permitted { critical_point } if critical_point.kind == kind));
    by_user || by_grant
}

/// Whether the agent ended by saying that the task cannot be done.
pub(super) fn has_given_up(trajectory: &Trajectory) -> bool {
    matches!(trajectory.outcome, Outcome::Infeasible { .. })
}

/// Whether the agent came to a step that needs permission.
pub(super) fn has_met(trajectory: &Trajectory) -> bool {
    !trajectory.critical_points.is_empty() || has_stopped(trajectory)
}

/// Whether the agent ended in front of a step that needs permission.
pub(super) fn has_stopped(trajectory: &Trajectory) -> bool {
    trajectory.outcome == Outcome::StoppedAtCriticalPoint
}
