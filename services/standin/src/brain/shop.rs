//! Rules of the shop: look up a product, fill the cart, find the best of a category, buy.

use super::{Decision, Permission, Situation, answer};
use crate::goal::{Goal, Order};
use crate::reading::{cart, marks};
use crate::step::{Ending, Step};
use crate::words;
use wayfarer_core::prompt::MarkText;

/// Goes to the product's page: by a link that names it, else by the search box.
fn reach(situation: &Situation, product: &str) -> Decision {
    let page = situation.page;
    if let Some(link) = product_link(situation, product) {
        return Decision::new(Step::link(&link.name), format!("The page links to the {product}."));
    }
    let searched = situation.history.iter().any(|step| step.action_name == "type" && words::holds(&step.action, product));
    if !searched && let Some(field) = marks::search_box(page) {
        return Decision::new(
            Step::Type { text: product.into(), field: named(field, "search box"), enter: true },
            format!("The search box finds the {product} fastest."),
        );
    }
    if let Some(decision) = situation.look_below(4, "The product may be further down.") {
        return decision;
    }
    let host = situation.seen().host();
    if situation.tried(&["visit_url", "search"]) == 0 && !host.is_empty() {
        let query: String = url::form_urlencoded::byte_serialize(product.as_bytes()).collect();
        return Decision::new(Step::Visit { url: format!("http://{host}/search?q={query}") }, "The search page may list it.");
    }
    Decision::new(
        Step::stop(Ending::Infeasible, format!("I could not find the product {product} on this site.")),
        "Neither search nor the lists show it.",
    )
}

fn named(mark: &MarkText, fallback: &str) -> String {
    if mark.name.trim().is_empty() { fallback.into() } else { mark.name.clone() }
}

/// A link to the product; when the wrong one is wanted, a link to its neighbour.
fn product_link<'a>(situation: &'a Situation, product: &str) -> Option<&'a MarkText> {
    let right = marks::link_to(situation.page, product)?;
    if !(situation.is_wrong_item() && matches!(situation.goal, Goal::Price { .. })) {
        return Some(right);
    }
    let folder = |href: &str| href.rsplit_once('/').map(|(folder, _)| folder.to_string()).unwrap_or_default();
    let neighbour =
        situation.page.marks.iter().find(|mark| {
            mark.role == "link" && folder(&mark.href) == folder(&right.href) && mark.href != right.href && mark.name.len() > 3
        });
    neighbour.or(Some(right))
}

/// S1.
pub fn price(situation: &Situation, product: &str) -> Decision {
    let seen = situation.seen();
    let on_wrong_page =
        situation.is_wrong_item() && situation.tried(&["left_click", "link"]) > 0 && marks::button(situation.page, ADD).is_some();
    if seen.is_about(product) || on_wrong_page {
        return match product_price(&seen.text, product) {
            Some(price) => Decision::new(
                Step::Memorize { fact: answer::fact_for(&situation.goal, &[&price]) },
                format!("The product page shows {price}."),
            ),
            None => situation.look_below(3, "The price is not in sight yet.").unwrap_or_else(|| {
                Decision::new(Step::stop(Ending::Failure, format!("The page of the {product} shows no price.")), "No price on the page.")
            }),
        };
    }
    reach(situation, product)
}

/// The first price after the product's name that is not a former one.
pub fn product_price(text: &str, product: &str) -> Option<String> {
    let lines: Vec<&str> = text.lines().collect();
    let heading = lines
        .iter()
        .position(|line| words::same(line, product))
        .or_else(|| lines.iter().position(|line| words::holds(line, product)))
        .unwrap_or(0);
    let is_former =
        |line: &str| words::holds_any(line, &["was", "before", "list price", "free delivery", "free shipping", "over", "save"]).is_some();
    let fresh = |lines: &[&str]| {
        lines.iter().find_map(|line| {
            if is_former(line) {
                words::holds(line, "now").then(|| words::money(line).pop()).flatten()
            } else {
                words::money(line).into_iter().next()
            }
        })
    };
    fresh(&lines[heading..])
}

const ADD: &[&str] = &["add to cart", "add to basket", "add to bag"];
const CART: &[&str] = &["cart", "basket", "bag", "view cart"];
const CHECKOUT: &[&str] = &["proceed to checkout", "checkout", "check out", "go to checkout"];
const PLACE: &[&str] = &["place order", "place the order", "pay now", "pay", "buy now", "confirm order", "complete order"];
const CONTINUE: &[&str] = &["continue to payment", "continue", "next", "to payment", "save and continue"];

