//! The rules' eyes and hands: one session, what it shows, and actions an agent has.

use super::harness::Harness;
use std::sync::Arc;
use std::time::Duration;
use wayfarer_browser::{BrowserError, BrowserSession};
use wayfarer_core::action::Target;
use wayfarer_core::{Action, Mark, Observation};

/// Actions of one episode.
const MOST_ACTIONS: usize = 80;

/// Between two looks for what is to appear.
const LOOK_AGAIN: Duration = Duration::from_millis(150);

/// Why a rule goes on no longer.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Stopped {
    /// The page has given its reward.
    #[error("the episode has ended")]
    Ended,
    /// The rule does not know how to go on.
    #[error("{0}")]
    Stuck(String),
    /// The browser failed.
    #[error(transparent)]
    Browser(#[from] BrowserError),
}

pub(crate) type Played<T = ()> = Result<T, Stopped>;

/// A rule's way of saying that something is not there.
pub(crate) fn stuck<T>(why: impl Into<String>) -> Played<T> {
    Err(Stopped::Stuck(why.into()))
}

/// One session in one episode.
pub(crate) struct Hands {
    session: Box<dyn BrowserSession>,
    harness: Arc<Harness>,
    episode: String,
    /// What the page wants.
    pub(crate) instruction: String,
    /// What it looks like now.
    pub(crate) seen: Observation,
    actions: usize,
    /// What the last action was told.
    pub(crate) last_error: Option<String>,
}

impl Hands {
    pub(crate) fn new(session: Box<dyn BrowserSession>, harness: Arc<Harness>, episode: String, seen: Observation) -> Self {
        let instruction = harness.told(&episode).instruction;
        Self { session, harness, episode, instruction, seen, actions: 0, last_error: None }
    }

    pub(crate) fn actions(&self) -> usize {
        self.actions
    }

    pub(crate) async fn release(self) {
        if let Err(error) = self.session.release().await {
            tracing::debug!(%error, "a session was not given back well");
        }
    }

    fn has_ended(&self) -> bool {
        self.harness.told(&self.episode).ended.is_some()
    }

    /// Acts and looks.
    pub(crate) async fn act(&mut self, action: Action) -> Played {
        if self.has_ended() {
            return Err(Stopped::Ended);
        }
        self.actions += 1;
        if self.actions > MOST_ACTIONS {
            return stuck(format!("{MOST_ACTIONS} actions were not enough"));
        }
        tracing::debug!(?action, "acts");
        let (effect, seen) = self.session.act_and_observe(&action).await?;
        if let Some(error) = &effect.error {
            tracing::debug!(error, "an action failed");
        }
        self.last_error = effect.error;
        self.seen = seen.observation;
        if self.has_ended() { Err(Stopped::Ended) } else { Ok(()) }
    }

    /// The text of the whole page.
    pub(crate) async fn read_page(&mut self) -> Played<String> {
        let effect = self.session.act(&Action::ReadPage { question: String::new() }).await?;
        Ok(effect.page_text.unwrap_or_default())
    }

    /// Looks again.
    pub(crate) async fn look(&mut self) -> Played {
        self.seen = self.session.observe().await?.observation;
        if self.has_ended() { Err(Stopped::Ended) } else { Ok(()) }
    }

    /// The first mark that fits, as soon as there is one: what opens takes its time.
    pub(crate) async fn wait_for(&mut self, fits: impl Fn(&Mark) -> bool) -> Played<Option<Mark>> {
        for _ in 0..15 {
            if let Some(mark) = self.find(|mark| fits(mark)) {
                return Ok(Some(mark));
            }
            tokio::time::sleep(LOOK_AGAIN).await;
            self.look().await?;
        }
        Ok(None)
    }

    /// Marks that can be seen, in reading order.
    pub(crate) fn marks(&self) -> impl Iterator<Item = &Mark> {
        self.seen.marks.iter().filter(|mark| mark.visible)
    }

    /// The first mark that fits.
    pub(crate) fn find(&self, fits: impl FnMut(&&Mark) -> bool) -> Option<Mark> {
        self.marks().find(fits).cloned()
    }

