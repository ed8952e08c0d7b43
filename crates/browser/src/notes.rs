//! What happened beside the pages of a session since it was last asked, in so many words.

use crate::session::MAX_TABS;
use wayfarer_core::action::Bound;

/// Dialogs and downloads of one effect that are told one by one.
const MOST: usize = 20;

/// What happened in the context beside the page.
#[derive(Debug, Default)]
pub(crate) struct Notes {
    pub(crate) dialogs: Noted,
    pub(crate) downloads: Noted,
    /// Windows that opened.
    pub(crate) windows: usize,
    /// A page asked not to be left.
    pub(crate) is_trap: bool,
}

impl Notes {
    /// What a page did by force, and was cut short in.
    pub(crate) fn bounds(&self) -> impl Iterator<Item = Bound> + use<> {
        let met = [
            (self.dialogs.count() >= MOST, Bound::DialogStorm),
            (self.windows >= MAX_TABS, Bound::WindowStorm),
            (self.is_trap, Bound::LeaveTrap),
        ];
        met.into_iter().filter_map(|(is_met, bound)| is_met.then_some(bound))
    }
}

/// The first ones, and how many came after them.
#[derive(Debug, Default)]
pub(crate) struct Noted {
    first: Vec<String>,
    beyond: usize,
}

impl Noted {
    pub(crate) fn take_in(&mut self, text: String) {
        if self.first.len() < MOST {
            self.first.push(text);
        } else {
            self.beyond += 1;
        }
    }

    pub(crate) fn count(&self) -> usize {
        self.first.len() + self.beyond
    }

    /// A line for each of the first, and one for all others.
    pub(crate) fn into_lines(mut self) -> Vec<String> {
        if self.beyond > 0 {
            self.first.push(format!("and {} more", self.beyond));
        }
        self.first
    }
}
