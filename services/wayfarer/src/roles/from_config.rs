//! What roles are made of, as the configuration says it.

use crate::exit::WrongUsage;
use anyhow::{Context, Result};
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;
use wayfarer_actor_native::{Profile, Prompts};
use wayfarer_browser::{ChromiumOptions, EgressPolicy, RemoteBrowser, RemoteProtocol};
use wayfarer_children::Tools;
use wayfarer_config::{CanaryMode, Config, FarmHttp, FarmProtocol, FarmRemote, Inference};
use wayfarer_core::TenantId;
use wayfarer_core::prompt::ModelRole;
use wayfarer_inference::{AimOptions, ByTenant, OnMiss, Pool, SharedBudget};
use wayfarer_lease::{Budget, Ceilings, Redis};
use wayfarer_rpc::Keys;
use wayfarer_websurfer::NativeWords;

/// No bound on what is spent.
const UNBOUNDED: Ceilings = Ceilings { tokens: u64::MAX, micro_usd: u64::MAX };

/// The pool of every model call, as the configuration routes them; keys come from the environment. Nothing bounds what is spent.
pub async fn inference_pool(config: &Config) -> Result<Pool> {
    let inference = config.inference.clone();
    // a checkpoint takes seconds to minutes to read
    let made = tokio::task::spawn_blocking(move || Pool::from_config(&inference, |name| std::env::var(name).ok()));
    let pool = made.await.context("making the pool of models")??;
    for model in config.inference.unpriced_models() {
        tracing::warn!(model, "the price list has no price for this model: its dollars are not counted, and bound nothing");
    }
    Ok(pool)
}

/// What tenants, runs and attempts may spend is counted in Redis, for all replicas together.
pub(super) fn with_budgets(pool: Pool, config: &Config, redis: &Redis) -> Pool {
    match shared_budget(&config.inference, redis) {
        Some(budget) => pool.with_budget(Arc::new(budget)),
        None => pool,
    }
}

/// None if nothing is bounded: no call then waits for Redis.
fn shared_budget(config: &Inference, redis: &Redis) -> Option<SharedBudget> {
    let per_run = ceilings(config.run_budget_tokens, config.run_budget_usd);
    let per_attempt = ceilings(config.attempt_budget_tokens, config.attempt_budget_usd);
    let per_tenant = tenant_budgets(config, redis);
    let is_bounded = per_run != UNBOUNDED || per_attempt != UNBOUNDED || !per_tenant.is_unbounded();
    let lasting = |ceilings| Budget::new(redis.clone(), ceilings);
    is_bounded.then(|| SharedBudget::new(lasting(per_run), lasting(per_attempt)).with_tenants(per_tenant))
}

/// What each tenant may spend a day.
fn tenant_budgets(config: &Inference, redis: &Redis) -> ByTenant<Budget> {
    let (each_tokens, each_usd) = (config.tenant_budget_tokens_per_day, config.tenant_budget_usd_per_day);
    let budget = |tokens, usd| match ceilings(tokens, usd) {
        UNBOUNDED => None,
        bounded => Some(Budget::daily(redis.clone(), bounded)),
    };
    let named = config.tenants.iter().filter_map(|(name, own)| {
        let (tokens, usd) = (own.budget_tokens_per_day.unwrap_or(each_tokens), own.budget_usd_per_day.unwrap_or(each_usd));
        // names were checked when the configuration was read
        Some((TenantId::new(name.clone()).ok()?, budget(tokens, usd)))
    });
    ByTenant::new(budget(each_tokens, each_usd), named)
}

/// In the configuration 0 is no bound.
fn ceilings(tokens: u64, usd: f64) -> Ceilings {
    Ceilings {
        tokens: if tokens == 0 { UNBOUNDED.tokens } else { tokens },
        micro_usd: if usd == 0.0 { UNBOUNDED.micro_usd } else { (usd * 1e6).ceil() as u64 },
    }
}

/// The farm's face over HTTP: its keys are in the environment, for secrets do not belong into files that are shown.
pub(super) fn farm_face(http: &FarmHttp, egress: EgressPolicy) -> Result<wayfarer_browser_farm::FaceOptions> {
    Ok(wayfarer_browser_farm::FaceOptions {
        listen: http.listen,
        public_url: http.public_url.clone(),
        keys: tenant_keys("farm.http", &http.keys)?,
        egress,
        longest_ttl: Duration::from_secs(http.longest_ttl_seconds),
    })
}

/// The keys of tenants; `variables` names the environment variable that holds each one.
pub(super) fn tenant_keys(section: &str, variables: &BTreeMap<String, String>) -> Result<Keys> {
    let mut keys = Keys::default();
    for (tenant, variable) in variables {
        let key = std::env::var(variable).ok().filter(|key| !key.is_empty()).ok_or_else(|| {
            WrongUsage(format!("[{section}.keys] names {variable} for tenant {tenant}, which is not set: export {variable}=KEY"))
        })?;
        let name = TenantId::new(tenant.clone()).map_err(|error| WrongUsage(format!("[{section}.keys] {tenant}: {error}")))?;
        keys.add(name, &key).map_err(|why| WrongUsage(format!("[{section}.keys] {variable}: {why}")))?;
    }
    if keys.is_empty() {
        return Err(WrongUsage(format!("[{section}.keys] names no tenant: nobody could ask for anything")).into());
    }
    Ok(keys)
}