    /// Marks of a role.
    pub(crate) fn of_role(&self, role: &str) -> Vec<Mark> {
        self.marks().filter(|mark| mark.role == role).cloned().collect()
    }

    /// Fields that text goes into.
    pub(crate) fn fields(&self) -> Vec<Mark> {
        let is_field = |mark: &&Mark| matches!(mark.role.as_str(), "textbox" | "searchbox" | "spinbutton") || mark.tag == "textarea";
        self.marks().filter(is_field).cloned().collect()
    }

    /// The mark of this name; one that only contains it if none has it whole. Capitals count for nothing.
    pub(crate) fn named(&self, name: &str) -> Option<Mark> {
        let wanted = name.trim().to_lowercase();
        let whole = self.marks().find(|mark| mark.name.trim().to_lowercase() == wanted);
        whole.or_else(|| self.marks().find(|mark| mark.name.to_lowercase().contains(&wanted))).cloned()
    }

    /// The same, of a role.
    pub(crate) fn named_of(&self, role: &str, name: &str) -> Option<Mark> {
        let wanted = name.trim().to_lowercase();
        self.marks().find(|mark| mark.role == role && mark.name.trim().to_lowercase() == wanted).cloned()
    }

    pub(crate) async fn click(&mut self, mark: &Mark) -> Played {
        self.act(Action::LeftClick { target: at(mark) }).await
    }

    /// Clicks what has this name.
    pub(crate) async fn click_named(&mut self, name: &str) -> Played {
        match self.named(name) {
            Some(mark) => self.click(&mark).await,
            None => stuck(format!("nothing is called {name:?}")),
        }
    }

    pub(crate) async fn click_at(&mut self, x: f64, y: f64) -> Played {
        self.act(Action::LeftClick { target: point(x, y) }).await
    }

    pub(crate) async fn drag(&mut self, from: (f64, f64), to: (f64, f64)) -> Played {
        self.act(Action::LeftClickDrag { from: point(from.0, from.1), to: point(to.0, to.1) }).await
    }

    /// Types into a field, in place of what is there.
    pub(crate) async fn fill(&mut self, mark: &Mark, text: &str) -> Played {
        self.act(Action::Type { target: Some(at(mark)), text: text.into(), press_enter: false, delete_existing_text: true }).await
    }

    /// Types where the focus is.
    pub(crate) async fn type_on(&mut self, text: &str, press_enter: bool) -> Played {
        self.act(Action::Type { target: None, text: text.into(), press_enter, delete_existing_text: false }).await
    }

    pub(crate) async fn keys(&mut self, keys: &[&str]) -> Played {
        self.act(Action::Key { keys: keys.iter().map(ToString::to_string).collect() }).await
    }

    pub(crate) async fn choose(&mut self, mark: &Mark, option: &str) -> Played {
        self.act(Action::SelectOption { target: at(mark), option: option.into() }).await
    }

    pub(crate) async fn scroll(&mut self, pixels: i32, over: (f64, f64)) -> Played {
        self.act(Action::Scroll { pixels, target: Some(point(over.0, over.1)) }).await
    }

    /// Ticks or clears a box.
    pub(crate) async fn tick(&mut self, mark: &Mark, wanted: bool) -> Played {
        if mark.checked == Some(wanted) { Ok(()) } else { self.click(mark).await }
    }

    /// The button that ends most tasks.
    pub(crate) async fn submit(&mut self) -> Played {
        let button = ["submit", "search", "login", "done"]
            .into_iter()
            .find_map(|name| self.marks().find(|mark| mark.role == "button" && mark.name.trim().to_lowercase() == name).cloned());
        match button {
            Some(button) => self.click(&button).await,
            None => stuck("there is no button to submit with"),
        }
    }
}

pub(crate) fn at(mark: &Mark) -> Target {
    let (x, y) = mark.rect.centre();
    Target { mark: Some(mark.id), x, y, label: mark.name.clone() }
}

pub(crate) fn point(x: f64, y: f64) -> Target {
    Target { mark: None, x, y, label: String::new() }
}
