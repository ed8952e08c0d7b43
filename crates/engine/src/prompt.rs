//! From messages to tokens: the checkpoint's own chat template, its own tokenizer, and a place for each picture.

use crate::checkpoint::Checkpoint;
use crate::error::EngineError;
use crate::model::Positions;
use crate::picture::{Darkroom, Picture};
use crate::template::ChatTemplate;
use rand::Rng;
use rayon::prelude::*;
use std::sync::Arc;
use tokenizers::Tokenizer;
use wayfarer_chat::{Message, Part};

/// Opens and closes a word that stands for a special token which somebody has written (private use, in no text by chance).
const MARK: char = '\u{F8F0}';

/// A picture in a conversation.
#[derive(Debug, Clone)]
pub(crate) struct Placed {
    /// Its first token.
    pub(crate) start: usize,
    pub(crate) tokens: usize,
    pub(crate) picture: Arc<Picture>,
}

/// A conversation as the model reads it.
#[derive(Debug, Clone)]
pub(crate) struct Prompt {
    pub(crate) tokens: Vec<u32>,
    pub(crate) positions: Positions,
    /// In their order.
    pub(crate) pictures: Vec<Placed>,
}

/// Writes conversations as tokens.
pub(crate) struct Writer {
    /// Knows special tokens.
    tokenizer: Tokenizer,
    /// Takes special tokens for the letters that they are written with.
    literal: Tokenizer,
    special: Vec<String>,
    template: ChatTemplate,
    image_token: u32,
    merge: usize,
}

impl Writer {
    /// Of a checkpoint.
    pub(crate) fn load(checkpoint: &Checkpoint) -> Result<Self, EngineError> {
        let path = checkpoint.path_of("tokenizer.json");
        let tokenizer = Tokenizer::from_file(&path).map_err(|error| EngineError::Unreadable { path, why: error.to_string() })?;
        let mut literal = tokenizer.clone();
        literal.set_encode_special_tokens(true);
        let added = tokenizer.get_added_tokens_decoder();
        let special = added.values().filter(|token| token.special).map(|token| token.content.clone()).collect();
        Ok(Self {
            template: ChatTemplate::of_folder(checkpoint.folder())?,
            image_token: checkpoint.config.image_token,
            merge: checkpoint.config.vision.spatial_merge_size,
            tokenizer,
            literal,
            special,
        })
    }

    pub(crate) fn tokenizer(&self) -> &Tokenizer {
        &self.tokenizer
    }

    /// The conversation, up to where the model's answer begins. `more` goes to the template as it is.
    pub(crate) fn write(
        &self,
        messages: &[Message],
        more: &serde_json::Map<String, serde_json::Value>,
        darkroom: &Darkroom,
    ) -> Result<Prompt, EngineError> {
        let shown = messages.iter().flat_map(|message| &message.parts).filter_map(|part| match part {
            Part::Png(png) => Some(png),
            Part::Text(_) => None,
        });
        // a screen takes tens of milliseconds
        let pictures = shown.collect::<Vec<_>>().into_par_iter().map(|png| darkroom.develop(png)).collect::<Result<Vec<_>, _>>()?;
        let encoded = self.encode(&self.template.render(messages, more, |text| self.mark(text))?)?;
        let mut prompt = Prompt { tokens: Vec::new(), positions: Positions::default(), pictures: Vec::new() };
        let mut next = pictures.into_iter();
        for token in encoded {
            if token != self.image_token {
                prompt.tokens.push(token);
                prompt.positions.text();
                continue;
            }
            let picture =
                next.next().ok_or_else(|| EngineError::Checkpoint("its chat template shows more pictures than there are".into()))?;
            let tokens = picture.grid.tokens(self.merge);
            prompt.positions.picture(picture.grid, self.merge);
            prompt.pictures.push(Placed { start: prompt.tokens.len(), tokens, picture });
            prompt.tokens.extend(std::iter::repeat_n(token, tokens));
        }
        if next.next().is_some() {
            return Err(EngineError::Checkpoint("its chat template does not show all pictures".into()));
        }
        Ok(prompt)
    }

    /// A word that somebody writes is a word, also if it is written like a special token: nobody ends the turn of another one.
    fn mark(&self, text: &str) -> String {
        if !self.special.iter().any(|special| text.contains(special.as_str())) {
            return text.to_owned();
        }
        let text = text.replace(MARK, "");
        let marked = |text: String, (index, special): (usize, &String)| text.replace(special.as_str(), &format!("{MARK}{index}{MARK}"));
        self.special.iter().enumerate().fold(text, marked)
    }

    fn encode(&self, text: &str) -> Result<Vec<u32>, EngineError> {
        let unfit = |error: tokenizers::Error| EngineError::Unfit(format!("the conversation cannot be written as tokens: {error}"));
        let mut tokens = Vec::new();
        // marks come in pairs: what lies between two of them is the index of a special token
        for (index, piece) in text.split(MARK).enumerate() {
            let special = (index % 2 == 1).then(|| piece.parse::<usize>().ok().and_then(|index| self.special.get(index))).flatten();
            let encoded = match special {
                Some(special) => self.literal.encode_fast(special.as_str(), false),
                None => self.tokenizer.encode_fast(piece, false),
            };
            tokens.extend_from_slice(encoded.map_err(unfit)?.get_ids());
        }
        Ok(tokens)
    }
}

/// A seed of chance, where nobody gave one.
pub(crate) fn any_seed() -> u64 {
    rand::rng().random()
}
