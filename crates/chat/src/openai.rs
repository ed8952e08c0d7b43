//! One OpenAI-compatible endpoint: `POST {base_url}/chat/completions`, as vLLM, SGLang, TensorRT-LLM, hosted models and the stand-in
//! speak it.
//!
//! Everything is bounded: the whole call (retries included) by the timeout, the reply by its size, retries by their number. What an
//! endpoint says in an error is cut and rid of the key before it goes anywhere. What it refuses of a request's parameters is said
//! otherwise (`dialect.rs`), and remembered once that was answered.

use crate::dialect::Dialect;
use crate::model::{ChatReply, ChatRequest, Model, ModelError};
use crate::prices::Prices;
use crate::retry::pause_after;
use crate::secret::Secret;
use crate::served::{Served, listed};
use crate::stream::Incoming;
use crate::wire;
use async_trait::async_trait;
use reqwest::StatusCode;
use reqwest::header::{CONTENT_TYPE, HeaderMap, RETRY_AFTER};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::sync::mpsc;
use tokio::time::Instant;
use wayfarer_core::prompt::SchemaMode;

/// The biggest reply that is read: 4096 tokens are about 16 KiB, thoughts of a reasoning model some more.
const MAX_REPLY_BYTES: usize = 4 * 1024 * 1024;
/// Bytes of a failed reply that are read for its error.
const MAX_ERROR_BYTES: usize = 16 * 1024;
/// Characters of it that are told.
const TOLD_CHARACTERS: usize = 300;
/// Bytes of a list of models that are read; hosted ones list hundreds.
const MAX_LIST_BYTES: usize = 1024 * 1024;
/// Longest wait for the list of models, by which an endpoint shows that it is there.
const REACH_TIMEOUT: Duration = Duration::from_secs(5);
/// Longest wait for a TCP and TLS connection.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);

/// Where and how a model is reached.
#[derive(Debug, Clone, PartialEq)]
pub struct HttpModelOptions {
    /// Up to and including the version: `http://127.0.0.1:8000/v1`.
    pub base_url: String,
    /// The model's name at that server.
    pub model: String,
    /// Sent as bearer token.
    pub api_key: Option<Secret>,
    /// Bound of one call, retries included.
    pub timeout: Duration,
    /// Requests that may follow the first one, when it met a fault that may pass.
    pub retries: u32,
    /// What tokens cost.
    pub prices: Prices,
    /// Whether the reply's schema is sent as `response_format`; not every server knows it.
    pub json_schema: SchemaMode,
}

impl Default for HttpModelOptions {
    /// A local server without key or price.
    fn default() -> Self {
        Self {
            base_url: "http://127.0.0.1:8000/v1".into(),
            model: "default".into(),
            api_key: None,
            timeout: Duration::from_secs(120),
            retries: 3,
            prices: Prices::default(),
            json_schema: SchemaMode::Auto,
        }
    }
}

/// A model behind an OpenAI-compatible endpoint.
#[derive(Debug, Clone)]
pub struct HttpModel {
    options: HttpModelOptions,
    completions: reqwest::Url,
    models: reqwest::Url,
    /// The base URL as errors may show it: without user, password and query.
    endpoint: String,
    client: reqwest::Client,
    /// What it has turned out to want, for all clones.
    dialect: Arc<Mutex<Dialect>>,
    /// What it has said that it serves, to all clones.
    served: Arc<Mutex<Served>>,
}

/// How one request went.
enum Tried {
    Answered {
        completion: wire::Completion,
        /// Its words were passed on already.
        is_told: bool,
    },
    /// Trying again may help, after the pause that the server asked for.
    MayPass {
        why: String,
        pause: Option<Duration>,
        /// It has too much to do.
        is_load: bool,
    },
    /// The request does not fit; what the endpoint says may name the parameter that does not.
    Unfit {
        said: String,
        error: ModelError,
    },
    Refused(ModelError),
}

impl HttpModel {
    /// A client for the endpoint; nothing is sent yet.
    pub fn new(options: HttpModelOptions) -> Result<Self, ModelError> {
        let (completions, models, endpoint) = addresses(&options.base_url)?;
        let client = reqwest::Client::builder()
            .connect_timeout(CONNECT_TIMEOUT)
            // a redirect would carry key and conversation to another host
            .redirect(reqwest::redirect::Policy::none())
            .build()
            .map_err(|error| ModelError::Down { endpoint: endpoint.clone(), why: chain(&error) })?;
        let dialect = Arc::new(Mutex::new(Dialect::new(options.json_schema)));
        Ok(Self { options, completions, models, endpoint, client, dialect, served: Arc::default() })
    }

