//! How a model family wants to be spoken to, as data.

use crate::space::Space;
use serde::Deserialize;
use serde_json::{Map, Value};
use wayfarer_core::observation::Viewport;
use wayfarer_pixels::Filter;
use wayfarer_pixels::Resizing;

/// Profiles that are part of the program.
const BUILT_IN: [(&str, &str); 2] =
    [("fara-7b", include_str!("../profiles/fara-7b.toml")), ("fara-1.5", include_str!("../profiles/fara-1.5.toml"))];

/// How a model family wants to be spoken to.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Profile {
    /// Its name.
    pub name: String,
    /// Where the answer stands when the model stops.
    pub answer_in: AnswerIn,
    /// Whether Enter follows typed text when the model does not say.
    pub enter_after_typing: bool,
    /// Actions that the model was trained on, by the student's names; others are an error turn.
    pub actions: Vec<String>,
    /// The page's visible part, in CSS pixels.
    pub viewport: Viewport,
    /// In what the model says where.
    pub space: Space,
    /// How a screenshot is made into the picture that the model sees.
    pub picture: Picture,
    /// How many of the last screenshots the model sees.
    pub window: Window,
    /// How the reply is drawn.
    #[serde(default)]
    pub sampling: Sampling,
}

/// Where the answer stands when the model stops.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum AnswerIn {
    /// In the words before the call of `terminate` (Fara-7B).
    Thought,
    /// In its argument `answer` (Fara1.5).
    Argument,
}

/// How a screenshot is made into the picture that the model sees.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Picture {
    /// Both sides become multiples of it.
    pub factor: u32,
    /// Least area in pixels.
    pub min_pixels: u64,
    /// Largest area in pixels.
    pub max_pixels: u64,
    /// How pixels between pixels are made.
    pub filter: Filter,
}

impl Picture {
    /// The bounds alone.
    pub fn resizing(self) -> Resizing {
        Resizing { factor: self.factor, min_pixels: self.min_pixels, max_pixels: self.max_pixels }
    }
}

/// How many of the last screenshots the model sees. What a server computed for a prompt is used again as far as the next prompt begins the
/// same; a window that slides changes it at its oldest picture every step, one that is cut now and then seldom (spec/inference.md 6).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case", tag = "kind", deny_unknown_fields)]
pub enum Window {
    /// The last so many: what the models were trained with.
    Slide {
        /// Pictures, the current one among them.
        images: usize,
    },
    /// Grows to `hi`, and is cut to `lo` by the picture that would be one more.
    Hysteresis {
        /// Pictures at most.
        hi: usize,
        /// Pictures right after a cut.
        lo: usize,
    },
}

impl Window {
    /// How many earlier pictures stay when another one comes to `pictures` of them.
    pub fn stay(self, pictures: usize) -> usize {
        let (hi, lo) = match self {
            Self::Slide { images } => (images, images),
            Self::Hysteresis { hi, lo } => (hi, lo),
        };
        if pictures < hi { pictures } else { lo.saturating_sub(1) }
    }
}

impl std::str::FromStr for Window {
    type Err = String;

    /// `slide:3`, or `hysteresis:3,2` (grow to 3, cut to 2).
    fn from_str(text: &str) -> Result<Self, String> {
        let wrong = || format!("{text:?} is no window; say slide:3, or hysteresis:3,2 to let it grow to 3 pictures and cut it to 2");
        let number = |text: &str| text.trim().parse().ok();
        let window = match text.split_once(':') {
            Some(("slide", images)) => Self::Slide { images: number(images).ok_or_else(wrong)? },
            Some(("hysteresis", bounds)) => {
                let (hi, lo) = bounds.split_once(',').ok_or_else(wrong)?;
                Self::Hysteresis { hi: number(hi).ok_or_else(wrong)?, lo: number(lo).ok_or_else(wrong)? }
            }
            _ => return Err(wrong()),
        };
        window.check()?;
        Ok(window)
    }
}

impl Window {
    fn check(self) -> Result<(), String> {
        match self {
            Self::Slide { images: 0 } => Err("a model without a picture sees nothing: window.images must be at least 1".into()),
            Self::Hysteresis { hi, lo } if lo == 0 || lo > hi => {
                Err(format!("a window that is cut from {hi} to {lo} pictures makes no sense: 1 ≤ lo ≤ hi"))
            }
            _ => Ok(()),
        }
    }
}

/// How the reply is drawn.
#[derive(Debug, Clone, PartialEq, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Sampling {
    /// 0 is greedy.
    #[serde(default)]
    pub temperature: f32,
    /// Bound of a reply in tokens; 0 leaves it to the server.
    #[serde(default)]
    pub max_tokens: u32,
    /// Texts that end a reply.
    #[serde(default)]
    pub stop: Vec<String>,
    /// Further fields of the request that the model's server knows.
    #[serde(default)]
    pub extra: Map<String, Value>,
}

/// What stands in the names of models of a family, letters and figures alone, and its profile.
const FAMILIES: [(&str, &str); 2] = [("fara15", "fara-1.5"), ("fara7b", "fara-7b")];

