//! Rules, one for each kind of task. They know what a kind of page wants, and read the rest from the instruction and the marks.

mod clicks;
mod dates;
mod forms;
mod mail;
mod odd;
mod pointer;
mod texts;

use super::hands::{Hands, Played, stuck};
use regex::Regex;

/// Tasks without a rule, and why.
pub const LEFT_OUT: &[(&str, &str)] = &[
    ("ascending-numbers", "drawn: no element is marked"),
    ("bisect-angle", "drawn: needs eyes"),
    ("chase-circle", "drawn and moving: needs eyes"),
    ("circle-center", "drawn: needs eyes"),
    ("click-checkboxes-soft", "needs the meaning of words"),
    ("click-color", "needs eyes for colours"),
    ("click-shades", "needs eyes for colours"),
    ("click-shape", "needs eyes for sizes and colours"),
    ("count-shape", "needs eyes for sizes and colours"),
    ("count-sides", "drawn: needs eyes"),
    ("daily-calendar", "its hours are no marks: they show no sign that they can be clicked"),
    ("drag-box", "drawn: needs eyes"),
    ("drag-circle", "drawn: needs eyes"),
    ("drag-cube", "drawn: needs eyes"),
    ("drag-items", "its items are no marks: they show no sign that they can be dragged"),
    ("drag-items-grid", "its items are no marks: they show no sign that they can be dragged"),
    ("drag-shapes", "needs eyes for shapes"),
    ("drag-shapes-2", "needs eyes for shapes"),
    ("drag-single-shape", "drawn: needs eyes"),
    ("drag-sort-numbers", "its items are no marks: they show no sign that they can be dragged"),
    ("draw-circle", "drawn: needs eyes"),
    ("draw-line", "drawn: needs eyes"),
    ("find-midpoint", "drawn: needs eyes"),
    ("grid-coordinate", "drawn: needs eyes"),
    ("highlight-text", "its paragraph is no mark"),
    ("highlight-text-2", "its paragraphs are no marks"),
    ("hot-cold", "drawn: needs eyes"),
    ("hover-shape", "drawn and moving: needs eyes"),
    ("identify-shape", "drawn: needs eyes"),
    ("moving-items", "drawn and moving: needs eyes"),
    ("order-food", "its plus and minus are no marks: they show no sign that they can be clicked"),
    ("navigate-tree", "needs eyes: a file and a folder differ by their icons"),
    ("right-angle", "drawn: needs eyes"),
    ("simon-says", "needs eyes for what lights up"),
    ("social-media", "its icons are no marks: they have no names"),
    ("social-media-all", "its icons are no marks: they have no names"),
    ("social-media-some", "its icons are no marks: they have no names"),
    ("text-editor", "needs eyes for icons without names"),
    ("text-transform", "a captcha: needs eyes"),
    ("tic-tac-toe", "its cells are no marks"),
    ("use-colorwheel-2", "needs eyes for colours"),
    ("visual-addition", "needs eyes"),
];

/// Whether there is a rule for a task.
pub fn is_known(task: &str) -> bool {
    !LEFT_OUT.iter().any(|(left_out, _)| *left_out == task)
}

