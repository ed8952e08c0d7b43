//! From tokens to words as they come: nothing is said that a later token could change, and nothing of a text that ends the answer.

use crate::error::EngineError;
use tokenizers::Tokenizer;

/// Tokens after which a letter that is still not complete never will be: none has more bytes.
const LONGEST_LETTER: usize = 4;

/// The words of one answer.
#[derive(Debug, Default)]
pub(crate) struct Words {
    tokens: Vec<u32>,
    /// Where the last piece that was said begins: words are read with what stands before them, for some are written differently then.
    before: usize,
    /// Tokens that were said.
    said: usize,
    stops: Stops,
}

/// What new words brought.
#[derive(Debug, PartialEq, Eq)]
pub struct Said {
    /// What can be said now.
    pub words: String,
    /// A text was met that ends the answer.
    pub is_over: bool,
}

impl Words {
    /// An answer that these texts end.
    pub(crate) fn new(stops: Vec<String>) -> Self {
        Self { stops: Stops::new(stops), ..Self::default() }
    }

    /// The next token.
    pub(crate) fn take(&mut self, tokenizer: &Tokenizer, token: u32) -> Result<Said, EngineError> {
        self.tokens.push(token);
        let new = self.read(tokenizer)?;
        let may_grow = new.ends_with(char::REPLACEMENT_CHARACTER) && self.tokens.len() - self.said < LONGEST_LETTER;
        if new.is_empty() || may_grow {
            return Ok(Said { words: String::new(), is_over: false });
        }
        (self.before, self.said) = (self.said, self.tokens.len());
        Ok(self.stops.take(&new))
    }

    /// What the tokens say that were not said yet.
    fn read(&self, tokenizer: &Tokenizer) -> Result<String, EngineError> {
        let decode = |tokens: &[u32]| {
            tokenizer.decode(tokens, true).map_err(|error| EngineError::Failed(format!("tokens that cannot be read: {error}")))
        };
        let (known, mut all) = (decode(&self.tokens[self.before..self.said])?, decode(&self.tokens[self.before..])?);
        let at = (known.len()..all.len()).find(|at| all.is_char_boundary(*at)).unwrap_or(all.len());
        Ok(all.split_off(at))
    }

    /// What was held back, when no more tokens come; of a letter that is not complete, the sign for that.
    pub(crate) fn rest(&mut self, tokenizer: &Tokenizer) -> String {
        let mut rest = self.stops.rest();
        rest.push_str(&self.read(tokenizer).unwrap_or_default());
        rest
    }
}

/// Looks for texts that end an answer.
#[derive(Debug, Default)]
pub struct Stops {
    stops: Vec<String>,
    /// What may be the beginning of one.
    held: String,
}

impl Stops {
    /// An answer that these texts end.
    pub fn new(stops: Vec<String>) -> Self {
        Self { stops: stops.into_iter().filter(|stop| !stop.is_empty()).collect(), held: String::new() }
    }

    /// The next words.
    pub fn take(&mut self, new: &str) -> Said {
        self.held.push_str(new);
        if let Some(end) = self.stops.iter().filter_map(|stop| self.held.find(stop.as_str())).min() {
            self.held.truncate(end);
            return Said { words: std::mem::take(&mut self.held), is_over: true };
        }
        let begins_one = |tail: &str| self.stops.iter().any(|stop| stop.starts_with(tail));
        let keep = self.held.char_indices().map(|(at, _)| at).find(|at| begins_one(&self.held[*at..])).unwrap_or(self.held.len());
        let kept = self.held.split_off(keep);
        Said { words: std::mem::replace(&mut self.held, kept), is_over: false }
    }

    /// What was held back, when no more words come.
    pub fn rest(&mut self) -> String {
        std::mem::take(&mut self.held)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        /// However the text comes: what is said is the text up to the first stop.
        #[test]
        fn nothing_of_a_stop_is_said(
            text in "[abc]{0,40}", stops in prop::collection::vec("[abc]{1,4}", 0..3), cuts in prop::collection::vec(1_usize..5, 1..50),
        ) {
            let end = stops.iter().filter_map(|stop| text.find(stop.as_str())).min();
            let mut looking = Stops::new(stops);
            let (mut said, mut over, mut left) = (String::new(), false, text.as_str());
            for cut in cuts.iter().cycle() {
                let (now, later) = left.split_at((*cut).min(left.len()));
                let new = looking.take(now);
                said.push_str(&new.words);
                left = later;
                over = new.is_over;
                if over || left.is_empty() {
                    break;
                }
            }
            if !over {
                said.push_str(&looking.held);
            }
            prop_assert_eq!(over, end.is_some());
            // whoever stops at the first token that completes a stop may see one that begins earlier only later: never with whole tokens
            match end {
                Some(end) => prop_assert!(text.starts_with(&said) && said.len() >= end && said.len() <= end + 3),
                None => prop_assert_eq!(&said, &text),
            }
        }
    }

    #[test]
    fn the_beginning_of_a_stop_is_held_back_until_it_is_none() {
        let mut stops = Stops::new(vec!["</end>".into()]);
        assert_eq!(stops.take("ab</e").words, "ab");
        assert_eq!(stops.take("x").words, "</ex");
        assert_eq!(stops.take("y</end>z"), Said { words: "y".into(), is_over: true });
    }
}