/// Why there is no profile.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ProfileError {
    /// No profile has this name.
    #[error("there is no profile {name:?}; there are {known}, or give a file (profile.toml)")]
    Unknown {
        /// What was asked for.
        name: String,
        /// What there is.
        known: String,
    },
    /// The file is wrong.
    #[error("the profile cannot be used: {why}")]
    Wrong {
        /// Where and why.
        why: String,
    },
}

impl Profile {
    /// The profile of this name.
    pub fn named(name: &str) -> Result<Self, ProfileError> {
        match BUILT_IN.iter().find(|(known, _)| known.eq_ignore_ascii_case(name)) {
            Some((_, text)) => Self::read(text),
            None => Err(ProfileError::Unknown { name: name.to_owned(), known: BUILT_IN.map(|(known, _)| known).join(", ") }),
        }
    }

    /// The profile that a model's name tells of (`microsoft/Fara-7B`, `fara1.5-awq`), if it tells of any.
    pub fn of_model(name: &str) -> Option<Self> {
        let bare: String = name.chars().filter(char::is_ascii_alphanumeric).map(|letter| letter.to_ascii_lowercase()).collect();
        let (_, profile) = FAMILIES.into_iter().find(|(family, _)| bare.contains(family))?;
        Self::named(profile).ok()
    }

    /// A profile from a file's text (TOML).
    pub fn read(text: &str) -> Result<Self, ProfileError> {
        let wrong = |why: String| ProfileError::Wrong { why };
        let profile: Self = toml::from_str(text).map_err(|error| wrong(error.to_string()))?;
        profile.window.check().map_err(wrong)?;
        if let Some(unknown) = profile.actions.iter().find(|action| !crate::parse::is_action(action)) {
            return Err(wrong(format!("{unknown:?} in `actions` is no action")));
        }
        wayfarer_pixels::smart_resize(profile.viewport.width, profile.viewport.height, profile.picture.resizing())
            .map_err(|error| wrong(error.to_string()))?;
        Ok(profile)
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::expect_used)]
mod tests {
    use super::*;

    #[test]
    fn both_generations_are_there_with_their_sizes() {
        let seen = |name: &str| {
            let profile = Profile::named(name).unwrap();
            let Viewport { width, height } = profile.viewport;
            (wayfarer_pixels::smart_resize(width, height, profile.picture.resizing()).unwrap(), profile.actions.len())
        };
        assert_eq!(seen("fara-7b"), ((1428, 896), 11));
        assert_eq!(seen("Fara-1.5"), ((1440, 896), 18));
        assert!(Profile::named("fara-9").unwrap_err().to_string().contains("fara-7b, fara-1.5"));
    }

    #[test]
    fn a_models_name_tells_its_profile_or_nothing() {
        let told = |name: &str| Profile::of_model(name).map(|profile| profile.name);
        for (name, profile) in [
            ("microsoft/Fara-7B", Some("fara-7b")),
            ("/models/fara-7b-awq", Some("fara-7b")),
            ("microsoft/Fara1.5-9B", Some("fara-1.5")),
            ("fara_1.5", Some("fara-1.5")),
            ("default", None),
            ("wayfarer-standin", None),
        ] {
            assert_eq!(told(name).as_deref(), profile, "{name}");
        }
    }

    #[test]
    fn what_is_wrong_in_a_profile_is_told() {
        let text = include_str!("../profiles/fara-7b.toml");
        for (from, to, told) in [
            ("images = 3", "images = 0", "at least 1"),
            ("kind = \"slide\"\nimages = 3", "kind = \"hysteresis\"\nhi = 2\nlo = 3", "1 ≤ lo ≤ hi"),
            ("\"key\", ", "\"keyboard\", ", "\"keyboard\""),
            ("name = ", "nane = ", "unknown field `nane`"),
            ("width = 1440", "width = 0", "no area"),
        ] {
            assert!(text.contains(from), "{from}");
            let error = Profile::read(&text.replacen(from, to, 1)).unwrap_err().to_string();
            assert!(error.contains(told), "{error}");
        }
    }

    #[test]
    fn a_window_grows_and_is_cut() {
        let run = |window: Window| {
            let mut pictures = 0;
            (0..9)
                .map(|_| {
                    pictures = window.stay(pictures) + 1;
                    pictures
                })
                .collect::<Vec<_>>()
        };
        assert_eq!(run("slide:3".parse().unwrap()), [1, 2, 3, 3, 3, 3, 3, 3, 3]);
        assert_eq!(run("hysteresis:3,2".parse().unwrap()), [1, 2, 3, 2, 3, 2, 3, 2, 3]);
        assert_eq!(run("hysteresis:3,1".parse().unwrap()), [1, 2, 3, 1, 2, 3, 1, 2, 3]);
        for wrong in ["slide", "slide:0", "slide:x", "hysteresis:2,3", "hysteresis:3", "keep:3"] {
            assert!(wrong.parse::<Window>().is_err(), "{wrong}");
        }
    }
}
