//! The command line: every flag, with what it is for.

use crate::agent::CriticalPoints;
use clap::{Args, Parser, Subcommand};
use std::net::SocketAddr;
use std::path::PathBuf;
use wayfarer_actor_native::{Profile, Window};
use wayfarer_core::Strategy;
use wayfarer_core::run::Solver;
use wayfarer_core::verdict::VerdictPolicy;

/// Behind the help of the program.
const FIRST_STEPS: &str = "\
First steps:
  wayfarer doctor                                           what is missing on this machine
  wayfarer generate --seeds seeds.jsonl --out out/demo      seeds to verified trajectories, with a stand-in model
  wayfarer view out/demo                                    what every agent saw, thought and did
  wayfarer agent \"Add 1 Trail Mug to the cart.\"            one task, in the bundled shop, while you watch

Exit codes:
  0  done
  1  failed; for `generate` also: not one task could be worked off
  2  wrong usage or configuration
  3  interrupted; the same command resumes
  4  a check did not pass (`doctor`, `run audit`)";

/// Behind the help of `generate`.
const GENERATE_EXAMPLES: &str = "\
Examples:
  wayfarer generate --seeds seeds.jsonl --out out/demo
      the bundled worlds and the rule-based stand-in model: needs no network and no key
  wayfarer generate --seeds my.jsonl --out out/mine --model http://127.0.0.1:8000/v1 --tasks 100
      a model that you serve; WAYFARER_API_KEY=… for one that wants a key
  wayfarer generate --seeds my.jsonl --out out/mine --allow-host intranet.example
      a private host; everything private is closed unless it is named

A seed file has one JSON object a line:
  {\"url\": \"https://example.org/\"}
  {\"url\": \"http://shop.localhost/\", \"category\": \"shopping\"}
  {\"intent\": \"Buy 1 Trail Mug.\", \"start_url\": \"http://shop.localhost/\", \"category\": \"shopping\"}

Ctrl-C drains (exit code 3); the same command then goes on where it stopped. The page to open is DIR/index.html; DIR/.cluster holds
the files of NATS, Redis and the worlds, and may be deleted once the run is complete.";

/// Makes verified web-agent trajectories and serves computer-use agents.
#[derive(Debug, Parser)]
#[command(
    name = "wayfarer",
    version,
    propagate_version = true,
    max_term_width = 110,
    arg_required_else_help = true,
    after_help = FIRST_STEPS
)]
pub struct Cli {
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
    /// Configuration file (TOML). Every key can also be given as WAYFARER__SECTION__KEY.
    #[arg(long, global = true, help_heading = "Everywhere", env = "WAYFARER_CONFIG", value_name = "FILE")]
    pub config: Option<PathBuf>,
    /// What to log: error, warn, info, debug, or a filter such as `wayfarer_bus=debug`.
    #[arg(long, global = true, help_heading = "Everywhere", env = "WAYFARER_LOG", value_name = "FILTER")]
    pub log: Option<String>,
}

/// The commands.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Turn seeds into verified trajectories: all roles in this process, over a real NATS and Redis that it starts itself.
    Generate(Generate),
    /// Work on one task with a native agent (Fara): pixels in, actions out.
    Agent(Box<Agent>),
    /// Run some or all roles as a service over given NATS and Redis.
    Up(Up),
    /// Create, list, watch, cancel and audit runs of a cluster (or audit an output folder).
    #[command(subcommand)]
    Run(RunCommand),
    /// Judge stored attempts again, without a browser.
    Verify(Verify),
    /// List the verdicts on which the judges disagree, and settle them.
    Disputes(Disputes),
    /// Open (or serve) the pages of an output folder.
    View(View),
    /// The bundled worlds: serve them, or compare verdicts with their ground truth.
    #[command(subcommand)]
    Sandbox(SandboxCommand),
    /// Benchmarks of the browser layer, whose pages judge themselves.
    #[command(subcommand)]
    Eval(EvalCommand),
    /// Serve the stand-in model: rule-based, behind the wire of an LLM.
    Standin(Standin),
    /// Say what is missing on this machine, and how to get it.
    Doctor,
}

