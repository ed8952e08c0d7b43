//! The wire, as any client of a language model sees it.
#![allow(clippy::unwrap_used, clippy::expect_used, missing_docs)]

use serde_json::{Value, json};
use std::net::{Ipv4Addr, SocketAddr};
use wayfarer_core::prompt::propose::ProposedIntents;
use wayfarer_standin::{Faults, Standin, StandinOptions};

fn chat(data: &Value) -> Value {
    json!({"model": "any", "temperature": 0, "response_format": {"type": "json_object"}, "messages": [
        {"role": "system", "content": "You propose tasks."},
        {"role": "user", "content": [
            {"type": "text", "text": format!("The page:\n\n```json\n{data}\n```\n\nAnswer as JSON.")},
            {"type": "image_url", "image_url": {"url": "data:image/png;base64,AAAA"}}
        ]}
    ]})
}

#[tokio::test]
async fn answers_a_prompt_and_says_what_it_is() {
    let listen = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
    let standin = Standin::start(StandinOptions { listen, faults: Faults::none() }).await.unwrap();
    let base = format!("http://{}", standin.addr());
    let client = reqwest::Client::builder().no_proxy().build().unwrap();
    let ask = |body: Value| {
        let request = client.post(format!("{base}/v1/chat/completions")).json(&body);
        async move {
            let response = request.send().await.unwrap();
            (response.status().as_u16(), response.json::<Value>().await.unwrap())
        }
    };

    let data = json!({"prompt": "propose.intents", "page": {"url": "http://shop.localhost/", "title": "Juniper & Pine", "text": "Shop"}, "offers": [
        {"kind": "link", "name": "Lamps", "href": "http://shop.localhost/category/lamps"}, {"kind": "link", "name": "Trail Mug", "href": "http://shop.localhost/product/trail-mug"}
    ], "linked_pages": [], "category": "shopping", "count": 3, "today": "2026-11-21", "avoid": []});
    let (status, reply) = ask(chat(&data)).await;
    assert_eq!(status, 200, "{reply}");
    assert_eq!(reply["model"], "wayfarer-standin-1");
    assert_eq!(reply["system_fingerprint"], "rule-based stand-in, not a model");
    assert!(reply["usage"]["prompt_tokens"].as_u64().unwrap() > 1600, "a picture counts");
    let proposed: ProposedIntents = serde_json::from_str(reply["choices"][0]["message"]["content"].as_str().unwrap()).unwrap();
    assert_eq!(proposed.tasks.len(), 3, "{proposed:?}");

    let (status, unknown) = ask(chat(&json!({"prompt": "weather.tomorrow"}))).await;
    assert_eq!((status, unknown["error"]["code"].as_str()), (422, Some("unknown_prompt")));
    let (status, nothing) = ask(json!({"model": "any", "messages": [{"role": "user", "content": "Hello!"}]})).await;
    assert_eq!((status, nothing["error"]["code"].as_str()), (422, Some("no_question")));

    let models: Value = client.get(format!("{base}/v1/models")).send().await.unwrap().json().await.unwrap();
    assert_eq!(models["data"][0]["id"], "wayfarer-standin-1");
    assert!(client.get(format!("{base}/health")).send().await.unwrap().status().is_success());

    standin.shutdown().await;
    assert!(client.get(format!("{base}/health")).send().await.is_err());
}