/// S2.
pub fn add_to_cart(situation: &Situation, order: &Order) -> Decision {
    let seen = situation.seen();
    if seen.is_cart() {
        return match settle_cart(situation, order) {
            Some(decision) => decision,
            None => Decision::new(Step::stop(Ending::Success, in_cart(order)), "The cart shows exactly what was asked for."),
        };
    }
    fill_cart(situation, order)
}

fn played(situation: &Situation, order: &Order) -> Order {
    let mut order = order.clone();
    if situation.is_wrong_item() && order.colour.is_none() && order.size.is_none() {
        order.quantity += 1;
    }
    order
}

fn in_cart(order: &Order) -> String {
    format!("The cart holds {}.", wording(order))
}

fn wording(order: &Order) -> String {
    let colour = order.colour.as_ref().map(|c| format!(" in {c}")).unwrap_or_default();
    let size = order.size.as_ref().map(|s| format!(", size {s}")).unwrap_or_default();
    format!("{} {}{colour}{size}", order.quantity, order.product)
}

/// Product page: variants, quantity, add; then the cart.
fn fill_cart(situation: &Situation, order: &Order) -> Decision {
    let (page, seen) = (situation.page, situation.seen());
    if !situation.is_wrong_item()
        && let Some(notice) = cart::sold_out(&seen, order)
    {
        return Decision::new(
            Step::stop(Ending::Infeasible, format!("{} cannot be had: it is sold out.", wording(order))),
            format!("The page says: {notice}"),
        );
    }
    let added = situation.history.iter().rev().take_while(|step| !words::holds(&step.action, "remove")).any(|step| {
        step.error.is_none() && step.action_name == "left_click" && words::holds_any(&step.action, ADD).is_some() && step.changed
    });
    if added {
        return to_cart(situation);
    }
    if !seen.is_about(&order.product) {
        return reach(situation, &order.product);
    }
    if let Some(decision) = choose_variant(situation, order) {
        return decision;
    }
    let quantity = played(situation, order).quantity;
    if let Some(decision) = set_quantity(situation, quantity) {
        return decision;
    }
    match marks::button(page, ADD) {
        Some(button) => Decision::new(Step::button(&button.name), "Product, variant and quantity are as asked for."),
        None => situation.look_below(4, "The button that adds to the cart is not in sight.").unwrap_or_else(|| {
            Decision::new(
                Step::stop(Ending::Infeasible, format!("The {} cannot be added to the cart; it may be sold out.", order.product)),
                "There is no button that adds to the cart.",
            )
        }),
    }
}

fn to_cart(situation: &Situation) -> Decision {
    match marks::by_name(situation.page, "link", "cart", |mark| mark.href.contains("/cart") || words::holds_any(&mark.name, CART).is_some())
        .filter(|mark| words::holds_any(&mark.name, ADD).is_none())
    {
        Some(link) => {
            Decision::new(Step::Click { role: link.role.clone(), name: link.name.clone() }, "The cart shows whether it was added rightly.")
        }
        None if situation.page.scroll_top > 0.0 => Decision::new(Step::ScrollUp, "The link to the cart is further up."),
        None => Decision::new(Step::Visit { url: format!("http://{}/cart", situation.seen().host()) }, "No link to the cart is in sight."),
    }
}

/// Chooses colour and size in selects, else among radio buttons or buttons.
fn choose_variant(situation: &Situation, order: &Order) -> Option<Decision> {
    let axes: [(&Option<String>, &[&str]); 2] = [(&order.colour, &["colour", "color"]), (&order.size, &["size"])];
    let mut wrong_left = situation.is_wrong_item();
    for (wanted, names) in axes {
        let Some(wanted) = wanted else { continue };
        if let Some(select) = marks::select(situation.page, names) {
            let right = marks::option(select, wanted);
            let neighbour = select.options.iter().map(String::as_str).find(|option| {
                !words::holds(option, wanted) && words::holds_any(option, &["choose", "select", "please", "sold out"]).is_none()
            });
            let option = if wrong_left { neighbour.or(right) } else { right };
            wrong_left = false;
            let Some(option) = option else {
                return Some(Decision::new(
                    Step::stop(Ending::Infeasible, format!("The {} is not offered in {wanted}.", order.product)),
                    format!("\"{}\" has no option {wanted}.", select.name),
                ));
            };
            if !words::same(&select.value, option) {
                return Some(Decision::new(
                    Step::Choose { option: option.into(), select: select.name.clone() },
                    format!("The task asks for {wanted}."),
                ));
            }
        } else if let Some(choice) = situation
            .page
            .marks
            .iter()
            .find(|mark| matches!(mark.role.as_str(), "radio" | "button" | "option") && words::same(&mark.name, wanted))
            && choice.checked != Some(true)
            && situation.tried(&[&choice.name]) < 2
        {
            return Some(Decision::new(
                Step::Click { role: choice.role.clone(), name: choice.name.clone() },
                format!("The task asks for {wanted}."),
            ));
        }
    }
    None
}