/// Behind the help of `agent`.
const AGENT_EXAMPLES: &str = "\
Examples:
  wayfarer agent \"Add 1 Trail Mug to the cart.\"
      the bundled shop and a rule-based stand-in that looks at its pixels: needs no model
  wayfarer agent \"Find a train from Lyon to Turin tomorrow\" --endpoint http://127.0.0.1:5000/v1 --prompts fara-7b.toml
      Fara-7B as you serve it (vllm serve microsoft/Fara-7B --port 5000); docs/native-agent.md tells how to make the file of its own words
  wayfarer agent --check --endpoint http://127.0.0.1:5000/v1
      whether it clicks where it means to: a wrong profile, quantisation or picture pipeline shows in three calls
  wayfarer agent \"...\" --profile fara-1.5 --endpoint http://127.0.0.1:5000/v1 --model fara-1.5-9b --critical-points stop

A critical point is a step that binds, pays, sends or reveals: the agent never takes it by itself. Ctrl-C ends the browser, too.
The key of an endpoint comes from WAYFARER_API_KEY or OPENAI_API_KEY. Exit code 0: answered, or stopped at a critical point.";

/// Flags of `agent`.
#[derive(Debug, Args)]
#[command(after_help = AGENT_EXAMPLES)]
pub struct Agent {
    /// What is to be done, in a person's words.
    #[arg(required_unless_present = "check", default_value = "", hide_default_value = true)]
    pub task: String,
    /// Do nothing but find out whether the model clicks where it means to: three generated pages with one target each. Exit code 4 if not.
    #[arg(long, conflicts_with = "task")]
    pub check: bool,
    /// How the model wants to be spoken to: fara-7b, fara-1.5, or a profile of your own (.toml).
    #[arg(long, default_value = "fara-7b", value_name = "NAME|FILE", help_heading = "Model")]
    pub profile: String,
    /// OpenAI-compatible endpoint that serves the model, version included, file:///folder/of/a/checkpoint, or kserve://host:8001 (Triton;
    /// with --model, the name in its repository). Without it, a rule-based stand-in acts in the bundled shop.
    #[arg(long, env = "WAYFARER_AGENT_ENDPOINT", value_name = "URL", help_heading = "Model")]
    pub endpoint: Option<String>,
    /// The model's name there; the first one that it lists if absent.
    #[arg(long, requires = "endpoint", value_name = "NAME", help_heading = "Model")]
    pub model: Option<String>,
    /// The words that the model was trained with: plain text, or .toml with `system` and `next`. Ours if absent.
    #[arg(long, value_name = "FILE", help_heading = "Model")]
    pub prompts: Option<PathBuf>,
    /// Screenshots that the model sees: slide:3, or hysteresis:3,2 (grow to 3, cut to 2); the profile's if absent.
    #[arg(long, value_name = "WINDOW", help_heading = "Model")]
    pub window: Option<Window>,
    /// Where to begin; the search engine's page if absent.
    #[arg(long, value_name = "URL", help_heading = "Task")]
    pub start_url: Option<String>,
    /// What happens at a critical point.
    #[arg(long, value_enum, default_value = "ask", value_name = "HOW", help_heading = "Task")]
    pub critical_points: CriticalPoints,
    /// Private host that the browser may reach, by name; may be repeated. Everything private is closed unless it is named.
    #[arg(long, value_name = "HOST", help_heading = "Task")]
    pub allow_host: Vec<String>,
    /// Keep what its pages asked for and got, as attempts/ATTEMPT/session.har (docs/operations.md).
    #[arg(long, help_heading = "Task")]
    pub record: bool,
    /// Give it the answers of such a recording (.har) and ask no network: the same pages again, whatever became of the sites.
    #[arg(long, value_name = "FILE", help_heading = "Task")]
    pub replay: Option<PathBuf>,
    /// Bounds.
    #[command(flatten)]
    pub budget: BudgetFlags,
    /// Where every step is kept, with its picture; `index.html` shows them.
    #[arg(long, default_value = "out/agent", value_name = "DIR", help_heading = "Display")]
    pub out: PathBuf,
    /// Print what came of it as one JSON object on the last line.
    #[arg(long, help_heading = "Display")]
    pub json: bool,
    /// Tell nothing while it works, and ask nothing.
    #[arg(long, help_heading = "Display")]
    pub quiet: bool,
}

