//! From what the page script saw to an [`Observation`].

use crate::Observed;
use crate::mask::{self, Secrets};
use crate::tab::{Tab, TabError};
use bytes::Bytes;
use serde::Deserialize;
use serde_json::json;
use wayfarer_core::gate::{self, Meaning};
use wayfarer_core::hash::sha256_hex;
use wayfarer_core::observation::{Form, Rect, Scroll, Settle, Viewport};
use wayfarer_core::{BlobHash, Mark, Observation};

/// How often an observation starts again because the page moved on meanwhile.
const TRIES: usize = 4;

/// The answer of `__wayfarer.snapshot()`. Holds secrets, so it is never shown: no `Debug`.
#[derive(Deserialize)]
struct Snapshot {
    token: String,
    /// The address as it is, to tell documents apart; `url` is what may be kept of it.
    at: String,
    url: String,
    title: String,
    top: f64,
    height: f64,
    marks: Vec<Mark>,
    forms: Vec<Form>,
    focused: Option<u32>,
    text: String,
    /// Values of secret fields.
    secrets: Vec<String>,
    /// Marks whose values are masked.
    secret_marks: Vec<u32>,
    /// Where secrets can be read on the screen.
    covers: Vec<Rect>,
}

impl Snapshot {
    /// Fields that the gate calls secret and the page script does not know as such.
    fn unguarded(&self) -> Vec<u32> {
        let is_secret = |mark: &&Mark| mark.tag != "select" && gate::mark_meaning(mark).is_some_and(Meaning::is_secret);
        self.marks.iter().filter(is_secret).map(|mark| mark.id).filter(|id| !self.secret_marks.contains(id)).collect()
    }
}

/// Settles the page and observes it: one evaluation and one screenshot, side by side.
pub(crate) async fn observe(tab: &Tab, viewport: Viewport, secrets: &Secrets) -> Result<Observed, TabError> {
    for _ in 0..TRIES {
        let (settle, url) = tab.settle().await?;
        let look = format!("__wayfarer.snapshot({})", secrets.literal());
        let (snapshot, screenshot) = tokio::join!(tab.script::<Snapshot>(&look), tab.screenshot());
        match (snapshot, screenshot) {
            // the two belong to one moment only if the page did not go elsewhere between them
            (Ok(snapshot), Ok(screenshot)) if snapshot.at == url => match covered(tab, snapshot, screenshot, viewport, secrets).await {
                Ok((snapshot, screenshot)) => {
                    tab.set_judged(snapshot.token.clone());
                    return Ok(observed(snapshot, screenshot, viewport, settle, &tab.last_document()));
                }
                Err(TabError::Navigated) => {}
                Err(error) => return Err(error),
            },
            (Ok(_), Ok(_)) | (Err(TabError::Navigated), _) | (_, Err(TabError::Navigated)) => {}
            (Err(error), _) | (_, Err(error)) => return Err(error),
        }
    }
    Err(TabError::Navigated)
}

/// Nothing secret is left on the picture. Where there is something, the page is asked again after the picture was taken: a field that
/// moved meanwhile is covered in both places.
async fn covered(
    tab: &Tab,
    mut snapshot: Snapshot,
    screenshot: Bytes,
    viewport: Viewport,
    secrets: &Secrets,
) -> Result<(Snapshot, Bytes), TabError> {
    let unguarded = snapshot.unguarded();
    if !unguarded.is_empty() {
        let again = format!("(__wayfarer.guard({}), __wayfarer.snapshot({}))", json!(unguarded), secrets.literal());
        let guarded: Snapshot = tab.script(&again).await?;
        if guarded.at != snapshot.at {
            return Err(TabError::Navigated);
        }
        snapshot = guarded;
    }
    secrets.learn(&snapshot.secrets);
    if snapshot.secrets.is_empty() && snapshot.covers.is_empty() {
        return Ok((snapshot, screenshot));
    }
    let after: Vec<Rect> = tab.script("__wayfarer.covers()").await?;
    let boxes: Vec<Rect> = snapshot.covers.iter().copied().chain(after).collect();
    if boxes.is_empty() {
        return Ok((snapshot, screenshot));
    }
    let painted = tokio::task::spawn_blocking(move || mask::cover(&screenshot, &boxes, viewport)).await;
    // a picture that may show a secret is no picture
    let failed = |why: String| TabError::Refused(format!("the screenshot could not be masked: {why}"));
    let picture = painted.map_err(|error| failed(error.to_string()))?.map_err(|error| failed(error.to_string()))?;
    Ok((snapshot, picture))
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
