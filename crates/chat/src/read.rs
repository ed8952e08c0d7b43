//! From what a model said to a typed reply: strict JSON, JSON inside fences or prose, repaired JSON, in this order.

use serde::de::DeserializeOwned;

/// Reads a reply as `R`; the error says what was wrong in words that the model can use.
pub fn read_reply<R: DeserializeOwned>(text: &str) -> Result<R, String> {
    let text = after_thoughts(text).trim();
    let mut why = match serde_json::from_str(text) {
        Ok(reply) => return Ok(reply),
        Err(error) => error.to_string(),
    };
    let Some(first_brace) = text.find('{') else {
        return Err("there is no JSON object in it".into());
    };

    // the last object is the answer: models think aloud first
    let objects = whole_objects(text);
    for object in objects.iter().rev() {
        match serde_json::from_str(object) {
            Ok(reply) => return Ok(reply),
            Err(error) => why = error.to_string(),
        }
    }

    let rest = &text[first_brace..];
    let broken = objects.iter().rev().copied().chain(std::iter::once(unfenced(rest)));
    for object in broken {
        // `json` keeps the order of keys and any non-ASCII text; only the final conversion decides whether it is a reply
        let Ok(repaired) = llm_json::repair_json(object, &llm_json::RepairOptions { ensure_ascii: false, ..Default::default() }) else {
            continue;
        };
        if let Ok(reply) = serde_json::from_str(&repaired) {
            return Ok(reply);
        }
    }
    Err(why)
}

/// What follows the last block of thoughts that reasoning models put before their answer.
fn after_thoughts(text: &str) -> &str {
    text.rsplit_once("</think>").map_or(text, |(_, answer)| answer)
}

/// The text up to a closing fence.
fn unfenced(text: &str) -> &str {
    text.split_once("\n```").map_or(text, |(object, _)| object)
}

/// Outermost `{...}` of a text, braces inside strings not counted.
fn whole_objects(text: &str) -> Vec<&str> {
    let mut objects = Vec::new();
    let (mut depth, mut start, mut in_string, mut escaped) = (0_u32, 0, false, false);
    for (at, byte) in text.bytes().enumerate() {
        match byte {
            _ if escaped => escaped = false,
            b'\\' if in_string => escaped = true,
            b'"' if depth > 0 => in_string = !in_string,
            b'{' if !in_string => {
                if depth == 0 {
                    start = at;
                }
                depth += 1;
            }
            b'}' if !in_string && depth > 0 => {
                depth -= 1;
                if depth == 0 {
                    objects.push(&text[start..=at]);
                }
            }
            _ => {}
        }
    }
    objects
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::expect_used)]
mod tests {
    use super::*;
    use serde::Deserialize;

    #[derive(Debug, Deserialize, PartialEq)]
    struct Reply {
        why: String,
        pass: bool,
    }

    #[test]
    fn replies_are_read_from_whatever_is_around_them() {
        let wanted = Reply { why: "a { in } and \"ü\"".into(), pass: true };
        let json = r#"{"why": "a { in } and \"ü\"", "pass": true}"#;
        for text in [
            json.to_owned(),
            format!("```json\n{json}\n```"),
            format!("Sure! Here it is:\n```\n{json}\n```\nHope that helps."),
            format!("<think>maybe {{\"pass\": false}}</think>{json}"),
            format!("First {{\"why\": 1}}, but then: {json}"),
            json.replace(", \"pass\": true}", ", \"pass\": true,}"),
            json.replace("true}", "True"),
        ] {
            assert_eq!(read_reply::<Reply>(&text).as_ref(), Ok(&wanted), "{text}");
        }
    }

    #[test]
    fn what_is_no_reply_is_refused_with_words_for_the_model() {
        assert!(read_reply::<Reply>("").unwrap_err().contains("no JSON object"));
        assert!(read_reply::<Reply>("I cannot do that.").unwrap_err().contains("no JSON object"));
        assert!(read_reply::<Reply>(r#"{"why": "x"}"#).unwrap_err().contains("pass"));
    }

    proptest::proptest! {
        #[test]
        fn reading_never_panics(text in "\\PC{0,80}", cut in 0_usize..60) {
            let _ = read_reply::<Reply>(&text);
            let json = r#"{"why": "a \"quoted\" { brace", "pass": true}"#;
            let _ = read_reply::<Reply>(&json[..cut.min(json.len())]);
        }
    }
}
