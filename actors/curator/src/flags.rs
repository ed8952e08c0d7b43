//! The yes-and-no fields of `task_data.json`, under the names of the reference's record (spec/faragen.md B.2, B.3, C.1). One of them
//! is misspelt there; a reader looks for it as it is.

use serde::Serialize;
use wayfarer_core::action::Action;
use wayfarer_core::outcome::{Budget, Outcome};
use wayfarer_core::verdict::Judge;
use wayfarer_core::{Trajectory, Verdict};

/// What happened on the way.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub(crate) struct Flags {
    is_web_surfing_done: bool,
    did_web_surfing_fail: bool,
    preliminary_successful: bool,
    web_surfing_stalled: bool,
    web_surfing_stalled_and_replanned: bool,
    rollback_premature_stop_action: bool,
    web_surfer_forced_into_endstate: bool,
    web_surfing_at_critical_point: bool,
    crossed_critical_point: bool,
    web_sufing_steps_exceeded: bool,
    replanning_exceeded: bool,
    web_surfing_timed_out: bool,
    encountered_captcha: bool,
    failed_to_solve_captcha: bool,
    openai_bad_request_error: bool,
    attempted_error_fix: bool,
    did_failed_after_attempting_to_fix: bool,
    web_surfing_identified_target: bool,
    web_surfing_forgot_to_identify_target: bool,
    retroactively_identified_target: bool,
    did_agent_access_relevant_information: bool,
}

/// The flags of an attempt.
pub(crate) fn flags(trajectory: &Trajectory, verdict: &Verdict) -> Flags {
    let steps = &trajectory.steps;
    let succeeded = matches!(trajectory.outcome, Outcome::Answered | Outcome::StoppedAtCriticalPoint);
    let ran_out = |which| matches!(trajectory.outcome, Outcome::BudgetExceeded { budget } if budget == which);
    let is_blocked = matches!(trajectory.outcome, Outcome::Blocked { .. });
    let met_error = steps.iter().any(|step| step.surfed.effect.error.is_some());
    // Targets are always named after the end, from the history.
    let has_target = !trajectory.target_urls.is_empty();
    Flags {
        is_web_surfing_done: steps
            .last()
            .is_some_and(|step| matches!(step.surfed.action, Action::Terminate { .. }) && !step.rolled_back_stop),
        did_web_surfing_fail: !succeeded,
        preliminary_successful: succeeded,
        web_surfing_stalled: steps.iter().any(|step| step.ledger.is_in_loop.answer),
        web_surfing_stalled_and_replanned: trajectory.plans.iter().any(|plan| matches!(plan.why.as_str(), "loop" | "failures")),
        rollback_premature_stop_action: steps.iter().any(|step| step.rolled_back_stop),
        web_surfer_forced_into_endstate: steps.iter().any(|step| step.decision.decision == "force_stop"),
        web_surfing_at_critical_point: !trajectory.critical_points.is_empty()
            || steps.iter().any(|step| step.ledger.is_at_critical_point.answer),
        crossed_critical_point: verdict.opinions.iter().any(|opinion| opinion.judge == Judge::CriticalPoint && !opinion.pass),
        web_sufing_steps_exceeded: ran_out(Budget::Steps),
        replanning_exceeded: ran_out(Budget::Replans),
        web_surfing_timed_out: ran_out(Budget::Time),
        encountered_captcha: is_blocked,
        failed_to_solve_captcha: is_blocked,
        openai_bad_request_error: false,
        attempted_error_fix: met_error,
        did_failed_after_attempting_to_fix: met_error && !succeeded,
        web_surfing_identified_target: false,
        web_surfing_forgot_to_identify_target: has_target,
        retroactively_identified_target: has_target,
        did_agent_access_relevant_information: has_target,
    }
}
