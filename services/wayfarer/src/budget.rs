//! What an attempt may spend: from flags to configuration, and a word about dollars that nobody counts.

use crate::cli::BudgetFlags;
use serde_json::{Value, json};
use wayfarer_config::{Budgets, Config};

/// The flags as configuration.
pub fn overrides(flags: &BudgetFlags) -> Value {
    let BudgetFlags { max_steps, max_replans, max_seconds, max_tokens, max_cost_usd } = flags;
    json!({ "budgets": {
        "steps": max_steps, "replans": max_replans, "seconds": max_seconds, "tokens": max_tokens, "cost_usd": max_cost_usd
    } })
}

/// What to tell whoever set a budget in dollars where no model has a price: it would never be used up.
pub fn uncounted(flags: &BudgetFlags, config: &Config) -> Option<&'static str> {
    let inference = &config.inference;
    let is_set = inference.run_budget_usd > 0.0
        || inference.attempt_budget_usd > 0.0
        || inference.tenant_budget_usd_per_day > 0.0
        || inference.tenants.values().any(|tenant| tenant.budget_usd_per_day.unwrap_or_default() > 0.0)
        || flags.max_cost_usd.unwrap_or_default() > 0.0
        || config.budgets.cost_usd > 0.0 && config.budgets.cost_usd != Budgets::default().cost_usd;
    (is_set && !inference.has_price()).then_some(
        "a budget in US dollars is set, but no model has a price, so it bounds nothing; \
         set inference.price_list, or inference.price_in_per_million and inference.price_out_per_million, where the role inference runs, or bound tokens",
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_dollar_budget_that_somebody_set_needs_prices() {
        let mut config = Config::default();
        let dollar = BudgetFlags { max_cost_usd: Some(5.0), ..BudgetFlags::default() };
        assert_eq!(uncounted(&BudgetFlags::default(), &config), None);
        assert!(uncounted(&dollar, &config).is_some());

        config.budgets.cost_usd = 1.0;
        assert!(uncounted(&BudgetFlags::default(), &config).is_some());

        config.inference.price_out_per_million = 10.0;
        assert_eq!(uncounted(&dollar, &config), None);
    }
}