    /// How it was configured.
    pub fn options(&self) -> &HttpModelOptions {
        &self.options
    }

    /// The base URL as it may be shown: without user, password and query.
    pub fn endpoint(&self) -> &str {
        &self.endpoint
    }

    fn with_key(&self, request: reqwest::RequestBuilder) -> reqwest::RequestBuilder {
        match &self.options.api_key {
            Some(key) => request.bearer_auth(key.reveal()),
            None => request,
        }
    }

    async fn try_once(&self, body: &serde_json::Value, words: Option<&mpsc::Sender<String>>) -> Tried {
        let request = self.with_key(self.client.post(self.completions.clone()).json(body));
        let response = match request.send().await {
            Ok(response) => response,
            Err(error) => return Tried::MayPass { why: self.told(&chain(&error)), pause: None, is_load: false },
        };
        let status = response.status();
        let pause = retry_after(response.headers());
        if !status.is_success() {
            let said = read_bounded(response, MAX_ERROR_BYTES).await.map_or_else(|why| why, |bytes| lossy(&bytes));
            let what = self.told(&format!("HTTP {status}: {said}"));
            return match status {
                _ if may_pass(status) => Tried::MayPass { why: what, pause, is_load: status == StatusCode::TOO_MANY_REQUESTS },
                StatusCode::BAD_REQUEST | StatusCode::UNPROCESSABLE_ENTITY => Tried::Unfit { said, error: self.nonsense(what) },
                _ => Tried::Refused(self.nonsense(what)),
            };
        }
        let is_stream = response.headers().get(CONTENT_TYPE).is_some_and(|kind| kind.as_bytes().starts_with(b"text/event-stream"));
        if let (true, Some(words)) = (is_stream, words) {
            return self.read_stream(response, words).await;
        }
        match read_bounded(response, MAX_REPLY_BYTES + 1).await {
            Err(why) => Tried::MayPass { why: self.told(&why), pause: None, is_load: false },
            Ok(bytes) if bytes.len() > MAX_REPLY_BYTES => {
                Tried::Refused(self.nonsense(format!("more than {MAX_REPLY_BYTES} bytes to one question")))
            }
            Ok(bytes) => match serde_json::from_slice(&bytes) {
                Ok(completion) => Tried::Answered { completion, is_told: false },
                Err(error) => Tried::Refused(self.nonsense(format!("no chat completion ({error}): {}", self.told(&lossy(&bytes))))),
            },
        }
    }

    /// Passes the words of an answer on as they come. Before the first of them a fault may pass; after it nothing is tried again.
    async fn read_stream(&self, mut response: reqwest::Response, words: &mpsc::Sender<String>) -> Tried {
        let mut incoming = Incoming::default();
        let mut has_begun = false;
        let broke = |why: String, has_begun: bool| match has_begun {
            true => Tried::Refused(ModelError::Down { endpoint: self.endpoint.clone(), why: self.told(&why) }),
            false => Tried::MayPass { why: self.told(&why), pause: None, is_load: false },
        };
        loop {
            let bytes = match response.chunk().await {
                Ok(Some(bytes)) => bytes,
                Ok(None) => break,
                Err(error) => return broke(chain(&error), has_begun),
            };
            match incoming.take(&bytes) {
                Ok(new) if new.is_empty() => {}
                Ok(new) => {
                    has_begun = true;
                    // whoever listened may have gone: the reply is theirs who called
                    let _ = words.send(new).await;
                }
                Err(why) => return Tried::Refused(self.nonsense(self.told(&why))),
            }
            if incoming.len() > MAX_REPLY_BYTES {
                return Tried::Refused(self.nonsense(format!("more than {MAX_REPLY_BYTES} bytes to one question")));
            }
        }
        match incoming.whole() {
            Some(completion) => Tried::Answered { completion, is_told: true },
            None => broke("the reply broke off".into(), has_begun),
        }
    }

