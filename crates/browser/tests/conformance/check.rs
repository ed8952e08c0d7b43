//! Whether a page shows what a case says, and an action told it.

use crate::case::{Facts, MarkFact, Step, mark};
use wayfarer_browser::{BrowserSession, accessibility_outline};
use wayfarer_core::Observation;
use wayfarer_core::action::Effect;

/// The first thing that is not so.
pub fn facts(facts: &Facts, seen: &Observation, first: &Observation) -> Result<(), String> {
    let among = || format!("\n{}", accessibility_outline(seen));
    let visible = |named: &str| mark(seen, named).filter(|mark| mark.visible);
    for named in &facts.marks {
        visible(named).ok_or_else(|| format!("{named:?} is no mark in view of{}", among()))?;
    }
    for named in &facts.absent {
        must(visible(named).is_none(), || format!("{named:?} is a mark in view"))?;
    }
    for named in &facts.offscreen {
        must(mark(seen, named).is_some_and(|mark| !mark.visible), || format!("{named:?} is no mark out of view of{}", among()))?;
    }
    for fact in &facts.is {
        mark_fact(fact, seen)?;
    }
    for words in &facts.says {
        must(seen.visible_text.contains(words), || format!("the text does not say {words:?}:\n{}", seen.visible_text))?;
    }
    for words in &facts.unsaid {
        must(!seen.visible_text.contains(words), || format!("the text says {words:?}:\n{}", seen.visible_text))?;
    }
    let everything = serde_json::to_string(seen).unwrap();
    for words in &facts.silent {
        must(!everything.contains(words), || format!("{words:?} is in the observation: {everything}"))?;
    }
    if let Some(title) = &facts.title {
        must(seen.title == *title, || format!("the title is {:?} and not {title:?}", seen.title))?;
    }
    if let Some(end) = &facts.url {
        must(seen.url.ends_with(end), || format!("the address is {} and does not end in {end}", seen.url))?;
    }
    if let Some(named) = &facts.focused {
        let focused = seen.focused.and_then(|id| seen.mark(id)).map(|mark| format!("{} {}", mark.role, mark.name)).unwrap_or_default();
        must(focused == *named, || format!("the focus is on {focused:?} and not on {named:?}"))?;
    }
    if let Some(top) = facts.scroll_top {
        must((seen.scroll.top - top).abs() < 1.5, || format!("the page stands at {} and not at {top}", seen.scroll.top))?;
    }
    if let Some(height) = facts.page_height {
        must((seen.scroll.height - height).abs() < 2.5, || format!("the page is {} high and not {height}", seen.scroll.height))?;
    }
    if let Some(left) = facts.scroll_left {
        must((seen.scroll.left - left).abs() < 1.5, || format!("the page stands at {} from the left and not at {left}", seen.scroll.left))?;
    }
    if let Some(width) = facts.page_width {
        must((seen.scroll.width - width).abs() < 2.5, || format!("the page is {} wide and not {width}", seen.scroll.width))?;
    }
    if let Some(reason) = &facts.settle {
        let told = serde_json::to_value(seen.settle.reason).unwrap();
        must(told == reason.as_str(), || format!("it settled by {told} and not by {reason}"))?;
    }
    let id =
        |page: &Observation, named: &str| mark(page, named).map(|mark| mark.id).ok_or_else(|| format!("there is no {named:?}{}", among()));
    for (before, after) in facts.same.iter().map(|named| (named, named)).chain(facts.same_as.iter().map(|(one, other)| (one, other))) {
        let (before_id, after_id) = (id(first, before)?, id(seen, after)?);
        must(before_id == after_id, || format!("{before:?} was {before_id} and {after:?} is {after_id}"))?;
    }
    for named in &facts.fresh {
        must(id(first, named)? != id(seen, named)?, || format!("{named:?} has the id of another element"))?;
    }
    Ok(())
}

