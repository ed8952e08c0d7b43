//! A recorded session's answers, given again: a session that replays asks nobody.

use crate::BrowserError;
use crate::tab::lock;
use serde_json::{Value, json};
use std::collections::HashMap;
use std::sync::Mutex;
use wayfarer_core::outcome::EnvFailure;

/// Answers by method and address, in the order in which they came.
pub(crate) struct Replay {
    answers: HashMap<(String, String), Vec<Value>>,
    /// How many of each were given.
    given: Mutex<HashMap<(String, String), usize>>,
}

/// Headers that are of the connection, or of a body as it was packed.
const OWN_HEADERS: [&str; 5] = ["content-encoding", "content-length", "transfer-encoding", "connection", "set-cookie"];

impl Replay {
    /// Reads a HAR file.
    pub(crate) fn read(har: &[u8]) -> Result<Self, BrowserError> {
        let wrong = |why: String| BrowserError::environment(EnvFailure::NoBrowser, format!("the recording cannot be replayed: {why}"));
        let har: Value = serde_json::from_slice(har).map_err(|error| wrong(format!("it is no JSON: {error}")))?;
        let entries = har["log"]["entries"].as_array().ok_or_else(|| wrong("it is no HAR file: it has no log.entries".into()))?;
        let mut answers = HashMap::<_, Vec<Value>>::new();
        for entry in entries {
            if let Some(answer) = answer(entry) {
                answers.entry(key(&entry["request"])).or_default().push(answer);
            }
        }
        Ok(Self { answers, given: Mutex::default() })
    }

    /// What `Fetch.fulfillRequest` is told of a request, without its id; none for one that was not recorded. Requests that are alike get the
    /// answers in their order, and the last one from then on.
    pub(crate) fn find(&self, request: &Value) -> Option<Value> {
        let key = key(request);
        let answers = self.answers.get(&key)?;
        let mut given = lock(&self.given);
        let count = given.entry(key).or_default();
        let answer = answers.get(*count).or(answers.last())?.clone();
        *count += 1;
        Some(answer)
    }
}

fn key(request: &Value) -> (String, String) {
    let text = |key: &str| request[key].as_str().unwrap_or_default().to_owned();
    // what stands behind # is not sent
    (text("method"), text("url").split('#').next().unwrap_or_default().to_owned())
}

fn answer(entry: &Value) -> Option<Value> {
    let response = &entry["response"];
    let status = response["status"].as_u64().filter(|status| (200..600).contains(status))?;
    let body = response["content"]["text"].as_str().unwrap_or_default();
    let body = match response["content"]["encoding"].as_str() {
        Some("base64") => body.to_owned(),
        _ => base64::Engine::encode(&base64::prelude::BASE64_STANDARD, body),
    };
    let kept = |header: &&Value| {
        let name = header["name"].as_str().unwrap_or_default();
        !OWN_HEADERS.iter().any(|own| name.eq_ignore_ascii_case(own))
    };
    let headers: Vec<&Value> = response["headers"].as_array().into_iter().flatten().filter(kept).collect();
    Some(json!({"responseCode": status, "responseHeaders": headers, "body": body}))
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::expect_used)]
mod tests {
    use super::*;

    #[test]
    fn answers_come_in_their_order_and_nothing_else_does() {
        let entry = |text: &str| {
            json!({"request": {"method": "GET", "url": "http://a.test/x"},
                   "response": {"status": 200, "headers": [{"name": "Content-Length", "value": "9"}, {"name": "x", "value": "y"}],
                                "content": {"text": text}}})
        };
        let broken = json!({"request": {"method": "GET", "url": "http://a.test/gone"}, "response": {"status": 0}});
        let har = json!({"log": {"entries": [entry("one"), entry("two"), broken]}}).to_string();
        let replay = Replay::read(har.as_bytes()).unwrap();
        let ask = |url: &str| replay.find(&json!({"method": "GET", "url": url}));
        let bodies =
            [ask("http://a.test/x#top"), ask("http://a.test/x"), ask("http://a.test/x")].map(|answer| answer.unwrap()["body"].clone());
        assert_eq!(bodies, [json!("b25l"), json!("dHdv"), json!("dHdv")]);
        assert_eq!(ask("http://a.test/x").unwrap()["responseHeaders"], json!([{"name": "x", "value": "y"}]));
        assert!(ask("http://a.test/gone").is_none() && ask("http://b.test/").is_none());
        assert!(Replay::read(b"{}").is_err() && Replay::read(b"no").is_err());
    }
}
