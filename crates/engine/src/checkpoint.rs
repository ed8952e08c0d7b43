//! A checkpoint as the Hugging Face hub has it: what its files say.

use crate::error::EngineError;
use crate::model::{Text, Vision};
use crate::template::read_if_there;
use candle_core::{DType, Device, Tensor};
use candle_nn::VarBuilder;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::{Map, Value};
use std::collections::HashMap;
use std::path::{Path, PathBuf};
use wayfarer_pixels::Resizing;

/// The one kind of model that this engine runs.
const MODEL_TYPE: &str = "qwen2_5_vl";

/// The vision tower, in the words of `config.json`.
#[derive(Debug, Clone, Deserialize)]
pub(crate) struct VisionConfig {
    pub(crate) depth: usize,
    pub(crate) hidden_size: usize,
    pub(crate) intermediate_size: usize,
    pub(crate) num_heads: usize,
    pub(crate) out_hidden_size: usize,
    #[serde(default = "patch_size")]
    pub(crate) patch_size: usize,
    #[serde(default = "two")]
    pub(crate) spatial_merge_size: usize,
    #[serde(default = "two")]
    pub(crate) temporal_patch_size: usize,
    #[serde(default = "window_size")]
    pub(crate) window_size: usize,
    pub(crate) fullatt_block_indexes: Vec<usize>,
}

impl VisionConfig {
    /// Values of a patch of a still picture: three channels.
    pub(crate) fn patch_values(&self) -> usize {
        3 * self.patch_size * self.patch_size
    }

    fn check(&self) -> Result<(), String> {
        let sizes = [self.depth, self.hidden_size, self.intermediate_size, self.num_heads, self.patch_size, self.spatial_merge_size];
        if sizes.contains(&0) || self.temporal_patch_size == 0 {
            return Err("a size of the vision tower is 0".into());
        }
        if !self.hidden_size.is_multiple_of(4 * self.num_heads) {
            return Err(format!("{} values do not fall into {} heads with two axes", self.hidden_size, self.num_heads));
        }
        Ok(())
    }
}

// defaults of transformers' Qwen2_5_VLVisionConfig
fn patch_size() -> usize {
    14
}

fn two() -> usize {
    2
}

fn window_size() -> usize {
    112
}

/// Rotary positions.
#[derive(Debug, Clone, Deserialize)]
pub(crate) struct Rope {
    /// Pairs of coordinates that follow frames, rows and columns.
    pub(crate) mrope_section: Vec<usize>,
    #[serde(default = "rope_theta")]
    pub(crate) rope_theta: f64,
}

fn rope_theta() -> f64 {
    1_000_000.0
}

/// The decoder, in the words of `config.json`.
#[derive(Debug, Clone, Deserialize)]
pub(crate) struct TextConfig {
    pub(crate) vocab_size: usize,
    pub(crate) hidden_size: usize,
    pub(crate) intermediate_size: usize,
    pub(crate) num_hidden_layers: usize,
    pub(crate) num_attention_heads: usize,
    pub(crate) num_key_value_heads: usize,
    pub(crate) rms_norm_eps: f64,
    #[serde(default = "context")]
    pub(crate) max_position_embeddings: usize,
    #[serde(default)]
    pub(crate) tie_word_embeddings: bool,
    pub(crate) rope: Rope,
}

fn context() -> usize {
    32_768
}

impl TextConfig {
    pub(crate) fn heads(&self) -> crate::model::Heads {
        let dim = self.hidden_size / self.num_attention_heads;
        crate::model::Heads { query: self.num_attention_heads, kv: self.num_key_value_heads, dim }
    }

    fn check(&self) -> Result<(), String> {
        let (heads, kv) = (self.num_attention_heads, self.num_key_value_heads);
        let sizes = [self.vocab_size, self.hidden_size, self.intermediate_size, self.num_hidden_layers, heads, kv];
        if sizes.contains(&0) {
            return Err("a size of the decoder is 0".into());
        }
        if !heads.is_multiple_of(kv) || !self.hidden_size.is_multiple_of(2 * heads) {
            return Err(format!("{} values do not fall into {heads} heads over {kv}", self.hidden_size));
        }
        let (pairs, sections) = (self.hidden_size / heads / 2, self.rope.mrope_section.iter().sum::<usize>());
        if pairs != sections || self.rope.mrope_section.len() > 3 {
            return Err(format!("mrope_section {:?} does not cover the {pairs} pairs of a head", self.rope.mrope_section));
        }
        Ok(())
    }
}

