//! How a model of Triton's repository wants to be spoken to: which of its known kinds it is, by the names of its tensors. Pure.
//!
//! | | vLLM's backend | TensorRT-LLM, ensemble or BLS | TensorRT-LLM, LLM API |
//! |---|---|---|---|
//! | known by | `sampling_parameters` | `max_tokens` | `sampling_param_max_tokens` |
//! | sampling | JSON in one text | an input for each setting | an input for each, `sampling_param_…` |
//! | pictures | `image`: base64 | `image_url_input`: data URLs | `image_url`: data URLs |
//! | pieces of a stream | what is new | what is new (BLS: or all so far) | all so far |
//!
//! Names, types and shapes are from the servers' own model definitions (vllm_backend `src/model.py` and `src/utils/request.py`;
//! TensorRT-LLM `triton_backend/all_models/`), read in 2026; none of these servers was run.

use crate::kserve::tensors::Value;
use base64::Engine as _;
use bytes::Bytes;
use prost::Message as _;
use serde_json::{Map, Value as Json, json};
use std::collections::HashMap;
use std::hash::{BuildHasher, Hasher};
use wayfarer_chat::{ChatRequest, Part};
use wayfarer_core::prompt::SchemaMode;
use wayfarer_proto::kserve::model_infer_request::InferInputTensor;
use wayfarer_proto::kserve::model_metadata_response::TensorMetadata;
use wayfarer_proto::kserve::{ModelConfig, ModelInferRequest, ModelMetadataResponse};

/// The output that is read.
pub(crate) const ANSWER: &str = "text_output";
/// Outputs that count, where a model has them.
pub(crate) const TOKENS_READ: &str = "num_input_tokens";
pub(crate) const TOKENS_WRITTEN: &str = "num_output_tokens";

/// Bound of an answer where the caller leaves it to the server: TensorRT-LLM has none of its own, and vLLM's is 16 tokens.
const MOST_TOKENS: u64 = 4096;
/// The biggest request: three screenshots of 1440×900 that hardly compress (3.9 MB each) as base64 are 16 MB.
const MOST_BYTES: usize = wayfarer_rpc::MAX_MESSAGE_BYTES;

/// Fields of OpenAI's request, and of vLLM's, that mean the same in vLLM's sampling parameters.
const SAMPLING: [&str; 8] =
    ["top_p", "top_k", "min_p", "seed", "presence_penalty", "frequency_penalty", "repetition_penalty", "min_tokens"];

/// Kinds of models that are known.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Vllm,
    /// TensorRT-LLM's ensemble, and the BLS model that does the same.
    Ensemble,
    LlmApi,
}

/// How pictures are said.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Picture {
    /// The file in base64.
    Base64,
    /// A data URL.
    Url,
    /// A data URL that calls itself a JPEG: TensorRT-LLM's preprocessing takes others for addresses to fetch. What it then opens is told by
    /// its own first bytes.
    JpegUrl,
}

/// Inputs that take pictures. Pixels as a tensor (`image_bytes_input`) are not sent: models that take them take URLs too.
const PICTURES: [(&str, Picture); 3] = [("image", Picture::Base64), ("image_url", Picture::Url), ("image_url_input", Picture::JpegUrl)];

/// How one model wants to be spoken to.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Binding {
    kind: Kind,
    inputs: HashMap<String, TensorMetadata>,
    /// Whether an answer can come in pieces, each with what is new.
    streams: bool,
}

