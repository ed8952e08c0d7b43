//! What the proposer needs of the world, as traits: pages over plain HTTP, browser sessions, a model, and what a run has proposed
//! already.

use async_trait::async_trait;
use std::sync::Arc;
use url::Url;
use wayfarer_browser::{BrowserSupply, EgressPolicy};
use wayfarer_chat::Model;
use wayfarer_core::{RunId, SeedId};
use wayfarer_store::Store;

/// A page as it came over the wire, no script run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FetchedPage {
    /// Where redirects ended.
    pub final_url: Url,
    /// HTTP status.
    pub status: u16,
    /// Value of the header `content-type`; empty if there was none.
    pub content_type: String,
    /// The body as text.
    pub html: String,
}

/// Why a page could not be fetched.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum FetchError {
    /// No connection, no name, no answer that is HTTP.
    #[error("the page cannot be reached ({why}); check the address in the seed file")]
    Unreachable {
        /// What was met.
        why: String,
    },
    /// The egress policy does not allow the host.
    #[error("egress to {host} is not allowed; name the host in the egress policy to open it")]
    EgressDenied {
        /// The host.
        host: String,
    },
    /// More bytes than the fetcher takes.
    #[error("the page is too large to read")]
    TooLarge,
    /// No complete answer within the bound.
    #[error("the page did not come within the time bound")]
    Slow,
}

/// Fetches pages through the run's egress policy; bounded in time and size.
#[async_trait]
pub trait PageFetcher: Send + Sync {
    /// The page behind the address, redirects followed.
    async fn fetch(&self, url: &Url) -> Result<FetchedPage, FetchError>;
}

/// The intents that a run has already, over all proposers.
#[async_trait]
pub trait SeenIntents: Send + Sync {
    /// Takes the intent for a seed of the run. `false`: it, or a near-duplicate of it, is another seed's already. A seed that is worked
    /// off again, after a crash, takes its own anew.
    async fn claim(&self, run: &RunId, seed: &SeedId, intent: &str) -> Result<bool, String>;

    /// The intents of the run so far; a model is shown them so that it proposes others.
    async fn known(&self, run: &RunId) -> Vec<String>;
}

/// Everything that [`propose`](crate::propose) works with.
#[derive(Clone)]
pub struct ProposerDeps {
    /// Answers every question.
    pub model: Arc<dyn Model>,
    /// Fetches pages.
    pub fetcher: Arc<dyn PageFetcher>,
    /// Gives browser sessions (exploration).
    pub browsers: Arc<dyn BrowserSupply>,
    /// Keeps the pictures of walks.
    pub store: Store,
    /// Knows what was proposed before.
    pub seen: Arc<dyn SeenIntents>,
    /// What sessions may reach.
    pub egress: EgressPolicy,
}