    async fn try_often(
        &self,
        request: &ChatRequest,
        words: Option<&mpsc::Sender<String>>,
        tries: &mut u32,
        last: &mut Option<String>,
    ) -> Result<ChatReply, ModelError> {
        let started = Instant::now();
        let mut dialect = *self.dialect();
        let mut streams = words.is_some();
        let body_of = |dialect, streams| {
            let mut body = wire::body(&self.options.model, request, dialect);
            if streams {
                body["stream"] = true.into();
                body["stream_options"] = serde_json::json!({"include_usage": true});
            }
            body
        };
        let mut body = body_of(dialect, streams);
        let mut faults = 0;
        loop {
            *tries += 1;
            let (why, pause, is_load) = match self.try_once(&body, words).await {
                Tried::Answered { completion, is_told } => {
                    self.remember(dialect);
                    let reply = self.reply(&completion, request, *tries, started)?;
                    // an answer that came whole is told in one piece
                    if let (false, Some(words)) = (is_told, words) {
                        let _ = words.send(reply.text.clone()).await;
                    }
                    return Ok(reply);
                }
                Tried::Refused(error) => return Err(error),
                Tried::Unfit { said, error } => match dialect.after_refusal(&body, &said, self.options.json_schema) {
                    // a server that does not stream may still answer
                    None if streams => {
                        streams = false;
                        body = body_of(dialect, streams);
                        continue;
                    }
                    None => return Err(error),
                    Some(next) => {
                        tracing::info!(endpoint = self.endpoint, refused = %error, "a parameter is said otherwise");
                        dialect = next;
                        body = body_of(dialect, streams);
                        continue;
                    }
                },
                Tried::MayPass { why, pause, is_load } => (why, pause, is_load),
            };
            faults += 1;
            let asked_for = pause;
            let pause = pause.unwrap_or_else(|| pause_after(faults));
            let down = |why: String| match is_load {
                true => ModelError::Busy { retry_after_ms: asked_for.unwrap_or(pause).as_millis() as u64 },
                false => ModelError::Down { endpoint: self.endpoint.clone(), why },
            };
            if faults > self.options.retries {
                return Err(down(format!("{why}; {tries} tries")));
            }
            if started.elapsed() + pause >= self.options.timeout {
                return Err(down(format!("{why}; the next try, in {} s, would be past the timeout", pause.as_secs())));
            }
            tracing::debug!(endpoint = self.endpoint, why, pause_ms = pause.as_millis() as u64, "a model request is tried again");
            *last = Some(why);
            tokio::time::sleep(pause).await;
        }
    }

    /// One call, within its bound; the words go there as they come, if anybody wants them.
    async fn within(&self, request: &ChatRequest, words: Option<&mpsc::Sender<String>>) -> Result<ChatReply, ModelError> {
        let (mut tries, mut last) = (0, None);
        let call = self.try_often(request, words, &mut tries, &mut last);
        match tokio::time::timeout(self.options.timeout, call).await {
            Ok(result) => result,
            Err(_) => {
                tracing::warn!(endpoint = self.endpoint, tries, last, "a model gave no answer in time");
                Err(ModelError::Slow { endpoint: self.endpoint.clone(), seconds: self.options.timeout.as_secs() })
            }
        }
    }

    fn reply(&self, completion: &wire::Completion, request: &ChatRequest, tries: u32, started: Instant) -> Result<ChatReply, ModelError> {
        let text = completion.text().ok_or_else(|| self.nonsense("a completion without choices".into()))?;
        let usage = completion.usage(request, &text, &self.options.prices);
        self.serves(Served { model: completion.model.clone(), fingerprint: completion.system_fingerprint.clone(), listed: None });
        Ok(ChatReply {
            calls: completion.calls(),
            usage,
            model: completion.model.clone().unwrap_or_else(|| self.options.model.clone()),
            tries,
            latency_ms: started.elapsed().as_secs_f64() * 1000.0,
            text,
        })
    }

    /// Takes note of what it says that it serves; all that is known now.
    fn serves(&self, said: Served) -> Served {
        let mut served = self.served.lock().unwrap_or_else(PoisonError::into_inner);
        *served = said.or(std::mem::take(&mut served));
        served.clone()
    }

    fn dialect(&self) -> MutexGuard<'_, Dialect> {
        self.dialect.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// `GET {base_url}/models`. A server that does not list its models is there, too.
    async fn list(&self) -> Result<reqwest::Response, ModelError> {
        let down = |why: String| ModelError::Down { endpoint: self.endpoint.clone(), why };
        let request = self.with_key(self.client.get(self.models.clone())).timeout(REACH_TIMEOUT);
        let response = request.send().await.map_err(|error| down(self.told(&chain(&error))))?;
        match response.status() {
            status @ (StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN) => Err(self.nonsense(format!("HTTP {status}"))),
            status if status.is_server_error() => Err(down(format!("HTTP {status}"))),
            _ => Ok(response),
        }
    }

    /// Not before the endpoint has answered: a refusal may have blamed the wrong parameter.
    fn remember(&self, dialect: Dialect) {
        let mut known = self.dialect();
        *known = known.merged(dialect);
    }

    fn nonsense(&self, what: String) -> ModelError {
        ModelError::Nonsense { endpoint: self.endpoint.clone(), what }
    }

