//! Every action of the action space as trusted input (docs/actions.md; spec/faragen.md E, without its faults).
//!
//! What the page or the agent did wrong comes back as words for the agent (`Ok(Some(words))`); only a broken environment is an error.

use crate::address;
use crate::clipboard::Copied;
use crate::files::{self, Taker};
use crate::foreign;
use crate::keys::{self, Key};
use crate::pointer::Button;
use crate::session::ChromiumSession;
use crate::tab::{Tab, TabError};
use serde::Deserialize;
use serde_json::{Value, json};
use std::sync::Arc;
use std::time::Duration;
use wayfarer_core::Action;
use wayfarer_core::action::Target;
use wayfarer_core::observation::Viewport;

/// Longest `wait`, in seconds.
const LONGEST_WAIT: f64 = 10.0;
/// Text up to this length is typed key by key, so that widgets which listen to keys see each one; the front of longer text is inserted.
const TYPED_CHARACTERS: usize = 60;
/// Longest text of one action.
const LONGEST_TEXT: usize = 20_000;
/// Longest text of a page that is read (spec/faragen.md E).
const PAGE_TEXT_LENGTH: usize = 20_000;
/// A navigation that a `visit` waits for.
const VISIT_LIMIT: Duration = Duration::from_secs(30);

/// Words for the agent when the action did not work.
type Fault = Option<String>;

/// Where an element is, or why it cannot be used.
#[derive(Debug, Deserialize)]
struct Place {
    error: Option<String>,
    #[serde(default)]
    x: f64,
    #[serde(default)]
    y: f64,
    #[serde(default)]
    kind: String,
    #[serde(default)]
    options: Vec<String>,
}

/// How text gets into the focused field.
#[derive(Debug, Deserialize)]
struct Field {
    error: Option<String>,
    #[serde(default)]
    kind: String,
    /// What is typed there is a secret.
    #[serde(default)]
    secret: bool,
    #[serde(default)]
    clear: bool,
    #[serde(default)]
    multiline: bool,
}

impl ChromiumSession {
    /// Performs an action on the current tab.
    ///
    /// `focus_is_known` says that nothing was done since the last look, so that keys must meet the focus that was seen then.
    pub(crate) async fn perform(&self, tab: &Arc<Tab>, action: &Action, focus_is_known: bool) -> Result<Fault, TabError> {
        let done = match action {
            Action::LeftClick { target } => self.click(tab, target, Button::Left, 1).await,
            Action::DoubleClick { target } => self.click(tab, target, Button::Left, 2).await,
            Action::TripleClick { target } => self.click(tab, target, Button::Left, 3).await,
            Action::RightClick { target } => self.click(tab, target, Button::Right, 1).await,
            Action::LeftClickDrag { from, to } => self.drag(tab, from, to).await,
            Action::UploadFile { target, files } => self.upload(tab, target, files).await,
            Action::Type { target, text, press_enter, delete_existing_text } => {
                let typed = Typed { text, press_enter: *press_enter, clear: *delete_existing_text };
                self.type_text(tab, target.as_ref(), typed, focus_is_known).await
            }
            Action::SelectOption { target, option } => self.select(tab, target, option).await,
            Action::MouseMove { target } => match self.place(tab, target).await? {
                Ok(place) => tab.move_to(place.x, place.y).await.map(|()| None),
                Err(fault) => Ok(Some(fault)),
            },
            Action::Key { keys } => match keys::parse(keys) {
                Ok(keys) => self.press_judged(tab, &keys, focus_is_known).await,
                Err(fault) => Ok(Some(fault)),
            },
            // positive is up for an agent, a positive delta is down for a wheel
            Action::Scroll { pixels, target } => self.scroll(tab, 0.0, -f64::from(*pixels), target.as_ref()).await,
            Action::Hscroll { pixels, target } => self.scroll(tab, f64::from(*pixels), 0.0, target.as_ref()).await,
            Action::VisitUrl { url } => self.go(tab, address::visit(url, &self.egress)).await,
            Action::WebSearch { query } => self.go(tab, address::search(query, &self.egress)).await,
            Action::HistoryBack => self.back(tab).await,
            Action::Wait { seconds } => {
                let seconds = if seconds.is_finite() { seconds.clamp(0.0, LONGEST_WAIT) } else { 0.0 };
                tokio::time::sleep(Duration::from_secs_f64(seconds)).await;
                Ok(None)
            }
            // read elsewhere, or no business of a browser
            Action::ReadPage { .. } | Action::AskUserQuestion { .. } | Action::PauseAndMemorizeFact { .. } | Action::Terminate { .. } => {
                Ok(None)
            }
        };
        match done {
            // a click that closes its window, or a document that leaves while it is used, did what it was told
            Err(TabError::Closed | TabError::Navigated) => Ok(None),
            Err(TabError::Refused(detail)) => Ok(Some(format!("the browser refused: {detail}"))),
            other => other,
        }
    }

