//! A browser of one's own, driven over its client's connection: what a client may do, as the session that the suite knows.

use async_trait::async_trait;
use serde_json::{Value, json};
use tokio::sync::Mutex;
use wayfarer_browser::{BrowserError, BrowserSession, CdpCalls, CdpMessages, Observed};
use wayfarer_core::action::Effect;
use wayfarer_core::observation::{Scroll, Settle, Viewport};
use wayfarer_core::outcome::EnvFailure;
use wayfarer_core::{Action, BlobHash, Observation, SessionId};

pub struct Driven {
    session: Box<dyn BrowserSession>,
    client: Mutex<Client>,
    page: String,
}

struct Client {
    calls: CdpCalls,
    messages: CdpMessages,
    number: i64,
}

impl Client {
    async fn call(&mut self, page: Option<&str>, method: &str, params: Value) -> Value {
        self.number += 1;
        let mut call = json!({"id": self.number, "method": method, "params": params});
        if let Some(page) = page {
            call["sessionId"] = page.into();
        }
        self.calls.say(&call.to_string());
        loop {
            let message: Value = serde_json::from_str(&self.messages.next().await.expect("the browser is there")).unwrap();
            if message["id"] == self.number {
                assert!(message["error"].is_null(), "{method}: {}", message["error"]);
                return message["result"].clone();
            }
        }
    }
}

impl Driven {
    /// Attaches to the first page of such a session.
    pub async fn new(session: Box<dyn BrowserSession>) -> Self {
        let (calls, messages) = session.connect().await.unwrap().split();
        let mut client = Client { calls, messages, number: 0 };
        let targets = client.call(None, "Target.getTargets", json!({})).await;
        let page = targets["targetInfos"].as_array().unwrap().iter().find(|target| target["type"] == "page").unwrap()["targetId"].clone();
        let attached = client.call(None, "Target.attachToTarget", json!({"targetId": page, "flatten": true})).await;
        Self { session, client: Mutex::new(client), page: attached["sessionId"].as_str().unwrap().to_owned() }
    }

    async fn told(&self, expression: &str) -> String {
        let asked = json!({"expression": expression, "returnByValue": true});
        let told = self.client.lock().await.call(Some(&self.page), "Runtime.evaluate", asked).await;
        told["result"]["value"].as_str().unwrap_or_default().to_owned()
    }
}

#[async_trait]
impl BrowserSession for Driven {
    fn id(&self) -> &SessionId {
        self.session.id()
    }

    async fn open(&self, url: &str) -> Result<Observed, BrowserError> {
        let gone = self.client.lock().await.call(Some(&self.page), "Page.navigate", json!({"url": url})).await;
        match gone["errorText"].as_str() {
            Some(why) => Err(BrowserError::environment(EnvFailure::Unreachable, why)),
            None => self.observe().await,
        }
    }

    async fn observe(&self) -> Result<Observed, BrowserError> {
        let observation = Observation {
            screenshot: BlobHash::of(b""),
            url: self.told("location.href").await,
            title: String::new(),
            viewport: Viewport::default(),
            scroll: Scroll::default(),
            marks: vec![],
            forms: vec![],
            focused: None,
            visible_text: self.told("document.body?.innerText ?? ''").await,
            state_hash: String::new(),
            settle: Settle::default(),
        };
        Ok(Observed { observation, screenshot: bytes::Bytes::new() })
    }

    async fn act(&self, action: &Action) -> Result<Effect, BrowserError> {
        panic!("nobody acts here: {action:?}")
    }

    async fn act_and_observe(&self, action: &Action) -> Result<(Effect, Observed), BrowserError> {
        panic!("nobody acts here: {action:?}")
    }

    async fn release(self: Box<Self>) -> Result<(), BrowserError> {
        self.session.release().await
    }
}
