//! Templates with `{name:type}` slots, and filling them: pure.

use wayfarer_core::prompt::propose::{Slot, Template};

/// What came of filling a template.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Fill {
    /// A new wording.
    Filled(String),
    /// Every slot has the exemplar's own value.
    Same,
    /// A slot has no value.
    Missing(String),
}

/// A template can be used if it has slots, and each stands in its text.
pub fn check(template: &Template) -> Result<(), String> {
    if template.slots.is_empty() {
        return Err("the template has no slot to fill".into());
    }
    let names = names_in(&template.template);
    match template.slots.iter().find(|slot| !names.contains(&slot.name.as_str())) {
        Some(slot) => Err(format!("the template names no slot {{{}:{}}}", slot.name, slot.slot_type)),
        None => Ok(()),
    }
}

/// Fills every slot of the template with the value of that name.
pub fn fill(template: &Template, values: &[Slot]) -> Fill {
    let given = |name: &str| values.iter().find(|slot| slot.name == name).map(|slot| slot.value.trim()).filter(|value| !value.is_empty());
    let mut filled = String::new();
    let mut differs = false;
    for part in parts(&template.template) {
        match part {
            Part::Text(text) => filled.push_str(text),
            Part::Slot(name) => {
                let Some(value) = given(name) else { return Fill::Missing(name.to_owned()) };
                let own = template.slots.iter().find(|slot| slot.name == name).map_or("", |slot| slot.value.trim());
                differs |= value.to_lowercase() != own.to_lowercase();
                filled.push_str(value);
            }
        }
    }
    if differs { Fill::Filled(filled) } else { Fill::Same }
}

enum Part<'a> {
    Text(&'a str),
    Slot(&'a str),
}

fn names_in(template: &str) -> Vec<&str> {
    let names = parts(template).into_iter().filter_map(|part| match part {
        Part::Slot(name) => Some(name),
        Part::Text(_) => None,
    });
    names.collect()
}

/// Text and slots in turn; braces that hold no slot are text.
fn parts(template: &str) -> Vec<Part<'_>> {
    let mut parts = Vec::new();
    let mut rest = template;
    while let Some(open) = rest.find('{') {
        let Some(length) = rest[open..].find('}') else { break };
        parts.push(Part::Text(&rest[..open]));
        let inside = &rest[open + 1..open + length];
        let name = inside.split(':').next().unwrap_or_default().trim();
        let is_name = !name.is_empty() && name.chars().all(|c| c.is_alphanumeric() || c == '_' || c == '-');
        parts.push(if is_name { Part::Slot(name) } else { Part::Text(&rest[open..=open + length]) });
        rest = &rest[open + length + 1..];
    }
    parts.push(Part::Text(rest));
    parts
}

#[cfg(test)]
mod tests {
    use super::*;

    fn slot(name: &str, value: &str) -> Slot {
        Slot { name: name.into(), slot_type: "x".into(), value: value.into() }
    }

    #[test]
    fn slots_are_filled_and_must_differ_from_the_exemplar() {
        let template = Template {
            template: "Add {quantity:quantity} {product:product} to the {cart}.".into(),
            slots: vec![slot("quantity", "2"), slot("product", "Trail Mug")],
        };
        assert_eq!(check(&template), Ok(()));

        let rows = [
            (
                vec![slot("product", "Alpine Lamp"), slot("quantity", "2"), slot("cart", "cart")],
                Fill::Filled("Add 2 Alpine Lamp to the cart.".into()),
            ),
            (vec![slot("product", "Alpine Lamp")], Fill::Missing("quantity".into())),
            (vec![slot("product", " "), slot("quantity", "1")], Fill::Missing("product".into())),
        ];
        for (values, expected) in rows {
            assert_eq!(fill(&template, &values), expected);
        }

        let plain = Template { template: "Add {quantity:quantity} mug {{}.".into(), slots: vec![slot("quantity", "2")] };
        assert_eq!(fill(&plain, &[slot("quantity", "2")]), Fill::Same);
        assert_eq!(fill(&plain, &[slot("quantity", "3")]), Fill::Filled("Add 3 mug {{}.".into()));
        assert!(check(&Template { template: "Add mugs".into(), slots: vec![slot("quantity", "2")] }).is_err());
    }
}
