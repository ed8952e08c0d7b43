//! The command line of Wayfarer: the whole cluster in one process, or any role of it.

mod agent;
mod budget;
mod cli;
mod commands;
mod endpoint;
mod exit;
mod farms;
mod local;
mod plan;
mod progress;
mod report;
mod roles;
mod stop;
mod truth;
mod words;

use anyhow::{Context, Result};
use clap::Parser;
use cli::{Cli, Command, EvalCommand, SandboxCommand};
use exit::Exit;
use serde_json::{Value, json};
use std::process::ExitCode;
use wayfarer_config::Config;
use wayfarer_telemetry::{Telemetry, TelemetryOptions};

fn main() -> ExitCode {
    let cli = Cli::parse();
    let runtime = match tokio::runtime::Builder::new_multi_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => {
            eprintln!("error: the async runtime could not start: {error}");
            return Exit::Failed.into();
        }
    };
    match runtime.block_on(run(cli)) {
        Ok(exit) => exit.into(),
        Err(error) => {
            eprintln!("error: {error:#}");
            if is_wrong_usage(&error) { ExitCode::from(2) } else { Exit::Failed.into() }
        }
    }
}

fn is_wrong_usage(error: &anyhow::Error) -> bool {
    error.chain().any(|cause| {
        cause.is::<exit::WrongUsage>() || cause.is::<wayfarer_config::ConfigError>() || cause.is::<wayfarer_core::seed::SeedFileError>()
    })
}

async fn run(cli: Cli) -> Result<Exit> {
    // a command that shows progress keeps its terminal free of everything but trouble
    let default_log = match &cli.command {
        Command::Up(_) | Command::Standin(_) => "info",
        _ => "error",
    };
    let config = |mut overrides: Value| -> Result<Config> {
        overrides["telemetry"]["log"] = json!(cli.log.clone().unwrap_or_else(|| default_log.to_owned()));
        Ok(Config::load(cli.config.as_deref(), overrides)?)
    };
    match cli.command {
        Command::Generate(flags) => {
            let config = config(budget::overrides(&flags.budget))?;
            let telemetry = telemetry(&config, "generate")?;
            let exit = commands::generate::generate(flags, config, telemetry.roles()).await;
            telemetry.shutdown().await;
            exit
        }
        Command::Agent(flags) => {
            let config = config(budget::overrides(&flags.budget))?;
            let telemetry = telemetry(&config, "agent")?;
            let exit = commands::agent::agent(*flags, config).await;
            telemetry.shutdown().await;
            exit
        }
        Command::Up(flags) => {
            let config = config(commands::up::overrides(&flags)?)?;
            let telemetry = telemetry(&config, &flags.roles.join("+"))?;
            let exit = commands::up::up(flags, config, telemetry.roles()).await;
            telemetry.shutdown().await;
            exit
        }
        Command::Run(command) => {
            let config = config(commands::run::overrides(&command))?;
            commands::run::run(command, &config).await
        }
        Command::Verify(flags) => {
            let config = config(json!({}))?;
            let telemetry = telemetry(&config, "verify")?;
            let exit = commands::verify::verify(flags, config).await;
            telemetry.shutdown().await;
            exit
        }
        Command::Disputes(flags) => commands::disputes::disputes(flags).await,
        Command::View(flags) => commands::view::view(flags).await,
        Command::Sandbox(SandboxCommand::Serve { listen, data, worlds }) => commands::sandbox::serve(listen, data, worlds).await,
        Command::Sandbox(SandboxCommand::List { worlds }) => commands::sandbox::list(worlds.as_deref()),
        Command::Sandbox(SandboxCommand::Task { wanted, count, seed, worlds }) => {
            commands::sandbox::task(&wanted, count, seed, worlds.as_deref())
        }
        Command::Sandbox(SandboxCommand::Report(flags)) => {
            let config = config(json!({}))?;
            let telemetry = telemetry(&config, "report")?;
            let exit = commands::report::report(*flags, config, telemetry.roles()).await;
            telemetry.shutdown().await;
            exit
        }
        Command::Sandbox(SandboxCommand::Check { dir, json }) => commands::sandbox::check(&dir, json).await,
        Command::Eval(EvalCommand::Miniwob(flags)) => {
            let config = config(json!({}))?;
            let telemetry = telemetry(&config, "eval")?;
            let exit = commands::miniwob::miniwob(flags, config).await;
            telemetry.shutdown().await;
            exit
        }
        Command::Standin(flags) => commands::standin::serve(flags).await,
        Command::Doctor => commands::doctor::doctor(),
    }
}

fn telemetry(config: &Config, service: &str) -> Result<Telemetry> {
    let options = TelemetryOptions {
        service: format!("wayfarer-{service}"),
        otlp_endpoint: config.telemetry.otlp_endpoint.clone(),
        metrics_listen: config.telemetry.metrics_listen,
        filter: config.telemetry.log.clone(),
        json: config.telemetry.json_logs,
    };
    wayfarer_telemetry::init(options).context("starting logs, traces and metrics")
}
