//! The page as an indented list of roles and names, for models that read better than they see.

use wayfarer_core::Observation;

/// Longest outline, in characters.
const LIMIT: usize = 6000;

/// The observation as lines of `role "name" [id]`: forms hold their fields, marks out of view come last. At most 6000 characters.
pub fn accessibility_outline(observation: &Observation) -> String {
    let mut lines = vec![format!("page {:?}", observation.title)];
    let mut current_form = None;
    for mark in observation.marks.iter().filter(|mark| mark.visible) {
        if mark.form != current_form {
            current_form = mark.form;
            if let Some(form) = observation.form_of(mark) {
                lines.push(format!("  form {:?} ({})", form.name, form.method));
            }
        }
        let indent = if mark.form.is_some() { "    " } else { "  " };
        lines.push(format!("{indent}{}", describe(mark)));
    }
    if observation.marks.iter().any(|mark| !mark.visible) {
        lines.push("  out of view".into());
        lines.extend(observation.marks.iter().filter(|mark| !mark.visible).map(|mark| format!("    {}", describe(mark))));
    }
    clip(&lines.join("\n"))
}

fn describe(mark: &wayfarer_core::Mark) -> String {
    let mut line = format!("{} {:?} [{}]", mark.role, mark.name, mark.id);
    if !mark.value.is_empty() {
        line.push_str(&format!(" value={:?}", mark.value));
    }
    if !mark.options.is_empty() {
        let shown: Vec<&str> = mark.options.iter().take(12).map(String::as_str).collect();
        let more = if mark.options.len() > shown.len() { ", …" } else { "" };
        line.push_str(&format!(" options=({}{more})", shown.join(", ")));
    }
    match mark.checked {
        Some(true) => line.push_str(" checked"),
        Some(false) => line.push_str(" unchecked"),
        None => {}
    }
    match mark.expanded {
        Some(true) => line.push_str(" expanded"),
        Some(false) => line.push_str(" collapsed"),
        None => {}
    }
    if mark.disabled {
        line.push_str(" disabled");
    }
    line
}

/// Cuts at a whole line.
fn clip(text: &str) -> String {
    if text.chars().count() <= LIMIT {
        return text.to_owned();
    }
    let mut kept = String::new();
    let mut length = 0;
    for line in text.lines() {
        let added = line.chars().count() + 1;
        if length + added > LIMIT - 2 {
            break;
        }
        kept.push_str(line);
        kept.push('\n');
        length += added;
    }
    kept.push('…');
    kept
}
