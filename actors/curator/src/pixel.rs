//! From our actions to the student's: marks are gone, pixels stay (spec/faragen.md D.1, D.3).

use serde::{Deserialize, Serialize};
use wayfarer_core::Action;
use wayfarer_core::action::{Status, Target};

/// An action as the student is to say it: the arguments of its one tool, in the order of the tool's schema.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct PixelAction {
    /// `left_click`, `type`, `mouse_move`, `key`, `scroll`, `visit_url`, `web_search`, `history_back`, `pause_and_memorize_fact`,
    /// `wait` or `terminate`; of the second generation also `double_click`, `triple_click`, `right_click`, `left_click_drag`, `hscroll`,
    /// `read_page_answer_question` and `ask_user_question`. `upload_file` is ours alone.
    pub action: String,
    /// Key names, pressed in order.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub keys: Option<Vec<String>>,
    /// What is typed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub text: Option<String>,
    /// Enter follows.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub press_enter: Option<bool>,
    /// The field is cleared before.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub delete_existing_text: Option<bool>,
    /// CSS pixels of the viewport (the frame of the screenshots): x, y.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub coordinate: Option<[i64; 2]>,
    /// Where a drag begins; the students that know only its end stand there already.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub start_coordinate: Option<[i64; 2]>,
    /// Positive is up, negative is down; sideways, positive is right.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pixels: Option<i32>,
    /// Address to open.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub url: Option<String>,
    /// Words to search for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub query: Option<String>,
    /// Fact to keep.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub fact: Option<String>,
    /// Question to the page or to the user.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub question: Option<String>,
    /// Handles of files.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub files: Option<Vec<String>>,
    /// Seconds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub time: Option<f64>,
    /// `success` or `failure`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub status: Option<Status>,
}

/// The student's action.
///
/// Choosing an option of a native select has no counterpart; typing the option's label into the select and pressing Enter has the same
/// effect in a browser and can be said with the student's words.
pub fn pixel_action(action: &Action) -> PixelAction {
    let mut pixel = match action {
        Action::LeftClick { .. }
        | Action::DoubleClick { .. }
        | Action::TripleClick { .. }
        | Action::RightClick { .. }
        | Action::MouseMove { .. }
        | Action::HistoryBack => PixelAction::default(),
        Action::LeftClickDrag { from, .. } => PixelAction { start_coordinate: Some(coordinate(from)), ..PixelAction::default() },
        Action::UploadFile { files, .. } => PixelAction { files: Some(files.clone()), ..PixelAction::default() },
        Action::ReadPage { question } | Action::AskUserQuestion { question } => {
            PixelAction { question: Some(question.clone()), ..PixelAction::default() }
        }
        Action::Type { text, press_enter, delete_existing_text, .. } => PixelAction {
            text: Some(text.clone()),
            press_enter: Some(*press_enter),
            delete_existing_text: Some(*delete_existing_text),
            ..PixelAction::default()
        },
        Action::SelectOption { option, .. } => {
            PixelAction { text: Some(option.clone()), press_enter: Some(true), delete_existing_text: Some(false), ..PixelAction::default() }
        }
        Action::Key { keys } => PixelAction { keys: Some(keys.clone()), ..PixelAction::default() },
        Action::Scroll { pixels, .. } | Action::Hscroll { pixels, .. } => PixelAction { pixels: Some(*pixels), ..PixelAction::default() },
        Action::VisitUrl { url } => PixelAction { url: Some(url.clone()), ..PixelAction::default() },
        Action::WebSearch { query } => PixelAction { query: Some(query.clone()), ..PixelAction::default() },
        Action::PauseAndMemorizeFact { fact } => PixelAction { fact: Some(fact.clone()), ..PixelAction::default() },
        Action::Wait { seconds } => PixelAction { time: Some(*seconds), ..PixelAction::default() },
        Action::Terminate { status, .. } => PixelAction { status: Some(*status), ..PixelAction::default() },
    };
    pixel.action = match action {
        Action::SelectOption { .. } => "type".into(),
        Action::ReadPage { .. } => "read_page_answer_question".into(),
        other => other.name().into(),
    };
    pixel.coordinate = action.target().map(coordinate);
    pixel
}

