//! The decision table (spec/faragen.md B.3): rows in order, the first that matches decides, and its name is kept in the step.

use wayfarer_core::outcome::Budget;

/// What is to be done.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Decision {
    /// Pass on `next_steps`.
    Continue,
    /// New facts and a new plan, then go on.
    Replan,
    /// Ask the user for permission.
    AskUser,
    /// Offer only the stop tool.
    ForceStop,
    /// The attempt ends here.
    AcceptStop,
    /// The stop was premature: go on.
    RollBackStop,
}

impl Decision {
    /// The name in trajectories.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Continue => "continue",
            Self::Replan => "replan",
            Self::AskUser => "ask_user",
            Self::ForceStop => "force_stop",
            Self::AcceptStop => "accept_stop",
            Self::RollBackStop => "roll_back_stop",
        }
    }
}

/// How a critical point stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Critical {
    /// There is none, or it was approved.
    #[default]
    Clear,
    /// The user was not asked yet.
    Unasked,
    /// The user said no.
    Denied,
}

/// What the table looks at.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Signals {
    /// A critical point is near.
    pub critical: Critical,
    /// What has run out.
    pub exceeded: Option<Budget>,
    /// The ledger says that the task is complete.
    pub satisfied: bool,
    /// The surfer wants to stop.
    pub stopped: bool,
    /// The surfer wants to stop and says why it must: refused, blocked.
    pub stopped_for_good: bool,
    /// A captcha or bot wall stands in the way.
    pub blocked: bool,
    /// By ledger or by page state.
    pub looping: bool,
    /// The last actions all failed.
    pub failing: bool,
    /// Re-plans are left.
    pub may_replan: bool,
    /// Stops may still be rolled back.
    pub may_roll_back: bool,
    /// Only the stop tool is offered already.
    pub forced: bool,
    /// Stop-only orders are left.
    pub may_force: bool,
}

/// A row.
pub struct Row {
    /// Its name, as steps keep it.
    pub name: &'static str,
    /// When it fires.
    pub when: fn(&Signals) -> bool,
    /// What follows.
    pub then: Decision,
}

/// The table.
pub const TABLE: &[Row] = &[
    Row { name: "forced_stop_given", when: |s| s.forced && s.stopped, then: Decision::AcceptStop },
    Row { name: "forced_stop_again", when: |s| s.forced && s.may_force, then: Decision::ForceStop },
    Row { name: "forced_stop_refused", when: |s| s.forced, then: Decision::AcceptStop },
    Row { name: "critical_point_denied_stopped", when: |s| s.critical == Critical::Denied && s.stopped, then: Decision::AcceptStop },
    Row { name: "critical_point_denied", when: |s| s.critical == Critical::Denied, then: Decision::ForceStop },
    Row { name: "critical_point", when: |s| s.critical == Critical::Unasked, then: Decision::AskUser },
    Row { name: "budget_exceeded_stopped", when: |s| s.exceeded.is_some() && s.stopped, then: Decision::AcceptStop },
    Row { name: "budget_exceeded", when: |s| s.exceeded.is_some(), then: Decision::ForceStop },
    Row { name: "satisfied_stopped", when: |s| s.satisfied && s.stopped, then: Decision::AcceptStop },
    Row { name: "satisfied", when: |s| s.satisfied, then: Decision::ForceStop },
    Row { name: "stopped_for_good", when: |s| s.stopped_for_good, then: Decision::AcceptStop },
    Row { name: "blocked", when: |s| s.blocked && !s.stopped, then: Decision::ForceStop },
    Row { name: "in_loop", when: |s| s.looping && !s.stopped && s.may_replan, then: Decision::Replan },
    Row { name: "failing", when: |s| s.failing && !s.stopped && s.may_replan, then: Decision::Replan },
    Row { name: "replans_exceeded", when: |s| (s.looping || s.failing) && !s.stopped, then: Decision::ForceStop },
    Row { name: "premature_stop", when: |s| s.stopped && s.may_roll_back, then: Decision::RollBackStop },
    Row { name: "stopped_again", when: |s| s.stopped, then: Decision::AcceptStop },
    Row { name: "go_on", when: |_| true, then: Decision::Continue },
];

/// The first row that matches.
pub fn decide(signals: &Signals) -> &'static Row {
    // the last row matches always
    TABLE.iter().find(|row| (row.when)(signals)).unwrap_or(&TABLE[TABLE.len() - 1])
}

#[cfg(test)]
mod tests {
    use super::*;

    fn all() -> Vec<Signals> {
        let mut all = Vec::new();
        for bits in 0_u32..(1 << 11) {
            let bit = |n: u32| bits & (1 << n) != 0;
            for critical in [Critical::Clear, Critical::Unasked, Critical::Denied] {
                all.push(Signals {
                    critical,
                    exceeded: bit(0).then_some(Budget::Steps),
                    satisfied: bit(1),
                    stopped: bit(2),
                    stopped_for_good: bit(2) && bit(3),
                    blocked: bit(4),
                    looping: bit(5),
                    failing: bit(6),
                    may_replan: bit(7),
                    may_roll_back: bit(8),
                    forced: bit(9),
                    may_force: bit(10),
                });
            }
        }
        all
    }

    #[test]
    fn over_all_signals_the_precedence_holds() {
        let mut fired = std::collections::BTreeSet::new();
        for signals in all() {
            let row = decide(&signals);
            fired.insert(row.name);
            let decision = row.then;
            let told = format!("{signals:?} -> {}", row.name);
            if signals.forced {
                assert!(matches!(decision, Decision::AcceptStop | Decision::ForceStop), "{told}");
                continue;
            }
            match signals.critical {
                Critical::Unasked => assert_eq!(decision, Decision::AskUser, "{told}"),
                Critical::Denied => assert!(matches!(decision, Decision::AcceptStop | Decision::ForceStop), "{told}"),
                Critical::Clear => {}
            }
            if signals.critical != Critical::Clear {
                continue;
            }
            if signals.exceeded.is_some() || signals.satisfied {
                assert_eq!(decision, if signals.stopped { Decision::AcceptStop } else { Decision::ForceStop }, "{told}");
                continue;
            }
            if decision == Decision::AcceptStop {
                assert!(signals.stopped_for_good || !signals.may_roll_back, "a premature stop was accepted: {told}");
            }
            assert!(decision != Decision::Replan || signals.may_replan, "{told}");
            assert!(!matches!(decision, Decision::AcceptStop | Decision::RollBackStop) || signals.stopped, "{told}");
        }
        assert_eq!(fired.len(), TABLE.len(), "every row fires somewhere: {fired:?}");
    }
}
