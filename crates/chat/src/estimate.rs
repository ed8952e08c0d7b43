//! What a call is taken for where the model's server does not count.

use crate::model::{Message, Part};

/// Tokens of a picture (a 1440×900 tile count of common vision models).
const TOKENS_PER_PICTURE: u64 = 1105;
/// Bytes of text per token.
const BYTES_PER_TOKEN: u64 = 4;

/// Tokens of a conversation.
pub fn prompt_tokens(messages: &[Message]) -> u64 {
    let parts = messages.iter().flat_map(|message| &message.parts);
    parts
        .map(|part| match part {
            Part::Text(text) => text_tokens(text),
            Part::Png(_) => TOKENS_PER_PICTURE,
        })
        .sum()
}

/// Tokens of a text.
pub fn text_tokens(text: &str) -> u64 {
    (text.len() as u64).div_ceil(BYTES_PER_TOKEN)
}
