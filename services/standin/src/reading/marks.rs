//! Finding controls by their words.

use crate::words;
use wayfarer_core::prompt::{MarkText, PageView};

const CLICKABLE: &[&str] = &["link", "button", "tab", "radio", "checkbox", "option", "menuitem", "switch"];
const TYPABLE: &[&str] = &["textbox", "searchbox", "combobox", "spinbutton", "textarea", "input", "date"];

/// Whether text can be typed into it.
pub fn is_field(mark: &MarkText) -> bool {
    mark.options.is_empty()
        && (TYPABLE.contains(&mark.role.as_str())
            || matches!(mark.input_type.as_str(), "text" | "search" | "email" | "tel" | "number" | "date" | "time" | "password"))
}

/// Whether it is a native select.
pub fn is_select(mark: &MarkText) -> bool {
    !mark.options.is_empty()
}

/// The best mark for a name: exact before beginning before containing before most words in common; nearer to the wanted role first.
pub fn by_name<'a>(page: &'a PageView, role: &str, name: &str, fits: impl Fn(&MarkText) -> bool) -> Option<&'a MarkText> {
    let mut best: Option<(f64, &MarkText)> = None;
    for mark in page.marks.iter().filter(|mark| !mark.disabled && fits(mark)) {
        let closeness = closeness(&mark.name, name);
        if closeness < 0.5 {
            continue;
        }
        let role_bonus = if role.is_empty() || mark.role == role { 0.3 } else { 0.0 };
        let seen_bonus = if mark.offscreen { 0.0 } else { 0.05 };
        let score = closeness + role_bonus + seen_bonus;
        if best.is_none_or(|(other, _)| score > other) {
            best = Some((score, mark));
        }
    }
    best.map(|(_, mark)| mark)
}

fn closeness(have: &str, wanted: &str) -> f64 {
    let (have, wanted) = (words::normal(have), words::normal(wanted));
    if wanted.is_empty() || have.is_empty() {
        return 0.0;
    }
    if have == wanted {
        return 3.0;
    }
    // the nearer in length, the better: "Trail Mug" before "Trail Mug Set"
    let nearness = wanted.len().min(have.len()) as f64 / wanted.len().max(have.len()) as f64;
    if have.starts_with(&format!("{wanted} ")) {
        2.0 + nearness / 2.0
    } else if words::holds(&have, &wanted) {
        1.5 + nearness / 2.0
    } else if words::holds(&wanted, &have) && have.len() > 2 {
        0.5 + nearness / 2.0
    } else {
        let common = words::overlap(&have, &wanted);
        if common >= 0.75 { common * 0.8 } else { 0.0 }
    }
}

/// Something to click.
pub fn clickable<'a>(page: &'a PageView, role: &str, name: &str) -> Option<&'a MarkText> {
    by_name(page, role, name, |mark| CLICKABLE.contains(&mark.role.as_str()) || !mark.href.is_empty())
}

/// Something to click of this very role whose name holds the whole name; the nearest name wins.
pub fn named<'a>(page: &'a PageView, role: &str, name: &str) -> Option<&'a MarkText> {
    by_name(page, role, name, |mark| {
        (role.is_empty() || mark.role == role)
            && (CLICKABLE.contains(&mark.role.as_str()) || !mark.href.is_empty() || !role.is_empty())
            && words::holds(&mark.name, name)
    })
}

/// A link whose name holds the whole name.
pub fn link<'a>(page: &'a PageView, name: &str) -> Option<&'a MarkText> {
    by_name(page, "link", name, |mark| (mark.role == "link" || !mark.href.is_empty()) && words::holds(&mark.name, name))
}

/// A link to the thing of this name: nothing but the name, or the name with figures behind it ("Trail Mug $18.00"), for "Trail Mug XL"
/// is another thing.
pub fn link_to<'a>(page: &'a PageView, name: &str) -> Option<&'a MarkText> {
    let wanted = words::normal(name);
    let is_it = |mark: &MarkText| {
        let have = words::normal(&mark.name);
        let rest = have.strip_prefix(&wanted).map(str::trim_start);
        rest.is_some_and(|rest| rest.is_empty() || rest.starts_with(|c: char| !c.is_alphabetic()))
    };
    by_name(page, "link", name, |mark| (mark.role == "link" || !mark.href.is_empty()) && is_it(mark))
}

/// A button with one of these names (or a link that looks like one).
pub fn button<'a>(page: &'a PageView, names: &[&str]) -> Option<&'a MarkText> {
    names
        .iter()
        .find_map(|name| by_name(page, "button", name, |mark| CLICKABLE.contains(&mark.role.as_str()) && words::holds(&mark.name, name)))
}

/// A field with one of these names.
pub fn field<'a>(page: &'a PageView, names: &[&str]) -> Option<&'a MarkText> {
    names.iter().find_map(|name| by_name(page, "textbox", name, |mark| is_field(mark) && words::holds(&mark.name, name)))
}

/// A select with one of these names.
pub fn select<'a>(page: &'a PageView, names: &[&str]) -> Option<&'a MarkText> {
    names.iter().find_map(|name| by_name(page, "combobox", name, |mark| is_select(mark) && words::holds(&mark.name, name)))
}

/// The option of a select that means `wanted`.
pub fn option<'a>(select: &'a MarkText, wanted: &str) -> Option<&'a str> {
    let by = |fits: &dyn Fn(&str) -> bool| select.options.iter().map(String::as_str).find(|option| fits(option));
    by(&|option| words::same(option, wanted)).or_else(|| by(&|option| words::holds(option, wanted)))
}

/// The site's search box.
pub fn search_box(page: &PageView) -> Option<&MarkText> {
    page.marks.iter().filter(|mark| is_field(mark) && !mark.disabled).find(|mark| {
        mark.role == "searchbox"
            || mark.input_type == "search"
            || words::holds_any(&mark.name, &["search", "find", "quick search", "looking for"]).is_some()
    })
}

/// The button that closes a cookie banner, the most private one first.
pub fn cookie_button(page: &PageView) -> Option<&MarkText> {
    words::holds_any(&page.text, &["cookie", "cookies"])?;
    let private = ["only necessary", "necessary only", "only essential", "reject all", "reject", "decline", "refuse", "no thanks"];
    let open = ["accept all", "accept", "allow all", "got it"];
    let visible = |mark: &MarkText| mark.role == "button" && !mark.offscreen;
    private.iter().chain(&open).find_map(|name| page.marks.iter().find(|mark| visible(mark) && words::holds(&mark.name, name)))
}

/// Whether there is more below.
pub fn can_scroll_down(page: &PageView) -> bool {
    page.scroll_top + page.viewport_height + 4.0 < page.page_height
}

/// Whether a field is the site's search box.
pub fn search_box_like(mark: &MarkText) -> bool {
    mark.role == "searchbox" || mark.input_type == "search" || words::holds_any(&mark.name, &["search", "find"]).is_some()
}