fn coordinate(target: &Target) -> [i64; 2] {
    [target.x.round() as i64, target.y.round() as i64]
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::expect_used)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use serde_json::json;

    fn target(x: f64, y: f64) -> Target {
        Target { mark: Some(31), x, y, label: "button \"Add to cart\"".into() }
    }

    #[test]
    fn every_action_is_said_in_the_students_words_and_without_marks() {
        let cases = [
            (Action::LeftClick { target: target(830.4, 546.0) }, json!({"action": "left_click", "coordinate": [830, 546]})),
            (
                Action::Type { target: None, text: "mug".into(), press_enter: true, delete_existing_text: false },
                json!({"action": "type", "text": "mug", "press_enter": true, "delete_existing_text": false}),
            ),
            (
                Action::SelectOption { target: target(10.0, 20.0), option: "Large".into() },
                json!({"action": "type", "text": "Large", "press_enter": true, "delete_existing_text": false, "coordinate": [10, 20]}),
            ),
            (Action::MouseMove { target: target(1.0, 2.0) }, json!({"action": "mouse_move", "coordinate": [1, 2]})),
            (Action::Key { keys: vec!["Control".into(), "a".into()] }, json!({"action": "key", "keys": ["Control", "a"]})),
            (Action::Scroll { pixels: -600, target: None }, json!({"action": "scroll", "pixels": -600})),
            (Action::VisitUrl { url: "https://example.org/".into() }, json!({"action": "visit_url", "url": "https://example.org/"})),
            (Action::WebSearch { query: "mug".into() }, json!({"action": "web_search", "query": "mug"})),
            (Action::HistoryBack, json!({"action": "history_back"})),
            (Action::DoubleClick { target: target(1.0, 2.0) }, json!({"action": "double_click", "coordinate": [1, 2]})),
            (Action::TripleClick { target: target(1.0, 2.0) }, json!({"action": "triple_click", "coordinate": [1, 2]})),
            (Action::RightClick { target: target(1.0, 2.0) }, json!({"action": "right_click", "coordinate": [1, 2]})),
            (
                Action::LeftClickDrag { from: target(1.0, 2.0), to: target(3.0, 4.0) },
                json!({"action": "left_click_drag", "coordinate": [3, 4], "start_coordinate": [1, 2]}),
            ),
            (Action::Hscroll { pixels: 300, target: None }, json!({"action": "hscroll", "pixels": 300})),
            (Action::ReadPage { question: "How much?".into() }, json!({"action": "read_page_answer_question", "question": "How much?"})),
            (Action::AskUserQuestion { question: "Which size?".into() }, json!({"action": "ask_user_question", "question": "Which size?"})),
            (
                Action::UploadFile { target: target(1.0, 2.0), files: vec!["cv".into()] },
                json!({"action": "upload_file", "coordinate": [1, 2], "files": ["cv"]}),
            ),
            (Action::PauseAndMemorizeFact { fact: "$24".into() }, json!({"action": "pause_and_memorize_fact", "fact": "$24"})),
            (Action::Wait { seconds: 2.5 }, json!({"action": "wait", "time": 2.5})),
            (
                Action::Terminate { status: Status::Success, answer: "It costs $24.".into() },
                json!({"action": "terminate", "status": "success"}),
            ),
        ];

        for (action, expected) in cases {
            assert_eq!(serde_json::to_value(pixel_action(&action)).unwrap(), expected, "{}", action.describe());
        }
    }

    proptest! {
        #[test]
        fn a_point_moves_by_half_a_pixel_at_most_and_reads_back(x in 0.0..4000.0f64, y in 0.0..4000.0f64) {
            let pixel = pixel_action(&Action::LeftClick { target: target(x, y) });
            let read: PixelAction = serde_json::from_str(&serde_json::to_string(&pixel).unwrap()).unwrap();
            let [px, py] = read.coordinate.unwrap();
            prop_assert!((px as f64 - x).abs() <= 0.5 && (py as f64 - y).abs() <= 0.5);
        }
    }
}