/// What `config.json` says.
#[derive(Debug, Clone)]
pub(crate) struct Config {
    pub(crate) text: TextConfig,
    pub(crate) vision: VisionConfig,
    pub(crate) image_token: u32,
    /// In which the weights lie.
    pub(crate) dtype: DType,
}

/// How pictures are made ready (`preprocessor_config.json`).
#[derive(Debug, Clone)]
pub(crate) struct Processor {
    pub(crate) resizing: Resizing,
    pub(crate) mean: [f32; 3],
    pub(crate) std: [f32; 3],
}

/// The files of a checkpoint, read but for its weights.
#[derive(Debug)]
pub(crate) struct Checkpoint {
    folder: PathBuf,
    pub(crate) config: Config,
    pub(crate) processor: Processor,
    pub(crate) ends: Vec<u32>,
}

impl Checkpoint {
    /// Reads all small files.
    pub(crate) fn open(folder: &Path) -> Result<Self, EngineError> {
        let config = read_config(&folder.join("config.json"))?;
        let processor = read_processor(folder, &config.vision)?;
        Ok(Self { ends: read_ends(folder)?, config, processor, folder: folder.to_path_buf() })
    }

    /// Where its files lie.
    pub(crate) fn folder(&self) -> &Path {
        &self.folder
    }

    /// A file that has to be there.
    pub(crate) fn path_of(&self, name: &str) -> PathBuf {
        self.folder.join(name)
    }

    /// Reads the weights into memory, at this precision.
    pub(crate) fn load(&self, dtype: DType, device: &Device) -> Result<(Vision, Text), EngineError> {
        let mut tensors: HashMap<String, Tensor> = HashMap::new();
        for file in self.weight_files()? {
            let unreadable = |error: candle_core::Error| EngineError::Unreadable { path: file.clone(), why: error.to_string() };
            // a file at a time, each tensor at its final precision: no more than one file lies in memory twice
            for (name, tensor) in candle_core::safetensors::load(&file, &Device::Cpu).map_err(unreadable)? {
                tensors.insert(hub_name(&name), tensor.to_dtype(dtype)?.to_device(device)?);
            }
        }
        let weights = VarBuilder::from_tensors(tensors, dtype, device);
        let unfit = |error: candle_core::Error| EngineError::Checkpoint(format!("{error} (in {})", self.folder.display()));
        let vision = Vision::load(&self.config.vision, &weights.pp("visual")).map_err(unfit)?;
        let text = Text::load(&self.config.text, &weights.pp("model"), weights.pp("lm_head")).map_err(unfit)?;
        Ok((vision, text))
    }

    fn weight_files(&self) -> Result<Vec<PathBuf>, EngineError> {
        let unreadable = |why: String| EngineError::Unreadable { path: self.folder.join("model.safetensors"), why };
        let entries = std::fs::read_dir(&self.folder).map_err(|error| unreadable(error.to_string()))?;
        let is_weights = |path: &PathBuf| {
            path.file_name().and_then(|name| name.to_str()).is_some_and(|name| name.starts_with("model") && name.ends_with(".safetensors"))
        };
        let mut files: Vec<PathBuf> = entries.filter_map(|entry| Some(entry.ok()?.path())).filter(is_weights).collect();
        files.sort();
        if files.is_empty() {
            return Err(unreadable("there is none".into()));
        }
        Ok(files)
    }
}

/// Names as the hub has them; newer versions of transformers nest the decoder and write `model.visual` and `model.language_model`.
fn hub_name(name: &str) -> String {
    match (name.strip_prefix("model.visual."), name.strip_prefix("model.language_model.")) {
        (Some(rest), _) => format!("visual.{rest}"),
        (_, Some(rest)) => format!("model.{rest}"),
        _ => name.to_owned(),
    }
}

fn read_json(path: &Path) -> Result<Option<Map<String, Value>>, EngineError> {
    let unreadable = |error: serde_json::Error| EngineError::Unreadable { path: path.to_path_buf(), why: error.to_string() };
    read_if_there(path)?.map(|text| serde_json::from_str(&text).map_err(unreadable)).transpose()
}

