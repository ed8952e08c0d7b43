//! The in-process engine beside transformers: the same checkpoint, the same conversations, the same threads, by turns.

use anyhow::{Context, Result, ensure};
use serde::Deserialize;
use serde_json::{Map, json};
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Instant;
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader, Lines};
use tokio::process::{Child, ChildStdin, ChildStdout, Command};
use tokio::task::JoinSet;
use wayfarer_chat::{Message, Part, Speaker};
use wayfarer_engine::{Engine, EngineOptions, Finish, Question, Sampling};

/// The peer.
const PEER: &str = include_str!("transformers.py");
/// A screen of Fara-7B (pixels).
const SCREEN: (u32, u32) = (1440, 900);
/// Words of the long text; some 2,000 tokens.
const LONG: usize = 500;
/// Answers at the same time, where there are several.
const TOGETHER: usize = 8;
/// Tokens of an answer where writing is measured.
const NEW: u32 = 48;

/// What is to be measured.
pub(crate) struct Wanted {
    pub(crate) checkpoint: PathBuf,
    /// A Python that has torch and transformers; without one there is no peer.
    pub(crate) python: Option<PathBuf>,
    pub(crate) rounds: u32,
    pub(crate) cuda: bool,
    pub(crate) json: bool,
}

/// One question for both sides.
struct Asked {
    text: String,
    pictures: Vec<PathBuf>,
    new: u32,
}

/// How long it took (ms), and how much there was to read.
#[derive(Clone, Copy, Deserialize)]
struct Took {
    first_ms: f64,
    whole_ms: f64,
    prompt_tokens: u32,
}

/// Measures and prints.
pub(crate) async fn measure(wanted: Wanted) -> Result<()> {
    let folder = tempfile::tempdir()?;
    let checkpoint = endless(&wanted.checkpoint, folder.path())?;
    let threads = std::thread::available_parallelism()?.get();
    eprintln!("loading {} …", wanted.checkpoint.display());
    // as much for pictures as one takes: each is new to both sides
    let options = EngineOptions { cache_bytes: 2 << 30, cuda: wanted.cuda, ..EngineOptions::default() };
    let engine = Engine::load(&checkpoint, &options)?;
    let mut peer = match &wanted.python {
        Some(python) => Some(Peer::start(python, &checkpoint, folder.path(), threads).await?),
        None => None,
    };
    let mut figures = Figures::default();
    for round in 0..=wanted.rounds {
        eprintln!("round {round} of {} …", wanted.rounds);
        let keeps = round > 0; // the first one warms both sides up
        for (kind, asked) in questions(round, folder.path())? {
            let ours = ours(&engine, &asked).await?;
            let theirs = match &mut peer {
                Some(peer) => Some(peer.ask(&asked).await?),
                None => None,
            };
            if keeps {
                figures.add(kind, ours, theirs);
            }
        }
        let together = together(&engine, round).await?;
        if keeps {
            figures.together.push(together);
        }
    }
    figures.print(&wanted, peer.as_ref().map(|peer| peer.name.as_str()), threads);
    if let Some(peer) = peer {
        peer.end().await?;
    }
    Ok(())
}

