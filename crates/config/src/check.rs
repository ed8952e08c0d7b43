//! Which values make sense. Values themselves are not repeated in errors: a URL may hold a password.

use crate::{Config, checkpoint_folder};
use std::net::IpAddr;
use url::{Host, Url};
use wayfarer_core::prompt::ModelRole;
use wayfarer_core::surf::ALIVE_EVERY;

/// A key whose value makes no sense.
#[derive(Debug, PartialEq)]
pub(crate) struct Fault {
    pub key: String,
    pub why: String,
}

/// Most of anything that is done at the same time in one process; more is a typing error.
const MOST_SLOTS: usize = 10_000;

pub(crate) fn check(config: &Config) -> Result<(), Fault> {
    is_url("cluster.nats_url", &config.cluster.nats_url, &["nats", "tls", "ws", "wss"])?;
    is_url("cluster.redis_url", &config.cluster.redis_url, &["redis", "rediss", "redis+unix", "unix"])?;
    holds("cluster.store", !config.cluster.store.as_os_str().is_empty(), "is empty; name a folder")?;

    let silence = config.cluster.owner_silence_seconds;
    let least = ALIVE_EVERY.as_secs() * 2 + 1;
    holds("cluster.owner_silence_seconds", (least..=3600).contains(&silence), &format!("must be from {least} to 3600"))?;

    if let Some(host) = &config.cluster.advertise {
        holds("cluster.advertise", is_reachable(host), "must be a host name or an address that others can call, without a port")?;
    }

    for (key, slots) in [
        ("inference.max_in_flight", config.inference.max_in_flight),
        ("farm.max_sessions", config.farm.max_sessions),
        ("farm.sessions_per_browser", config.farm.sessions_per_browser),
        ("solver.slots", config.solver.slots),
        ("judge.slots", config.judge.slots),
        ("proposer.slots", config.proposer.slots),
    ] {
        holds(key, (1..=MOST_SLOTS).contains(&slots), "must be from 1 to 10000")?;
    }

    for (key, budget) in [
        ("inference.run_budget_usd", config.inference.run_budget_usd),
        ("inference.attempt_budget_usd", config.inference.attempt_budget_usd),
        ("inference.tenant_budget_usd_per_day", config.inference.tenant_budget_usd_per_day),
        ("budgets.cost_usd", config.budgets.cost_usd),
    ] {
        holds(key, budget.is_finite() && budget >= 0.0, "must be US dollars, or 0 for no bound")?;
    }

    for (key, budget) in [
        ("budgets.steps", u64::from(config.budgets.steps)),
        ("budgets.seconds", config.budgets.seconds),
        ("budgets.tokens", config.budgets.tokens),
        ("budgets.env_attempts", u64::from(config.budgets.env_attempts)),
    ] {
        holds(key, budget > 0, "must be 1 or more")?;
    }

    for (tenant, weight) in &config.inference.weights {
        let key = format!("inference.weights.{tenant}");
        holds(&key, wayfarer_core::TenantId::new(tenant.clone()).is_ok(), "is no name of a tenant")?;
        holds(&key, weight.is_finite() && *weight > 0.0, "must be more than 0")?;
    }

    for (tenant, settings) in &config.inference.tenants {
        let key = format!("inference.tenants.{tenant}");
        holds(&key, wayfarer_core::TenantId::new(tenant.clone()).is_ok(), "is no name of a tenant")?;
        let usd = settings.budget_usd_per_day.unwrap_or(0.0);
        holds(&format!("{key}.budget_usd_per_day"), usd.is_finite() && usd >= 0.0, "must be US dollars, or 0 for no bound")?;
    }

    let engine = &config.inference.engine;
    holds("inference.engine.cache_mib", (1..=1 << 20).contains(&engine.cache_mib), "must be from 1 to 1048576 MiB")?;
    holds("inference.engine.picture_mib", (1..=1 << 20).contains(&engine.picture_mib), "must be from 1 to 1048576 MiB")?;
    holds("inference.engine.step_tokens", (1..=65_536).contains(&engine.step_tokens), "must be from 1 to 65536")?;
    holds("inference.engine.running", (1..=1024).contains(&engine.running), "must be from 1 to 1024")?;
    let template = config.inference.kserve.chat_template.as_ref();
    // whether it is there is for the process with the pool to find out: others read this file too
    let is_named = template.is_none_or(|folder| !folder.as_os_str().is_empty());
    holds("inference.kserve.chat_template", is_named, "is empty; name the folder of the model, or leave it out for Qwen's ChatML")?;
    for name in config.inference.roles.keys() {
        let known: Vec<&str> = ModelRole::ALL.into_iter().map(ModelRole::as_str).collect();
        let key = format!("inference.roles.{name}");
        holds(&key, known.contains(&name.as_str()), &format!("is no role; roles are {}", known.join(", ")))?;
    }
    for role in ModelRole::ALL {
        let own = config.inference.roles.get(role.as_str());
        let endpoint = config.inference.endpoint_of(role);
        // an override is blamed only for what it sets itself
        let key = |name: &str, is_own: bool| {
            if is_own { format!("inference.roles.{}.{name}", role.as_str()) } else { format!("inference.{name}") }
        };
        if !endpoint.base_url.is_empty() {
            is_engine(&key("base_url", own.is_some_and(|own| own.base_url.is_some())), &endpoint.base_url)?;
        }
        for replica in &endpoint.replicas {
            is_engine(&key("replicas", own.is_some_and(|own| own.replicas.is_some())), replica)?;
        }
        holds(&key("model", own.is_some_and(|own| own.model.is_some())), !endpoint.model.is_empty(), "is empty; name the model")?;
        holds(
            &key("api_key_env", own.is_some_and(|own| own.api_key_env.is_some())),
            endpoint.api_key_env.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_'),
            "must be the name of an environment variable that holds the key, not the key",
        )?;
        holds(
            &key("timeout_seconds", own.is_some_and(|own| own.timeout_seconds.is_some())),
            (1..=3600).contains(&endpoint.timeout_seconds),
            "must be from 1 to 3600",
        )?;
        holds(&key("retries", own.is_some_and(|own| own.retries.is_some())), endpoint.retries <= 20, "must be 20 at most")?;
        for (name, price, is_own) in [
            ("price_in_per_million", endpoint.price_in_per_million, own.is_some_and(|own| own.price_in_per_million.is_some())),
            (
                "price_cached_per_million",
                endpoint.price_cached_per_million.unwrap_or(0.0),
                own.is_some_and(|own| own.price_cached_per_million.is_some()),
            ),
            ("price_out_per_million", endpoint.price_out_per_million, own.is_some_and(|own| own.price_out_per_million.is_some())),
        ] {
            holds(&key(name, is_own), price.is_finite() && price >= 0.0, "must be 0 or more US dollars")?;
        }
    }

    holds("farm.lease_seconds", (2..=3600).contains(&config.farm.lease_seconds), "must be from 2 to 3600")?;
    is_url("farm.search_url", &config.farm.search_url.replace("{query}", "words"), &["http", "https"])?;
    holds("farm.search_url", config.farm.search_url.contains("{query}"), "has no `{query}` where the words go")?;
    let egress = &config.egress;
    for host in egress.allow_hosts.iter().chain(&egress.only_hosts).chain(&egress.deny_hosts) {
        let bare = host.strip_prefix('.').unwrap_or(host);
        let fits = !bare.is_empty() && !bare.contains(['/', '*', ' ']);
        holds("egress.allow_hosts, only_hosts, deny_hosts", fits, "must list host names such as `shop.test`, or `.test` for all below")?;
    }
    if let Some(endpoint) = &config.telemetry.otlp_endpoint {
        is_url("telemetry.otlp_endpoint", endpoint, &["http", "https"])?;
    }
    Ok(())
}

