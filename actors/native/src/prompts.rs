//! The words that a model was trained with: its system text and the sentence that asks for the next action.
//!
//! Released weights want theirs to the letter. They belong to whoever made the model, so they are read from a file that its user has;
//! ours, in our own words, are for every other model.

use serde::Deserialize;

/// Our sentence that asks for the next action.
const NEXT: &str = "This is the page now. Decide on the next action.";
const FARA_7B: &str = include_str!("../prompts/fara-7b.md");
const FARA_1_5: &str = include_str!("../prompts/fara-1.5.md");

/// The words that a model was trained with.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Prompts {
    /// The system text; `{{width}}` and `{{height}}` stand for the space in which the model says where.
    pub system: String,
    /// The sentence that asks for the next action.
    #[serde(default = "next")]
    pub next: String,
}

fn next() -> String {
    NEXT.to_owned()
}

impl Prompts {
    /// Ours, for a profile.
    pub fn ours(profile: &str) -> Self {
        let system = if profile == "fara-1.5" { FARA_1_5 } else { FARA_7B };
        Self { system: system.trim_end().to_owned(), next: next() }
    }

    /// From a file's text: TOML with `system` and `next`, or plain text that is the system text (ours is the sentence then).
    pub fn read(text: &str, is_toml: bool) -> Result<Self, String> {
        let prompts = match is_toml {
            true => toml::from_str(text).map_err(|error| error.to_string())?,
            false => Self { system: text.trim_end_matches('\n').to_owned(), next: next() },
        };
        if prompts.system.trim().is_empty() {
            return Err("the system text is empty".into());
        }
        Ok(prompts)
    }

    /// The system text for a space of this size.
    pub fn system(&self, (width, height): (u32, u32)) -> String {
        self.system.replace("{{width}}", &width.to_string()).replace("{{height}}", &height.to_string())
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::expect_used)]
mod tests {
    use super::*;
    use crate::Profile;

    #[test]
    fn our_words_name_the_space_and_just_the_actions_of_the_profile() {
        for name in ["fara-7b", "fara-1.5"] {
            let profile = Profile::named(name).unwrap();
            let system = Prompts::ours(name).system((1428, 896));
            assert!(system.contains("1428x896") && !system.contains("{{"), "{system}");
            let line = system.lines().find(|line| line.starts_with("{\"type\": \"function\"")).expect("the tool on a line of its own");
            let tool: serde_json::Value = serde_json::from_str(line).unwrap();
            let offered = &tool["function"]["parameters"]["properties"]["action"]["enum"];
            assert_eq!(offered, &serde_json::json!(profile.actions), "{name}");
        }
    }

    #[test]
    fn a_file_is_plain_text_or_toml() {
        let plain = Prompts::read("You act.\nScreen: {{width}}x{{height}}.\n", false).unwrap();
        assert_eq!((plain.system((3, 4)).as_str(), plain.next.as_str()), ("You act.\nScreen: 3x4.", NEXT));
        let toml = Prompts::read("system = \"You act.\"\nnext = \"And now?\"", true).unwrap();
        assert_eq!((toml.system.as_str(), toml.next.as_str()), ("You act.", "And now?"));
        assert!(Prompts::read(" \n", false).is_err());
        assert!(Prompts::read("sistem = \"x\"", true).is_err());
    }
}