impl Binding {
    /// Of what the server says of a model; `Err` says why it cannot be spoken to.
    pub(crate) fn of(metadata: ModelMetadataResponse, config: &ModelConfig) -> Result<Self, String> {
        let inputs: HashMap<String, TensorMetadata> = metadata.inputs.into_iter().map(|input| (input.name.clone(), input)).collect();
        let is_text = |tensor: &TensorMetadata| tensor.datatype == "BYTES";
        let answers = metadata.outputs.iter().any(|output| output.name == ANSWER && is_text(output));
        let kind = match inputs.get("text_input").filter(|input| answers && is_text(input)) {
            Some(_) if inputs.contains_key("sampling_parameters") => Kind::Vllm,
            Some(_) if inputs.contains_key("max_tokens") => Kind::Ensemble,
            Some(_) if inputs.contains_key("sampling_param_max_tokens") => Kind::LlmApi,
            _ => return Err(unknown(&inputs, &metadata.outputs)),
        };
        // a text that is told again and again as it grows cannot be told from pieces: "1", "11" is either "11" or "111"
        let grows = kind == Kind::LlmApi || config.parameters.get("accumulate_tokens").is_some_and(|said| is_true(&said.string_value));
        Ok(Self { kind, streams: inputs.contains_key("stream") && !grows, inputs })
    }

    /// Whether an answer can come in pieces.
    pub(crate) fn streams(&self) -> bool {
        self.streams
    }

    /// The request; `Err` says what this model has no input for.
    pub(crate) fn request(
        &self,
        model: &str,
        request: &ChatRequest,
        prompt: String,
        streams: bool,
        schema: SchemaMode,
    ) -> Result<ModelInferRequest, String> {
        let mut tensors = Tensors { binding: self, sent: ModelInferRequest { model_name: model.to_owned(), ..Default::default() } };
        tensors.put("text_input", Value::text(prompt))?;
        tensors.put_pictures(request)?;
        tensors.put("stream", Value::Bool(streams))?;
        for name in
            ["exclude_input_in_output", "sampling_param_exclude_input_from_output", "return_num_input_tokens", "return_num_output_tokens"]
        {
            tensors.put(name, Value::Bool(true))?;
        }
        match self.kind {
            Kind::Vllm => tensors.put("sampling_parameters", Value::text(sampling(request).to_string()))?,
            Kind::Ensemble => tensors.put_settings(request, "", "stop_words")?,
            Kind::LlmApi => tensors.put_settings(request, "sampling_param_", "sampling_param_stop")?,
        }
        // a server without guided decoding fails at it, and does not say so in words that could be learned from
        if let (Some(wanted), SchemaMode::On) = (&request.schema, schema) {
            tensors.put("guided_decoding_guide_type", Value::text("json_schema"))?;
            tensors.put("guided_decoding_guide", Value::text(wanted.json.clone()))?;
        }
        let bytes = tensors.sent.encoded_len();
        if bytes > MOST_BYTES {
            return Err(format!("nothing, for the request has {bytes} bytes and may have {MOST_BYTES}"));
        }
        Ok(tensors.sent)
    }
}

/// A request that grows.
struct Tensors<'a> {
    binding: &'a Binding,
    sent: ModelInferRequest,
}

