//! The inbox: a message is opened, and deleted, starred, answered or passed on.

use super::super::hands::{Hands, Played, stuck};
use super::{caught, quoted};
use regex::Regex;
use wayfarer_core::Mark;

pub(super) async fn inbox(hands: &mut Hands) -> Played {
    let instruction = if hands.instruction.is_empty() {
        hands.seen.visible_text.lines().next().unwrap_or_default().to_owned()
    } else {
        hands.instruction.clone()
    };
    let senders: Vec<String> = hands.marks().filter_map(|mark| Some(mark.name.split_whitespace().next()?.to_owned())).collect();
    let Some(sender) = sender(&instruction, &senders) else { return stuck(format!("no sender is told in {instruction:?}")) };
    let is_row = |mark: &&Mark| mark.name.starts_with(&sender) && mark.rect.h > 20.0;
    let mut row = hands.find(is_row);
    for _ in 0..6 {
        if row.is_some() {
            break;
        }
        hands.scroll(-60, (80.0, 160.0)).await?;
        row = hands.find(is_row);
    }
    let Some(row) = row else { return stuck(format!("there is no message by {sender}")) };
    hands.click(&row).await?;
    let text = instruction.to_lowercase();
    match () {
        () if text.contains("delete") || text.contains("trash") => press(hands, &["trash", "delete"]).await,
        () if text.contains("star") || text.contains("important") => press(hands, &["star", "important"]).await,
        () if text.contains("reply") || text.contains("respond") => {
            let Some(answer) = quoted(&instruction).pop() else { return stuck("no answer is told") };
            press(hands, &["reply"]).await?;
            write(hands, None, &answer).await
        }
        () => {
            let Some(receiver) = receiver(&instruction, &sender) else { return stuck("no receiver is told") };
            press(hands, &["forward"]).await?;
            write(hands, Some(&receiver), "").await
        }
    }
}

fn sender(instruction: &str, senders: &[String]) -> Option<String> {
    let patterns = [r"by ([A-Z]\w+)", r"from ([A-Z]\w+)", r"([A-Z]\w+)'s ", r"^([A-Z]\w+) (?:wants|wrote|sent|has)"];
    let told = patterns.iter().find_map(|pattern| caught(pattern, instruction)?.pop());
    // or whoever is in the list and is not sent to
    let names = Regex::new(r"(to )?\b([A-Z]\w+)").ok()?;
    told.or_else(|| {
        let mut found = names.captures_iter(instruction).filter(|found| found.get(1).is_none()).map(|found| found[2].to_owned());
        found.find(|name| senders.contains(name))
    })
}

fn receiver(instruction: &str, sender: &str) -> Option<String> {
    let patterns = [r"to ([A-Z]\w+)", r"(?i:give|send|forward) ([A-Z]\w+)"];
    let told = patterns.iter().filter_map(|pattern| caught(pattern, instruction)?.pop()).find(|name| name != sender);
    // or the other name that is told
    let names = Regex::new(r"[a-z,] ([A-Z]\w+)").ok()?;
    told.or_else(|| names.captures_iter(instruction).map(|found| found[1].to_owned()).find(|name| name != sender))
}

/// The icons of a message, by what their names or their places say: star, trash above; reply, forward below.
async fn press(hands: &mut Hands, names: &[&str]) -> Played {
    let by_name =
        hands.find(|mark| mark.name.trim() != "Reply Forward" && names.iter().any(|name| mark.name.to_lowercase().contains(name)));
    if let Some(mark) = by_name {
        return hands.click(&mark).await;
    }
    // both stand in one mark, side by side
    if let Some(both) = hands.find(|mark| mark.name.trim() == "Reply Forward")
        && let Some(place) = ["reply", "forward"].iter().position(|name| *name == names[0])
    {
        let (x, y) = both.rect.centre();
        return hands.click_at(if place == 0 { x - 20.0 } else { x + 20.0 }, y).await;
    }
    let icons: Vec<Mark> = hands.marks().filter(|mark| mark.name.trim().is_empty() && mark.rect.w < 40.0).cloned().collect();
    // from the left in the line above: back, trash, star
    let above: Vec<&Mark> = icons.iter().filter(|mark| mark.rect.y < 90.0).collect();
    let wanted = match names[0] {
        // the last one, beside the way back
        "send" => {
            return match icons.iter().max_by(|one, other| one.rect.x.total_cmp(&other.rect.x)) {
                Some(mark) => hands.click(&mark.clone()).await,
                None => stuck("there is no send"),
            };
        }
        "trash" => above.iter().max_by(|one, other| one.rect.x.total_cmp(&other.rect.x)),
        "star" => above.iter().min_by(|one, other| (one.rect.x - 120.0).abs().total_cmp(&(other.rect.x - 120.0).abs())),
        _ => None,
    };
    match wanted.map(|mark| (*mark).clone()) {
        Some(mark) => hands.click(&mark).await,
        None => stuck(format!("there is no {}", names[0])),
    }
}

async fn write(hands: &mut Hands, receiver: Option<&str>, text: &str) -> Played {
    let fields = hands.fields();
    if let Some(receiver) = receiver {
        let Some(field) = fields.first() else { return stuck("there is no field for the receiver") };
        hands.fill(field, receiver).await?;
    }
    if !text.is_empty() {
        let Some(field) = fields.iter().rev().find(|field| field.tag == "textarea") else {
            return stuck("there is no field for the answer");
        };
        hands.fill(field, text).await?;
    }
    press(hands, &["send"]).await
}
