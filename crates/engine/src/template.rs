//! A model's own chat template, rendered as transformers renders it: from messages to text.

use crate::error::EngineError;
use minijinja::syntax::SyntaxConfig;
use minijinja::value::Serde;
use minijinja::{Environment, Value, context};
use serde::Serialize;
use std::path::Path;
use wayfarer_chat::{Message, Part, Speaker};

/// Where a chat template may lie, in the order in which transformers looks.
const TEMPLATE: &str = "chat_template.jinja";
const INSIDE_JSON: [&str; 2] = ["chat_template.json", "tokenizer_config.json"];

/// Writes conversations as a model was trained to read them.
#[derive(Debug)]
pub struct ChatTemplate(Environment<'static>);

/// A part of a message as templates of the hub want it.
#[derive(Serialize)]
#[serde(rename_all = "snake_case", tag = "type")]
enum Piece {
    Text { text: String },
    Image,
}

impl ChatTemplate {
    /// A template in Jinja's words.
    pub fn new(template: String) -> Result<Self, EngineError> {
        let mut environment = Environment::new();
        let unreadable = |error: minijinja::Error| EngineError::Checkpoint(format!("its chat template cannot be read: {error:#}"));
        environment.set_syntax(SyntaxConfig::builder().trim_blocks(true).lstrip_blocks(true).build().map_err(unreadable)?);
        environment.set_unknown_method_callback(minijinja_contrib::pycompat::unknown_method_callback);
        environment.add_function("raise_exception", |why: String| -> Result<String, minijinja::Error> {
            Err(minijinja::Error::new(minijinja::ErrorKind::InvalidOperation, why))
        });
        environment.add_template_owned(TEMPLATE, template).map_err(unreadable)?;
        Ok(Self(environment))
    }

    /// The template in a folder as the Hugging Face hub has it; no other file of a checkpoint has to be there.
    pub fn of_folder(folder: &Path) -> Result<Self, EngineError> {
        if let Some(template) = read_if_there(&folder.join(TEMPLATE))? {
            return Self::new(template);
        }
        for file in INSIDE_JSON {
            let path = folder.join(file);
            let Some(text) = read_if_there(&path)? else { continue };
            let said: serde_json::Value =
                serde_json::from_str(&text).map_err(|error| EngineError::Unreadable { path, why: error.to_string() })?;
            if let Some(template) = said.get("chat_template").and_then(serde_json::Value::as_str) {
                return Self::new(template.to_owned());
            }
        }
        Err(EngineError::Checkpoint("it has no chat template; chat_template.jinja is missing".into()))
    }

    /// The conversation, up to where the model's answer begins. Each text goes through `write` first, so that no word that somebody wrote
    /// is taken for one of the template's own; `more` goes to the template as it is.
    pub fn render(
        &self,
        messages: &[Message],
        more: &serde_json::Map<String, serde_json::Value>,
        write: impl Fn(&str) -> String,
    ) -> Result<String, EngineError> {
        let messages: Vec<Value> = messages.iter().map(|message| said(message, &write)).collect();
        let context = context! { messages, add_generation_prompt => true, ..Value::from(Serde(more)) };
        let unfit = |error: minijinja::Error| EngineError::Unfit(format!("the chat template refuses the conversation: {error:#}"));
        self.0.get_template(TEMPLATE).and_then(|template| template.render(context)).map_err(unfit)
    }
}

fn said(message: &Message, write: impl Fn(&str) -> String) -> Value {
    let role = match message.speaker {
        Speaker::System => "system",
        Speaker::User => "user",
        Speaker::Assistant => "assistant",
    };
    let pieces = message.parts.iter().map(|part| match part {
        Part::Text(text) => Piece::Text { text: write(text) },
        Part::Png(_) => Piece::Image,
    });
    let mut pieces: Vec<Piece> = pieces.collect();
    // one text is said as text, as most callers of transformers say it
    let content = match pieces.as_mut_slice() {
        [Piece::Text { text }] => Value::from(std::mem::take(text)),
        _ => Value::from(Serde(&pieces)),
    };
    context! { role, content }
}

/// Text of a file; none if there is none.
pub(crate) fn read_if_there(path: &Path) -> Result<Option<String>, EngineError> {
    match std::fs::read_to_string(path) {
        Ok(text) => Ok(Some(text)),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(EngineError::Unreadable { path: path.to_path_buf(), why: error.to_string() }),
    }
}
