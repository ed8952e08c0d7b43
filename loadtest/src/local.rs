//! The in-process engine beside transformers: the same checkpoint, the same conversations, the same threads, by turns.

use crate::peer::{Asked, Peer, SCREEN, Took, endless, median, question, screen};
use anyhow::{Result, ensure};
use serde_json::json;
use std::path::{Path, PathBuf};
use std::time::Instant;
use tokio::task::JoinSet;
use wayfarer_engine::{Engine, EngineOptions, Finish};

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
        Some(python) => Some(Peer::start(python, &checkpoint, folder.path(), wanted.cuda).await?),
        None => None,
    };
    let mut figures = Figures::default();
    for round in 0..=wanted.rounds {
        eprintln!("round {round} of {} …", wanted.rounds);
        let keeps = round > 0; // the first one warms both sides up
        for (kind, asked) in questions(round, folder.path())? {
            let ours = ours(&engine, &asked).await?;
            let theirs = match &mut peer {
                Some(peer) => Some(peer.ask(std::slice::from_ref(&asked)).await?),
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

async fn ours(engine: &Engine, asked: &Asked) -> Result<Took> {
    let (_, Finish { first_token, whole, prompt_tokens, completion_tokens, .. }) = engine.ask(question(asked)?).await?.whole().await?;
    ensure!(completion_tokens == asked.new, "an answer of {completion_tokens} tokens");
    let ms = |time: std::time::Duration| time.as_secs_f64() * 1000.0;
    Ok(Took { first_ms: ms(first_token), whole_ms: ms(whole), prompt_tokens, memory_mib: 0.0, batches: 1 })
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
        let with = if wanted.cuda { "GPU, bf16".to_owned() } else { format!("{threads} threads, f32") };
        println!("{}, {with}, medians of {} rounds", wanted.checkpoint.display(), wanted.rounds);
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
