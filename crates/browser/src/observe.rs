//! From what the page script saw to an [`Observation`].

use crate::Observed;
use crate::tab::{Tab, TabError};
use bytes::Bytes;
use serde::Deserialize;
use wayfarer_core::hash::sha256_hex;
use wayfarer_core::observation::{Form, Scroll, Settle, Viewport};
use wayfarer_core::{BlobHash, Mark, Observation};

/// How often an observation starts again because the page moved on meanwhile.
const TRIES: usize = 4;

/// The answer of `__wayfarer.snapshot()`.
#[derive(Debug, Deserialize)]
struct Snapshot {
    token: String,
    url: String,
    title: String,
    top: f64,
    height: f64,
    marks: Vec<Mark>,
    forms: Vec<Form>,
    focused: Option<u32>,
    text: String,
}

/// Settles the page and observes it: one evaluation and one screenshot, side by side.
pub(crate) async fn observe(tab: &Tab, viewport: Viewport) -> Result<Observed, TabError> {
    for _ in 0..TRIES {
        let (settle, url) = tab.settle().await?;
        let (snapshot, screenshot) = tokio::join!(tab.script::<Snapshot>("__wayfarer.snapshot()"), tab.screenshot());
        match (snapshot, screenshot) {
            // the two belong to one moment only if the page did not go elsewhere between them
            (Ok(snapshot), Ok(screenshot)) if snapshot.url == url => {
                tab.set_judged(snapshot.token.clone());
                return Ok(observed(snapshot, screenshot, viewport, settle, &tab.last_document()));
            }
            (Ok(_), Ok(_)) | (Err(TabError::Navigated), _) | (_, Err(TabError::Navigated)) => {}
            (Err(error), _) | (_, Err(error)) => return Err(error),
        }
    }
    Err(TabError::Navigated)
}

fn observed(snapshot: Snapshot, screenshot: Bytes, viewport: Viewport, settle: Settle, last_document: &str) -> Observed {
    // an error page of the browser stands for the address that could not be shown
    let url = if snapshot.url.starts_with("chrome-error:") && !last_document.is_empty() { last_document.to_owned() } else { snapshot.url };
    let state_hash = state_hash(&url, &snapshot.text, &snapshot.marks);
    let observation = Observation {
        screenshot: BlobHash::of(&screenshot),
        url,
        title: snapshot.title,
        viewport,
        scroll: Scroll { top: snapshot.top, height: snapshot.height },
        marks: snapshot.marks,
        forms: snapshot.forms,
        focused: snapshot.focused,
        visible_text: snapshot.text,
        state_hash,
        settle,
    };
    Observed { observation, screenshot }
}

/// Equal when nothing that matters changed: address without fragment, text, and what the marks are; never where they stand.
fn state_hash(url: &str, text: &str, marks: &[Mark]) -> String {
    let address = url.split('#').next().unwrap_or_default();
    let mut state = format!("{address}\u{1e}{text}");
    for mark in marks {
        state.push_str(&format!(
            "\u{1e}{}\u{1f}{}\u{1f}{}\u{1f}{:?}\u{1f}{:?}",
            mark.role, mark.name, mark.value, mark.checked, mark.expanded
        ));
    }
    sha256_hex(state.as_bytes())
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::expect_used)]
mod tests {
    use super::*;

    #[test]
    fn the_state_is_what_can_be_read_and_set_not_where_it_stands() {
        let field = Mark { role: "textbox".into(), name: "Name".into(), value: "Ada".into(), ..Mark::default() };
        let state = state_hash("http://a.test/x", "hello", std::slice::from_ref(&field));

        let moved = Mark { id: 99, rect: wayfarer_core::observation::Rect { x: 5.0, ..Default::default() }, ..field.clone() };
        assert_eq!(state, state_hash("http://a.test/x#part", "hello", &[moved]));

        let typed = Mark { value: "Grace".into(), ..field.clone() };
        assert_ne!(state, state_hash("http://a.test/x", "hello", &[typed]));
        let ticked = Mark { checked: Some(true), ..field };
        assert_ne!(state, state_hash("http://a.test/x", "hello", &[ticked]));
    }
}