/// How Chromium is started under this configuration.
pub fn chromium_options(config: &Config) -> Result<ChromiumOptions> {
    let tools = Tools::locate();
    let remote = config.farm.remote.as_ref().map(remote_browser).transpose()?;
    Ok(ChromiumOptions {
        executable: match &config.farm.chromium {
            Some(path) => path.clone(),
            None if remote.is_some() => std::path::PathBuf::new(),
            None => tools.chromium()?.to_owned(),
        },
        driver_dir: match &config.farm.driver_dir {
            Some(path) => path.clone(),
            None if remote.as_ref().is_some_and(|remote| remote.protocol == RemoteProtocol::Playwright) => std::path::PathBuf::new(),
            None => tools.driver_dir()?.to_owned(),
        },
        max_sessions: config.farm.max_sessions,
        sessions_per_browser: config.farm.sessions_per_browser,
        warm_sessions: config.farm.warm_sessions,
        recycle_sessions: config.farm.recycle_sessions,
        recycle_age: Duration::from_secs(config.farm.recycle_minutes * 60),
        recycle_mib: config.farm.recycle_mib,
        limits: config.farm.limits.clone().map(|limits| wayfarer_browser::Limits {
            parent: limits.parent,
            memory_mib: limits.memory_mib,
            cpus: limits.cpus,
        }),
        remote,
        no_sandbox: None,
    })
}

/// What native agents are given beside their profile.
pub(super) fn native_words(config: &Config) -> Result<NativeWords> {
    let wrong = |key: &str, why: String| WrongUsage(format!("native.{key}: {why}"));
    let prompts = config.native.prompts.as_deref().map(crate::words::prompts).transpose();
    let window = config.native.window.as_deref().map(str::parse).transpose();
    Ok(NativeWords { prompts: prompts.map_err(|why| wrong("prompts", why))?, window: window.map_err(|why| wrong("window", why))? })
}

/// How engines of native agents are shown the canary's pages; `None` if nobody asks, or the model's name tells no profile.
pub(super) fn aim(config: &Config) -> Result<Option<AimOptions>> {
    let inference = &config.inference;
    let on_miss = match inference.canary {
        CanaryMode::Off => return Ok(None),
        CanaryMode::Report => OnMiss::Report,
        CanaryMode::Refuse => OnMiss::Refuse,
    };
    let profile = match &inference.canary_profile {
        Some(named) => Some(crate::words::profile(named).map_err(|why| WrongUsage(format!("inference.canary_profile: {why}")))?),
        None => Profile::of_model(&inference.endpoint_of(ModelRole::Native).model),
    };
    let Some(profile) = profile else { return Ok(None) };
    let prompts = native_words(config)?.prompts.unwrap_or_else(|| Prompts::ours(&profile.name));
    Ok(Some(AimOptions::new(profile, prompts, on_miss)))
}

fn remote_browser(remote: &FarmRemote) -> Result<RemoteBrowser> {
    if !remote.unfenced {
        let why = "a browser of somebody else does not go through our proxy, so that [egress] is not enforced there: the service's own fence has \
                   to do. Set [farm.remote] unfenced = true if that is understood";
        return Err(WrongUsage(why.into()).into());
    }
    let variable = &remote.url_env;
    let url = std::env::var(variable).ok().filter(|url| !url.is_empty());
    let url = url.ok_or_else(|| WrongUsage(format!("[farm.remote] names {variable}, which is not set: export {variable}=wss://…")))?;
    let protocol = match remote.protocol {
        FarmProtocol::DevTools => RemoteProtocol::DevTools,
        FarmProtocol::Playwright => RemoteProtocol::Playwright,
    };
    Ok(RemoteBrowser { url, protocol })
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn engines_are_shown_the_canary_if_their_model_is_known_to_click() {
        let shown = |model: &str, canary: CanaryMode, profile: Option<&str>| {
            let inference = Inference { model: model.into(), canary, canary_profile: profile.map(str::to_owned), ..Inference::default() };
            aim(&Config { inference, ..Config::default() }).map(|options| options.map(|options| (options.profile.name, options.on_miss)))
        };

        assert_eq!(shown("microsoft/Fara-7B", CanaryMode::Report, None).unwrap(), Some(("fara-7b".into(), OnMiss::Report)));
        assert_eq!(shown("ours", CanaryMode::Refuse, Some("fara-1.5")).unwrap(), Some(("fara-1.5".into(), OnMiss::Refuse)));
        assert_eq!(shown("microsoft/Fara-7B", CanaryMode::Off, None).unwrap(), None);
        assert_eq!(shown(wayfarer_standin::server::MODEL, CanaryMode::Refuse, None).unwrap(), None, "the stand-in is left alone");
        assert!(shown("m", CanaryMode::Report, Some("fara-9")).unwrap_err().to_string().starts_with("inference.canary_profile: "));
    }
}
