//! Which tools the model may use in a step: only what is legal now is offered (spec/faragen.md B.4).

use wayfarer_core::Observation;
use wayfarer_core::prompt::surf::tool;

/// Pixels below which a page counts as being at its end (spec/faragen.md B.4).
const SLACK: f64 = 5.0;

/// The tools of this step; `has_navigated` says whether there is a page to go back to.
pub fn offered(observation: &Observation, has_navigated: bool, stop_only: bool) -> Vec<&'static str> {
    if stop_only {
        return vec![tool::STOP];
    }
    let marks = &observation.marks;
    let has_text_field = marks.iter().any(|mark| {
        let takes_text = matches!(mark.role.as_str(), "textbox" | "searchbox" | "combobox" | "spinbutton")
            || mark.tag == "textarea"
            || mark.tag == "input";
        takes_text && mark.tag != "select"
    });
    let rows: [(&'static str, bool); 13] = [
        (tool::CLICK, !marks.is_empty()),
        (tool::INPUT_TEXT, has_text_field),
        (tool::SELECT_OPTION, marks.iter().any(|mark| mark.tag == "select")),
        (tool::HOVER, !marks.is_empty()),
        (tool::KEYPRESS, true),
        (tool::SCROLL_UP, observation.scroll.top > SLACK),
        (tool::SCROLL_DOWN, observation.scroll.top + f64::from(observation.viewport.height) + SLACK < observation.scroll.height),
        (tool::VISIT_URL, true),
        (tool::WEB_SEARCH, true),
        (tool::HISTORY_BACK, has_navigated),
        (tool::MEMORIZE, true),
        (tool::SLEEP, true),
        (tool::STOP, true),
    ];
    rows.into_iter().filter(|(_, legal)| *legal).map(|(name, _)| name).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{mark, page};

    #[test]
    fn only_what_is_legal_is_offered() {
        let mut page = page("http://shop.localhost/", vec![mark(10, "link", "Home")]);
        page.scroll.height = 900.0;

        let first = offered(&page, false, false);
        for absent in [tool::SCROLL_UP, tool::SCROLL_DOWN, tool::HISTORY_BACK, tool::SELECT_OPTION, tool::INPUT_TEXT] {
            assert!(!first.contains(&absent), "{absent}");
        }

        page.scroll.height = 2000.0;
        page.scroll.top = 100.0;
        page.marks.push(wayfarer_core::Mark { tag: "select".into(), ..mark(11, "combobox", "Size") });
        let later = offered(&page, true, false);
        for present in [tool::SCROLL_UP, tool::SCROLL_DOWN, tool::HISTORY_BACK, tool::SELECT_OPTION] {
            assert!(later.contains(&present), "{present}");
        }
        assert_eq!(offered(&page, true, true), [tool::STOP]);
    }
}
