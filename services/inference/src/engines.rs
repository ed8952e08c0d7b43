//! What answers behind an address: its scheme says.

use crate::fleet::EngineSpec;
use crate::kserve::{self, KserveModel, KserveOptions};
use crate::pool::PoolError;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;
use tokio::time::Instant;
use wayfarer_chat::{HttpModel, HttpModelOptions, Prices, Secret};
use wayfarer_config::{Endpoint, EngineSettings, Inference, checkpoint_folder};
use wayfarer_engine::{Engine, EngineOptions, LocalModel};

const MIB: u64 = 1024 * 1024;

/// The engines of an endpoint; `variable` looks environment variables up. A checkpoint is read before this returns.
pub(crate) fn engines(
    endpoint: &Endpoint,
    config: &Inference,
    variable: &impl Fn(&str) -> Option<String>,
) -> Result<Vec<EngineSpec>, PoolError> {
    let addresses = std::iter::once(&endpoint.base_url).chain(&endpoint.replicas);
    let engine = |address: &String| match checkpoint_folder(address) {
        Some(Ok(folder)) => local(address, folder, endpoint, &config.engine),
        Some(Err(why)) => Err(PoolError::Checkpoint { address: address.clone(), why }),
        None if address.starts_with(kserve::SCHEME) => triton(address, endpoint, config, variable),
        None => remote(address, endpoint, variable),
    };
    addresses.map(engine).collect()
}

fn prices(endpoint: &Endpoint) -> Prices {
    Prices { sent: endpoint.price_in_per_million, cached: endpoint.price_cached_per_million, received: endpoint.price_out_per_million }
}

/// One engine is tried again itself; among several the fleet tries another one.
fn retries(endpoint: &Endpoint) -> u32 {
    if endpoint.replicas.is_empty() { endpoint.retries } else { 0 }
}

fn key(address: &str, endpoint: &Endpoint, variable: &impl Fn(&str) -> Option<String>) -> Result<Option<Secret>, PoolError> {
    if endpoint.api_key_env.is_empty() {
        return Ok(None);
    }
    let name = &endpoint.api_key_env;
    let key = variable(name).filter(|key| !key.is_empty());
    let key = key.ok_or_else(|| PoolError::NoKey { name: name.clone(), endpoint: address.to_owned() })?;
    Ok(Some(Secret::new(key)))
}

fn remote(address: &str, endpoint: &Endpoint, variable: &impl Fn(&str) -> Option<String>) -> Result<EngineSpec, PoolError> {
    let model = HttpModel::new(HttpModelOptions {
        base_url: address.to_owned(),
        model: endpoint.model.clone(),
        api_key: key(address, endpoint, variable)?,
        timeout: Duration::from_secs(endpoint.timeout_seconds),
        retries: retries(endpoint),
        prices: prices(endpoint),
        json_schema: endpoint.json_schema,
    })?;
    Ok(EngineSpec { shown: model.endpoint().to_owned(), model: Arc::new(model) })
}

fn triton(
    address: &str,
    endpoint: &Endpoint,
    config: &Inference,
    variable: &impl Fn(&str) -> Option<String>,
) -> Result<EngineSpec, PoolError> {
    let folder = config.kserve.chat_template.as_deref();
    let template = kserve::template(folder).map_err(|why| {
        let folder = folder.map_or_else(|| address.into(), |folder| folder.display().to_string());
        PoolError::Engine { address: folder, why }
    })?;
    let model = KserveModel::new(KserveOptions {
        address: address.to_owned(),
        model: endpoint.model.clone(),
        api_key: key(address, endpoint, variable)?,
        timeout: Duration::from_secs(endpoint.timeout_seconds),
        retries: retries(endpoint),
        prices: prices(endpoint),
        json_schema: endpoint.json_schema,
        template: Arc::new(template),
    })?;
    Ok(EngineSpec { model: Arc::new(model), shown: address.to_owned() })
}

fn local(address: &str, folder: PathBuf, endpoint: &Endpoint, settings: &EngineSettings) -> Result<EngineSpec, PoolError> {
    let options = EngineOptions {
        cache_bytes: settings.cache_mib * MIB,
        picture_bytes: settings.picture_mib * MIB,
        step_tokens: settings.step_tokens,
        running: settings.running,
        waiting: EngineOptions::default().waiting,
        cuda: settings.cuda,
    };
    let started = Instant::now();
    let engine = Engine::load(&folder, &options).map_err(|why| PoolError::Engine { address: address.to_owned(), why })?;
    tracing::info!(checkpoint = address, seconds = started.elapsed().as_secs_f32(), "the in-process engine has its weights");
    let timeout = Duration::from_secs(endpoint.timeout_seconds);
    let model = LocalModel::new(engine, &endpoint.model, address, prices(endpoint), timeout);
    Ok(EngineSpec { model: Arc::new(model), shown: address.to_owned() })
}
