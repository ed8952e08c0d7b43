//! The simulated user's prompts: words for what was decided, and a further question.

use crate::goal::{Extreme, Goal, RestaurantFact};
use wayfarer_core::critical_point::{CriticalPointKind, UserDecision};
use wayfarer_core::prompt::user::{AnswerCriticalPoint, AskFollowUp, CriticalPointAnswer, FollowUpReply};

/// Words for the decision, and which of the persona's data goes with it.
pub fn critical_point(input: &AnswerCriticalPoint) -> CriticalPointAnswer {
    let act = match input.kind {
        CriticalPointKind::Payment => "place the order and pay",
        CriticalPointKind::Booking => "make the reservation",
        CriticalPointKind::Sending => "send the message",
        CriticalPointKind::PersonalData => "enter my details",
        CriticalPointKind::AccountChange => "change the account",
    };
    match input.decision {
        UserDecision::Approve => CriticalPointAnswer { message: format!("Yes, go ahead: you may {act}."), supply: Vec::new() },
        UserDecision::Deny => CriticalPointAnswer { message: format!("No, please stop here: do not {act}."), supply: Vec::new() },
        UserDecision::Supply => CriticalPointAnswer {
            message: format!("Yes, go ahead: you may {act}. Use the details that I give you here and nothing else."),
            supply: wanted(input),
        },
    }
}

/// Entries of the persona that the page may ask for; card data only where money moves.
fn wanted(input: &AnswerCriticalPoint) -> Vec<String> {
    let is_card =
        |name: &str| name.to_lowercase().contains("card") || name.to_lowercase().contains("cvc") || name.to_lowercase().contains("expiry");
    let shop = matches!(Goal::parse(&input.task), Goal::Buy(_)) || input.kind == CriticalPointKind::Payment;
    input.persona.keys().filter(|name| shop || !is_card(name)).cloned().collect()
}

/// A further task about the same thing, or none.
pub fn follow_up(input: &AskFollowUp) -> FollowUpReply {
    let follow_up = match Goal::parse(&input.task) {
        Goal::AddToCart(order) => Some(Goal::Price { product: order.product }),
        Goal::BestProduct { by: Extreme::Cheapest, category } => Some(Goal::BestProduct { by: Extreme::HighestRated, category }),
        Goal::BestProduct { by: Extreme::HighestRated, category } => Some(Goal::BestProduct { by: Extreme::Cheapest, category }),
        Goal::Restaurant { fact: RestaurantFact::Phone, restaurant } => {
            Some(Goal::Restaurant { fact: RestaurantFact::Address, restaurant })
        }
        Goal::Restaurant { restaurant, .. } | Goal::FreeTimes { restaurant, .. } => {
            Some(Goal::Restaurant { fact: RestaurantFact::Phone, restaurant })
        }
        _ => None,
    };
    FollowUpReply { follow_up: follow_up.map(|goal| goal.wording()) }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn a_follow_up_is_about_the_same_thing() {
        let ask = |task: &str| follow_up(&AskFollowUp { task: task.into(), answer: String::new(), page: Default::default() }).follow_up;
        assert_eq!(ask("Add 2 Trail Mug to the cart.").unwrap(), "What is the price of the Trail Mug?");
        assert_eq!(ask("What is the price of the Trail Mug?"), None);
    }
}
