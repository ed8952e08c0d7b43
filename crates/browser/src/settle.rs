//! When a page has come to rest: no navigation under way, the network quiet, two frames that look the same; bounded.
//!
//! This file decides; `tab.rs` feeds it with events of the DevTools protocol and waits as long as it says. Events arrive on several
//! tasks and so out of order: everything is keyed by request and document ids, and an end that comes before its beginning cancels it.

use std::collections::{HashMap, HashSet};
use std::time::{Duration, Instant};

/// The network counts as quiet this long after its last event.
const QUIET: Duration = Duration::from_millis(80);
/// A request that is open longer than this is a stream or a poll; waiting for it is of no use.
const PATIENCE: Duration = Duration::from_millis(1500);
/// Settling ends after this, whatever the page does.
pub(crate) const BOUND: Duration = Duration::from_secs(3);
/// A navigation that is under way, or a document that is still being parsed, gets this instead.
pub(crate) const NAVIGATION_BOUND: Duration = Duration::from_secs(10);
/// Remembered ends without a beginning, before the set is emptied.
const MAX_EARLY_ENDS: usize = 1024;

/// What the network and the frames of a page do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum PageEvent {
    /// A request left; `document` holds the loader id when it loads a new main document.
    Request {
        /// Request id.
        id: String,
        /// Loader id of the document that it is for.
        loader: String,
        /// Loader id, if it is the main document.
        document: Option<String>,
    },
    /// A request ended, well or badly.
    RequestEnd {
        /// Request id.
        id: String,
    },
    /// The main frame asked for a navigation.
    NavigationRequested,
    /// The main frame shows the document of this loader.
    Committed {
        /// Loader id.
        document: String,
    },
    /// A navigation of the main frame came to nothing (download, 204, stop).
    Stopped,
}

/// What to do now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Decision {
    /// Network and navigation are quiet: look at the frames.
    LookAtFrames,
    /// Wait for an event, at most this long.
    Wait(Duration),
    /// The bound is reached.
    Bound,
}

/// A request under way.
#[derive(Debug)]
struct Open {
    since: Instant,
    /// Loader id of the document that it is for.
    loader: String,
}

/// The state of a page's network and navigation.
#[derive(Debug, Default)]
pub(crate) struct Activity {
    open: HashMap<String, Open>,
    early_ends: HashSet<String>,
    navigating: Option<String>,
    committed: Option<String>,
    last_event: Option<Instant>,
}

impl Activity {
    /// Takes an event in.
    pub(crate) fn on(&mut self, event: PageEvent, now: Instant) {
        self.last_event = Some(now);
        match event {
            PageEvent::Request { id, loader, document } => {
                if let Some(document) = document
                    && self.committed.as_ref() != Some(&document)
                {
                    self.navigating = Some(document);
                }
                if !self.early_ends.remove(&id) {
                    self.open.insert(id, Open { since: now, loader });
                }
            }
            PageEvent::RequestEnd { id } => {
                if self.navigating.as_ref() == Some(&id) && self.committed.as_ref() != Some(&id) {
                    // a document's request has its loader's id; its commit may still come and changes nothing then
                    self.navigating = None;
                }
                if self.open.remove(&id).is_none() {
                    if self.early_ends.len() >= MAX_EARLY_ENDS {
                        self.early_ends.clear();
                    }
                    self.early_ends.insert(id);
                }
            }
            PageEvent::NavigationRequested => {}
            PageEvent::Committed { document } => {
                if self.navigating.as_ref() == Some(&document) {
                    self.navigating = None;
                }
                // what the new document asks for may be told before the document itself
                self.open.retain(|_, open| open.loader == document);
                self.committed = Some(document);
            }
            PageEvent::Stopped => self.navigating = None,
        }
    }

    /// Whether anything happened after this moment.
    pub(crate) fn active_since(&self, moment: Instant) -> bool {
        self.last_event.is_some_and(|last| last > moment)
    }

    /// Whether a new main document is on its way.
    pub(crate) fn is_navigating(&self) -> bool {
        self.navigating.is_some()
    }

