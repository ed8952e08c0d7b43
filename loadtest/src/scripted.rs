//! A model that answers at once: it wanders over links of the page it is shown, scrolls now and then, and stops after a number of steps.
//! Only for measuring what is not the model.

use async_trait::async_trait;
use serde_json::{Value, json};
use wayfarer_chat::{ChatReply, ChatRequest, Model, ModelError, Part};
use wayfarer_core::Usage;

pub(crate) struct Scripted {
    pub(crate) steps: u32,
}

#[async_trait]
impl Model for Scripted {
    async fn generate(&self, request: ChatRequest) -> Result<ChatReply, ModelError> {
        let data = data_of(&request).ok_or_else(|| ModelError::Nonsense { endpoint: "scripted".into(), what: "no data block".into() })?;
        let reply = match data["prompt"].as_str().unwrap_or_default() {
            "orchestrate.plan" | "orchestrate.replan" => {
                json!({"given": [], "look_up": [], "derive": [], "guesses": [], "plan": ["wander"]})
            }
            "orchestrate.ledger" => ledger(&data),
            "surf.act" => self.act(&data),
            "orchestrate.targets" => json!({"targets": []}),
            "user.follow_up" => json!({"follow_up": null}),
            _ => json!({}),
        };
        Ok(ChatReply {
            text: reply.to_string(),
            calls: Vec::new(),
            usage: Usage::default(),
            model: "scripted".into(),
            tries: 1,
            latency_ms: 0.0,
        })
    }
}

fn data_of(request: &ChatRequest) -> Option<Value> {
    request.messages.iter().rev().flat_map(|message| &message.parts).find_map(|part| match part {
        Part::Text(text) => {
            let block = text.rsplit_once("```json")?.1.split("```").next()?;
            serde_json::from_str(block).ok()
        }
        Part::Png(_) => None,
    })
}

fn ledger(data: &Value) -> Value {
    let flag = |answer: bool| json!({"reason": "scripted", "answer": answer});
    json!({
        "last_action_successful": flag(true),
        "is_in_loop": flag(false),
        "is_satisfied": flag(!data["proposed_answer"].is_null()),
        "is_at_critical_point": flag(false),
        "next_steps": {"reason": "scripted", "answer": "Go on."},
    })
}

impl Scripted {
    fn act(&self, data: &Value) -> Value {
        let done = data["history"].as_array().map_or(0, Vec::len);
        let offered = |tool: &str| data["tools"].as_array().is_some_and(|tools| tools.iter().any(|offered| offered == tool));
        let mut call = json!({"state_description": "A page of the shop.", "reasoning": "Scripted.", "tool": "stop_and_answer_question", "text": "done", "status": "success"});
        if done + 1 >= self.steps as usize || !offered("click") {
            return call;
        }
        if done % 5 == 4 && offered("scroll_down") {
            call["tool"] = json!("scroll_down");
            return call;
        }
        let empty = Vec::new();
        let links: Vec<&Value> = data["page"]["marks"]
            .as_array()
            .unwrap_or(&empty)
            .iter()
            .filter(|mark| {
                mark["role"] == "link" && mark["offscreen"] != true && mark["href"].as_str().is_some_and(|href| href.starts_with('/'))
            })
            .collect();
        if links.is_empty() {
            call["tool"] = json!("history_back");
            return call;
        }
        call["tool"] = json!("click");
        call["target_id"] = links[(done * 7 + 3) % links.len()]["id"].clone();
        call
    }
}
