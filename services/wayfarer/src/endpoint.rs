//! `--model`: which endpoint, which name, which key.

use crate::exit::WrongUsage;
use anyhow::{Context, Result, bail};
use serde::Deserialize;
use std::time::Duration;
use wayfarer_config::Inference;

/// Environment variables that may hold the endpoint's key, in order.
const KEY_VARIABLES: [&str; 2] = ["WAYFARER_API_KEY", "OPENAI_API_KEY"];

/// An endpoint as the command line names it.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Endpoint {
    /// Base URL that ends before `/chat/completions`.
    base_url: String,
    /// Model name; asked for at the endpoint if absent.
    model: Option<String>,
}

/// Reads `URL` or `NAME@URL`.
fn parse(text: &str) -> Result<Endpoint> {
    let (model, base_url) = match text.split_once('@') {
        // an @ behind the scheme belongs to the URL's user part, which is refused below
        Some((name, url)) if !name.contains("://") => (Some(name.to_owned()), url),
        _ => (None, text),
    };
    let url = url_of(base_url).map_err(|why| WrongUsage(format!("{why:#}")))?;
    if !url.username().is_empty() || url.password().is_some() {
        let why = format!("--model must not carry a key in its URL; put it into the environment variable {}", KEY_VARIABLES[0]);
        return Err(WrongUsage(why).into());
    }
    Ok(Endpoint { base_url: base_url.trim_end_matches('/').to_owned(), model })
}

fn url_of(text: &str) -> Result<reqwest::Url> {
    let url = reqwest::Url::parse(text).with_context(|| {
        format!(
            "--model {text:?} is not a URL; give https://host/v1, NAME@https://host/v1, file:///folder/of/a/checkpoint or NAME@kserve://host:8001"
        )
    })?;
    if !matches!(url.scheme(), "http" | "https" | "file" | "kserve") {
        bail!("--model {text:?} must begin with http://, https://, file:// or kserve://");
    }
    Ok(url)
}

/// The variable that holds the key, if one is set.
fn key_variable() -> Option<&'static str> {
    KEY_VARIABLES.into_iter().find(|name| std::env::var_os(name).is_some_and(|value| !value.is_empty()))
}

/// Makes the endpoint of `--model` the one of every role that has none of its own, once it has said that it serves the model.
pub async fn choose(model: &str, inference: &mut Inference) -> Result<()> {
    let endpoint = parse(model)?;
    inference.model = check(&endpoint).await?;
    inference.base_url = endpoint.base_url;
    inference.replicas.clear();
    inference.api_key_env = key_variable().unwrap_or_default().to_owned();
    Ok(())
}

#[derive(Deserialize)]
struct ModelList {
    data: Vec<ModelEntry>,
}

#[derive(Deserialize)]
struct ModelEntry {
    id: String,
}

/// Asks the endpoint which models it has, so that a wrong address fails at once and not task by task. Returns the name to use.
async fn check(endpoint: &Endpoint) -> Result<String> {
    if let Some(folder) = wayfarer_config::checkpoint_folder(&endpoint.base_url) {
        let folder = folder.map_err(|why| WrongUsage(format!("--model {} {why}", endpoint.base_url)))?;
        let last = folder.file_name().map(|name| name.to_string_lossy().into_owned());
        return match &endpoint.model {
            Some(name) => Ok(name.clone()),
            None => last.filter(|_| folder.is_dir()).with_context(|| format!("{} is no folder of a checkpoint", folder.display())),
        };
    }
    if endpoint.base_url.starts_with("kserve://") {
        // it has no list of its models; whether it has this one is found out when it is first asked
        let named = endpoint.model.clone();
        return named.with_context(|| format!("name the model in its repository: --model NAME@{}", endpoint.base_url));
    }
    let client = reqwest::Client::builder().timeout(Duration::from_secs(15)).build()?;
    let mut request = client.get(format!("{}/models", endpoint.base_url));
    if let Some(key) = key_variable().and_then(|name| std::env::var(name).ok()) {
        request = request.bearer_auth(key);
    }
    let response = request.send().await.map_err(|error| {
        anyhow::anyhow!(
            "the model endpoint {} cannot be reached ({}); start it, or give another with --model",
            endpoint.base_url,
            error.without_url()
        )
    })?;
    let status = response.status();
    if status == reqwest::StatusCode::UNAUTHORIZED || status == reqwest::StatusCode::FORBIDDEN {
        bail!("the model endpoint {} refused the key ({status}); set {} to a valid one", endpoint.base_url, KEY_VARIABLES[0]);
    }
    let listed = response.json::<ModelList>().await.ok().filter(|_| status.is_success());
    match (&endpoint.model, listed) {
        (Some(name), Some(list)) if !list.data.iter().any(|entry| entry.id == *name) => {
            let names: Vec<&str> = list.data.iter().map(|entry| entry.id.as_str()).take(8).collect();
            bail!("the model endpoint {} has no model {name:?}; it has {}", endpoint.base_url, names.join(", "))
        }
        (Some(name), _) => Ok(name.clone()),
        (None, Some(list)) => {
            let first = list.data.into_iter().next().with_context(|| format!("the model endpoint {} lists no model", endpoint.base_url))?;
            Ok(first.id)
        }
        (None, None) => bail!(
            "the model endpoint {} does not list its models ({status}); name one with --model NAME@{}",
            endpoint.base_url,
            endpoint.base_url
        ),
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn a_name_may_stand_before_the_url() {
        assert_eq!(parse("http://h:1/v1/").unwrap(), Endpoint { base_url: "http://h:1/v1".into(), model: None });
        assert_eq!(parse("org/m@https://h/v1").unwrap().model.as_deref(), Some("org/m"));
    }

    #[test]
    fn keys_in_urls_and_other_schemes_are_refused() {
        assert!(parse("https://key@h/v1").unwrap_err().to_string().contains("WAYFARER_API_KEY"));
        assert!(parse("ftp://h/x").is_err());
        let triton = Endpoint { base_url: "kserve://h:8001".into(), model: Some("fara".into()) };
        assert_eq!(parse("fara@kserve://h:8001/").unwrap(), triton);
        assert_eq!(parse("file:///x").unwrap(), Endpoint { base_url: "file:///x".into(), model: None });
        assert!(parse("gpt").is_err());
    }
}