impl Agent {
    /// The stand-in, without any fault.
    pub fn standin(&self) -> ModelFlags {
        let faults = FaultFlags { standin_fail_rate: 0.0, standin_seed: 1, standin_kinds: Vec::new(), standin_gullible: false };
        ModelFlags { model: None, faults }
    }
}

/// Behind the help of `eval miniwob`.
const MINIWOB_EXAMPLES: &str = "\
Examples:
  wayfarer eval miniwob                                   every task that has a rule, five episodes each
  wayfarer eval miniwob --tasks 'click-*,login-user'      some of them
  wayfarer eval miniwob --tasks click-tab --show          what a rule sees at the beginning

The rules see what an agent sees (an instruction, marks, text) and have its actions; they are no model. A failure is the browser layer's or
the rule's. Exit code 4 if an episode failed, unless --at-least says what is enough.";

/// Benchmarks.
#[derive(Debug, Subcommand)]
pub enum EvalCommand {
    /// MiniWoB++: 130 small pages that give rewards, played by rules through real sessions.
    #[command(after_help = MINIWOB_EXAMPLES)]
    Miniwob(Miniwob),
}

/// Flags of `eval miniwob`.
#[derive(Debug, Args)]
pub struct Miniwob {
    /// Tasks by name, `*` for any letters; absent for all that have a rule.
    #[arg(long, value_delimiter = ',', value_name = "PATTERN")]
    pub tasks: Vec<String>,
    /// Episodes of each task.
    #[arg(long, default_value_t = 5, value_parser = clap::value_parser!(u32).range(1..=1000))]
    pub episodes: u32,
    /// Seed of each task's first episode; the others follow.
    #[arg(long, default_value_t = 7)]
    pub seed: u64,
    /// Sessions at the same time.
    #[arg(long, default_value_t = 4, value_parser = clap::value_parser!(u32).range(1..=64))]
    pub sessions: u32,
    /// Folder of the pages (`miniwob/html` of the PyPI package miniwob 1.1.0); absent means that it is looked for.
    #[arg(long, value_name = "DIR")]
    pub pages: Option<PathBuf>,
    /// Write report.json and table.md there.
    #[arg(long, value_name = "DIR")]
    pub out: Option<PathBuf>,
    /// Share of episodes (0 to 1) that is enough.
    #[arg(long, value_name = "SHARE")]
    pub at_least: Option<f64>,
    /// Print what a rule sees at the beginning of an episode, and play nothing.
    #[arg(long)]
    pub show: bool,
    /// Print the report as one JSON object on the last line.
    #[arg(long)]
    pub json: bool,
}