fn read_config(path: &Path) -> Result<Config, EngineError> {
    let unreadable = |why: String| EngineError::Unreadable { path: path.to_path_buf(), why };
    let mut all = read_json(path)?.ok_or_else(|| unreadable("there is none".into()))?;
    let found = all.get("model_type").and_then(Value::as_str).unwrap_or_default().to_owned();
    if found != MODEL_TYPE {
        return Err(EngineError::Unknown { path: path.to_path_buf(), found });
    }
    // newer versions of transformers keep the decoder's part apart
    if let Some(Value::Object(text)) = all.remove("text_config") {
        for (key, value) in text {
            all.entry(key).or_insert(value);
        }
    }
    let rope = ["rope_scaling", "rope_parameters"].iter().find_map(|key| all.get(*key).and_then(Value::as_object).cloned());
    let mut rope = rope.ok_or_else(|| unreadable("it has no rope_scaling".into()))?;
    if let Some(theta) = all.get("rope_theta") {
        rope.entry("rope_theta").or_insert(theta.clone());
    }
    all.insert("rope".into(), Value::Object(rope));
    let number = |key: &str| all.get(key).and_then(Value::as_u64);
    let image_token = number("image_token_id").ok_or_else(|| unreadable("it has no image_token_id".into()))? as u32;
    let dtype = match ["torch_dtype", "dtype"].iter().find_map(|key| all.get(*key).and_then(Value::as_str)) {
        Some("float32") => DType::F32,
        Some("float16") => DType::F16,
        _ => DType::BF16,
    };
    let vision: VisionConfig = part(all.get("vision_config").cloned().unwrap_or_default()).map_err(unreadable)?;
    let text: TextConfig = part(Value::Object(all)).map_err(unreadable)?;
    text.check().and_then(|()| vision.check()).map_err(EngineError::Checkpoint)?;
    Ok(Config { text, vision, image_token, dtype })
}

fn part<T: DeserializeOwned>(value: Value) -> Result<T, String> {
    serde_json::from_value(value).map_err(|error| error.to_string())
}

/// What the processors of the family take where nothing is said (transformers, `Qwen2VLImageProcessor`).
const DEFAULT_PIXELS: (u64, u64) = (56 * 56, 28 * 28 * 1280);
/// Means and deviations of CLIP, which the family uses.
const DEFAULT_MEAN: [f32; 3] = [0.481_454_66, 0.457_827_5, 0.408_210_73];
const DEFAULT_STD: [f32; 3] = [0.268_629_55, 0.261_302_6, 0.275_777_1];

fn read_processor(folder: &Path, vision: &VisionConfig) -> Result<Processor, EngineError> {
    let said = read_json(&folder.join("preprocessor_config.json"))?.unwrap_or_default();
    let size = said.get("size").and_then(Value::as_object);
    let pixels = |name: &str, side: &str, default| {
        said.get(name).or_else(|| size.and_then(|size| size.get(side))).and_then(Value::as_u64).unwrap_or(default)
    };
    let colours = |name: &str, default| said.get(name).and_then(|value| part(value.clone()).ok()).unwrap_or(default);
    Ok(Processor {
        resizing: Resizing {
            factor: (vision.patch_size * vision.spatial_merge_size) as u32,
            min_pixels: pixels("min_pixels", "shortest_edge", DEFAULT_PIXELS.0),
            max_pixels: pixels("max_pixels", "longest_edge", DEFAULT_PIXELS.1),
        },
        mean: colours("image_mean", DEFAULT_MEAN),
        std: colours("image_std", DEFAULT_STD),
    })
}

/// Tokens that end an answer.
fn read_ends(folder: &Path) -> Result<Vec<u32>, EngineError> {
    for file in ["generation_config.json", "config.json"] {
        let said = read_json(&folder.join(file))?.and_then(|all| all.get("eos_token_id").cloned());
        let ends: Vec<u32> = match said {
            Some(Value::Array(all)) => all.iter().filter_map(Value::as_u64).map(|id| id as u32).collect(),
            Some(value) => value.as_u64().map(|id| id as u32).into_iter().collect(),
            None => Vec::new(),
        };
        if !ends.is_empty() {
            return Ok(ends);
        }
    }
    Err(EngineError::Checkpoint("no file names an eos_token_id".into()))
}
