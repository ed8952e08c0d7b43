use super::*;
use proptest::prelude::*;

const HABITS: Habits = Habits { pointer: (7.0, 8.0), press_enter: true };

fn read(text: &str) -> Parsed {
    parse(text, &[], HABITS).unwrap_or_else(|error| panic!("{text}: {error}"))
}

fn click(x: f64, y: f64) -> Action {
    Action::LeftClick { target: spot((x, y)) }
}

#[test]
fn the_form_that_models_were_trained_on() {
    let parsed = read(
        "The cart is at the top.\nI click it.\n<tool_call>\n{\"name\": \"computer_use\", \"arguments\": {\"action\": \"left_click\", \"coordinate\": [1074, 37]}}\n</tool_call>",
    );
    assert_eq!(parsed, Parsed { thought: "The cart is at the top.\nI click it.".into(), action: click(1074.0, 37.0), name: "left_click" });
}

#[test]
fn what_servers_do_to_it() {
    let call = |arguments: &str| format!("{{\"name\": \"computer_use\", \"arguments\": {arguments}}}");
    let plain = call("{\"action\": \"left_click\", \"coordinate\": [10, 20]}");
    let forms = [
        // newlines and closing tags that are gone
        format!("go<tool_call>{plain}</tool_call>"),
        format!("go\n<tool_call>\n{plain}\n"),
        format!("go <tool_call> {plain}"),
        // no tag, a fence, text around
        format!("go {plain}"),
        format!("go\n```json\n{plain}\n```"),
        format!("<think>hm {{\"action\": \"wait\"}}</think>go <tool_call>{plain}</tool_call>"),
        format!("go <tool_call>{plain}</tool_call><tool_call>{}</tool_call>", call("{\"action\": \"wait\"}")),
        // arguments as text, arguments alone, the action as the function
        format!(
            "go <tool_call>{{\"name\":\"computer_use\",\"arguments\":{:?}}}</tool_call>",
            "{\"action\": \"left_click\", \"coordinate\": [10, 20]}"
        ),
        "go <tool_call>{\"action\": \"left_click\", \"coordinate\": [10, 20]}</tool_call>".into(),
        "go <tool_call>{\"name\": \"left_click\", \"arguments\": {\"coordinate\": [10, 20]}}</tool_call>".into(),
        // Python's idea of JSON
        "go <tool_call>{'name': 'computer_use', 'arguments': {'action': 'left_click', 'coordinate': [10, 20]}}</tool_call>".into(),
        // a brace lost at the end
        "go <tool_call>{\"name\": \"computer_use\", \"arguments\": {\"action\": \"left_click\", \"coordinate\": [10, 20]}".into(),
    ];
    for form in forms {
        let parsed = read(&form);
        assert_eq!((parsed.thought.as_str(), parsed.action), ("go", click(10.0, 20.0)), "{form}");
    }
}

#[test]
fn coordinates_in_every_dress() {
    for coordinate in [
        "\"coordinate\": [136, 99]",
        "\"coordinate\": [\"136\", \"99\"]",
        "\"coordinate\": \"136, 99\"",
        "\"coordinate\": \"(136,99)\"",
        "\"coordinate\": \"[136, 99]\"",
        "\"coordinate\": {\"x\": 136, \"y\": 99}",
        "\"coordinate\": [[136, 99]]",
        "\"coordinate\": [\"136, 99\"]",
        "\"coordinate\": [130, 90, 142, 108]",
        "\"x\": 136, \"y\": \"99\"",
        "\"coordinate\": 136, 99]",
        "\"coordinate\": 136, 99",
    ] {
        let text = format!("<tool_call>{{\"name\": \"computer_use\", \"arguments\": {{\"action\": \"click\", {coordinate}}}}}</tool_call>");
        assert_eq!(read(&text).action, click(136.0, 99.0), "{coordinate}");
    }
    let bare = "<tool_call>{\"arguments\": {\"action\": \"type\", \"coordinate\": 136, 99, \"text\": \"a\"}}</tool_call>";
    let typed = Action::Type { target: Some(spot((136.0, 99.0))), text: "a".into(), press_enter: true, delete_existing_text: false };
    assert_eq!(read(bare).action, typed);
}

#[test]
fn calls_that_are_handed_over_apart() {
    let calls = [FunctionCall { name: "computer_use".into(), arguments: "{\"action\": \"scroll\", \"pixels\": \"-300\"}".into() }];
    let parsed = parse("I scroll.", &calls, HABITS).unwrap();
    assert_eq!(parsed, Parsed { thought: "I scroll.".into(), action: Action::Scroll { pixels: -300, target: None }, name: "scroll" });
    assert_eq!(
        parse("", &[FunctionCall { name: "history_back".into(), arguments: "{}".into() }], HABITS).unwrap().action,
        Action::HistoryBack
    );
}