/// Plays an episode of a task.
pub(crate) async fn solve(task: &str, hands: &mut Hands) -> Played {
    match task {
        "click-test" | "click-test-2" | "click-test-transfer" | "click-button" | "click-button-sequence" | "unicode-test" => {
            clicks::buttons(hands).await
        }
        "button-delay" => clicks::buttons_with_a_pause(hands).await,
        "click-dialog" | "click-dialog-2" => clicks::dialog(hands).await,
        "click-link" | "click-tab" => clicks::link(hands).await,
        "click-tab-2" | "click-tab-2-easy" | "click-tab-2-medium" | "click-tab-2-hard" => clicks::link_behind_tabs(hands).await,
        "click-collapsible" | "click-collapsible-nodelay" => clicks::section(hands).await,
        "click-collapsible-2" | "click-collapsible-2-nodelay" => clicks::link_in_sections(hands).await,
        "click-widget" => clicks::widget(hands).await,
        "focus-text" | "focus-text-2" => clicks::focus(hands).await,
        "click-menu" => clicks::menu(hands).await,
        "click-menu-2" => clicks::menu_item(hands).await,
        "click-pie" | "click-pie-nodelay" => clicks::pie(hands).await,
        "click-checkboxes" | "click-checkboxes-large" | "click-checkboxes-transfer" | "click-option" => forms::boxes(hands).await,
        "choose-list" | "click-scroll-list" => forms::list(hands).await,
        "number-checkboxes" => forms::digit(hands).await,
        "odd-or-even" => forms::odd_or_even(hands).await,
        "form-sequence" => forms::slider_and_box(hands).await,
        "form-sequence-2" => forms::radio_and_field(hands).await,
        "form-sequence-3" => forms::dropdown_and_button(hands).await,
        "use-slider" => pointer::slider(hands).await,
        "use-slider-2" => pointer::sliders(hands).await,
        "use-spinner" => pointer::spinner(hands).await,
        "resize-textarea" => pointer::resize(hands).await,
        "enter-text" | "enter-text-2" | "enter-text-dynamic" | "enter-password" => texts::quoted(hands).await,
        "enter-date" => texts::date(hands).await,
        "enter-time" => texts::time(hands).await,
        "login-user" | "login-user-popup" => texts::login(hands).await,
        "copy-paste" | "copy-paste-2" => texts::copy(hands).await,
        "find-word" => texts::word(hands).await,
        "read-table" | "read-table-2" => texts::table(hands).await,
        "simple-arithmetic" | "simple-algebra" => texts::sum(hands).await,
        "multi-layouts" | "multi-orderings" => texts::movie(hands).await,
        "search-engine" => texts::search(hands).await,
        "scroll-text" => texts::last_word(hands).await,
        "scroll-text-2" => texts::to_the_bottom(hands).await,
        "sign-agreement" => texts::agreement(hands).await,
        "use-autocomplete" | "use-autocomplete-nodelay" => texts::autocomplete(hands).await,
        "use-colorwheel" => texts::colour(hands).await,
        "terminal" => texts::terminal(hands).await,
        "choose-date" | "choose-date-easy" | "choose-date-medium" | "choose-date-nodelay" => dates::choose(hands).await,
        "book-flight" | "book-flight-nodelay" => dates::flight(hands).await,
        _ if task.starts_with("email-inbox") => mail::inbox(hands).await,
        "buy-ticket" => odd::ticket(hands).await,
        "find-greatest" => odd::greatest(hands).await,
        "generate-number" => odd::generate(hands).await,
        "guess-number" => odd::guess(hands).await,
        "phone-book" => odd::contact(hands).await,
        "stock-market" => odd::stock(hands).await,
        _ => stuck(format!("there is no rule for {task}")),
    }
}

/// What an expression's groups caught.
pub(super) fn caught(expression: &str, text: &str) -> Option<Vec<String>> {
    let found = Regex::new(expression).ok()?.captures(text)?;
    Some(found.iter().skip(1).map(|group| group.map(|group| group.as_str().trim().to_owned()).unwrap_or_default()).collect())
}

/// What an expression's groups caught, or why a rule goes on no longer.
pub(super) fn read(expression: &str, text: &str) -> Played<Vec<String>> {
    caught(expression, text).map_or_else(|| stuck(format!("{text:?} is not of the kind {expression}")), Ok)
}

/// What stands in quotes.
pub(super) fn quoted(text: &str) -> Vec<String> {
    let Ok(expression) = Regex::new("\"([^\"]*)\"") else { return Vec::new() };
    expression.captures_iter(text).map(|found| found[1].to_owned()).collect()
}

/// Where `1st`, `2nd`, … stands in a list that begins at 0.
pub(super) fn ordinal(text: &str) -> Option<usize> {
    let number: usize = caught(r"(\d+)(?:st|nd|rd|th)", text)?.first()?.parse().ok()?;
    number.checked_sub(1)
}