impl Tensors<'_> {
    /// Adds an input, if the model has it.
    fn put(&mut self, name: &str, value: Value) -> Result<(), String> {
        let Some(input) = self.binding.inputs.get(name) else { return Ok(()) };
        let raw = value.raw(&input.datatype).ok_or_else(|| format!("nothing, for its input {name} is {}", input.datatype))?;
        let count = value.count() as i64;
        if let Some(fixed) = input.shape.last().filter(|size| **size > 0 && **size != count) {
            return Err(format!("nothing, for its input {name} takes {fixed} and the request has {count}"));
        }
        // elements lie along the last axis; what stands before it is a batch of one
        let mut shape = vec![1; input.shape.len().max(1)];
        if let Some(last) = shape.last_mut() {
            *last = count;
        }
        self.sent.inputs.push(InferInputTensor { name: name.to_owned(), datatype: input.datatype.clone(), shape, ..Default::default() });
        self.sent.raw_input_contents.push(raw);
        Ok(())
    }

    fn put_pictures(&mut self, request: &ChatRequest) -> Result<(), String> {
        let parts = request.messages.iter().flat_map(|message| &message.parts);
        let pictures: Vec<&Bytes> = parts.filter_map(|part| if let Part::Png(png) = part { Some(png) } else { None }).collect();
        if pictures.is_empty() {
            return Ok(());
        }
        let known = PICTURES.iter().find(|(name, _)| self.binding.inputs.contains_key(*name));
        let (name, form) = known.ok_or("nothing, for it has no input for pictures (image, image_url, image_url_input)")?;
        let said = pictures.into_iter().map(|png| said(png, *form)).collect();
        self.put(name, Value::Texts(said))
    }

    /// One input for each setting, as TensorRT-LLM has them.
    fn put_settings(&mut self, request: &ChatRequest, before: &str, stop: &str) -> Result<(), String> {
        let whole = |name: &str| request.extra.get(name).and_then(Json::as_u64);
        let real = |name: &str| request.extra.get(name).and_then(Json::as_f64).map(|value| value as f32);
        self.put(&format!("{before}max_tokens"), Value::Whole(bound(request)))?;
        if request.temperature > 0.0 {
            self.put(&format!("{before}temperature"), Value::Real(request.temperature))?;
            // without a top_p or top_k it takes the likeliest token whatever the temperature; and without a seed the same ones each time
            self.put(&format!("{before}top_p"), Value::Real(real("top_p").unwrap_or(1.0)))?;
            if let Some(top_k) = whole("top_k") {
                self.put(&format!("{before}top_k"), Value::Whole(top_k))?;
            }
            self.put(&format!("{before}seed"), Value::Whole(whole("seed").unwrap_or_else(any_seed)))?;
        } else {
            // a temperature of 0 is refused by some versions
            self.put(&format!("{before}top_k"), Value::Whole(1))?;
        }
        for name in ["presence_penalty", "frequency_penalty", "repetition_penalty"] {
            if let Some(value) = real(name) {
                self.put(&format!("{before}{name}"), Value::Real(value))?;
            }
        }
        if request.stop.is_empty() {
            return Ok(());
        }
        self.put(stop, Value::Texts(request.stop.iter().cloned().map(Bytes::from).collect()))
    }
}

/// Sampling parameters as vLLM has them.
fn sampling(request: &ChatRequest) -> Json {
    let mut said = Map::new();
    for name in SAMPLING {
        if let Some(value) = request.extra.get(name) {
            said.insert(name.to_owned(), value.clone());
        }
    }
    said.insert("max_tokens".into(), bound(request).into());
    said.insert("temperature".into(), json!(request.temperature));
    if !request.stop.is_empty() {
        said.insert("stop".into(), json!(request.stop));
    }
    Json::Object(said)
}

fn bound(request: &ChatRequest) -> u64 {
    if request.max_tokens == 0 { MOST_TOKENS } else { request.max_tokens.into() }
}

/// A seed of chance; it need not be good.
fn any_seed() -> u64 {
    // 31 bits: some models have it as INT32
    std::hash::RandomState::new().build_hasher().finish() >> 33
}

fn said(png: &Bytes, form: Picture) -> Bytes {
    let before = match form {
        Picture::Base64 => "",
        Picture::Url => "data:image/png;base64,",
        Picture::JpegUrl => "data:image/jpeg;base64,",
    };
    let mut text = before.to_owned();
    base64::engine::general_purpose::STANDARD.encode_string(png, &mut text);
    text.into()
}

fn is_true(said: &str) -> bool {
    said.eq_ignore_ascii_case("true") || said == "1"
}

fn unknown(inputs: &HashMap<String, TensorMetadata>, outputs: &[TensorMetadata]) -> String {
    let mut takes: Vec<&str> = inputs.keys().map(String::as_str).collect();
    takes.sort_unstable();
    let gives: Vec<&str> = outputs.iter().map(|output| output.name.as_str()).collect();
    let (takes, gives) = (takes.join(", "), gives.join(", "));
    format!(
        "that its model takes {takes} and gives {gives}; it must take text_input with sampling_parameters (vLLM's backend), max_tokens \
         (TensorRT-LLM's ensemble, not its tensorrt_llm model) or sampling_param_max_tokens (LLM API), and give {ANSWER}"
    )
}