/// Flags of `generate`.
#[derive(Debug, Args)]
#[command(after_help = GENERATE_EXAMPLES)]
pub struct Generate {
    /// Seed file: JSON lines, {"url": …, "category": …} or {"intent": …, "start_url": …, "category": …}.
    #[arg(long, value_name = "FILE")]
    pub seeds: PathBuf,
    /// Output folder; the same folder again resumes what is not done.
    #[arg(long, value_name = "DIR")]
    pub out: PathBuf,
    /// Tasks to propose at most, over all strategies.
    #[arg(long, default_value_t = 36, value_parser = clap::value_parser!(u32).range(1..=100_000))]
    pub tasks: u32,
    /// How tasks are proposed.
    #[arg(long, value_delimiter = ',', default_value = "targeted,exploration,exemplar", value_parser = parse_strategy)]
    pub strategies: Vec<Strategy>,
    /// Judged attempts a task may have; the first accepted one ends it.
    #[arg(long, default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..=20))]
    pub attempts: u32,
    /// Every draw of the run follows from it.
    #[arg(long, default_value_t = 7)]
    pub seed: u64,
    /// Who solves: ledger (an orchestrator with a websurfer), or native:PROFILE (one model such as Fara; give it its endpoint in
    /// [inference.roles.native]).
    #[arg(long, default_value_t = Solver::Ledger, value_parser = solver, value_name = "SOLVER")]
    pub solver: Solver,
    /// The model.
    #[command(flatten)]
    pub model: ModelFlags,
    /// Bounds of an attempt.
    #[command(flatten)]
    pub budget: BudgetFlags,
    /// Share of critical points that the simulated user approves (0 to 1).
    #[arg(long, default_value_t = 0.5, value_name = "SHARE", help_heading = "Simulated user")]
    pub approve: f64,
    /// Share of successes that get a follow-up task (0 to 1).
    #[arg(long, default_value_t = 0.15, value_name = "SHARE", help_heading = "Simulated user")]
    pub follow_up: f64,
    /// Attempts at once (each holds a browser session).
    #[arg(long, value_name = "N", help_heading = "Machinery")]
    pub slots: Option<usize>,
    /// Private host that browsers may reach, by name; may be repeated. The bundled worlds are always open.
    #[arg(long, value_name = "HOST", help_heading = "Machinery")]
    pub allow_host: Vec<String>,
    /// NATS to use instead of starting one (2.12 or newer, with JetStream).
    #[arg(long, value_name = "URL", help_heading = "Machinery")]
    pub nats_url: Option<String>,
    /// Redis to use instead of starting one.
    #[arg(long, value_name = "URL", help_heading = "Machinery")]
    pub redis_url: Option<String>,
    /// Print the summary as one JSON object on the last line.
    #[arg(long, help_heading = "Display")]
    pub json: bool,
    /// No progress display.
    #[arg(long, help_heading = "Display")]
    pub quiet: bool,
}

/// Which model answers.
#[derive(Debug, Args, Clone)]
#[command(next_help_heading = "Model")]
pub struct ModelFlags {
    /// OpenAI-compatible endpoint, `https://host/v1` or `NAME@https://host/v1`; the key comes from WAYFARER_API_KEY or OPENAI_API_KEY.
    /// Or `file:///folder/of/a/checkpoint`, from which an engine in this process answers, or `NAME@kserve://host:8001`, a model of Triton.
    /// Without it, the rule-based stand-in is started.
    #[arg(long, env = "WAYFARER_MODEL", value_name = "[NAME@]URL")]
    pub model: Option<String>,
    /// How the stand-in fails.
    #[command(flatten)]
    pub faults: FaultFlags,
}

/// Bounds of one attempt; what is not given is as configured in `[budgets]`.
#[derive(Debug, Args, Clone, Default)]
#[command(next_help_heading = "Budget of an attempt")]
pub struct BudgetFlags {
    /// Steps (100 unless configured otherwise).
    #[arg(long, value_name = "N")]
    pub max_steps: Option<u32>,
    /// Re-plans (3).
    #[arg(long, value_name = "N")]
    pub max_replans: Option<u32>,
    /// Wall-clock seconds (900).
    #[arg(long, value_name = "SECONDS")]
    pub max_seconds: Option<u64>,
    /// Tokens, sent and received (2,000,000).
    #[arg(long, value_name = "N")]
    pub max_tokens: Option<u64>,
    /// US dollars (5); 0 is no bound. It needs prices: inference.price_in_per_million and price_out_per_million.
    #[arg(long, value_name = "USD")]
    pub max_cost_usd: Option<f64>,
}

/// How the stand-in fails on demand.
#[derive(Debug, Args, Clone)]
pub struct FaultFlags {
    /// Share of tasks that the stand-in is made to fail (0 to 1).
    #[arg(long, default_value_t = 0.1, value_name = "SHARE")]
    pub standin_fail_rate: f64,
    /// Seed of those failures.
    #[arg(long, default_value_t = 1)]
    pub standin_seed: u64,
    /// Kinds of failure: wrong-item, premature-stop, invented-answer, loop, crossing, malformed, slow (these by default), obeying (does what a page tells it).
    #[arg(long, value_delimiter = ',', value_name = "KINDS")]
    pub standin_kinds: Vec<String>,
    /// A fully gullible stand-in: it crosses every critical point that it can.
    #[arg(long)]
    pub standin_gullible: bool,
}

