//! Pages that are like no other.

use super::super::hands::{Hands, Played, stuck};
use super::dates::durations;
use super::{caught, read};
use wayfarer_core::{Action, Mark};

pub(super) async fn ticket(hands: &mut Hands) -> Played {
    let offers: Vec<Mark> = hands.of_role("button");
    let price = |mark: &Mark| caught(r"\$(\d+)", &mark.name).and_then(|mut price| price.remove(0).parse::<i64>().ok()).unwrap_or_default();
    let instruction = hands.instruction.to_lowercase();
    let chosen = match () {
        () if instruction.contains("cheapest") || instruction.contains("lowest") => offers.iter().min_by_key(|mark| price(mark)),
        () if instruction.contains("expensive") || instruction.contains("highest") => offers.iter().max_by_key(|mark| price(mark)),
        () => {
            let durations = durations(&hands.seen.visible_text);
            let long = instruction.contains("longest");
            let place = (0..durations.len()).min_by_key(|place| if long { -durations[*place] } else { durations[*place] });
            place.and_then(|place| offers.get(place))
        }
    };
    match chosen.cloned() {
        Some(offer) => hands.click(&offer).await,
        None => stuck("nothing is offered"),
    }
}

pub(super) async fn greatest(hands: &mut Hands) -> Played {
    let cards: Vec<Mark> = hands.marks().filter(|mark| mark.name.trim().parse::<i64>().is_ok()).cloned().collect();
    let Some(card) = cards.iter().max_by_key(|mark| mark.name.trim().parse::<i64>().unwrap_or(i64::MIN)) else {
        return stuck("there are no cards");
    };
    hands.click(card).await?;
    hands.submit().await
}

pub(super) async fn generate(hands: &mut Hands) -> Played {
    let instruction = hands.instruction.clone();
    let bound: i64 = caught(r"(-?\d+)", &instruction).and_then(|mut number| number.remove(0).parse().ok()).unwrap_or_default();
    let fits = |number: i64| match () {
        () if instruction.contains("even") => number % 2 == 0,
        () if instruction.contains("odd") => number % 2 != 0,
        () if instruction.contains("less") || instruction.contains("smaller") => number < bound,
        () => number > bound,
    };
    for _ in 0..60 {
        hands.click_named("Generate").await?;
        let number = hands.seen.visible_text.lines().find_map(|line| line.trim().parse::<i64>().ok());
        if number.is_some_and(fits) {
            return hands.submit().await;
        }
    }
    stuck("no number fits")
}

pub(super) async fn guess(hands: &mut Hands) -> Played {
    let (mut low, mut high) = (0, 9);
    while low <= high {
        let middle = (low + high) / 2;
        let Some(field) = hands.of_role("spinbutton").first().cloned() else { return stuck("there is no field") };
        hands.fill(&field, &middle.to_string()).await?;
        hands.submit().await?;
        let said = hands.seen.visible_text.to_lowercase();
        if said.contains("lower") {
            high = middle - 1;
        } else if said.contains("higher") {
            low = middle + 1;
        } else {
            return stuck("it is not told whether the number is higher or lower");
        }
    }
    stuck("no number is left")
}

pub(super) async fn contact(hands: &mut Hands) -> Played {
    let words = read(r"Find (\w+) in the contact book and click on their (email|phone number|phone|address)", &hands.instruction.clone())?;
    for _ in 0..12 {
        let mut lines = hands.seen.visible_text.lines().skip(1);
        if lines.any(|line| line.trim() == words[0]) {
            let label = if words[1].starts_with("phone") {
                "Phone"
            } else if words[1] == "email" {
                "Email"
            } else {
                "Address"
            };
            let value = caught(&format!(r"{label}:\s*(.*)"), &hands.seen.visible_text).map(|mut value| value.remove(0));
            let Some(value) = value else { return stuck(format!("no {label} is shown")) };
            return hands.click_named(&value).await;
        }
        let Some(next) = hands.named(">") else { return stuck("there are no more pages") };
        hands.click(&next).await?;
    }
    stuck(format!("{} is not in the book", words[0]))
}

pub(super) async fn stock(hands: &mut Hands) -> Played {
    let bound: f64 = read(r"less than \$([\d.]+\d)", &hands.instruction.clone())?[0].parse().unwrap_or_default();
    for _ in 0..70 {
        let price = caught(r"Stock price: \$([\d.]+)", &hands.seen.visible_text).and_then(|mut price| price.remove(0).parse::<f64>().ok());
        if price.is_some_and(|price| price > 0.0 && price < bound) {
            return hands.click_named("Buy").await;
        }
        hands.act(Action::Wait { seconds: 0.2 }).await?;
    }
    stuck("the price does not fall")
}
