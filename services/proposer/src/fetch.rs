//! Fetching pages for proposal, through the same egress proxy that browsers use: one policy, one place that opens connections.

use async_trait::async_trait;
use std::time::Duration;
use wayfarer_actor_proposer::{FetchError, FetchedPage, PageFetcher};
use wayfarer_browser::{EgressPolicy, EgressProxy, Refusal};

const TIMEOUT: Duration = Duration::from_secs(20);
const MAX_BYTES: usize = 4 * 1024 * 1024;

/// A client whose every connection is made by an egress proxy of its own.
pub struct EgressFetcher {
    client: reqwest::Client,
    proxy: EgressProxy,
}

impl EgressFetcher {
    /// Starts the proxy with this policy.
    pub async fn start(policy: EgressPolicy) -> anyhow::Result<Self> {
        let proxy = EgressProxy::start(policy).await?;
        let client = reqwest::Client::builder()
            .proxy(reqwest::Proxy::all(format!("http://{}", proxy.address()))?)
            .timeout(TIMEOUT)
            .user_agent(concat!("Wayfarer/", env!("CARGO_PKG_VERSION")))
            .build()?;
        Ok(Self { client, proxy })
    }
}

#[async_trait]
impl PageFetcher for EgressFetcher {
    async fn fetch(&self, url: &url::Url) -> Result<FetchedPage, FetchError> {
        let since = self.proxy.now();
        let unreachable = |why: String| FetchError::Unreachable { why };
        let sent = self.client.get(url.clone()).send().await;
        match self.proxy.refusal(since, url.as_str()) {
            Some(Refusal::Denied(_)) => return Err(FetchError::EgressDenied { host: url.host_str().unwrap_or_default().to_owned() }),
            Some(Refusal::Unreachable(why)) => return Err(unreachable(why)),
            None => {}
        }
        let mut response =
            sent.map_err(|error| if error.is_timeout() { FetchError::Slow } else { unreachable(error.without_url().to_string()) })?;
        let final_url = response.url().clone();
        let status = response.status().as_u16();
        let content_type = response.headers().get("content-type").and_then(|value| value.to_str().ok()).unwrap_or_default().to_owned();
        let mut body = Vec::new();
        while let Some(chunk) = response.chunk().await.map_err(|error| unreachable(error.without_url().to_string()))? {
            if body.len() + chunk.len() > MAX_BYTES {
                return Err(FetchError::TooLarge);
            }
            body.extend_from_slice(&chunk);
        }
        Ok(FetchedPage { final_url, status, content_type, html: String::from_utf8_lossy(&body).into_owned() })
    }
}
