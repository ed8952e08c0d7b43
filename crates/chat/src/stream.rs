//! Server-sent events of a chat completion, put together to what a whole answer would have been.

use crate::model::FunctionCall;
use crate::wire::{Completion, Tokens};
use serde::Deserialize;

/// What is used of a chunk.
#[derive(Debug, Deserialize)]
struct Chunk {
    #[serde(default)]
    model: Option<String>,
    #[serde(default)]
    choices: Vec<Choice>,
    #[serde(default)]
    usage: Option<Tokens>,
}

#[derive(Debug, Deserialize)]
struct Choice {
    #[serde(default)]
    delta: Delta,
}

#[derive(Debug, Default, Deserialize)]
struct Delta {
    #[serde(default)]
    content: Option<String>,
    #[serde(default)]
    tool_calls: Option<Vec<CallPiece>>,
}

#[derive(Debug, Deserialize)]
struct CallPiece {
    #[serde(default)]
    index: usize,
    #[serde(default)]
    function: Option<FunctionPiece>,
}

#[derive(Debug, Deserialize)]
struct FunctionPiece {
    #[serde(default)]
    name: Option<String>,
    #[serde(default)]
    arguments: Option<String>,
}

/// Calls of functions that one answer may make.
const MOST_CALLS: usize = 64;

/// An answer that is coming in.
#[derive(Debug, Default)]
pub(crate) struct Incoming {
    /// What is not a whole line yet.
    rest: Vec<u8>,
    model: Option<String>,
    text: String,
    calls: Vec<FunctionCall>,
    usage: Option<Tokens>,
    is_done: bool,
}

impl Incoming {
    /// Takes bytes in; the new words, or why this is no stream of chunks.
    pub(crate) fn take(&mut self, bytes: &[u8]) -> Result<String, String> {
        self.rest.extend_from_slice(bytes);
        let mut words = String::new();
        while let Some(end) = self.rest.iter().position(|byte| *byte == b'\n') {
            let line: Vec<u8> = self.rest.drain(..=end).collect();
            let line = String::from_utf8_lossy(&line);
            // comments keep a connection alive; names of events say nothing here
            let Some(data) = line.trim_end().strip_prefix("data:").map(str::trim_start) else { continue };
            if data == "[DONE]" {
                self.is_done = true;
                continue;
            }
            let chunk: Chunk = serde_json::from_str(data).map_err(|error| format!("a chunk that is none ({error}): {data}"))?;
            words.push_str(&self.add(chunk));
        }
        Ok(words)
    }

    fn add(&mut self, chunk: Chunk) -> String {
        self.model = self.model.take().or(chunk.model);
        self.usage = chunk.usage.or(self.usage);
        let Some(delta) = chunk.choices.into_iter().next().map(|choice| choice.delta) else { return String::new() };
        for piece in delta.tool_calls.into_iter().flatten().filter(|piece| piece.index < MOST_CALLS) {
            while self.calls.len() <= piece.index {
                self.calls.push(FunctionCall { name: String::new(), arguments: String::new() });
            }
            let (call, said) = (&mut self.calls[piece.index], piece.function);
            if let Some(FunctionPiece { name, arguments }) = said {
                call.name.push_str(&name.unwrap_or_default());
                call.arguments.push_str(&arguments.unwrap_or_default());
            }
        }
        let words = delta.content.unwrap_or_default();
        self.text.push_str(&words);
        words
    }

    /// Bytes that are kept of it.
    pub(crate) fn len(&self) -> usize {
        self.rest.len() + self.text.len() + self.calls.iter().map(|call| call.arguments.len()).sum::<usize>()
    }

    /// The whole answer; none if the stream broke off.
    pub(crate) fn whole(self) -> Option<Completion> {
        self.is_done.then(|| Completion::of(self.model, self.text, self.calls, self.usage))
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::expect_used)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const STREAM: &str = concat!(
        ": hello\n\n",
        "data: {\"model\":\"m\",\"choices\":[{\"delta\":{\"role\":\"assistant\"}}]}\n\n",
        "data: {\"choices\":[{\"delta\":{\"content\":\"Grüß \"}}]}\r\n\r\n",
        "data:{\"choices\":[{\"delta\":{\"content\":\"dich\",\"tool_calls\":[{\"index\":0,\"function\":{\"name\":\"f\",\"arguments\":\"{\\\"a\\\"\"}}]}}]}\n\n",
        "data: {\"choices\":[{\"delta\":{\"tool_calls\":[{\"index\":0,\"function\":{\"arguments\":\":1}\"}}]},\"finish_reason\":\"stop\"}]}\n\n",
        "data: {\"choices\":[],\"usage\":{\"prompt_tokens\":9,\"completion_tokens\":3}}\n\n",
        "data: [DONE]\n\n",
    );

    proptest! {
        /// However the network cuts it, also inside of a letter.
        #[test]
        fn a_stream_is_what_the_whole_answer_would_have_been(cuts in prop::collection::vec(1_usize..60, 1..40)) {
            let mut incoming = Incoming::default();
            let (mut left, mut words) = (STREAM.as_bytes(), String::new());
            for cut in cuts.iter().cycle() {
                let (now, later) = left.split_at((*cut).min(left.len()));
                words += &incoming.take(now).unwrap();
                left = later;
                if left.is_empty() {
                    break;
                }
            }
            let whole = incoming.whole().unwrap();
            prop_assert_eq!(&words, "Grüß dich");
            prop_assert_eq!(whole.text().unwrap(), "Grüß dich");
            prop_assert_eq!(whole.model.as_deref(), Some("m"));
            prop_assert_eq!(whole.calls(), vec![FunctionCall { name: "f".into(), arguments: "{\"a\":1}".into() }]);
        }
    }

    #[test]
    fn what_broke_off_is_no_answer_and_what_is_no_chunk_is_told() {
        let mut incoming = Incoming::default();
        incoming.take(&STREAM.as_bytes()[..STREAM.len() - 14]).unwrap();
        assert!(incoming.whole().is_none());
        assert!(Incoming::default().take(b"data: <html>\n").unwrap_err().contains("<html>"));
    }
}