/// The checkpoint with a token that nobody knows as its end: every answer is as long as it may be.
fn endless(checkpoint: &Path, folder: &Path) -> Result<PathBuf> {
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

/// Reading a picture, reading a long text, writing.
fn questions(round: u32, folder: &Path) -> Result<[(usize, Asked); 3]> {
    let path = folder.join(format!("screen-{round}.png"));
    std::fs::write(&path, wayfarer_pixels::encode_png(&screen(round))?)?;
    let text = |words: usize| format!("Round {round}. {}", "Click the button, scroll down. ".repeat(words / 5));
    Ok([
        (PICTURE, Asked { text: "What next?".into(), pictures: vec![path], new: 1 }),
        (TEXT, Asked { text: text(LONG), pictures: Vec::new(), new: 1 }),
        (WRITE, Asked { text: text(50), pictures: Vec::new(), new: NEW }),
    ])
}

const PICTURE: usize = 0;
const TEXT: usize = 1;
const WRITE: usize = 2;

fn screen(seed: u32) -> image::RgbImage {
    image::RgbImage::from_fn(SCREEN.0, SCREEN.1, |x, y| {
        let block = (x / 48).wrapping_mul(31).wrapping_add((y / 20).wrapping_mul(17)).wrapping_add(seed.wrapping_mul(97));
        image::Rgb([(block * 37) as u8, (block * 11) as u8, (255 - block % 64 * 4) as u8])
    })
}

fn question(asked: &Asked) -> Result<Question> {
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

async fn ours(engine: &Engine, asked: &Asked) -> Result<Took> {
    let (_, Finish { first_token, whole, prompt_tokens, completion_tokens, .. }) = engine.ask(question(asked)?).await?.whole().await?;
    ensure!(completion_tokens == asked.new, "an answer of {completion_tokens} tokens");
    let ms = |time: std::time::Duration| time.as_secs_f64() * 1000.0;
    Ok(Took { first_ms: ms(first_token), whole_ms: ms(whole), prompt_tokens })
}

/// Tokens a second of several answers at the same time, reading their short questions included.
async fn together(engine: &Engine, round: u32) -> Result<f64> {
    let started = Instant::now();
    let mut answers = JoinSet::new();
    for index in 0..TOGETHER {
        let asked = Asked { text: format!("{index} of round {round}. Click the button."), pictures: Vec::new(), new: NEW };
        let (engine, question) = (engine.clone(), question(&asked)?);
        answers.spawn(async move { engine.ask(question).await?.whole().await });
    }
    let mut tokens = 0;
    while let Some(answer) = answers.join_next().await {
        tokens += answer??.1.completion_tokens;
    }
    Ok(f64::from(tokens) / started.elapsed().as_secs_f64())
}

/// transformers in a process of its own.
struct Peer {
    child: Child,
    ask: ChildStdin,
    answers: Lines<BufReader<ChildStdout>>,
    name: String,
}

impl Peer {
    async fn start(python: &Path, checkpoint: &Path, folder: &Path, threads: usize) -> Result<Self> {
        let script = folder.join("transformers_peer.py");
        std::fs::File::create(&script)?.write_all(PEER.as_bytes())?;
        let mut child = Command::new(python)
            .arg(&script)
            .arg(checkpoint)
            .arg(threads.to_string())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .kill_on_drop(true)
            .spawn()
            .with_context(|| format!("{} cannot be started", python.display()))?;
        let (ask, answers) = (child.stdin.take().context("no stdin")?, child.stdout.take().context("no stdout")?);
        let mut answers = BufReader::new(answers).lines();
        let said = answers.next_line().await?.context("the peer ended; it needs torch, transformers, pillow, jinja2")?;
        let said: serde_json::Value = serde_json::from_str(&said)?;
        let version = |of: &str| said[of].as_str().unwrap_or("?").to_owned();
        Ok(Self { child, ask, answers, name: format!("transformers {}, torch {}", version("version"), version("torch")) })
    }

    async fn ask(&mut self, asked: &Asked) -> Result<Took> {
        let line = json!({ "text": asked.text, "pictures": asked.pictures, "new": asked.new }).to_string() + "\n";
        self.ask.write_all(line.as_bytes()).await?;
        let said = self.answers.next_line().await?.context("the peer ended")?;
        Ok(serde_json::from_str(&said)?)
    }

    async fn end(mut self) -> Result<()> {
        drop(self.ask);
        self.child.wait().await?;
        Ok(())
    }
}

#[derive(Default)]
struct Figures {
    /// By kind: ours, theirs.
    took: [(Vec<Took>, Vec<Took>); 3],
    together: Vec<f64>,
}

impl Figures {
    fn add(&mut self, kind: usize, ours: Took, theirs: Option<Took>) {
        self.took[kind].0.push(ours);
        self.took[kind].1.extend(theirs);
    }

    fn print(&self, wanted: &Wanted, peer: Option<&str>, threads: usize) {
        let first = |took: &[Took]| median(took.iter().map(|took| took.first_ms));
        let token = |took: &[Took]| median(took.iter().map(|took| (took.whole_ms - took.first_ms) / f64::from(NEW - 1)));
        let tokens = |kind: usize| self.took[kind].0.first().map_or(0, |took| took.prompt_tokens);
        let rows = [
            (format!("a new screen of {} × {} ({} tokens), ms to the first token", SCREEN.0, SCREEN.1, tokens(PICTURE)), PICTURE),
            (format!("a text of {} tokens, ms to the first token", tokens(TEXT)), TEXT),
            ("a further token, ms".to_owned(), WRITE),
        ];
        println!("{}, {threads} threads, f32, medians of {} rounds", wanted.checkpoint.display(), wanted.rounds);
        println!("  {:<62} {:>10} {:>14} {:>7}", "", "engine", peer.map_or("no peer", |_| "transformers"), "times");
        let mut ratios = [None; 3];
        for (name, kind) in rows {
            let of = |took: &[Took]| if kind == WRITE { token(took) } else { first(took) };
            let (ours, theirs) = (of(&self.took[kind].0), of(&self.took[kind].1));
            ratios[kind] = theirs.zip(ours).map(|(theirs, ours)| theirs / ours);
            let told = |value: Option<f64>| value.map_or_else(|| "-".into(), |value| format!("{value:.2}"));
            println!("  {name:<62} {:>10} {:>14} {:>7}", told(ours), told(theirs), told(ratios[kind]));
        }
        let together = median(self.together.iter().copied()).unwrap_or_default();
        println!("  {:<62} {together:>10.1}", format!("{TOGETHER} answers at the same time, tokens a second in all"));
        if let Some(peer) = peer {
            println!("  peer: {peer}");
        }
        if wanted.json {
            let told = json!({
                "picture_ratio": ratios[PICTURE], "prefill_ratio": ratios[TEXT], "decode_ratio": ratios[WRITE],
                "picture_ms": first(&self.took[PICTURE].0), "prefill_ms": first(&self.took[TEXT].0), "decode_ms": token(&self.took[WRITE].0),
                "together_tokens_per_s": together,
            });
            println!("{told}");
        }
    }
}

fn median(values: impl Iterator<Item = f64>) -> Option<f64> {
    let mut values: Vec<f64> = values.collect();
    values.sort_unstable_by(f64::total_cmp);
    values.get(values.len() / 2).copied()
}