    /// Finds the target anew: a mark by its element, anything else by its coordinates, brought inside the viewport.
    async fn place(&self, tab: &Tab, target: &Target) -> Result<Result<Place, String>, TabError> {
        let is_foreign = |mark: &u32| foreign::number_of(*mark) > 0;
        if let Some(mark) = target.mark.filter(is_foreign) {
            return Ok(match tab.locate_foreign(mark, target.x, target.y).await {
                Ok(Ok(place)) => Ok(serde_json::from_value(place)
                    .map_err(|error| TabError::Refused(format!("the page script answered nonsense: {error}")))?),
                Ok(Err(fault)) => Err(fault),
                Err(TabError::Navigated) => Err(format!("mark {mark} is gone: its frame went elsewhere")),
                Err(error) => return Err(error),
            });
        }
        let expression = match target.mark {
            Some(mark) => format!("__wayfarer.locate({mark}, {}, {}, {})", tab.judged(), json!(target.x), json!(target.y)),
            None => {
                let (x, y) = clamp(target.x, target.y, self.viewport());
                format!("__wayfarer.at({x}, {y}, {})", tab.judged())
            }
        };
        let place: Place = match tab.script(&expression).await {
            Err(TabError::Navigated) => match tab.script(&expression).await {
                Err(TabError::Navigated) => return Ok(Err("the page is going elsewhere; look at it again".into())),
                other => other?,
            },
            other => other?,
        };
        Ok(match place.error {
            Some(error) => Err(error),
            None => Ok(place),
        })
    }

    async fn click(&self, tab: &Tab, target: &Target, button: Button, times: u8) -> Result<Fault, TabError> {
        let place = match self.place(tab, target).await? {
            Ok(place) => place,
            Err(fault) => return Ok(Some(fault)),
        };
        match (place.kind.as_str(), button) {
            // its pop-up is drawn by the system and on no screenshot
            ("select", Button::Left) => {
                Ok(Some(format!("this is a native select; use select_option with one of: {}", place.options.join(", "))))
            }
            ("file", Button::Left) => Ok(Some(format!("this opens a file chooser; {}", self.files.handles()))),
            _ => tab.clicks(place.x, place.y, button, times).await.map(|()| None),
        }
    }

    async fn drag(&self, tab: &Tab, from: &Target, to: &Target) -> Result<Fault, TabError> {
        // the end first: bringing it into view may move the beginning
        let mut ends = Vec::new();
        for target in [to, from] {
            match self.place(tab, target).await? {
                Ok(place) => ends.push((place.x, place.y)),
                Err(fault) => return Ok(Some(fault)),
            }
        }
        let [_, start] = ends[..] else { return Ok(None) };
        let end = match self.place(tab, to).await? {
            Ok(place) => (place.x, place.y),
            Err(fault) => return Ok(Some(fault)),
        };
        tab.drag(start, end).await.map(|()| None)
    }

    async fn upload(&self, tab: &Tab, target: &Target, handles: &[String]) -> Result<Fault, TabError> {
        let place = match self.place(tab, target).await? {
            Ok(place) => place,
            Err(fault) => return Ok(Some(fault)),
        };
        let taker = match (place.kind.as_str(), target.mark) {
            ("file", Some(mark)) => Taker::Field(tab.realm_of(Some(mark)).0, format!("__wayfarer.fileField({mark})")),
            _ => Taker::Opener(place.x, place.y),
        };
        files::upload(tab, &self.files, taker, handles).await
    }

    /// The whole page as text; frames of other sites after it.
    pub(crate) async fn read_page(&self, tab: &Tab) -> Result<String, TabError> {
        let ask = |left: usize| format!("__wayfarer.read({left}, {})", self.secrets.literal());
        let mut text: String = match tab.script(&ask(PAGE_TEXT_LENGTH)).await {
            Err(TabError::Navigated) => tab.script(&ask(PAGE_TEXT_LENGTH)).await?,
            other => other?,
        };
        for realm in tab.foreign_realms() {
            let left = PAGE_TEXT_LENGTH.saturating_sub(text.chars().count() + 2);
            // a frame that went away has nothing to say
            if let Ok(more) = tab.script_in::<String>(&realm, &ask(left)).await
                && left > 0
                && !more.is_empty()
            {
                text = format!("{text}\n\n{more}");
            }
        }
        Ok(text)
    }

