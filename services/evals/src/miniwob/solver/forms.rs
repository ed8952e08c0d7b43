//! Boxes, lists, and what is filled in one after the other.

use super::super::hands::{Hands, Played, stuck};
use super::pointer::slide_to;
use super::{ordinal, quoted, read};
use wayfarer_core::Mark;

pub(super) async fn boxes(hands: &mut Hands) -> Played {
    let list = read(r"Select (.*) and click", &hands.instruction.clone())?.remove(0);
    let names: Vec<String> = if list == "nothing" { Vec::new() } else { list.split(", ").map(str::to_owned).collect() };
    for name in names {
        let is_it = |mark: &&Mark| matches!(mark.role.as_str(), "checkbox" | "radio") && mark.name.trim() == name;
        let Some(mark) = hands.find(is_it) else { return stuck(format!("no box is called {name:?}")) };
        hands.tick(&mark, true).await?;
    }
    hands.submit().await
}

pub(super) async fn list(hands: &mut Hands) -> Played {
    let wanted = read(r"Select (.*) from the", &hands.instruction.clone())?.remove(0);
    let Some(list) = hands.find(|mark| mark.tag == "select") else { return stuck("there is no list") };
    for name in wanted.split(", ") {
        hands.choose(&list, name).await?;
    }
    hands.submit().await
}

/// Digits as the page's own example draws them: seven rows of four boxes.
const DIGITS: [[&str; 7]; 10] = [
    [".##.", "#..#", "#..#", "#..#", "#..#", "#..#", ".##."],
    ["..#.", ".##.", "..#.", "..#.", "..#.", "..#.", "..#."],
    [".##.", "#..#", "#..#", "..#.", ".#..", "#...", "####"],
    [".##.", "#..#", "...#", ".##.", "...#", "#..#", ".##."],
    ["#...", "#.#.", "#.#.", "####", "..#.", "..#.", "..#."],
    ["####", "#...", "#...", "###.", "...#", "#..#", ".##."],
    [".##.", "#..#", "#...", "###.", "#..#", "#..#", ".##."],
    ["####", "#..#", "...#", "..#.", "..#.", ".#..", ".#.."],
    [".##.", "#..#", "#..#", ".##.", "#..#", "#..#", ".##."],
    [".##.", "#..#", "#..#", ".###", "...#", "#..#", ".##."],
];

pub(super) async fn digit(hands: &mut Hands) -> Played {
    let digit: usize = quoted(&hands.instruction).pop().and_then(|text| text.parse().ok()).unwrap_or_default();
    let boxes = hands.of_role("checkbox");
    if boxes.len() != 28 {
        return stuck(format!("there are {} boxes, not seven rows of four", boxes.len()));
    }
    let wanted: Vec<bool> = DIGITS[digit % 10].iter().flat_map(|row| row.chars().map(|drawn| drawn == '#')).collect();
    for (mark, wanted) in boxes.iter().zip(wanted) {
        hands.tick(mark, wanted).await?;
    }
    hands.submit().await
}

pub(super) async fn odd_or_even(hands: &mut Hands) -> Played {
    let numbers: Vec<i64> = hands.seen.visible_text.lines().filter_map(|line| line.trim().parse().ok()).collect();
    let (odd, even) = (all_named(hands, "Odd"), all_named(hands, "Even"));
    if numbers.len() != odd.len() || odd.len() != even.len() {
        return stuck("there is not one pair of buttons for each number");
    }
    for (place, number) in numbers.iter().enumerate() {
        hands.click(if number % 2 == 0 { &even[place] } else { &odd[place] }).await?;
    }
    hands.submit().await
}

fn all_named(hands: &Hands, name: &str) -> Vec<Mark> {
    hands.of_role("button").into_iter().filter(|mark| mark.name.trim() == name).collect()
}

pub(super) async fn slider_and_box(hands: &mut Hands) -> Played {
    let instruction = hands.instruction.clone();
    let wanted: i64 = read(r"Select (-?\d+) with the slider", &instruction)?[0].parse().unwrap_or_default();
    slide_to(hands, 0, wanted).await?;
    let Some(mark) = ordinal(&instruction).and_then(|place| hands.of_role("checkbox").get(place).cloned()) else {
        return stuck("no box is told");
    };
    hands.tick(&mark, true).await?;
    hands.submit().await
}

pub(super) async fn radio_and_field(hands: &mut Hands) -> Played {
    let instruction = hands.instruction.clone();
    let words = read(r#"the (\d+)\w\w radio button and enter the number "(-?\d+)" into the (\d+)\w\w textbox"#, &instruction)?;
    let place = |text: &str| text.parse::<usize>().unwrap_or(1) - 1;
    let (Some(radio), Some(field)) = (hands.of_role("radio").get(place(&words[0])).cloned(), hands.fields().get(place(&words[2])).cloned())
    else {
        return stuck("there are too few buttons or fields");
    };
    hands.click(&radio).await?;
    hands.fill(&field, &words[1]).await?;
    hands.submit().await
}

pub(super) async fn dropdown_and_button(hands: &mut Hands) -> Played {
    let instruction = hands.instruction.clone();
    let option = read(r"Choose (.*) from the dropdown", &instruction)?.remove(0);
    let button = quoted(&instruction).pop().unwrap_or_default();
    if let Some(list) = hands.find(|mark| mark.tag == "select") {
        hands.choose(&list, &option).await?;
    } else {
        // a list of the page's own: its name holds its options in their order, behind an empty one
        let Some(list) = hands.find(|mark| mark.name.contains(&option)) else { return stuck("there is no list") };
        let Ok(expression) = regex::Regex::new(r"\d+ ?ft(?: \d+in)?") else { return stuck("no options") };
        let Some(place) = expression.find_iter(&list.name).position(|found| found.as_str() == option) else {
            return stuck(format!("the list has no {option:?}"));
        };
        hands.click(&list).await?;
        for _ in 0..=place {
            hands.keys(&["ArrowDown"]).await?;
        }
        hands.keys(&["Enter"]).await?;
    }
    hands.click_named(&button).await
}
