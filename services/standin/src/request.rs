//! Reading the question out of a conversation: the last user message with a fenced JSON object that names its prompt.

use serde::Deserialize;
use serde_json::Value;

/// A chat completion request, as far as it is read; everything else is ignored.
#[derive(Debug, Clone, Deserialize)]
pub struct ChatBody {
    /// The model that is asked for.
    #[serde(default)]
    pub model: String,
    /// The conversation.
    pub messages: Vec<ChatMessage>,
    /// Streaming, which is not offered.
    #[serde(default)]
    pub stream: bool,
}

/// One message.
#[derive(Debug, Clone, Deserialize)]
pub struct ChatMessage {
    /// `system`, `user` or `assistant`.
    pub role: String,
    /// A text, or parts.
    #[serde(default)]
    pub content: Content,
}

/// What a message holds.
#[derive(Debug, Clone, Deserialize, Default)]
#[serde(untagged)]
pub enum Content {
    /// Words.
    Text(String),
    /// Words and pictures.
    Parts(Vec<ContentPart>),
    /// Nothing.
    #[default]
    Nothing,
}

/// A part of a message.
#[derive(Debug, Clone, Deserialize)]
pub struct ContentPart {
    /// `text`, `image_url`, ...
    #[serde(rename = "type")]
    pub kind: String,
    /// The words of a text part.
    #[serde(default)]
    pub text: String,
    /// The picture of a picture part.
    #[serde(default)]
    pub image_url: Option<ImageUrl>,
}

/// Where a picture is.
#[derive(Debug, Clone, Deserialize)]
pub struct ImageUrl {
    /// A data URL.
    pub url: String,
}

impl Content {
    /// The words.
    pub fn text(&self) -> String {
        match self {
            Self::Text(text) => text.clone(),
            Self::Parts(parts) => parts.iter().map(|part| part.text.as_str()).collect::<Vec<_>>().join("\n"),
            Self::Nothing => String::new(),
        }
    }

    /// How many pictures.
    pub fn pictures(&self) -> usize {
        self.picture_urls().len()
    }

    /// The pictures, as data URLs.
    pub fn picture_urls(&self) -> Vec<&String> {
        match self {
            Self::Parts(parts) => parts.iter().filter_map(|part| part.image_url.as_ref()).map(|image| &image.url).collect(),
            _ => Vec::new(),
        }
    }
}

/// A question.
#[derive(Debug, Clone, PartialEq)]
pub struct Question {
    /// Which prompt.
    pub prompt: String,
    /// Its typed input.
    pub input: Value,
}

/// Finds the question. Later turns that hold none (an error turn, say) do not hide it.
pub fn question(body: &ChatBody) -> Option<Question> {
    body.messages.iter().rev().filter(|message| message.role == "user").find_map(|message| in_text(&message.content.text()))
}

fn in_text(text: &str) -> Option<Question> {
    text.match_indices("```json").filter_map(|(at, fence)| data_block(&text[at + fence.len()..])).last()
}

/// The object right after a fence. It is read as JSON, not up to the next fence: page texts may hold fences themselves.
fn data_block(rest: &str) -> Option<Question> {
    let mut values = serde_json::Deserializer::from_str(rest).into_iter::<Value>();
    let Some(Ok(Value::Object(mut object))) = values.next() else { return None };
    let prompt = object.remove("prompt")?.as_str()?.to_string();
    Some(Question { prompt, input: Value::Object(object) })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    #[allow(clippy::unwrap_used)]
    fn finds_the_last_data_block_behind_an_error_turn() {
        let body: ChatBody = serde_json::from_value(serde_json::json!({"model": "x", "messages": [
            {"role": "system", "content": "You are a judge."},
            {"role": "user", "content": [{"type": "text", "text": "Data:\n```json\n{\"prompt\": \"judge.key_points\", \"task\": \"say ```json twice```\"}\n```\nThanks."}, {"type": "image_url", "image_url": {"url": "data:image/png;base64,AAAA"}}]},
            {"role": "assistant", "content": "nonsense"},
            {"role": "user", "content": "That was no JSON. Again, please."},
        ]})).unwrap();
        let found = question(&body).unwrap();
        assert_eq!(found.prompt, "judge.key_points");
        assert_eq!(found.input["task"], "say ```json twice```");
        assert_eq!(body.messages[1].content.pictures(), 1);
    }
}
