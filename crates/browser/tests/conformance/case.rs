//! A case as it is written in `cases/*.toml`.

use serde::Deserialize;
use serde_json::Value;
use std::path::Path;
use wayfarer_core::action::Target;
use wayfarer_core::{Action, Mark, Observation};

#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Case {
    /// What holds, in words.
    pub name: String,
    /// Below `pages/`.
    pub page: String,
    /// What is seen when the page is open.
    #[serde(default)]
    pub first: Facts,
    /// What is done.
    #[serde(default)]
    pub steps: Vec<Step>,
    /// What is seen in the end.
    #[serde(default)]
    pub sees: Facts,
    /// Expressions of the page's own script, and what they give in the end. Pages keep a list `log` of what happened to them.
    #[serde(default)]
    pub state: Vec<(String, Value)>,
}

/// What an observation shows. Marks are named by role and name: `button Send it`.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Facts {
    /// Marks in view.
    pub marks: Vec<String>,
    /// No marks in view.
    pub absent: Vec<String>,
    /// Marks above or below.
    pub offscreen: Vec<String>,
    /// Marks with what they tell.
    pub is: Vec<MarkFact>,
    /// In the visible text.
    pub says: Vec<String>,
    /// Not in the visible text.
    pub unsaid: Vec<String>,
    /// Nowhere in the whole observation.
    pub silent: Vec<String>,
    pub title: Option<String>,
    /// End of the address.
    pub url: Option<String>,
    /// The mark with the focus; empty for none.
    pub focused: Option<String>,
    pub scroll_top: Option<f64>,
    pub page_height: Option<f64>,
    pub scroll_left: Option<f64>,
    pub page_width: Option<f64>,
    pub settle: Option<String>,
    /// Marks that have the id that they had at first.
    pub same: Vec<String>,
    /// A mark of the beginning, and under which name it lives on.
    pub same_as: Vec<(String, String)>,
    /// Marks that have another id than the one that had their name at first.
    pub fresh: Vec<String>,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct MarkFact {
    pub mark: String,
    pub value: Option<String>,
    pub input_type: Option<String>,
    pub checked: Option<bool>,
    pub expanded: Option<bool>,
    pub disabled: Option<bool>,
    pub options: Option<Vec<String>>,
    /// The mark of the frame of another site that it lives in.
    pub frame: Option<String>,
    /// x, y, w, h; half a pixel may be missing.
    #[serde(rename = "box")]
    pub rect: Option<[f64; 4]>,
}

/// A mark by role and name, or a point.
#[derive(Debug, Clone, Deserialize)]
#[serde(untagged)]
pub enum Place {
    Mark(String),
    Point([f64; 2]),
}

/// One action, and what it must tell.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Step {
    pub click: Option<Place>,
    /// In the middle of the element that the expression gives.
    pub click_js: Option<String>,
    pub double_click: Option<Place>,
    pub triple_click: Option<Place>,
    pub right_click: Option<Place>,
    pub hover: Option<Place>,
    pub drag: Option<Place>,
    pub to: Option<Place>,
    #[serde(rename = "type")]
    pub text_typed: Option<String>,
    pub into: Option<Place>,
    /// The middle of the mark, as pixels.
    pub into_at: Option<String>,
    pub enter: bool,
    pub clear: bool,
    pub select: Option<String>,
    pub upload: Option<Vec<String>>,
    pub on: Option<Place>,
    pub keys: Option<Vec<String>>,
    pub scroll: Option<i32>,
    pub hscroll: Option<i32>,
    pub at: Option<[f64; 2]>,
    pub visit: Option<String>,
    pub search: Option<String>,
    pub back: bool,
    pub wait: Option<f64>,
    pub read: Option<String>,

    /// Part of the words with which it failed; without it, it must not fail.
    pub error: Option<String>,
    pub popup: Option<bool>,
    pub navigated: Option<bool>,
    pub changed: Option<bool>,
    /// Without it there must be none.
    pub dialogs: Vec<String>,
    pub downloads: Option<Vec<String>>,
    pub download_count: Option<usize>,
    /// Names of kept files and what is in them.
    pub kept: Vec<(String, String)>,
    /// In the text that was read.
    pub text: Vec<String>,
    /// Not in the text that was read.
    pub lacks: Vec<String>,
    pub longest: Option<usize>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct CaseFile {
    case: Vec<Case>,
}

