//! Days in a calendar of months.

use super::super::hands::{Hands, Played, stuck};
use super::{caught, read};
use wayfarer_core::Mark;

const MONTHS: [&str; 12] =
    ["January", "February", "March", "April", "May", "June", "July", "August", "September", "October", "November", "December"];

/// Which month the calendar shows, counted from year 0.
fn shown(hands: &Hands) -> Option<i64> {
    let words = caught(
        r"(January|February|March|April|May|June|July|August|September|October|November|December)\s+(\d{4})",
        &hands.seen.visible_text,
    )?;
    let month = MONTHS.iter().position(|month| *month == words[0])? as i64;
    Some(words[1].parse::<i64>().ok()? * 12 + month)
}

/// Opens the calendar of a field and picks a day.
async fn pick(hands: &mut Hands, field: &Mark, month: i64, day: i64, year: i64) -> Played {
    hands.click(field).await?;
    let wanted = year * 12 + month - 1;
    for _ in 0..40 {
        let Some(now) = shown(hands) else {
            hands.look().await?;
            continue;
        };
        if now == wanted {
            let is_day = |mark: &&Mark| mark.name.trim() == day.to_string();
            let Some(day) = hands.find(is_day) else { return stuck(format!("the month has no day {day}")) };
            return hands.click(&day).await;
        }
        let name = if now > wanted { "Prev" } else { "Next" };
        let Some(turn) = hands.find(|mark| mark.name.trim().starts_with(name)) else {
            return stuck(format!("the calendar has no {name}"));
        };
        hands.click(&turn).await?;
    }
    stuck("the month is too far away")
}

fn numbers(words: &[String]) -> (i64, i64, i64) {
    let number = |place: usize| words[place].parse().unwrap_or_default();
    (number(0), number(1), number(2))
}

pub(super) async fn choose(hands: &mut Hands) -> Played {
    let words = read(r"Select (\d+)/(\d+)/(\d+)", &hands.instruction.clone())?;
    let (month, day, year) = numbers(&words);
    let Some(field) = hands.fields().first().cloned() else { return stuck("there is no field") };
    pick(hands, &field, month, day, year).await?;
    hands.submit().await
}

pub(super) async fn flight(hands: &mut Hands) -> Played {
    let instruction = hands.instruction.clone();
    let words = read(r"Book the (cheapest|shortest) one-way flight from: (.*) to: (.*) on (\d+)/(\d+)/(\d+)", &instruction)?;
    for (place, name) in [(0, &words[1]), (1, &words[2])] {
        let Some(field) = hands.fields().get(place).cloned() else { return stuck("there are too few fields") };
        // an airport's code stands in brackets behind its town
        let asked = caught(r"\((\w{3})\)", name).map_or_else(|| name.clone(), |mut code| code.remove(0));
        let typed: String = asked.chars().take(12).collect();
        hands.fill(&field, &typed).await?;
        let found = hands.wait_for(|mark| mark.role != "textbox" && mark.name.contains(asked.trim())).await?;
        let Some(found) = found else { return stuck(format!("no airport is offered for {name}")) };
        hands.click(&found).await?;
    }
    let Some(field) = hands.fields().get(2).cloned() else { return stuck("there is no field for the date") };
    let (month, day, year) = numbers(&words[3..]);
    pick(hands, &field, month, day, year).await?;
    hands.submit().await?;
    book(hands, &words[0]).await
}

/// Books the best of the flights that are listed, most of them below what is in view.
async fn book(hands: &mut Hands, best: &str) -> Played {
    hands.wait_for(|mark| mark.name.starts_with("Book flight")).await?;
    let text = hands.read_page().await?;
    let Ok(expression) = regex::Regex::new(r"(\d+)h (\d+)m\s+Book flight for \$(\d+)") else { return stuck("no flights") };
    let number = |text: &str| text.parse::<i64>().unwrap_or_default();
    let flights = expression.captures_iter(&text).map(|found| (number(&found[1]) * 60 + number(&found[2]), number(&found[3])));
    let chosen = if best == "cheapest" { flights.min_by_key(|(_, price)| *price) } else { flights.min_by_key(|(minutes, _)| *minutes) };
    let Some((_, price)) = chosen else { return stuck("no flight is listed") };
    let name = format!("Book flight for ${price}");
    for _ in 0..20 {
        if let Some(flight) = hands.find(|mark| mark.name.trim() == name) {
            return hands.click(&flight).await;
        }
        hands.scroll(-80, (80.0, 180.0)).await?;
    }
    stuck(format!("{name:?} does not come into view"))
}

/// Minutes of the durations that a text tells, in their order.
pub(super) fn durations(text: &str) -> Vec<i64> {
    let Ok(expression) = regex::Regex::new(r"(\d+)h (\d+)m") else { return Vec::new() };
    let minutes = |found: regex::Captures| Some(found[1].parse::<i64>().ok()? * 60 + found[2].parse::<i64>().ok()?);
    expression.captures_iter(text).filter_map(minutes).collect()
}
