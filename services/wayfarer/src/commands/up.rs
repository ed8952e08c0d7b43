//! `wayfarer up`: roles as a service over given NATS and Redis.

use crate::budget;
use crate::cli::{BudgetFlags, Up};
use crate::endpoint;
use crate::exit::{Exit, WrongUsage};
use crate::local;
use crate::roles::{self, Role, Wiring};
use crate::stop;
use anyhow::Result;
use serde_json::{Map, Value, json};
use std::net::SocketAddr;
use std::time::Duration;
use wayfarer_bus::Bus;
use wayfarer_config::Config;
use wayfarer_core::Calendar;
use wayfarer_lease::Redis;
use wayfarer_store::Stores;
use wayfarer_telemetry::ReadyRoles;

/// Work that no heart-beat holds any more is somebody else's after this long (cluster measurements: well above a broker's election).
const ACK_WAIT: Duration = Duration::from_secs(30);

/// Flags as configuration.
pub fn overrides(flags: &Up) -> Result<Value> {
    let mut cluster = Map::new();
    for (key, value) in [("nats_url", &flags.nats_url), ("redis_url", &flags.redis_url), ("advertise", &flags.advertise)] {
        if let Some(value) = value {
            cluster.insert(key.into(), json!(value));
        }
    }
    if let Some(store) = &flags.store {
        cluster.insert("store".into(), json!(store));
    }
    let mut all = json!({ "cluster": cluster });
    for entry in &flags.resolve {
        let (host, addr) = entry
            .split_once('=')
            .ok_or_else(|| WrongUsage(format!("--resolve {entry:?} must read HOST=ADDR, such as shop.localhost=127.0.0.1:8800")))?;
        all["egress"]["resolve"][host] = json!(addr);
    }
    Ok(all)
}

/// One port was asked for: the first face of this process gets it, the gateway before the inner ones, which are found through Redis.
fn listen_at(asked: SocketAddr, roles: &[Role], config: &mut Config) {
    let faces = [
        (Role::Gateway, &mut config.gateway.listen),
        (Role::Inference, &mut config.inference.listen),
        (Role::BrowserFarm, &mut config.farm.listen),
    ];
    let mut port = asked.port();
    for (_, listen) in faces.into_iter().filter(|(role, _)| roles.contains(role)) {
        *listen = SocketAddr::new(asked.ip(), std::mem::take(&mut port));
    }
}

/// Runs until it is told to stop.
pub async fn up(flags: Up, mut config: Config, ready: ReadyRoles) -> Result<Exit> {
    let roles = Role::parse_list(&flags.roles)?;
    if let Some(listen) = flags.listen {
        listen_at(listen, &roles, &mut config);
    }
    roles::check_faces(&roles, &config)?;
    if roles.contains(&Role::Inference) {
        // an empty variable is an unset one
        if let Some(model) = flags.model.as_deref().filter(|model| !model.is_empty()) {
            endpoint::choose(model, &mut config.inference).await?;
        }
        anyhow::ensure!(
            !config.inference.needs_standin(),
            "the role inference needs a model endpoint: give --model URL, or start `wayfarer standin` and give --model http://127.0.0.1:7411/v1"
        );
    }
    if let Some(warning) = budget::uncounted(&BudgetFlags::default(), &config) {
        tracing::warn!("{warning}");
    }
    let worker = local::worker_name();
    let bus = Bus::connect(&config.cluster.nats_url, local::bus_options(ACK_WAIT, &config.cluster)).await?;
    bus.provision().await?;
    let redis = Redis::connect(&config.cluster.redis_url).await?;
    let wiring = Wiring {
        bus,
        redis,
        stores: Stores::PerRun(config.cluster.store.clone()),
        egress: local::egress(&config, None),
        calendar: Calendar::Clock,
        truth: None,
        pool: None,
        worker,
        ready,
        config,
    };
    let mut running = roles::start(&roles, &wiring).await?;
    for (role, address) in &running.faces {
        // machines that start us read these lines
        println!("{} {address}", role.as_str());
    }
    println!("ready");
    let exit = tokio::select! {
        () = stop::requested() => Ok(Exit::Done),
        error = running.failed() => Err(error),
    };
    running.stop().await;
    exit
}

#[cfg(test)]
mod tests {
    #![allow(clippy::panic)]
    use super::*;
    use crate::cli::{Cli, Command, RunCommand};
    use clap::Parser;

    #[test]
    fn run_looks_for_the_gateway_where_up_puts_it() {
        let Command::Up(flags) = Cli::parse_from(["wayfarer", "up"]).command else { panic!("not up") };
        let Command::Run(RunCommand::List { gateway }) = Cli::parse_from(["wayfarer", "run", "list"]).command else { panic!("not run") };

        assert_eq!(flags.listen, None, "the configured addresses hold");
        assert_eq!(gateway.gateway, format!("http://{}", Config::default().gateway.listen));
    }

    #[test]
    fn the_port_that_was_asked_for_is_one_face_s_only() {
        let asked = SocketAddr::from(([10, 0, 0, 5], 9000));
        let mut config = Config::default();

        listen_at(asked, &[Role::Inference, Role::BrowserFarm], &mut config);

        assert_eq!(config.inference.listen, asked);
        assert_eq!(config.farm.listen, SocketAddr::from(([10, 0, 0, 5], 0)));
        assert_eq!(config.gateway, Config::default().gateway, "a face that does not run here stays as it is");
    }
}