fn mark_fact(fact: &MarkFact, seen: &Observation) -> Result<(), String> {
    let named = &fact.mark;
    let mark = mark(seen, named).ok_or_else(|| format!("there is no {named:?} among\n{}", accessibility_outline(seen)))?;
    if let Some(value) = &fact.value {
        must(mark.value == *value, || format!("{named:?} has the value {:?} and not {value:?}", mark.value))?;
    }
    if let Some(kind) = &fact.input_type {
        must(mark.input_type == *kind, || format!("{named:?} is of type {:?} and not {kind:?}", mark.input_type))?;
    }
    if fact.checked.is_some() {
        must(mark.checked == fact.checked, || format!("{named:?} is checked: {:?}", mark.checked))?;
    }
    if fact.expanded.is_some() {
        must(mark.expanded == fact.expanded, || format!("{named:?} is expanded: {:?}", mark.expanded))?;
    }
    if let Some(disabled) = fact.disabled {
        must(mark.disabled == disabled, || format!("{named:?} is disabled: {}", mark.disabled))?;
    }
    if let Some(options) = &fact.options {
        must(mark.options == *options, || format!("{named:?} has the options {:?}", mark.options))?;
    }
    if let Some(frame) = &fact.frame {
        let around = mark.frame.and_then(|id| seen.mark(id)).map(|mark| format!("{} {}", mark.role, mark.name));
        must(around.as_ref() == Some(frame), || format!("{named:?} is in the frame {around:?} and not in {frame:?}"))?;
    }
    if let Some(expected) = &fact.rect {
        let rect = [mark.rect.x, mark.rect.y, mark.rect.w, mark.rect.h];
        let is_near = rect.iter().zip(expected).all(|(is, expected)| (is - expected).abs() <= 0.6);
        must(is_near, || format!("{named:?} is at {rect:?} and not at {expected:?}"))?;
    }
    Ok(())
}

/// The first thing that the action did not tell as the step says.
pub async fn effect(step: &Step, effect: &Effect, session: &dyn BrowserSession) -> Result<(), String> {
    match (&step.error, &effect.error) {
        (None, Some(error)) => return Err(format!("it failed: {error}")),
        (Some(words), told) if !told.as_ref().is_some_and(|told| told.contains(words)) => {
            return Err(format!("it said {told:?} and not {words:?}"));
        }
        _ => {}
    }
    let flags = [
        ("a new window", step.popup, effect.popup),
        ("a navigation", step.navigated, effect.navigated),
        ("a change", step.changed, effect.changed),
    ];
    for (what, expected, told) in flags {
        must(expected.is_none_or(|expected| expected == told), || format!("{what}: {told}"))?;
    }
    must(effect.dialogs == step.dialogs, || format!("dialogs: {:?}", effect.dialogs))?;
    let mut downloads = effect.downloads.clone();
    downloads.sort_unstable();
    must(step.downloads.as_ref().is_none_or(|expected| *expected == downloads), || format!("downloads: {downloads:?}"))?;
    must(step.download_count.is_none_or(|count| count == downloads.len()), || format!("downloads: {downloads:?}"))?;
    for (name, content) in &step.kept {
        let Some(file) = effect.files.iter().find(|file| file.name == *name) else {
            return Err(format!("{name:?} was not kept; kept are {:?}", effect.files));
        };
        let kept = session.file(&file.blob).await.map_err(|error| error.to_string())?.unwrap_or_default();
        must(kept == content.as_bytes(), || format!("{name:?} holds {:?}", String::from_utf8_lossy(&kept)))?;
    }
    let read = effect.page_text.clone().unwrap_or_default();
    must(step.read.is_none() || effect.page_text.is_some(), || "nothing was read".into())?;
    for words in &step.text {
        must(read.contains(words), || format!("it did not read {words:?} in\n{read}"))?;
    }
    for words in &step.lacks {
        must(!read.contains(words), || format!("it read {words:?}"))?;
    }
    must(step.longest.is_none_or(|longest| read.chars().count() <= longest), || format!("it read {} characters", read.chars().count()))
}

fn must(is_so: bool, otherwise: impl FnOnce() -> String) -> Result<(), String> {
    if is_so { Ok(()) } else { Err(otherwise()) }
}
