//! `wayfarer up`: roles as a service over given NATS and Redis.

use crate::cli::Up;
use crate::endpoint;
use crate::exit::{Exit, WrongUsage};
use crate::local;
use crate::roles::{self, Role, Wiring};
use crate::stop;
use anyhow::Result;
use serde_json::{Map, Value, json};
use std::time::Duration;
use wayfarer_bus::Bus;
use wayfarer_config::Config;
use wayfarer_lease::Redis;
use wayfarer_store::Stores;
use wayfarer_telemetry::ReadyRoles;

/// Work that no heart-beat holds any more is somebody else's after this long (cluster measurements: well above a broker's election).
const ACK_WAIT: Duration = Duration::from_secs(30);

/// Flags as configuration.
pub fn overrides(flags: &Up) -> Result<Value> {
    let mut cluster = Map::new();
    for (key, value) in [("nats_url", &flags.nats_url), ("redis_url", &flags.redis_url)] {
        if let Some(value) = value {
            cluster.insert(key.into(), json!(value));
        }
    }
    if let Some(store) = &flags.store {
        cluster.insert("store".into(), json!(store));
    }
    let mut all = json!({ "cluster": cluster });
    if let Some(model) = flags.model.as_deref().filter(|model| !model.is_empty()) {
        let parsed = endpoint::parse(model)?;
        all["inference"]["base_url"] = json!(parsed.base_url);
        if let Some(name) = parsed.model {
            all["inference"]["model"] = json!(name);
        }
        if let Some(variable) = endpoint::key_variable() {
            all["inference"]["api_key_env"] = json!(variable);
        }
    }
    for entry in &flags.resolve {
        let (host, addr) = entry
            .split_once('=')
            .ok_or_else(|| WrongUsage(format!("--resolve {entry:?} must read HOST=ADDR, such as shop.localhost=127.0.0.1:8800")))?;
        all["egress"]["resolve"][host] = json!(addr);
    }
    Ok(all)
}

/// Runs until it is told to stop.
pub async fn up(flags: Up, mut config: Config, ready: ReadyRoles) -> Result<Exit> {
    let roles = Role::parse_list(&flags.roles)?;
    if roles.contains(&Role::Inference) {
        anyhow::ensure!(
            !config.inference.needs_standin(),
            "the role inference needs a model endpoint: give --model URL, or start `wayfarer standin` and give --model http://127.0.0.1:7411/v1"
        );
    }
    if flags.listen.port() == 0 {
        for listen in [&mut config.inference.listen, &mut config.farm.listen, &mut config.gateway.listen] {
            listen.set_port(0);
        }
    } else {
        // one port was asked for: it is the gateway's, the inner faces are found through Redis
        config.gateway.listen.set_port(flags.listen.port());
        for listen in [&mut config.inference.listen, &mut config.farm.listen] {
            listen.set_port(0);
        }
    }
    let worker = local::worker_name();
    let bus = Bus::connect(&config.cluster.nats_url, local::bus_options(ACK_WAIT)).await?;
    bus.provision().await?;
    let redis = Redis::connect(&config.cluster.redis_url).await?;
    let wiring = Wiring {
        bus,
        redis,
        stores: Stores::PerRun(config.cluster.store.clone()),
        egress: local::egress(&config, None),
        today: local::today(),
        worker,
        listen: flags.listen.ip(),
        ready,
        config,
    };
    let mut running = roles::start(&roles, &wiring).await?;
    for (role, addr) in &running.faces {
        // machines that start us read these lines
        println!("{} http://{addr}", role.as_str());
    }
    println!("ready");
    let exit = tokio::select! {
        () = stop::requested() => Ok(Exit::Done),
        error = running.failed() => Err(error),
    };
    running.stop().await;
    exit
}
