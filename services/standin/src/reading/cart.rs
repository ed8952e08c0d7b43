//! Carts: what they hold, and whether that is what was ordered.

use super::Seen;
use crate::goal::Order;
use crate::words;
use regex::Regex;
use std::sync::LazyLock;

static QUANTITY: LazyLock<Option<Regex>> =
    LazyLock::new(|| Regex::new(r"(?i)\b(?:qty|quantity)\b[:\s×x]*(\d{1,3})\b|(?:^|\s)(\d{1,3})\s*[×x]\s|\s[×x]\s*(\d{1,3})\b").ok());

/// What a page says about an order.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Held {
    /// The product is there.
    pub product: bool,
    /// Its colour is the wanted one (or none is wanted).
    pub colour: bool,
    /// Its size is the wanted one (or none is wanted).
    pub size: bool,
    /// How many, if the page says so.
    pub quantity: Option<u32>,
}

impl Held {
    /// Exactly what was ordered.
    pub fn is(&self, order: &Order) -> bool {
        self.product && self.colour && self.size && self.quantity == Some(order.quantity)
    }
}

/// The lines that belong to the product: from its name on.
fn around(text: &str, product: &str) -> String {
    let lines: Vec<&str> = text.lines().collect();
    let start = lines.iter().position(|line| words::holds(line, product));
    start.map(|at| lines[at..(at + 14).min(lines.len())].join("\n")).unwrap_or_default()
}

fn quantity_in(text: &str) -> Option<u32> {
    let found = QUANTITY.as_ref()?.captures(text)?;
    (1..=3).find_map(|at| found.get(at)).and_then(|number| number.as_str().parse().ok())
}

/// Reads a cart, a checkout summary or an order confirmation.
pub fn read(page: &Seen, order: &Order) -> Held {
    if words::holds_any(&page.text, &["cart is empty", "basket is empty"]).is_some() {
        return Held::default();
    }
    let near = around(&page.text, &order.product);
    let wanted = |value: &Option<String>| {
        value.as_ref().is_none_or(|value| {
            words::holds(&near, value) || page.fields.iter().any(|(name, v)| words::holds(v, value) && words::holds(name, &order.product))
        })
    };
    let by_field = page
        .fields
        .iter()
        .filter(|(name, _)| words::holds_any(name, &["quantity", "qty"]).is_some())
        .find_map(|(_, value)| value.trim().parse().ok());
    Held {
        product: !near.is_empty(),
        colour: wanted(&order.colour),
        size: wanted(&order.size),
        quantity: by_field.or_else(|| quantity_in(&near)).or_else(|| quantity_alone(&near)),
    }
}

/// What the page of the product says if this variant of it cannot be had: it stands in the list of what is sold out, or it was asked for
/// in vain.
pub fn sold_out(page: &Seen, order: &Order) -> Option<String> {
    if !page.is_about(&order.product) {
        return None;
    }
    let variant: Vec<&str> = [&order.colour, &order.size].into_iter().flatten().map(String::as_str).collect();
    let is_listed = |line: &&str| {
        let Some((head, list)) = line.split_once(':') else { return false };
        words::holds(head, "sold out") && list.trim_end_matches('.').split(';').any(|gone| words::same(gone, &variant.join(", ")))
    };
    let chosen = |names: &[&str], wanted: &Option<String>| {
        wanted.as_ref().is_none_or(|wanted| page.field(names).is_some_and(|value| words::holds(value, wanted)))
    };
    let refused = |line: &&str| {
        words::holds(line, "this combination is sold out") && chosen(&["colour", "color"], &order.colour) && chosen(&["size"], &order.size)
    };
    page.text.lines().find(|line| (!variant.is_empty() && is_listed(line)) || refused(line)).map(|line| words::shortened(line, 160))
}

/// A line that is nothing but a small number.
fn quantity_alone(text: &str) -> Option<u32> {
    text.lines().find_map(|line| line.trim().parse::<u32>().ok().filter(|n| (1..100).contains(n)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_lines_of_several_shapes() {
        let order = Order { quantity: 2, product: "Trail Mug".into(), colour: Some("Forest".into()), size: None };
        for text in ["Your cart\nTrail Mug\nForest\nQty 2\n$36.00", "2 × Trail Mug (Forest) $36.00", "Trail Mug, Forest × 2\n$36.00"] {
            let page = Seen { text: text.into(), ..Seen::default() };
            assert!(read(&page, &order).is(&order), "{text}: {:?}", read(&page, &order));
        }
        let wrong = Seen { text: "Your cart\nTrail Mug\nSlate\nQty 3".into(), ..Seen::default() };
        assert_eq!(read(&wrong, &order), Held { product: true, colour: false, size: true, quantity: Some(3) });
    }
}
