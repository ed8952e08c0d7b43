//! Measures Wayfarer on real parts, beside a limit or a peer in the same run.

mod agents;
mod engine;
mod farm;
mod figures;
mod local;
mod pages;
mod peer;
mod pool;
mod processes;
mod raw_cdp;
mod reference;
mod scripted;
mod soak;
mod stage;
mod step;
mod windows;
mod worlds;

use clap::{Parser, Subcommand};

/// Measures Wayfarer on this machine: real Chromium, real nats-server, real worlds; loopback only.
#[derive(Debug, Parser)]
#[command(name = "wayfarer-loadtest", version)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// What a step of the solver costs beside the model and the page: p50 and p95 on the shop, with a scripted model that answers at once.
    Step {
        /// Attempts, one after another.
        #[arg(long, default_value_t = 4, value_parser = clap::value_parser!(u32).range(1..=100))]
        attempts: u32,
        /// Steps of each attempt.
        #[arg(long, default_value_t = 25, value_parser = clap::value_parser!(u32).range(2..=90))]
        steps: u32,
        /// Print one JSON object on the last line.
        #[arg(long)]
        json: bool,
    },
    /// The farm beside its limit, the same work over raw CDP: act-and-observe at several numbers of sessions, a session's life, memory.
    Farm {
        /// Numbers of sessions, one after another.
        #[arg(long, value_delimiter = ',', default_value = "1,4,16,32", value_parser = clap::value_parser!(u32).range(1..=200))]
        sessions: Vec<u32>,
        /// Seconds of steps at each number of sessions, both sides together.
        #[arg(long, default_value_t = 24, value_parser = clap::value_parser!(u64).range(4..=3600))]
        seconds: u64,
        /// Lives of each side.
        #[arg(long, default_value_t = 60, value_parser = clap::value_parser!(u32).range(1..=10_000))]
        lives: u32,
        /// Print one JSON object instead of the table.
        #[arg(long)]
        json: bool,
    },
    /// Many short lives with deaths among them, and what is left afterwards: processes, descriptors, folders, memory.
    Soak {
        /// Sessions.
        #[arg(long, default_value_t = 2000, value_parser = clap::value_parser!(u32).range(20..=1_000_000))]
        sessions: u32,
        /// Sessions at the same time.
        #[arg(long, default_value_t = 6, value_parser = clap::value_parser!(u32).range(1..=64))]
        parallel: u32,
        /// Kills of a renderer, a browser or the driver for a hundred sessions.
        #[arg(long, default_value_t = 5, value_parser = clap::value_parser!(u32).range(0..=100))]
        kills: u32,
        /// Whom to kill; absent means that one is drawn each time, seldom the driver.
        #[arg(long)]
        victim: Option<soak::Victim>,
        /// Draws whom to kill, and when.
        #[arg(long, default_value_t = 7)]
        seed: u64,
        /// Print one JSON object instead of the table.
        #[arg(long)]
        json: bool,
    },
    /// A step beside the reference harness: Playwright for Python with the waits of its published source, on the same page.
    Reference {
        /// Steps of each side.
        #[arg(long, default_value_t = 30, value_parser = clap::value_parser!(u32).range(1..=1000))]
        steps: u32,
        /// Virtual environment with Playwright for Python, made if it is not there; absent means one that goes away.
        #[arg(long, value_name = "DIR")]
        venv: Option<std::path::PathBuf>,
        /// Print one JSON object instead of the table.
        #[arg(long)]
        json: bool,
    },
    /// The inference pool: its cost beside a straight call, fairness, affinity, failing engines. The engines are simulations, but for the
    /// last table: agents on two in-process engines.
    Pool {
        /// The checkpoint of the in-process engines; where there is none, that part is left out.
        #[arg(long, value_name = "DIR", default_value = "crates/engine/tests/tiny")]
        checkpoint: std::path::PathBuf,
        /// Seconds of each turn.
        #[arg(long, default_value_t = 3, value_parser = clap::value_parser!(u64).range(1..=600))]
        seconds: u64,
        /// Print one JSON object on the last line.
        #[arg(long)]
        json: bool,
    },
    /// The in-process engine beside transformers: a new screen, a long text, further tokens; by turns on the same checkpoint.
    Engine {
        /// A Qwen2.5-VL checkpoint; crates/engine/tests/tools/make_checkpoint.py makes small ones.
        #[arg(long, value_name = "DIR")]
        checkpoint: std::path::PathBuf,
        /// A Python that has torch, transformers, pillow and jinja2; without it the engine is measured alone.
        #[arg(long, value_name = "FILE")]
        python: Option<std::path::PathBuf>,
        /// Rounds that count; one more goes before them.
        #[arg(long, default_value_t = 5, value_parser = clap::value_parser!(u32).range(1..=1000))]
        rounds: u32,
        /// Compute on an NVIDIA GPU; the build has to know them (scripts/build_cuda.sh).
        #[arg(long)]
        cuda: bool,
        /// Measure so many agents at the same time instead, each with three screens and a long text; several numbers, with commas between.
        #[arg(long, value_name = "N", value_delimiter = ',', value_parser = clap::value_parser!(u32).range(1..=99))]
        agents: Vec<u32>,
        /// Memory for keys and values of agents (GiB).
        #[arg(long, default_value_t = 4, value_parser = clap::value_parser!(u64).range(1..=1024))]
        cache_gib: u64,
        /// Tokens of a step, with agents.
        #[arg(long, default_value_t = 2048, value_parser = clap::value_parser!(u64).range(64..=65_536))]
        step_tokens: u64,
        /// Print one JSON object on the last line.
        #[arg(long)]
        json: bool,
    },
    /// What a world costs: a fresh instance with its first page, beside a page of one that lives, and the memory of many.
    Worlds {
        /// Instances of each world.
        #[arg(long, default_value_t = 200, value_parser = clap::value_parser!(u32).range(1..=10_000))]
        instances: u32,
        /// Print one JSON object on the last line.
        #[arg(long)]
        json: bool,
    },
}

fn main() -> std::process::ExitCode {
    let runtime = match tokio::runtime::Builder::new_multi_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => {
            eprintln!("error: {error}");
            return std::process::ExitCode::FAILURE;
        }
    };
    let done = runtime.block_on(async {
        match Cli::parse().command {
            Command::Step { attempts, steps, json } => step::measure(attempts, steps, json).await,
            Command::Engine { checkpoint, python, rounds, cuda, agents, cache_gib, step_tokens, json } if !agents.is_empty() => {
                let step_tokens = step_tokens as usize;
                agents::measure(agents::Wanted { checkpoint, python, rounds, agents, cache_gib, step_tokens, cuda, json }).await
            }
            Command::Engine { checkpoint, python, rounds, cuda, json, .. } => {
                local::measure(local::Wanted { checkpoint, python, rounds, cuda, json }).await
            }
            Command::Farm { sessions, seconds, lives, json } => {
                let sessions = sessions.into_iter().map(|number| number as usize).collect();
                farm::measure(farm::Wanted { sessions, seconds, lives, json }).await
            }
            Command::Soak { sessions, parallel, kills, victim, seed, json } => {
                soak::measure(soak::Wanted { sessions, parallel, kills, victim, seed, json }).await
            }
            Command::Reference { steps, venv, json } => reference::measure(steps, venv, json).await,
            Command::Pool { checkpoint, seconds, json } => pool::measure(&checkpoint, seconds, json).await,
            Command::Worlds { instances, json } => worlds::measure(instances, json).await,
        }
    });
    match done {
        Ok(()) => std::process::ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error:#}");
            std::process::ExitCode::FAILURE
        }
    }
}