    /// What to do at `now`, when settling began at `began`; `parsing` says that the document was still being parsed when last seen.
    pub(crate) fn decide(&self, began: Instant, now: Instant, parsing: bool) -> Decision {
        let bound = if self.is_navigating() || parsing { NAVIGATION_BOUND } else { BOUND };
        let spent = now.saturating_duration_since(began);
        let Some(left) = bound.checked_sub(spent).filter(|left| !left.is_zero()) else {
            return Decision::Bound;
        };
        if self.is_navigating() {
            return Decision::Wait(left);
        }
        let patience_ends = self.open.values().map(|open| open.since + PATIENCE).filter(|end| *end > now).max();
        if let Some(end) = patience_ends {
            return Decision::Wait(left.min(end - now));
        }
        match self.last_event.map(|last| last + QUIET) {
            // what happened before this settling began has been waited for already
            Some(quiet_at) if quiet_at > now => Decision::Wait(left.min(quiet_at - now)),
            _ => Decision::LookAtFrames,
        }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::expect_used)]
mod tests {
    use super::*;

    fn request(id: &str) -> PageEvent {
        PageEvent::Request { id: id.into(), loader: "L0".into(), document: None }
    }
    fn end(id: &str) -> PageEvent {
        PageEvent::RequestEnd { id: id.into() }
    }
    fn ms(n: u64) -> Duration {
        Duration::from_millis(n)
    }

    #[test]
    fn a_page_without_events_is_quiet_at_once() {
        let now = Instant::now();

        assert_eq!(Activity::default().decide(now, now, false), Decision::LookAtFrames);
    }

    #[test]
    fn an_open_request_is_waited_for_and_then_a_quiet_moment() {
        let began = Instant::now();
        let mut page = Activity::default();

        page.on(request("1"), began);
        assert_eq!(page.decide(began, began, false), Decision::Wait(PATIENCE));

        page.on(end("1"), began + ms(200));
        assert_eq!(page.decide(began, began + ms(210), false), Decision::Wait(ms(70)));
        assert_eq!(page.decide(began, began + ms(280), false), Decision::LookAtFrames);
    }

    #[test]
    fn an_end_that_overtakes_its_beginning_leaves_nothing_open() {
        let began = Instant::now();
        let mut page = Activity::default();

        page.on(end("1"), began);
        page.on(request("1"), began);

        assert_eq!(page.decide(began, began + QUIET, false), Decision::LookAtFrames);
    }

    #[test]
    fn a_stream_is_not_waited_for_longer_than_patience() {
        let began = Instant::now();
        let mut page = Activity::default();

        page.on(request("stream"), began);

        assert_eq!(page.decide(began, began + PATIENCE, false), Decision::LookAtFrames);
    }

    #[test]
    fn a_navigation_is_waited_for_until_its_document_is_there() {
        let began = Instant::now();
        let mut page = Activity::default();
        page.on(PageEvent::Request { id: "L1".into(), loader: "L1".into(), document: Some("L1".into()) }, began);

        assert_eq!(page.decide(began, began + BOUND, false), Decision::Wait(NAVIGATION_BOUND - BOUND));
        assert_eq!(page.decide(began, began + NAVIGATION_BOUND, false), Decision::Bound);

        page.on(PageEvent::Committed { document: "L1".into() }, began + ms(50));
        page.on(end("L1"), began + ms(60));
        assert_eq!(page.decide(began, began + ms(200), false), Decision::LookAtFrames);
    }

    #[test]
    fn a_request_of_a_document_that_is_told_before_it_is_waited_for() {
        let began = Instant::now();
        let mut page = Activity::default();
        page.on(request("old"), began);
        page.on(PageEvent::Request { id: "new".into(), loader: "L1".into(), document: None }, began);

        page.on(PageEvent::Committed { document: "L1".into() }, began);
        assert_eq!(page.decide(began, began + ms(100), false), Decision::Wait(PATIENCE - ms(100)));

        page.on(end("new"), began + ms(100));
        assert_eq!(page.decide(began, began + ms(200), false), Decision::LookAtFrames, "what the old document asked for is over");
    }

    #[test]
    fn a_page_that_never_rests_meets_the_bound() {
        let began = Instant::now();
        let mut page = Activity::default();
        for i in 0..200 {
            page.on(request(&i.to_string()), began + ms(i * 20));
        }

        assert_eq!(page.decide(began, began + BOUND, false), Decision::Bound);
    }
}