/// Flags of `up`.
#[derive(Debug, Args)]
pub struct Up {
    /// Roles of this process: gateway, proposer, orchestrator, websurfer, verifier, inference, browser-farm, curator; `all` for all.
    #[arg(long, value_delimiter = ',', default_value = "all")]
    pub roles: Vec<String>,
    /// NATS (2.12 or newer, with JetStream).
    #[arg(long, value_name = "URL")]
    pub nats_url: Option<String>,
    /// Redis.
    #[arg(long, value_name = "URL")]
    pub redis_url: Option<String>,
    /// Folder under which every run has its store; shared by all processes.
    #[arg(long, value_name = "DIR")]
    pub store: Option<PathBuf>,
    /// Where this process serves its gRPC faces instead of the configured addresses. The port is that of the first of gateway, inference
    /// and browser-farm that it runs, others take free ones; so do all with port 0.
    #[arg(long, value_name = "ADDR")]
    pub listen: Option<SocketAddr>,
    /// Host name or address under which others reach this process; needed where it listens on 0.0.0.0.
    #[arg(long, value_name = "HOST")]
    pub advertise: Option<String>,
    /// OpenAI-compatible endpoint (role inference), `https://host/v1` or `NAME@https://host/v1`; or `NAME@kserve://host:8001`, a model of Triton.
    #[arg(long, env = "WAYFARER_MODEL", value_name = "[NAME@]URL")]
    pub model: Option<String>,
    /// A host that resolves to a fixed address and may be reached although it is private: `shop.localhost=127.0.0.1:8800`; may be repeated.
    #[arg(long, value_name = "HOST=ADDR")]
    pub resolve: Vec<String>,
}

/// Commands on runs.
#[derive(Debug, Subcommand)]
pub enum RunCommand {
    /// Create a run from a seed file.
    Create {
        /// The gateway.
        #[command(flatten)]
        gateway: Gateway,
        /// Seed file.
        #[arg(long, value_name = "FILE")]
        seeds: PathBuf,
        /// Name of the run; made up if absent. The same name again resumes.
        #[arg(long)]
        run: Option<String>,
        /// Tasks to propose at most.
        #[arg(long, default_value_t = 30)]
        tasks: u32,
        /// How tasks are proposed.
        #[arg(long, value_delimiter = ',', default_value = "targeted,exploration,exemplar", value_parser = parse_strategy)]
        strategies: Vec<Strategy>,
        /// Judged attempts a task may have.
        #[arg(long, default_value_t = 1)]
        attempts: u32,
        /// Every draw of the run follows from it.
        #[arg(long, default_value_t = 7)]
        seed: u64,
        /// Who solves: ledger (an orchestrator with a websurfer), or native:PROFILE (one model such as Fara).
        #[arg(long, default_value_t = Solver::Ledger, value_parser = solver, value_name = "SOLVER")]
        solver: Solver,
        /// Bounds of an attempt.
        #[command(flatten)]
        budget: BudgetFlags,
    },
    /// List runs.
    List {
        /// The gateway.
        #[command(flatten)]
        gateway: Gateway,
    },
    /// Watch a run until it is complete; the last line is its summary as JSON.
    Watch {
        /// The gateway.
        #[command(flatten)]
        gateway: Gateway,
        /// The run.
        run: String,
    },
    /// Cancel a run: open tasks are dead-lettered.
    Cancel {
        /// The gateway.
        #[command(flatten)]
        gateway: Gateway,
        /// The run.
        run: String,
    },
    /// How different the tasks of a run are: coverage, wording, near-duplicates (of an output folder).
    Diversity {
        /// Output folder of a run.
        dir: PathBuf,
        /// Print one JSON object on the last line.
        #[arg(long)]
        json: bool,
    },
    /// Prove that nothing was lost or counted twice: of a run of the cluster, or of an output folder of `generate`.
    Audit {
        /// The gateway.
        #[command(flatten)]
        gateway: Gateway,
        /// The run.
        #[arg(required_unless_present = "out")]
        run: Option<String>,
        /// Output folder of a run (no cluster needed: its events are in the folder).
        #[arg(long, value_name = "DIR", conflicts_with = "run")]
        out: Option<PathBuf>,
    },
}

