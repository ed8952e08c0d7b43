//! An answer that comes in one piece or in many. Pure.

use crate::kserve::binding::{ANSWER, TOKENS_READ, TOKENS_WRITTEN};
use crate::kserve::tensors;
use wayfarer_engine::{Said, Stops};
use wayfarer_proto::kserve::ModelInferResponse;
use wayfarer_proto::kserve::infer_parameter::ParameterChoice;

/// The biggest answer that is read, as of other endpoints.
const MAX_REPLY_BYTES: usize = 4 * 1024 * 1024;
/// Triton: nothing follows.
const FINAL: &str = "triton_final_response";

/// What has come of an answer.
#[derive(Debug, Default)]
pub(crate) struct Answer {
    /// Texts that end it may come with it: TensorRT-LLM leaves them in.
    stops: Stops,
    text: String,
    has_text: bool,
    tokens_read: Option<u64>,
    tokens_written: Option<u64>,
}

/// What a response brought.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Piece {
    /// New words, to be passed on.
    pub(crate) words: String,
    /// Nothing that follows is of interest.
    pub(crate) is_last: bool,
}

/// A whole answer.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Whole {
    pub(crate) text: String,
    /// Words that were held back, for they could have begun a text that ends the answer.
    pub(crate) rest: String,
    /// Tokens, where the server counts them.
    pub(crate) tokens_read: Option<u64>,
    pub(crate) tokens_written: Option<u64>,
}

impl Answer {
    /// An answer that these texts end.
    pub(crate) fn new(stops: Vec<String>) -> Self {
        Self { stops: Stops::new(stops), ..Self::default() }
    }

    /// The next response; `Err` says why it is none.
    pub(crate) fn take(&mut self, response: &ModelInferResponse) -> Result<Piece, String> {
        // what was read is told with each piece, what was written for each piece
        self.tokens_read = self.tokens_read.max(tensors::count(response, TOKENS_READ));
        if let Some(written) = tensors::count(response, TOKENS_WRITTEN) {
            self.tokens_written = Some(self.tokens_written.unwrap_or(0).saturating_add(written));
        }
        let is_final = response.parameters.get(FINAL).and_then(|said| said.parameter_choice.as_ref());
        let is_final = matches!(is_final, Some(ParameterChoice::BoolParam(true)));
        let Some(new) = tensors::text(response, ANSWER)? else { return Ok(Piece { words: String::new(), is_last: is_final }) };
        self.has_text = true;
        let Said { words, is_over } = self.stops.take(&new);
        self.text.push_str(&words);
        if self.text.len() > MAX_REPLY_BYTES {
            return Err(format!("more than {MAX_REPLY_BYTES} bytes to one question"));
        }
        Ok(Piece { words, is_last: is_final || is_over })
    }

    /// The whole answer; none if no response had any text.
    pub(crate) fn whole(mut self) -> Option<Whole> {
        let rest = self.stops.rest();
        self.text.push_str(&rest);
        let Self { text, tokens_read, tokens_written, .. } = self;
        self.has_text.then_some(Whole { text, rest, tokens_read, tokens_written })
    }
}