#[test]
fn every_action_and_its_other_names() {
    let act = |arguments: &str| read(&format!("<tool_call>{{\"name\": \"computer_use\", \"arguments\": {arguments}}}</tool_call>")).action;
    let text = |text: &str, enter: bool, clear: bool| Action::Type {
        target: None,
        text: text.into(),
        press_enter: enter,
        delete_existing_text: clear,
    };

    assert_eq!(act(r#"{"action": "input_text", "text_value": "x", "press_enter": "false"}"#), text("x", false, false));
    assert_eq!(act(r#"{"action": "type", "text": 42, "delete_existing_text": true}"#), text("42", true, true));
    assert_eq!(act(r#"{"action": "keypress", "keys": ["ctrl", "a"]}"#), Action::Key { keys: vec!["ctrl".into(), "a".into()] });
    assert_eq!(act(r#"{"action": "key", "keys": "Control+A"}"#), Action::Key { keys: vec!["Control".into(), "A".into()] });
    assert_eq!(act(r#"{"action": "key", "keys": "+"}"#), Action::Key { keys: vec!["+".into()] });
    assert_eq!(act(r#"{"action": "sleep", "duration": 2}"#), Action::Wait { seconds: 2.0 });
    assert_eq!(act(r#"{"action": "wait"}"#), Action::Wait { seconds: DEFAULT_WAIT });
    assert_eq!(act(r#"{"action": "scroll", "pixels": 0}"#), Action::Scroll { pixels: -DEFAULT_SCROLL, target: None });
    assert_eq!(act(r#"{"action": "scroll", "direction": "up"}"#), Action::Scroll { pixels: DEFAULT_SCROLL, target: None });
    assert_eq!(
        act(r#"{"action": "left_click_drag", "coordinate": [3, 4]}"#),
        Action::LeftClickDrag { from: spot((7.0, 8.0)), to: spot((3.0, 4.0)) }
    );
    assert_eq!(act(r#"{"action": "read_page_answer_question", "question": "when?"}"#), Action::ReadPage { question: "when?".into() });
    assert_eq!(
        act(r#"{"action": "terminate", "status": "failure"}"#),
        Action::Terminate { status: Status::Failure, answer: String::new() }
    );
    assert_eq!(act(r#"{"action": "stop", "answer": "42"}"#), Action::Terminate { status: Status::Success, answer: "42".into() });
    assert_eq!(act(r#"{"action": "Visit-URL", "url": "https://a.test"}"#), Action::VisitUrl { url: "https://a.test".into() });
}

#[test]
fn what_is_wrong_is_said_so_that_it_can_be_mended() {
    let error = |text: &str| parse(text, &[], HABITS).unwrap_err().to_string();
    assert!(error("I am done.").contains("<tool_call>"));
    assert!(error("").contains("<tool_call>"));
    let unknown = error("<tool_call>{\"arguments\": {\"action\": \"fly\"}}</tool_call>");
    assert!(unknown.contains("\"fly\"") && unknown.contains("left_click"), "{unknown}");
    assert!(error("<tool_call>{\"arguments\": {\"action\": \"left_click\"}}</tool_call>").contains("a coordinate"));
    assert!(error("<tool_call>{\"arguments\": {\"action\": \"left_click\", \"coordinate\": [5]}}</tool_call>").contains("a coordinate"));
    assert!(error("<tool_call>{\"arguments\": {\"action\": \"key\", \"keys\": []}}</tool_call>").contains("keys"));
    assert!(error("<tool_call>no</tool_call>").contains("JSON"));
}

proptest! {
    #[test]
    fn nothing_that_a_server_sends_makes_it_panic(text in "\\PC{0,200}", cut in 0_usize..200) {
        let _ = parse(&text, &[], HABITS);
        let call = format!("<tool_call>{{\"name\": \"computer_use\", \"arguments\": {{\"action\": \"left_click\", \"coordinate\": {text}}}}}</tool_call>");
        let _ = parse(&call, &[], HABITS);
        let part: String = call.chars().take(cut).collect();
        let _ = parse(&part, &[FunctionCall { name: text.clone(), arguments: text }], HABITS);
    }

    #[test]
    fn pieces_of_calls_in_any_order_do_no_harm(pieces in prop::collection::vec(prop::sample::select(vec![
        "<tool_call>", "</tool_call>", "{", "}", "[", "]", "\"action\":", "\"left_click\"", "\"coordinate\":", "12,", "-", "9e999", "'", "\\", "null", "\u{1F600}", "```json",
        "\"name\": \"computer_use\",", "\"arguments\":", "\n",
    ]), 0..24)) {
        if let Ok(Parsed { action: Action::LeftClick { target }, .. }) = parse(&pieces.concat(), &[], HABITS) {
            prop_assert!(target.x.is_finite() && target.y.is_finite());
        }
    }
}