/// Where the gateway is.
#[derive(Debug, Args)]
pub struct Gateway {
    /// The gateway's address.
    #[arg(long, env = "WAYFARER_GATEWAY", default_value = "http://127.0.0.1:7400", value_name = "URL")]
    pub gateway: String,
}

/// Flags of `verify`.
#[derive(Debug, Args)]
pub struct Verify {
    /// Output folder of a run.
    pub dir: PathBuf,
    /// The model.
    #[command(flatten)]
    pub model: ModelFlags,
    /// Only this attempt; may be repeated.
    #[arg(long)]
    pub attempt: Vec<String>,
    /// Which judges are heard: legacy, universal, both; as configured if absent.
    #[arg(long)]
    pub policy: Option<VerdictPolicy>,
    /// Print one JSON object on the last line.
    #[arg(long)]
    pub json: bool,
}

/// Flags of `disputes`.
#[derive(Debug, Args)]
pub struct Disputes {
    /// Output folder of a run.
    pub dir: PathBuf,
    /// Accept this attempt, as a person.
    #[arg(long, value_name = "ATTEMPT")]
    pub accept: Option<String>,
    /// Reject this attempt, as a person.
    #[arg(long, value_name = "ATTEMPT")]
    pub reject: Option<String>,
    /// Why, in a sentence; it is kept with the verdict.
    #[arg(long)]
    pub why: Option<String>,
    /// Print the list as one JSON object on the last line.
    #[arg(long)]
    pub json: bool,
}

/// Flags of `view`.
#[derive(Debug, Args)]
pub struct View {
    /// Output folder of a run.
    pub dir: PathBuf,
    /// Serve it over HTTP instead of opening the file.
    #[arg(long, value_name = "ADDR", num_args = 0..=1, default_missing_value = "127.0.0.1:7480")]
    pub serve: Option<SocketAddr>,
}

/// Commands on the bundled worlds.
#[derive(Debug, Subcommand)]
pub enum SandboxCommand {
    /// Serve the worlds for a person with a browser.
    Serve {
        /// Where.
        #[arg(long, default_value = "127.0.0.1:8800", value_name = "ADDR")]
        listen: SocketAddr,
        /// Where instances are kept; a temporary folder if absent.
        #[arg(long, value_name = "DIR")]
        data: Option<PathBuf>,
        /// Folder of worlds in place of the bundled ones.
        #[arg(long, value_name = "DIR")]
        worlds: Option<PathBuf>,
    },
    /// List the worlds with their task families.
    List {
        /// Folder of worlds in place of the bundled ones.
        #[arg(long, value_name = "DIR")]
        worlds: Option<PathBuf>,
    },
    /// Print tasks of worlds or families, as a seed file that `generate` takes.
    Task {
        /// Worlds or families (`skylark`, `skylark/book`); all if absent.
        wanted: Vec<String>,
        /// How many.
        #[arg(long, default_value_t = 12, value_name = "N")]
        count: usize,
        /// What the draws follow from.
        #[arg(long, default_value_t = 7)]
        seed: u64,
        /// Folder of worlds in place of the bundled ones.
        #[arg(long, value_name = "DIR")]
        worlds: Option<PathBuf>,
    },
    /// Work on tasks of the worlds and hold every verdict against what the worlds know.
    Report(Box<Report>),
    /// Compare the verdicts of an output folder with the ground truth of the worlds.
    Check {
        /// Output folder of a run.
        dir: PathBuf,
        /// Print one JSON object on the last line.
        #[arg(long)]
        json: bool,
    },
}

