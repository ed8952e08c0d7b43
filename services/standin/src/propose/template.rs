//! Templates: a task with slots, and other values for them.

use super::intents;
use super::inventory::{self, Inventory};
use crate::goal::{Booking, Goal, Order};
use crate::words;
use wayfarer_core::prompt::PageText;
use wayfarer_core::prompt::propose::{Filling, MakeTemplate, RefillTemplate, Refilled, Slot, Template};

/// The slots of a goal, in the order of its wording.
fn slots(goal: &Goal) -> Vec<Slot> {
    let slot = |name: &str, slot_type: &str, value: &str| Slot { name: name.into(), slot_type: slot_type.into(), value: value.into() };
    let order = |order: &Order| {
        let mut all = vec![slot("quantity", "quantity", &order.quantity.to_string()), slot("product", "product", &order.product)];
        all.extend(order.colour.iter().map(|colour| slot("colour", "colour", colour)));
        all.extend(order.size.iter().map(|size| slot("size", "size", size)));
        all
    };
    match goal {
        Goal::Price { product } => vec![slot("product", "product", product)],
        Goal::AddToCart(it) | Goal::Buy(it) => order(it),
        Goal::BestProduct { category, .. } => vec![slot("category", "topic", category)],
        Goal::Restaurant { restaurant, .. } => vec![slot("restaurant", "restaurant", restaurant)],
        Goal::BestRestaurant { cuisine, place } => vec![slot("cuisine", "cuisine", cuisine), slot("place", "place", place)],
        Goal::FreeTimes { party, restaurant, date } => {
            vec![slot("party", "party_size", &party.to_string()), slot("restaurant", "restaurant", restaurant), slot("date", "date", date)]
        }
        Goal::Book(Booking { party, restaurant, date, time }) => {
            vec![
                slot("party", "party_size", &party.to_string()),
                slot("restaurant", "restaurant", restaurant),
                slot("date", "date", date),
                slot("time", "time", time),
            ]
        }
        Goal::Message { restaurant, question } => vec![slot("restaurant", "restaurant", restaurant), slot("question", "topic", question)],
        Goal::Module { module } => vec![slot("module", "topic", module)],
        Goal::AddedIn { name } => vec![slot("name", "topic", name)],
        Goal::Skilled(told) => told.values.iter().map(|(name, value)| slot(name, "topic", value)).collect(),
        Goal::Other { .. } => Vec::new(),
    }
}

/// The contract's wording with `{name:type}` where its values stand.
fn template_of(goal: &Goal) -> Template {
    let slots = slots(goal);
    let mut template = goal.wording();
    let mut from = 0;
    for slot in &slots {
        let mark = format!("{{{}:{}}}", slot.name, slot.slot_type);
        if let Some(at) = template.get(from..).and_then(|rest| rest.find(&slot.value)) {
            template.replace_range(from + at..from + at + slot.value.len(), &mark);
            from += at + mark.len();
        }
    }
    Template { template, slots }
}

/// Makes a template of a task.
pub fn make(input: &MakeTemplate) -> Template {
    let goal = Goal::parse(&input.intent);
    match goal {
        Goal::Other { terms } => {
            let topic = terms.join(" ");
            let at = input.intent.to_lowercase().find(&topic);
            let (template, value) = match at.and_then(|at| input.intent.get(at..at + topic.len()).map(|piece| (at, piece.to_string()))) {
                Some((_, piece)) if !piece.is_empty() => (input.intent.replacen(&piece, "{topic:topic}", 1), piece),
                _ => (input.intent.clone(), String::new()),
            };
            let slots = if value.is_empty() { Vec::new() } else { vec![Slot { name: "topic".into(), slot_type: "topic".into(), value }] };
            Template { template, slots }
        }
        goal => template_of(&goal),
    }
}

/// Other goals of the same family whose values the pages show.
pub fn refill(input: &RefillTemplate) -> Refilled {
    let pages: Vec<&PageText> = input.pages.iter().collect();
    let have = inventory::collect(&input.offers, &pages);
    let mut exemplar = input.template.template.clone();
    for slot in &input.template.slots {
        exemplar = exemplar.replace(&format!("{{{}:{}}}", slot.name, slot.slot_type), &slot.value);
    }
    let mut avoid = input.avoid.clone();
    avoid.push(exemplar);
    let mut fillings: Vec<Filling> = Vec::new();
    for salt in 0..8 {
        for (goal, values) in candidates(&have, input, &avoid, salt) {
            if fillings.len() >= input.count as usize {
                break;
            }
            if !fillings.iter().any(|filling| filling.values == values) {
                fillings.push(Filling { values, why: format!("The pages of the site show {}.", goal.subject()) });
            }
        }
    }
    Refilled { fillings }
}

/// Values of goals with the very same template: same family, same slots. A template whose product has no variants takes a product with
/// its variant in words ("Harrier Windbreaker in Teal, size L,").
fn candidates(have: &Inventory, input: &RefillTemplate, avoid: &[String], salt: u32) -> Vec<(Goal, Vec<Slot>)> {
    let wanted = words::normal(&input.template.template);
    let fits = |goal: Goal| {
        [goal.clone(), in_words(&goal)]
            .into_iter()
            .find_map(|form| (words::normal(&template_of(&form).template) == wanted).then(|| (goal.clone(), slots(&form))))
    };
    intents::goals(have, &input.today, avoid, 64, &format!("refill {salt} {}", input.template.template))
        .into_iter()
        .filter_map(fits)
        .collect()
}

/// The same goal with colour and size as a part of the product's name.
fn in_words(goal: &Goal) -> Goal {
    let flat = |order: &Order| {
        let colour = order.colour.as_ref().map(|colour| format!(" in {colour}")).unwrap_or_default();
        let size = order.size.as_ref().map(|size| format!(", size {size},")).unwrap_or_default();
        Order { quantity: order.quantity, product: format!("{}{colour}{size}", order.product), colour: None, size: None }
    };
    match goal {
        Goal::AddToCart(order) => Goal::AddToCart(flat(order)),
        Goal::Buy(order) => Goal::Buy(flat(order)),
        other => other.clone(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use wayfarer_core::task::Category;

    #[test]
    fn a_template_has_the_values_as_slots() {
        let intent = "Book a table for 4 at Bar 4 on 4 December 2026 at 19:30.";
        let template = make(&MakeTemplate { intent: intent.into(), category: Category::Restaurants });
        assert_eq!(template.template, "Book a table for {party:party_size} at {restaurant:restaurant} on {date:date} at {time:time}.");
        let filled = template
            .slots
            .iter()
            .fold(template.template.clone(), |text, slot| text.replace(&format!("{{{}:{}}}", slot.name, slot.slot_type), &slot.value));
        assert_eq!(filled, intent);
    }
}
