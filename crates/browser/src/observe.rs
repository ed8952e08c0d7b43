//! From what the page script saw to an [`Observation`].

use crate::Observed;
use crate::foreign::{self, Spot};
use crate::mask::{self, Secrets};
use crate::tab::{Realm, Tab, TabError};
use bytes::Bytes;
use futures::future::BoxFuture;
use serde::Deserialize;
use std::time::{Duration, Instant};
use wayfarer_core::gate::{self, Meaning};
use wayfarer_core::hash::sha256_hex;
use wayfarer_core::observation::{Form, Rect, Scroll, Settle, Viewport};
use wayfarer_core::{BlobHash, Mark, Observation};

/// How often an observation starts again because the page moved on meanwhile.
const TRIES: usize = 4;

/// Rounds in which closed shadow roots are looked for.
const MAX_CLOSED_ROUNDS: usize = 3;
/// How long the layouts of all frames of other sites together are waited for: some never rest.
const FRAMES_REST: Duration = Duration::from_millis(300);
/// Characters of visible text, frames included.
const MAX_TEXT: usize = 6000;

/// The answer of `__wayfarer.snapshot()`. Holds secrets, so it is never shown: no `Debug`.
#[derive(Deserialize)]
struct Snapshot {
    token: String,
    /// The address as it is, to tell documents apart; `url` is what may be kept of it.
    at: String,
    url: String,
    title: String,
    scroll: Scroll,
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
    /// Elements that may hide a closed shadow root.
    suspected: u32,
    /// Frames of other sites that are seen.
    foreign: Vec<Spot>,
}

impl Snapshot {
    /// Takes in what a frame of another site shows: marks in view first, as always.
    fn take_in(&mut self, other: Snapshot) {
        let offset = self.forms.len() as u32;
        let (mut marks, mut hidden): (Vec<Mark>, Vec<Mark>) = std::mem::take(&mut self.marks).into_iter().partition(|mark| mark.visible);
        for mut mark in other.marks {
            mark.form = mark.form.map(|form| form + offset);
            if mark.visible { marks.push(mark) } else { hidden.push(mark) }
        }
        marks.append(&mut hidden);
        self.marks = marks;
        self.forms.extend(other.forms);
        self.secrets.extend(other.secrets);
        self.secret_marks.extend(other.secret_marks);
        self.covers.extend(other.covers);
        if !other.text.is_empty() {
            let text = format!("{}\n{}", self.text, other.text);
            self.text = text.trim_start().chars().take(MAX_TEXT).collect();
        }
    }

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
        let (snapshot, screenshot) = tokio::join!(look(tab, secrets), tab.screenshot());
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

/// What one look may still spend on frames of other sites.
struct FramesLeft {
    frames: usize,
    rest: Duration,
}

impl Default for FramesLeft {
    fn default() -> Self {
        Self { frames: foreign::MAX_FRAMES, rest: FRAMES_REST }
    }
}

/// Looks at the page and at everything in it that its own script cannot see.
async fn look(tab: &Tab, secrets: &Secrets) -> Result<Snapshot, TabError> {
    tab.forget_foreign();
    let snapshot = look_into(tab, secrets, tab.main.clone(), 0, 0, &mut FramesLeft::default()).await?;
    if !tab.has_foreign() || !secrets.learn(&snapshot.secrets) {
        return Ok(snapshot);
    }
    // what one document hides, another one may show
    tab.forget_foreign();
    look_into(tab, secrets, tab.main.clone(), 0, 0, &mut FramesLeft::default()).await
}

/// Looks at one document. Frames of other sites that do not answer, or went away meanwhile, are left out: their own mark stays.
fn look_into<'a>(
    tab: &'a Tab,
    secrets: &'a Secrets,
    realm: Realm,
    number: u32,
    depth: usize,
    left: &'a mut FramesLeft,
) -> BoxFuture<'a, Result<Snapshot, TabError>> {
    Box::pin(async move {
        let ask = format!("__wayfarer.snapshot({}, {})", secrets.literal(), foreign::base_of(number));
        let mut snapshot: Snapshot = tab.script_in(&realm, &ask).await?;
        // closed roots may hold others
        for _ in 0..MAX_CLOSED_ROUNDS {
            if snapshot.suspected == 0 || !tab.show_closed_roots(&realm).await? {
                break;
            }
            snapshot = tab.script_in(&realm, &ask).await?;
        }
        if depth == foreign::MAX_DEPTH {
            return Ok(snapshot);
        }
        for spot in std::mem::take(&mut snapshot.foreign) {
            if left.frames == 0 {
                break;
            }
            left.frames -= 1;
            let Some((inner, inner_realm)) = tab.meet(number, &realm, spot.id).await else { continue };
            // it has a layout and a parser of its own
            if !left.rest.is_zero() {
                let began = Instant::now();
                let rest = format!("__wayfarer.rest({})", left.rest.as_millis());
                if tab.script_in::<serde_json::Value>(&inner_realm, &rest).await.is_err() {
                    continue;
                }
                left.rest = left.rest.saturating_sub(began.elapsed());
            }
            let Ok(seen) = look_into(tab, secrets, inner_realm, inner, depth + 1, left).await else { continue };
            let Ok(seen) = moved_out(tab, &realm, spot, seen).await else { continue };
            tab.judge_foreign(inner, seen.token.clone());
            if snapshot.focused == Some(spot.id) {
                if seen.focused.is_none_or(|focused| foreign::number_of(focused) == inner) {
                    tab.focus_foreign(inner);
                }
                snapshot.focused = seen.focused;
            }
            snapshot.take_in(seen);
        }
        Ok(snapshot)
    })
}

/// What a frame shows, where the document around it shows it.
async fn moved_out(tab: &Tab, around: &Realm, spot: Spot, mut seen: Snapshot) -> Result<Snapshot, TabError> {
    for mark in &mut seen.marks {
        mark.rect = spot.move_out(mark.rect);
        mark.frame = mark.frame.or(Some(spot.id));
    }
    for cover in &mut seen.covers {
        *cover = spot.move_out(*cover);
    }
    let centres: Vec<(f64, f64)> = seen.marks.iter().map(|mark| mark.rect.centre()).collect();
    let on_top = tab.on_top(around, spot.id, &centres).await?;
    let mut on_top = on_top.into_iter();
    seen.marks.retain_mut(|mark| {
        // what is below in the frame is still out of view; what something covers is no mark
        let is_met = on_top.next().unwrap_or(false);
        is_met || !mark.visible
    });
    Ok(seen)
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
        for id in unguarded {
            let (realm, _) = tab.realm_of(Some(id));
            tab.script_in::<serde_json::Value>(&realm, &format!("(__wayfarer.guard([{id}]), null)")).await?;
        }
        let guarded = look(tab, secrets).await?;
        if guarded.at != snapshot.at {
            return Err(TabError::Navigated);
        }
        snapshot = guarded;
    }
    secrets.learn(&snapshot.secrets);
    if snapshot.secrets.is_empty() && snapshot.covers.is_empty() {
        return Ok((snapshot, screenshot));
    }
    secrets.meet();
    let after: Vec<Rect> = if tab.has_foreign() {
        // frames are asked through the look that finds them; its tokens are the ones that count from here on
        let again = look(tab, secrets).await?;
        if again.at != snapshot.at {
            return Err(TabError::Navigated);
        }
        let before = std::mem::replace(&mut snapshot, again).covers;
        before.into_iter().chain(snapshot.covers.iter().copied()).collect()
    } else {
        tab.script("__wayfarer.covers()").await?
    };
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
        scroll: snapshot.scroll,
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