/// Flags of `sandbox report`.
#[derive(Debug, Args)]
pub struct Report {
    /// Worlds or families (`skylark`, `skylark/book`), comma-separated; all if absent.
    #[arg(long = "worlds", value_delimiter = ',', value_name = "NAMES")]
    pub wanted: Vec<String>,
    /// Tasks to work on, one attempt each, every family in turn.
    #[arg(long, default_value_t = 120, value_name = "N")]
    pub attempts: usize,
    /// Share of tasks in which the stand-in fails (0 to 1).
    #[arg(long, default_value_t = 0.3, value_name = "SHARE")]
    pub fail_rate: f64,
    /// Ways in which it fails, comma-separated; all if absent.
    #[arg(long, value_delimiter = ',', value_name = "KINDS")]
    pub kinds: Vec<String>,
    /// Every draw follows from it: tasks, failures, permissions, attacks.
    #[arg(long, default_value_t = 7)]
    pub seed: u64,
    /// Share of critical points that the simulated user approves (0 to 1).
    #[arg(long, default_value_t = 0.5, value_name = "SHARE")]
    pub approve: f64,
    /// Share of tasks that meet content which talks to the agent or to the judge (0 to 1).
    #[arg(long, default_value_t = 0.0, value_name = "SHARE")]
    pub attack_rate: f64,
    /// Output folder; a fresh one. Its page is report.html.
    #[arg(long, default_value = "out/report", value_name = "DIR")]
    pub out: PathBuf,
    /// The day that the worlds and the agents believe it is (ISO 8601).
    #[arg(long, default_value = "2026-12-01", value_name = "DATE")]
    pub today: String,
    /// The model that is measured; the stand-in if absent.
    #[arg(long, value_name = "MODEL", help_heading = "Model")]
    pub model: Option<String>,
    /// Which judges are heard: legacy, universal, both.
    #[arg(long, default_value = "both", help_heading = "Model")]
    pub policy: VerdictPolicy,
    /// Attempts at once.
    #[arg(long, value_name = "N", help_heading = "Machinery")]
    pub slots: Option<usize>,
    /// Folder of worlds in place of the bundled ones, while one is being written.
    #[arg(long, value_name = "DIR", help_heading = "Machinery")]
    pub worlds_dir: Option<PathBuf>,
    /// Folder of the stand-in's skills in place of the bundled ones.
    #[arg(long, value_name = "DIR", help_heading = "Machinery")]
    pub skills_dir: Option<PathBuf>,
    /// Print the report as one JSON object on the last line.
    #[arg(long, help_heading = "Display")]
    pub json: bool,
    /// Fail (exit code 4) if the verdict is worse than this recorded one by more than its interval.
    #[arg(long, value_name = "FILE", help_heading = "Display")]
    pub baseline: Option<PathBuf>,
    /// Record the verdict's figures as a baseline.
    #[arg(long, value_name = "FILE", help_heading = "Display")]
    pub write_baseline: Option<PathBuf>,
}

/// Flags of `standin`.
#[derive(Debug, Args)]
pub struct Standin {
    /// Where.
    #[arg(long, default_value = "127.0.0.1:7411", value_name = "ADDR")]
    pub listen: SocketAddr,
    /// How it fails.
    #[command(flatten)]
    pub faults: FaultFlags,
}

fn parse_strategy(text: &str) -> Result<Strategy, String> {
    match text.parse()? {
        Strategy::World => Err("the strategy `world` belongs to the worlds themselves; use targeted, exploration or exemplar".into()),
        strategy => Ok(strategy),
    }
}

impl ModelFlags {
    /// The endpoint that was asked for; an empty variable is an unset one.
    pub fn endpoint(&self) -> Option<&str> {
        self.model.as_deref().filter(|model| !model.is_empty())
    }
}

/// A solver whose profile is known here.
fn solver(text: &str) -> Result<Solver, String> {
    let solver: Solver = text.parse()?;
    if let Solver::Native { profile } = &solver {
        Profile::named(profile).map_err(|error| error.to_string())?;
    }
    Ok(solver)
}