/// Every case of the folder's files.
pub fn all(folder: &Path) -> Vec<Case> {
    let mut files: Vec<_> = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.sort();
    let read = |path: std::path::PathBuf| {
        let text = std::fs::read_to_string(&path).unwrap();
        toml::from_str::<CaseFile>(&text).unwrap_or_else(|error| panic!("{}: {error}", path.display())).case
    };
    let cases: Vec<Case> = files.into_iter().flat_map(read).collect();
    let mut names: Vec<&str> = cases.iter().map(|case| case.name.as_str()).collect();
    names.sort_unstable();
    assert!(names.windows(2).all(|pair| pair[0] != pair[1]), "two cases have one name");
    cases
}

/// The mark that is named by role and name.
pub fn mark<'a>(observation: &'a Observation, named: &str) -> Option<&'a Mark> {
    let (role, name) = named.split_once(' ').unwrap_or((named, ""));
    observation.marks.iter().find(|mark| mark.role == role && mark.name == name)
}

pub fn click_at(x: f64, y: f64) -> Action {
    Action::LeftClick { target: Target { mark: None, x, y, label: String::new() } }
}

impl Step {
    /// The action on the newest page that knows what it points at.
    pub fn action(&self, known: &[Observation]) -> Result<Action, String> {
        let place = |place: &Place| target(place, known);
        let on = || self.on.as_ref().ok_or("the step says not on what".to_owned()).and_then(place);
        let at = self.at.map(|[x, y]| Target { mark: None, x, y, label: String::new() });
        if let Some(at) = &self.click {
            return Ok(Action::LeftClick { target: place(at)? });
        }
        if let Some(at) = &self.double_click {
            return Ok(Action::DoubleClick { target: place(at)? });
        }
        if let Some(at) = &self.triple_click {
            return Ok(Action::TripleClick { target: place(at)? });
        }
        if let Some(at) = &self.right_click {
            return Ok(Action::RightClick { target: place(at)? });
        }
        if let Some(at) = &self.hover {
            return Ok(Action::MouseMove { target: place(at)? });
        }
        if let (Some(from), Some(to)) = (&self.drag, &self.to) {
            return Ok(Action::LeftClickDrag { from: place(from)?, to: place(to)? });
        }
        if let Some(text) = &self.text_typed {
            let mut into = self.into.as_ref().map(place).transpose()?;
            if let Some(mark) = &self.into_at {
                into = Some(Target { mark: None, ..target(&Place::Mark(mark.clone()), known)? });
            }
            return Ok(Action::Type { target: into, text: text.clone(), press_enter: self.enter, delete_existing_text: self.clear });
        }
        if let Some(option) = &self.select {
            return Ok(Action::SelectOption { target: on()?, option: option.clone() });
        }
        if let Some(files) = &self.upload {
            return Ok(Action::UploadFile { target: on()?, files: files.clone() });
        }
        if let Some(keys) = &self.keys {
            return Ok(Action::Key { keys: keys.clone() });
        }
        if let Some(pixels) = self.scroll {
            return Ok(Action::Scroll { pixels, target: at });
        }
        if let Some(pixels) = self.hscroll {
            return Ok(Action::Hscroll { pixels, target: at });
        }
        if let Some(url) = &self.visit {
            let url = if url.starts_with('/') { format!("http://{}{url}", crate::site::HOST) } else { url.clone() };
            return Ok(Action::VisitUrl { url });
        }
        if let Some(query) = &self.search {
            return Ok(Action::WebSearch { query: query.clone() });
        }
        if let Some(question) = &self.read {
            return Ok(Action::ReadPage { question: question.clone() });
        }
        if let Some(seconds) = self.wait {
            return Ok(Action::Wait { seconds });
        }
        if self.back { Ok(Action::HistoryBack) } else { Err("the step does nothing".into()) }
    }
}

fn target(place: &Place, known: &[Observation]) -> Result<Target, String> {
    match place {
        Place::Point([x, y]) => Ok(Target { mark: None, x: *x, y: *y, label: String::new() }),
        Place::Mark(named) => {
            let Some(mark) = known.iter().rev().find_map(|page| mark(page, named)) else {
                let last = known.last().unwrap();
                return Err(format!("there is no {named:?} among\n{}", wayfarer_browser::accessibility_outline(last)));
            };
            let (x, y) = mark.rect.centre();
            Ok(Target { mark: Some(mark.id), x, y, label: named.clone() })
        }
    }
}
