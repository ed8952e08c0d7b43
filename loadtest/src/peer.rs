//! transformers in a process of its own, and what both sides of a comparison are asked.

use anyhow::{Context, Result};
use serde::Deserialize;
use serde_json::{Map, json};
use std::path::{Path, PathBuf};
use std::process::Stdio;
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader, Lines};
use tokio::process::{Child, ChildStdin, ChildStdout, Command};
use wayfarer_chat::{Message, Part, Speaker};
use wayfarer_engine::{Question, Sampling};

/// The peer.
const PEER: &str = include_str!("transformers.py");
/// A screen of Fara-7B (pixels).
pub(crate) const SCREEN: (u32, u32) = (1440, 900);

/// One question for both sides.
#[derive(Clone)]
pub(crate) struct Asked {
    pub(crate) text: String,
    pub(crate) pictures: Vec<PathBuf>,
    /// Tokens of the answer.
    pub(crate) new: u32,
}

/// How long it took (ms), and how much there was to read.
#[derive(Debug, Clone, Copy, Deserialize)]
pub(crate) struct Took {
    pub(crate) first_ms: f64,
    pub(crate) whole_ms: f64,
    pub(crate) prompt_tokens: u32,
    /// The most that its GPU held for it (MiB), where it knows.
    pub(crate) memory_mib: f64,
    /// Batches that it took, one after another: all conversations together may not fit.
    #[serde(default)]
    pub(crate) batches: u32,
}

/// The checkpoint with a token that nobody knows as its end: every answer is as long as it may be.
pub(crate) fn endless(checkpoint: &Path, folder: &Path) -> Result<PathBuf> {
    let copy = folder.join("checkpoint");
    std::fs::create_dir(&copy)?;
    for entry in std::fs::read_dir(checkpoint).with_context(|| format!("{} cannot be read", checkpoint.display()))? {
        let entry = entry?;
        if entry.file_name() != "generation_config.json" {
            std::os::unix::fs::symlink(std::fs::canonicalize(entry.path())?, copy.join(entry.file_name()))?;
        }
    }
    let config: serde_json::Value = serde_json::from_slice(&std::fs::read(copy.join("config.json"))?)?;
    let vocabulary = config["vocab_size"].as_u64().context("config.json has no vocab_size")?;
    std::fs::write(copy.join("generation_config.json"), json!({ "eos_token_id": [vocabulary] }).to_string())?;
    Ok(copy)
}

/// A screen that no other seed has.
pub(crate) fn screen(seed: u32) -> image::RgbImage {
    image::RgbImage::from_fn(SCREEN.0, SCREEN.1, |x, y| {
        // the seed itself, bit by bit, along the upper edge: the pattern repeats
        if y < 20 {
            return image::Rgb([if seed >> (x / 48) & 1 == 1 { 255 } else { 0 }; 3]);
        }
        let block = (x / 48).wrapping_mul(31).wrapping_add((y / 20).wrapping_mul(17)).wrapping_add(seed.wrapping_mul(97));
        image::Rgb([(block * 37) as u8, (block * 11) as u8, (255 - block % 64 * 4) as u8])
    })
}

/// As the engine takes it.
pub(crate) fn question(asked: &Asked) -> Result<Question> {
    let mut parts = Vec::new();
    for picture in &asked.pictures {
        parts.push(Part::Png(std::fs::read(picture)?.into()));
    }
    parts.push(Part::Text(asked.text.clone()));
    Ok(Question {
        messages: vec![Message { speaker: Speaker::User, parts }],
        template: Map::new(),
        max_tokens: asked.new,
        sampling: Sampling::default(),
        stop: Vec::new(),
        salt: String::new(),
        is_live: false,
    })
}

/// transformers in a process of its own.
pub(crate) struct Peer {
    child: Child,
    ask: ChildStdin,
    answers: Lines<BufReader<ChildStdout>>,
    pub(crate) name: String,
}

impl Peer {
    pub(crate) async fn start(python: &Path, checkpoint: &Path, folder: &Path, cuda: bool) -> Result<Self> {
        let script = folder.join("transformers_peer.py");
        std::fs::write(&script, PEER)?;
        let threads = std::thread::available_parallelism()?.get();
        let mut child = Command::new(python)
            .arg(&script)
            .arg(checkpoint)
            .arg(threads.to_string())
            .arg(if cuda { "cuda" } else { "cpu" })
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            // what it dies of is told at its end
            .stderr(std::fs::File::create(folder.join("peer.log"))?)
            .kill_on_drop(true)
            .spawn()
            .with_context(|| format!("{} cannot be started", python.display()))?;
        let (ask, answers) = (child.stdin.take().context("no stdin")?, child.stdout.take().context("no stdout")?);
        let mut answers = BufReader::new(answers).lines();
        let Some(said) = answers.next_line().await? else { anyhow::bail!("the peer ended: {}", last_words(folder)) };
        let said: serde_json::Value = serde_json::from_str(&said)?;
        let version = |of: &str| said[of].as_str().unwrap_or("?").to_owned();
        Ok(Self { child, ask, answers, name: format!("transformers {}, torch {}", version("version"), version("torch")) })
    }

    /// Conversations of one length, as one batch; their answers are as long as the first one's.
    pub(crate) async fn ask(&mut self, asked: &[Asked]) -> Result<Took> {
        let questions: Vec<_> = asked.iter().map(|asked| json!({ "text": asked.text, "pictures": asked.pictures })).collect();
        let line = json!({ "questions": questions, "new": asked.first().map_or(1, |asked| asked.new) }).to_string() + "\n";
        self.ask.write_all(line.as_bytes()).await?;
        let said = self.answers.next_line().await?.context("the peer ended; is there memory enough for it?")?;
        Ok(serde_json::from_str(&said)?)
    }

    pub(crate) async fn end(mut self) -> Result<()> {
        drop(self.ask);
        self.child.wait().await?;
        Ok(())
    }
}

/// What a process said last.
fn last_words(folder: &Path) -> String {
    let log = std::fs::read_to_string(folder.join("peer.log")).unwrap_or_default();
    let last = log.lines().rev().find(|line| !line.trim().is_empty()).unwrap_or("it said nothing");
    format!("{last} (it needs torch, transformers, pillow, jinja2)")
}

/// The middle one.
pub(crate) fn median(values: impl Iterator<Item = f64>) -> Option<f64> {
    let mut values: Vec<f64> = values.collect();
    values.sort_unstable_by(f64::total_cmp);
    values.get(values.len() / 2).copied()
}
