//! A typed question against a model that follows a script.
#![allow(clippy::unwrap_used, clippy::expect_used, missing_docs)]

use async_trait::async_trait;
use bytes::Bytes;
use std::collections::VecDeque;
use std::sync::Mutex;
use wayfarer_chat::{AskError, ChatReply, ChatRequest, Model, ModelError, Part, PromptFile, Scope, Speaker, ask};
use wayfarer_core::prompt::judge::{FindKeyPoints, KeyPoints};
use wayfarer_core::{RunId, TenantId, Usage};

const FILE: PromptFile = PromptFile("You list key points.\n---\nThe task:\n{{ data }}");
const GOOD: &str = r#"{"key_points": ["cheapest", "red"]}"#;

struct Script {
    replies: Mutex<VecDeque<&'static str>>,
    asked: Mutex<Vec<ChatRequest>>,
}

impl Script {
    fn new(replies: &[&'static str]) -> Self {
        Self { replies: Mutex::new(replies.iter().copied().collect()), asked: Mutex::new(Vec::new()) }
    }
}

#[async_trait]
impl Model for Script {
    async fn generate(&self, request: ChatRequest) -> Result<ChatReply, ModelError> {
        self.asked.lock().unwrap().push(request);
        let text = self.replies.lock().unwrap().pop_front().expect("no more replies in the script");
        let usage = Usage { model_calls: 1, prompt_tokens: 10, completion_tokens: 2, cost_usd: 0.5, cached_tokens: 0 };
        Ok(ChatReply { text: text.into(), calls: Vec::new(), usage, model: "script".into(), tries: 1, latency_ms: 1.0 })
    }
}

fn scope() -> Scope {
    Scope { tenant: TenantId::default(), run: RunId::new("run-1").unwrap(), task: None, attempt: None, step: 0 }
}

fn input() -> FindKeyPoints {
    FindKeyPoints { task: "Find the cheapest red lamp".into() }
}

fn wanted() -> KeyPoints {
    KeyPoints { key_points: vec!["cheapest".into(), "red".into()] }
}

#[tokio::test]
async fn a_good_reply_needs_one_turn_and_pictures_follow_the_text() {
    let model = Script::new(&[GOOD]);

    let answer = ask(&model, &scope(), FILE, &input(), &[Bytes::from_static(b"one"), Bytes::from_static(b"two")]).await.unwrap();

    assert_eq!(answer.reply, wanted());
    assert_eq!(answer.usage.model_calls, 1);
    let asked = model.asked.lock().unwrap();
    assert_eq!(asked[0].temperature, 0.0);
    assert_eq!(asked[0].schema.as_ref().unwrap().name, "judge_key_points");
    assert!(asked[0].schema.as_ref().unwrap().json.contains("key_points"));
    let [Part::Text(text), Part::Png(first), Part::Png(second)] = asked[0].messages[1].parts.as_slice() else { panic!("{asked:?}") };
    assert!(text.starts_with("The task:\n```json\n{\n  \"prompt\": \"judge.key_points\""), "{text}");
    assert_eq!((first.as_ref(), second.as_ref()), (b"one".as_ref(), b"two".as_ref()));
}

#[tokio::test]
async fn a_fenced_reply_is_read() {
    let model = Script::new(&["Here you are:\n```json\n{\"key_points\": [\"cheapest\", \"red\",]}\n```"]);
    assert_eq!(ask(&model, &scope(), FILE, &input(), &[]).await.unwrap().reply, wanted());
}

#[tokio::test]
async fn an_unreadable_reply_gets_an_error_turn_and_all_turns_are_paid() {
    let model = Script::new(&["I would rather not.", r#"{"points": 3}"#, GOOD]);

    let answer = ask(&model, &scope(), FILE, &input(), &[]).await.unwrap();

    assert_eq!(answer.reply, wanted());
    assert_eq!((answer.usage.model_calls, answer.usage.prompt_tokens), (3, 30));
    let asked = model.asked.lock().unwrap();
    let last = &asked[2].messages;
    let speakers: Vec<_> = last.iter().map(|message| message.speaker).collect();
    use Speaker::{Assistant, System, User};
    assert_eq!(speakers, [System, User, Assistant, User, Assistant, User]);
    let Part::Text(complaint) = &last[5].parts[0] else { panic!() };
    assert!(complaint.contains("key_points") && complaint.contains("one JSON object only"), "{complaint}");
    assert!(asked[2].temperature > 0.0);
}

#[tokio::test]
async fn after_three_unreadable_replies_the_error_says_what_they_cost() {
    let model = Script::new(&["no", "no", "no", GOOD]);

    let error = ask(&model, &scope(), FILE, &input(), &[]).await.unwrap_err();

    let AskError::Unreadable { prompt, turns, usage, .. } = error else { panic!("{error}") };
    assert_eq!((prompt, turns, usage.model_calls), ("judge.key_points", 3, 3));
}