    /// Keys that press what has the focus do so only where it is the element that was judged.
    async fn press_judged(&self, tab: &Tab, keys: &[Key], focus_is_known: bool) -> Result<Fault, TabError> {
        let presses = keys.iter().any(|key| matches!(key.key.as_str(), "Enter" | " "));
        let moves = keys.iter().any(|key| key.key == "Tab");
        if presses && focus_is_known && !moves {
            let (realm, judged) = tab.focused_realm();
            let fault: Fault = tab.script_in(&realm, &format!("__wayfarer.focusMoved({judged})")).await?;
            if fault.is_some() {
                return Ok(fault);
            }
        }
        self.press(tab, keys).await
    }

    /// Presses keys in order and releases them in reverse. What would paste from the browser's clipboard pastes from the session's.
    async fn press(&self, tab: &Tab, keys: &[Key]) -> Result<Fault, TabError> {
        let (mut modifiers, mut pressed, mut fault) = (0, Vec::new(), Ok(None));
        for key in keys {
            modifiers |= key.modifier;
            let key = if modifiers & keys::SHIFT != 0 { keys::shifted(key) } else { key.clone() };
            let done = match keys::pastes(&key, modifiers) {
                true => self.paste(tab, &key, modifiers).await,
                false => tab.key_down(&key, modifiers).await.map(|()| None),
            };
            pressed.push(key);
            match done {
                Ok(None) => {}
                other => {
                    fault = other;
                    break;
                }
            }
        }
        // no key stays down, whatever became of the others
        for key in pressed.iter().rev() {
            modifiers &= !key.modifier;
            let up = tab.key_up(key, modifiers).await;
            fault = fault.and_then(|fault| up.map(|()| fault));
        }
        fault
    }

    /// Pastes what the session copied: the key, the page's own event, and the text where that lets it.
    async fn paste(&self, tab: &Tab, key: &Key, modifiers: u8) -> Result<Fault, TabError> {
        let (realm, _) = tab.focused_realm();
        let gone = |error| match error {
            TabError::Navigated | TabError::Closed => Ok(Some("the page went elsewhere; nothing was pasted".to_owned())),
            error => Err(error),
        };
        if let Err(error) = tab.script_in::<Value>(&realm, "__wayfarer.expectPaste()").await {
            return gone(error);
        }
        tab.key_down(&keys::without_command(key), modifiers).await?;
        let Copied { text, html } = self.clipboard.copied();
        let text: String = match tab.script_in(&realm, &format!("__wayfarer.paste({}, {})", json!(text), json!(html))).await {
            Ok(text) => text,
            Err(error) => return gone(error),
        };
        if !text.is_empty() {
            tab.insert_text(&text).await?;
        }
        Ok(None)
    }

    async fn type_text(&self, tab: &Tab, target: Option<&Target>, typed: Typed<'_>, focus_is_known: bool) -> Result<Fault, TabError> {
        if let Some(target) = target {
            let place = match self.place(tab, target).await? {
                Ok(place) => place,
                Err(fault) => return Ok(Some(fault)),
            };
            if place.kind == "select" {
                return self.select(tab, target, typed.text).await;
            }
            tab.click(place.x, place.y).await?;
        }
        let text: String = typed.text.chars().take(LONGEST_TEXT).collect();
        let mark = target.and_then(|target| target.mark).map_or(Value::Null, Value::from);
        let (realm, judged) = match target {
            Some(target) => tab.realm_of(target.mark),
            None => tab.focused_realm(),
        };
        let field: Field = match tab.script_in(&realm, &format!("__wayfarer.prepare({mark}, {}, {})", json!(text), typed.clear)).await {
            Err(TabError::Navigated | TabError::Closed) => {
                return Ok(Some("the page went elsewhere when the field was clicked; nothing was typed".into()));
            }
            other => other?,
        };
        if let Some(error) = field.error {
            return Ok(Some(error));
        }
        if field.secret {
            // now: Enter may lead to a page that shows it again
            self.secrets.learn(std::slice::from_ref(&text));
        }
        if field.kind == "keys" {
            // no field has the focus: a space or Enter would press whatever has it
            if text.contains(|c: char| c.is_whitespace() || c.is_control()) {
                return Ok(Some("no field has the focus; click the field first, or name its mark".into()));
            }
            if typed.press_enter && focus_is_known {
                let fault: Fault = tab.script_in(&realm, &format!("__wayfarer.focusMoved({judged})")).await?;
                if fault.is_some() {
                    return Ok(fault);
                }
            }
        }
        if field.clear {
            for name in ["control+a", "backspace"] {
                if let Ok(keys) = keys::parse(&[name.to_owned()]) {
                    self.press(tab, &keys).await?;
                }
            }
        }
        if field.kind != "done" {
            type_keys(tab, &text, field.multiline).await?;
        }
        if typed.press_enter
            && let Some(enter) = keys::key("enter")
        {
            if field.kind != "keys" {
                let left: Fault = tab.script_in(&realm, "__wayfarer.leftField()").await?;
                if left.is_some() {
                    return Ok(left);
                }
            }
            self.press(tab, &[enter]).await?;
        }
        Ok(None)
    }

