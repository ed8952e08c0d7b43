//! What an attempt may spend, and what has run out.

use std::time::Duration;
use wayfarer_core::Usage;
use wayfarer_core::outcome::Budget;
use wayfarer_core::run::Budgets;

/// The budget that has run out, if any; re-plans are counted by the decision table.
pub fn exceeded(budgets: &Budgets, steps: u32, elapsed: Duration, usage: &Usage) -> Option<Budget> {
    let rows = [
        (Budget::Steps, steps >= budgets.steps),
        (Budget::Time, elapsed >= Duration::from_secs(budgets.seconds)),
        (Budget::Tokens, usage.prompt_tokens + usage.completion_tokens >= budgets.tokens),
        (Budget::Cost, usage.cost_usd >= budgets.cost_usd && budgets.cost_usd > 0.0),
    ];
    rows.into_iter().find(|(_, is_spent)| *is_spent).map(|(budget, _)| budget)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_budget_ends_by_itself() {
        let budgets = Budgets::default();
        let none = Usage::default();
        let hour = Duration::from_secs(3600);
        let tokens = Usage { prompt_tokens: 1_999_999, completion_tokens: 1, ..none };
        assert_eq!(exceeded(&budgets, 99, Duration::ZERO, &none), None);
        assert_eq!(exceeded(&budgets, 100, Duration::ZERO, &none), Some(Budget::Steps));
        assert_eq!(exceeded(&budgets, 0, hour, &none), Some(Budget::Time));
        assert_eq!(exceeded(&budgets, 0, Duration::ZERO, &tokens), Some(Budget::Tokens));
        assert_eq!(exceeded(&budgets, 0, Duration::ZERO, &Usage { cost_usd: 5.0, ..none }), Some(Budget::Cost));
    }
}