fn holds(key: &str, fits: bool, why: &str) -> Result<(), Fault> {
    if fits { Ok(()) } else { Err(Fault { key: key.to_owned(), why: why.to_owned() }) }
}

fn is_reachable(host: &str) -> bool {
    host.parse::<IpAddr>().map_or_else(|_| matches!(Host::parse(host), Ok(Host::Domain(_))), |ip| !ip.is_unspecified())
}

/// Of addresses behind which models answer.
const ENGINE_SCHEMES: [&str; 4] = ["http", "https", "file", "kserve"];

fn is_engine(key: &str, address: &str) -> Result<(), Fault> {
    is_url(key, address, &ENGINE_SCHEMES)?;
    if let Some(Err(why)) = checkpoint_folder(address) {
        holds(key, false, &why)?;
    }
    let is_bare = |url: &Url| url.has_host() && matches!(url.path(), "" | "/") && url.query().is_none() && url.username().is_empty();
    let fits = !address.starts_with("kserve://") || Url::parse(address).is_ok_and(|url| is_bare(&url));
    holds(key, fits, "must be kserve://host:port and no more; the model's name is the key `model`")
}

fn is_url(key: &str, value: &str, schemes: &[&str]) -> Result<(), Fault> {
    let fits = value.split(',').all(|part| Url::parse(part.trim()).is_ok_and(|url| schemes.contains(&url.scheme())));
    holds(key, fits, &format!("must be a URL that begins with {}://", schemes.join(":// or ")))
}
