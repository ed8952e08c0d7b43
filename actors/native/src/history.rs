//! What of an attempt the model is shown again: everything that it said, and the last screenshots.
//!
//! A turn of ours that loses its picture is dropped whole, its address too; what the user said keeps its text (spec/faragen.md D.4). What
//! is dropped never comes back, so pictures in memory are bounded by the window.

use crate::profile::Window;
use bytes::Bytes;
use wayfarer_chat::{Message, Part, Speaker};

/// Longest address that is told, in characters; what follows the path is never told.
const MOST_OF_ADDRESS: usize = 100;

/// A turn of the conversation.
#[derive(Debug, Clone, PartialEq)]
enum Turn {
    /// A screenshot with words.
    Shown {
        picture: Option<Bytes>,
        text: String,
        /// What stays when the picture goes; nothing of a turn that only showed a page.
        kept: Option<String>,
    },
    /// What the model said, as it said it.
    Said(String),
}

/// What stands beside the address in a turn that shows a page.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Beside {
    /// Nothing but the fixed sentence.
    Nothing,
    /// What the last action brought (an error, what was read): before the fixed sentence.
    Note(String),
    /// What the user said, in its place.
    User(String),
}

/// The conversation of an attempt.
#[derive(Debug, Clone)]
pub struct History {
    turns: Vec<Turn>,
    window: Window,
    /// The fixed sentence that asks for the next action.
    next: String,
}

impl History {
    /// A conversation that has not begun.
    pub fn new(window: Window, next: String) -> Self {
        Self { turns: Vec::new(), window, next }
    }

    /// A task (the first one, or one that follows), with the page as it is.
    pub fn task(&mut self, picture: Bytes, task: &str) {
        self.show(picture, task.to_owned(), Some(task.to_owned()));
    }

    /// The page as it is now.
    pub fn look(&mut self, picture: Bytes, url: &str, beside: Beside) {
        let address = format!("Current URL: {}\n", shown_address(url));
        match beside {
            Beside::Nothing => self.show(picture, format!("{address}{}", self.next), None),
            Beside::Note(note) => self.show(picture, format!("{address}{note}\n{}", self.next), None),
            Beside::User(said) => self.show(picture, format!("{address}{said}"), Some(said)),
        }
    }

    fn show(&mut self, picture: Bytes, text: String, kept: Option<String>) {
        let pictures = self.turns.iter().filter(|turn| matches!(turn, Turn::Shown { picture: Some(_), .. })).count();
        let mut leave = pictures - self.window.stay(pictures).min(pictures);
        self.turns.retain_mut(|turn| {
            let Turn::Shown { picture, text, kept } = turn else { return true };
            if leave == 0 || picture.is_none() {
                return true;
            }
            leave -= 1;
            *picture = None;
            match kept {
                Some(kept) => {
                    text.clone_from(kept);
                    true
                }
                None => false,
            }
        });
        self.turns.push(Turn::Shown { picture: Some(picture), text, kept });
    }

    /// What the model said.
    pub fn said(&mut self, reply: &str) {
        self.turns.push(Turn::Said(reply.to_owned()));
    }

    /// The conversation behind the system text; the picture of a turn stands before its words.
    pub fn messages(&self, system: &str) -> Vec<Message> {
        let system = Message { speaker: Speaker::System, parts: vec![Part::Text(system.to_owned())] };
        let turn = |turn: &Turn| match turn {
            Turn::Shown { picture, text, .. } => Message {
                speaker: Speaker::User,
                parts: picture.iter().cloned().map(Part::Png).chain([Part::Text(text.clone())]).collect(),
            },
            Turn::Said(text) => Message { speaker: Speaker::Assistant, parts: vec![Part::Text(text.clone())] },
        };
        [system].into_iter().chain(self.turns.iter().map(turn)).collect()
    }
}

/// An address without its query, cut.
fn shown_address(url: &str) -> String {
    let bare = url.split('?').next().unwrap_or_default();
    if bare.chars().count() <= MOST_OF_ADDRESS {
        return bare.to_owned();
    }
    bare.chars().take(MOST_OF_ADDRESS).collect::<String>() + " ..."
}