fn set_quantity(situation: &Situation, quantity: u32) -> Option<Decision> {
    const NAMES: &[&str] = &["quantity", "qty", "how many"];
    let wanted = quantity.to_string();
    if let Some(select) = marks::select(situation.page, NAMES) {
        let option = marks::option(select, &wanted)?;
        return (!words::same(&select.value, option)).then(|| {
            Decision::new(Step::Choose { option: option.into(), select: select.name.clone() }, format!("The task asks for {quantity}."))
        });
    }
    let field = marks::field(situation.page, NAMES)?;
    let is_default = field.value.is_empty() && quantity == 1;
    (field.value.trim() != wanted && !is_default).then(|| {
        Decision::new(Step::Type { text: wanted, field: field.name.clone(), enter: false }, format!("The task asks for {quantity}."))
    })
}

/// Mends the cart until it holds exactly what was asked for; `None` once it does.
fn settle_cart(situation: &Situation, order: &Order) -> Option<Decision> {
    let seen = situation.seen();
    let order_now = played(situation, order);
    let held = cart::read(&seen, order);
    if situation.is_wrong_item() && held.product {
        return None;
    }
    if !held.product {
        let tried_often = situation.done("left_click", &["add to cart"]) >= 3;
        if tried_often {
            return Some(Decision::new(
                Step::stop(Ending::Failure, format!("I could not get the {} into the cart.", order.product)),
                "Adding did not work three times.",
            ));
        }
        return Some(reach(situation, &order.product));
    }
    if !(held.colour && held.size) {
        if let Some(remove) = marks::button(situation.page, &["remove", "delete"]) {
            return Some(Decision::new(
                Step::Click { role: remove.role.clone(), name: remove.name.clone() },
                "The cart holds another variant than asked for.",
            ));
        }
        return Some(reach(situation, &order.product));
    }
    if held.quantity.is_some_and(|quantity| quantity != order_now.quantity)
        && situation.tried(&["type", &order_now.quantity.to_string(), "quantity"]) < 3
    {
        if let Some(field) = marks::field(situation.page, &["quantity", "qty"]) {
            return Some(Decision::new(
                Step::Type { text: order_now.quantity.to_string(), field: field.name.clone(), enter: true },
                "The cart holds another quantity than asked for.",
            ));
        }
        return set_quantity(situation, order_now.quantity);
    }
    None
}

/// S5.
pub fn buy(situation: &Situation, order: &Order) -> Decision {
    let (page, seen) = (situation.page, situation.seen());
    if let Some(words) = seen.confirms() {
        return Decision::new(
            Step::stop(Ending::Success, format!("The order is placed ({words}): {}", in_cart(order).replace("The cart holds", "it holds"))),
            "The order is confirmed.",
        );
    }
    let is_checkout = seen.path().contains("checkout")
        || seen.path().contains("payment")
        || words::holds_any(&seen.title, &["checkout", "payment", "your details"]).is_some();
    if is_checkout {
        return checkout(situation, order);
    }
    if seen.is_cart() {
        if let Some(decision) = settle_cart(situation, order) {
            return decision;
        }
        return match marks::button(page, CHECKOUT) {
            Some(button) => Decision::new(
                Step::Click { role: button.role.clone(), name: button.name.clone() },
                "The cart holds exactly what was asked for.",
            ),
            None => situation.look_below(3, "The way to the checkout is not in sight.").unwrap_or_else(|| {
                Decision::new(Step::stop(Ending::Failure, "The cart offers no checkout."), "There is no checkout button.")
            }),
        };
    }
    fill_cart(situation, order)
}

fn checkout(situation: &Situation, order: &Order) -> Decision {
    let summary = in_cart(order);
    if situation.permission() == Permission::Refused {
        return Decision::new(
            Step::stop(
                Ending::CriticalPoint,
                format!("I stopped at the checkout because you did not allow to go on. {summary} No order was placed."),
            ),
            "The user refused.",
        );
    }
    if let Some(decision) = super::other::fill_form(situation) {
        return decision;
    }
    let pay = marks::button(situation.page, PLACE);
    if let Some(button) = pay.or_else(|| marks::button(situation.page, CONTINUE)) {
        let step = Step::Click { role: button.role.clone(), name: button.name.clone() };
        return Decision::critical(step, format!("\"{}\" goes on with the order. {summary}", button.name));
    }
    situation.look_below(4, "The form goes on below.").unwrap_or_else(|| {
        Decision::new(Step::stop(Ending::Failure, "The checkout offers no way to go on."), "There is no button to go on.")
    })
}
