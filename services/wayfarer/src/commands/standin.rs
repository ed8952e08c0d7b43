//! `wayfarer standin`: the rule-based model as a server of its own.

use crate::cli::{FaultFlags, ModelFlags, Standin as Flags};
use crate::endpoint;
use crate::exit::{Exit, WrongUsage};
use crate::local::LOOPBACK;
use crate::stop;
use anyhow::{Context, Result};
use std::net::SocketAddr;
use std::time::Duration;
use wayfarer_config::Config;
use wayfarer_standin::{FaultKind, Faults, Standin, StandinOptions};

/// The stand-in's faults as flags give them.
pub fn faults(flags: &FaultFlags) -> Result<Faults> {
    if !(0.0..=1.0).contains(&flags.standin_fail_rate) {
        return Err(WrongUsage("--standin-fail-rate must lie between 0 and 1".into()).into());
    }
    let kinds = if flags.standin_kinds.is_empty() {
        FaultKind::usual()
    } else {
        flags
            .standin_kinds
            .iter()
            .map(|kind| kind.parse().map_err(|why| WrongUsage(format!("--standin-kinds: {why}"))))
            .collect::<Result<_, _>>()?
    };
    Ok(Faults { rate: flags.standin_fail_rate, seed: flags.standin_seed, kinds, gullible: flags.standin_gullible, latency: Duration::ZERO })
}

/// Starts it.
pub async fn start(listen: SocketAddr, flags: &FaultFlags) -> Result<Standin> {
    Standin::start(StandinOptions { listen, faults: faults(flags)? }).await.context("starting the stand-in model")
}

/// The endpoint of `--model`, or of the configuration, or the stand-in, which is then started.
pub async fn choose_model(flags: &ModelFlags, config: &mut Config) -> Result<Option<Standin>> {
    if let Some(model) = flags.endpoint() {
        endpoint::choose(model, &mut config.inference).await?;
        return Ok(None);
    }
    if !config.inference.needs_standin() {
        return Ok(None);
    }
    let standin = start(LOOPBACK, &flags.faults).await?;
    config.inference.base_url = format!("http://{}/v1", standin.addr());
    config.inference.model = wayfarer_standin::server::MODEL.to_owned();
    Ok(Some(standin))
}

/// Serves until stopped.
pub async fn serve(flags: Flags) -> Result<Exit> {
    let standin = start(flags.listen, &flags.faults).await?;
    println!("The stand-in model (rule-based, not an LLM) answers at http://{}/v1; Ctrl-C ends it.", standin.addr());
    stop::requested().await;
    standin.shutdown().await;
    Ok(Exit::Done)
}
