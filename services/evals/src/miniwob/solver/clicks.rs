//! Something that has a name is clicked, perhaps after what hides it was opened.

use super::super::hands::{Hands, Played, at, stuck};
use super::{ordinal, quoted, read};
use regex::Regex;
use wayfarer_core::{Action, Mark};

pub(super) async fn buttons(hands: &mut Hands) -> Played {
    let mut wanted = quoted(&hands.instruction);
    if wanted.is_empty()
        && let Ok(expression) = Regex::new(r"button (ONE|TWO)")
    {
        wanted = expression.captures_iter(&hands.instruction).map(|found| found[1].to_owned()).collect();
    }
    if wanted.is_empty() {
        let Some(button) = hands.of_role("button").first().cloned() else { return stuck("there is no button") };
        return hands.click(&button).await;
    }
    for name in wanted {
        match hands.named_of("button", &name) {
            Some(button) => hands.click(&button).await?,
            None => hands.click_named(&name).await?,
        }
    }
    Ok(())
}

pub(super) async fn buttons_with_a_pause(hands: &mut Hands) -> Played {
    let words = read(r"button (\w+), wait ([\d.]+) second.*button (\w+)", &hands.instruction.clone())?;
    hands.click_named(&words[0]).await?;
    let seconds: f64 = words[1].parse().unwrap_or(1.0);
    // the page counts from the click, we from after it
    hands.act(Action::Wait { seconds }).await?;
    hands.click_named(&words[2]).await
}

pub(super) async fn dialog(hands: &mut Hands) -> Played {
    let wanted = quoted(&hands.instruction).pop().unwrap_or_default();
    let name = if wanted == "x" { "Close" } else { &wanted };
    match hands.named_of("button", name) {
        Some(button) => hands.click(&button).await,
        None => hands.click_named(name).await,
    }
}

pub(super) async fn link(hands: &mut Hands) -> Played {
    let name = quoted(&hands.instruction).pop().or_else(|| super::caught(r"(Tab #\d+)", &hands.instruction)?.pop());
    let Some(name) = name else { return stuck("no name is told") };
    match hands.named_of("link", &name) {
        Some(link) => hands.click(&link).await,
        None => hands.click_named(&name).await,
    }
}

fn exactly(hands: &Hands, name: &str) -> Option<Mark> {
    hands.find(|mark| mark.name.trim() == name && !matches!(mark.role.as_str(), "tab"))
}

pub(super) async fn link_behind_tabs(hands: &mut Hands) -> Played {
    let Some(wanted) = quoted(&hands.instruction).pop() else { return stuck("no name is told") };
    let tabs: Vec<String> = hands.of_role("tab").into_iter().map(|tab| tab.name).collect();
    for tab in tabs {
        if let Some(tab) = hands.named_of("link", &tab) {
            hands.click(&tab).await?;
        }
        if let Some(link) = exactly(hands, &wanted) {
            return hands.click(&link).await;
        }
    }
    stuck(format!("no tab has {wanted:?}"))
}

pub(super) async fn section(hands: &mut Hands) -> Played {
    let Some(section) = hands.find(|mark| mark.role == "tab" && mark.name.starts_with("Section")) else {
        return stuck("there is no section");
    };
    hands.click(&section).await?;
    for _ in 0..10 {
        if let Some(button) = hands.named_of("button", "Submit") {
            hands.click(&button).await?;
        }
        hands.look().await?;
    }
    stuck("there is no button in the section")
}

pub(super) async fn link_in_sections(hands: &mut Hands) -> Played {
    let Some(wanted) = quoted(&hands.instruction).pop() else { return stuck("no name is told") };
    let sections: Vec<String> = hands.of_role("tab").into_iter().map(|tab| tab.name).collect();
    for section in sections {
        if let Some(section) = hands.named_of("tab", &section) {
            hands.click(&section).await?;
        }
        for _ in 0..3 {
            if let Some(link) = exactly(hands, &wanted) {
                hands.click(&link).await?;
            }
            hands.look().await?;
        }
    }
    stuck(format!("no section has {wanted:?}"))
}

pub(super) async fn widget(hands: &mut Hands) -> Played {
    let Some(wanted) = quoted(&hands.instruction).pop() else { return stuck("no kind is told") };
    let is_it = |mark: &&Mark| match wanted.as_str() {
        "text" => mark.tag == "input" && mark.role == "textbox",
        "textarea" => mark.tag == "textarea",
        "button" => mark.role == "button",
        kind => mark.role == kind || mark.input_type == kind,
    };
    let Some(mark) = hands.find(is_it) else { return stuck(format!("there is no {wanted}")) };
    hands.click(&mark).await
}

pub(super) async fn focus(hands: &mut Hands) -> Played {
    let place = ordinal(&hands.instruction).unwrap_or(0);
    let Some(field) = hands.fields().get(place).cloned() else { return stuck("there are too few fields") };
    hands.click(&field).await
}

/// `Select A>B>C`: a menu that opens where the pointer is.
pub(super) async fn menu(hands: &mut Hands) -> Played {
    let path = read(r"Select (.*)", &hands.instruction.clone())?.remove(0);
    let items: Vec<&str> = path.split('>').map(str::trim).collect();
    for (place, item) in items.iter().enumerate() {
        let found = hands.wait_for(|mark| mark.role == "menuitem" && mark.name.trim() == *item).await?;
        let Some(mark) = found else { return stuck(format!("the menu has no {item:?}")) };
        if place + 1 == items.len() {
            return hands.click(&mark).await;
        }
        hands.act(Action::MouseMove { target: at(&mark) }).await?;
    }
    Ok(())
}

pub(super) async fn menu_item(hands: &mut Hands) -> Played {
    let wanted = quoted(&hands.instruction).pop().unwrap_or_default();
    hands.click_named("Menu").await?;
    let is_wanted = |mark: &Mark| mark.role == "menuitem" && mark.name.trim() == wanted;
    // in the menu, or in the menu of its one item that has one
    if hands.find(|mark| is_wanted(mark)).is_none()
        && let Some(item) = hands.wait_for(|mark| mark.role == "menuitem" && mark.name.trim() == "Playback").await?
    {
        hands.act(Action::MouseMove { target: at(&item) }).await?;
    }
    match hands.wait_for(is_wanted).await? {
        Some(item) => hands.click(&item).await,
        None => stuck(format!("the menu has no {wanted:?}")),
    }
}

pub(super) async fn pie(hands: &mut Hands) -> Played {
    let Some(wanted) = quoted(&hands.instruction).pop() else { return stuck("no name is told") };
    hands.click_named("+").await?;
    for _ in 0..6 {
        if let Some(item) = exactly(hands, &wanted) {
            hands.click(&item).await?;
        }
        hands.look().await?;
    }
    stuck(format!("the pie has no {wanted:?}"))
}