    async fn select(&self, tab: &Tab, target: &Target, option: &str) -> Result<Fault, TabError> {
        let mark = target.mark.map_or(Value::Null, Value::from);
        let (x, y) = clamp(target.x, target.y, self.viewport());
        let (realm, judged) = tab.realm_of(target.mark);
        let field: Field = tab.script_in(&realm, &format!("__wayfarer.select({mark}, {x}, {y}, {}, {judged})", json!(option))).await?;
        Ok(field.error)
    }

    async fn scroll(&self, tab: &Tab, right: f64, down: f64, target: Option<&Target>) -> Result<Fault, TabError> {
        let Viewport { width, height } = self.viewport();
        let (x, y) = match target {
            None => (f64::from(width) / 2.0, f64::from(height) / 2.0),
            Some(target) => match self.place(tab, target).await? {
                Ok(place) => (place.x, place.y),
                Err(fault) => return Ok(Some(fault)),
            },
        };
        tab.wheel(x, y, right, down).await?;
        Ok(None)
    }

    async fn go(&self, tab: &Tab, address: Result<String, String>) -> Result<Fault, TabError> {
        match address {
            Ok(address) => Ok(self.navigate(tab, &address, VISIT_LIMIT).await?.err().map(|refusal| refusal.to_string())),
            Err(fault) => Ok(Some(fault)),
        }
    }

    /// Back in the tab's history; a pop-up without any closes, which leads back to the page that opened it.
    async fn back(&self, tab: &Arc<Tab>) -> Result<Fault, TabError> {
        let history = tab.call("Page.getNavigationHistory", json!({})).await?;
        let index = history["currentIndex"].as_u64().unwrap_or(0) as usize;
        let previous = index.checked_sub(1).map(|previous| &history["entries"][previous]).filter(|entry| entry["url"] != "about:blank");
        match previous {
            Some(entry) => {
                tab.call("Page.navigateToHistoryEntry", json!({"entryId": entry["id"]})).await?;
                Ok(None)
            }
            None if self.close_popup(tab).await => Ok(None),
            None => Ok(Some("there is no page to go back to".into())),
        }
    }
}

/// What a `type` action types.
struct Typed<'a> {
    text: &'a str,
    press_enter: bool,
    clear: bool,
}

/// Types into the focused element. All messages are under way together; the driver keeps their order.
async fn type_keys(tab: &Tab, text: &str, multiline: bool) -> Result<(), TabError> {
    let text: String = if multiline {
        text.to_owned()
    } else {
        text.split(char::is_control).filter(|line| !line.is_empty()).collect::<Vec<_>>().join(" ")
    };
    let length = text.chars().count();
    let inserted = if multiline && text.contains('\n') {
        length
    } else {
        length.saturating_sub(if length > TYPED_CHARACTERS { 1 } else { TYPED_CHARACTERS })
    };
    let (front, back): (String, String) = (text.chars().take(inserted).collect(), text.chars().skip(inserted).collect());
    if !front.is_empty() {
        tab.insert_text(&front).await?;
    }
    // one key after the other: many at once reach the page in whatever order their writes are polled
    for character in back.chars() {
        let key = keys::of_character(character);
        tab.key_down(&key, 0).await?;
        tab.key_up(&key, 0).await?;
    }
    Ok(())
}

/// A point inside the viewport.
fn clamp(x: f64, y: f64, viewport: Viewport) -> (f64, f64) {
    let inside = |value: f64, size: u32| if value.is_finite() { value.clamp(0.0, f64::from(size.saturating_sub(1))) } else { 0.0 };
    (inside(x, viewport.width), inside(y, viewport.height))
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::expect_used)]
mod tests {
    use super::*;

    #[test]
    fn points_are_brought_inside_the_viewport() {
        let viewport = Viewport { width: 100, height: 50 };

        assert_eq!(clamp(-3.0, 500.0, viewport), (0.0, 49.0));
        assert_eq!(clamp(f64::NAN, 7.5, viewport), (0.0, 7.5));
    }
}