    /// The beginning of a text, on one line and without the key.
    fn told(&self, text: &str) -> String {
        let text = self.options.api_key.as_ref().map_or_else(|| text.to_owned(), |key| key.remove_from(text));
        let words: Vec<&str> = text.split_whitespace().collect();
        words.join(" ").chars().take(TOLD_CHARACTERS).collect()
    }
}

#[async_trait]
impl Model for HttpModel {
    #[tracing::instrument(name = "model_call", skip_all, fields(role = request.role.as_str(), model = %self.options.model))]
    async fn generate(&self, request: ChatRequest) -> Result<ChatReply, ModelError> {
        self.within(&request, None).await
    }

    #[tracing::instrument(name = "model_call", skip_all, fields(role = request.role.as_str(), model = %self.options.model))]
    async fn stream(&self, request: ChatRequest, words: mpsc::Sender<String>) -> Result<ChatReply, ModelError> {
        self.within(&request, Some(&words)).await
    }

    async fn reach(&self) -> Result<(), ModelError> {
        self.list().await.map(drop)
    }

    /// By its list of models and by its replies so far.
    async fn identify(&self) -> Result<Served, ModelError> {
        let response = self.list().await?;
        // a list that cannot be read says nothing
        let models = read_bounded(response, MAX_LIST_BYTES).await.ok().and_then(|bytes| serde_json::from_slice(&bytes).ok());
        let listed = models.and_then(|models| listed(&models, &self.options.model));
        Ok(self.serves(Served { listed, ..Served::default() }))
    }
}

/// The addresses of completions and of the list of models, and the base URL as it may be shown.
fn addresses(base_url: &str) -> Result<(reqwest::Url, reqwest::Url, String), ModelError> {
    let wrong =
        |why: String| ModelError::Nonsense { endpoint: "(unset)".into(), what: format!("nothing, as its base URL is wrong ({why})") };
    let base = reqwest::Url::parse(base_url).map_err(|error| wrong(error.to_string()))?;
    if !matches!(base.scheme(), "http" | "https") || base.host_str().is_none() {
        return Err(wrong("it must begin with http:// or https://".into()));
    }
    let below = |path: &str| {
        let mut url = base.clone();
        url.set_path(&format!("{}/{path}", base.path().trim_end_matches('/')));
        url
    };
    let (completions, models) = (below("chat/completions"), below("models"));
    let mut shown = base;
    // both calls fail only for URLs without a host
    let _ = shown.set_username("");
    let _ = shown.set_password(None);
    shown.set_query(None);
    shown.set_fragment(None);
    Ok((completions, models, shown.to_string()))
}

fn may_pass(status: StatusCode) -> bool {
    status.is_server_error() || matches!(status, StatusCode::REQUEST_TIMEOUT | StatusCode::TOO_MANY_REQUESTS)
}

/// `Retry-After` in seconds; the form with a date is seldom and taken as absent.
fn retry_after(headers: &HeaderMap) -> Option<Duration> {
    headers.get(RETRY_AFTER)?.to_str().ok()?.trim().parse().ok().map(Duration::from_secs)
}

async fn read_bounded(mut response: reqwest::Response, most: usize) -> Result<Vec<u8>, String> {
    let mut bytes = Vec::new();
    while bytes.len() < most {
        match response.chunk().await {
            Ok(Some(chunk)) => bytes.extend_from_slice(&chunk[..chunk.len().min(most - bytes.len())]),
            Ok(None) => break,
            Err(error) => return Err(chain(&error)),
        }
    }
    Ok(bytes)
}

fn lossy(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

/// An error with its causes, without its URL (which may hold a key).
fn chain(error: &reqwest::Error) -> String {
    let mut said = match (error.is_connect(), error.is_decode() || error.is_body()) {
        (true, _) => "no connection".to_owned(),
        (_, true) => "the reply broke off".to_owned(),
        _ => "the request could not be sent".to_owned(),
    };
    let mut cause = std::error::Error::source(error);
    while let Some(error) = cause {
        said = format!("{said}: {error}");
        cause = error.source();
    }
    said
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::expect_used)]
mod tests {
    use super::*;

    #[test]
    fn addresses_keep_paths_and_show_no_secrets() {
        let (completions, models, shown) = addresses("https://user:pw@host.test/openai/v1/?key=k").unwrap();
        assert_eq!(models.path(), "/openai/v1/models");
        assert_eq!(completions.as_str(), "https://user:pw@host.test/openai/v1/chat/completions?key=k");
        assert_eq!(shown, "https://host.test/openai/v1/");
        assert!(addresses("ftp://host").is_err());
        assert!(addresses("localhost:8000").is_err());
    }
}
