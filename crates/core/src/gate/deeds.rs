//! What an action would do to the page, in the terms of the rules: elements activated, forms submitted, fields filled, addresses opened.

use super::fields::{Asks, Meaning, field_meaning, mark_meaning};
use super::words::normal;
use crate::action::{Action, Target};
use crate::observation::{Form, Mark, Observation};
use std::fmt;

/// One thing that an action does.
#[derive(Debug, Clone)]
pub(super) struct Deed {
    /// Which.
    pub kind: DeedKind,
    /// What it is done to, for a person.
    pub on: String,
    /// Title, address and text of the page, in normal form.
    pub page: String,
}

/// The kinds of deeds.
#[derive(Debug, Clone)]
pub(super) enum DeedKind {
    /// An element is clicked (or activated by a key).
    Activate {
        /// Its texts, each in normal form.
        texts: Vec<String>,
        /// A link that only leads elsewhere.
        is_plain_link: bool,
        /// A frame of another site, into which nobody sees.
        is_opaque_frame: bool,
        /// A field or a box to tick: a click gives it the focus or flips it, and no more.
        is_field: bool,
        /// Target of a link.
        href: String,
        /// The form around it, if it stands in one (whether or not it submits it).
        form: Option<FormFacts>,
        /// It submits that form.
        submits: bool,
    },
    /// A form is submitted by Enter in one of its fields.
    SubmitByEnter {
        /// The form (or the loose fields of the page, where there is none).
        form: FormFacts,
    },
    /// A field is filled.
    Enter {
        /// What the field means.
        meaning: Option<Meaning>,
        /// What is written into it.
        value: String,
    },
    /// Files of the user are given to the page.
    Upload {
        /// Their handles.
        files: String,
    },
    /// An address is opened or words leave for a search engine.
    Visit {
        /// The address or the words.
        to: String,
        /// It is an address.
        is_url: bool,
    },
}

/// What the rules need to know of a form.
#[derive(Debug, Clone, Default)]
pub(super) struct FormFacts {
    pub asks: Asks,
    pub is_get: bool,
    pub action: String,
    /// Its name and the texts on its submit buttons, in normal form.
    pub words: String,
    /// No form at all: the page's fields outside of forms.
    pub is_loose: bool,
}

impl fmt::Display for Deed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.kind {
            DeedKind::Activate { .. } => f.write_str(&self.on),
            DeedKind::SubmitByEnter { .. } => write!(f, "Enter in {}", self.on),
            DeedKind::Enter { meaning: Some(meaning), .. } => write!(f, "{} into {}", meaning.as_str(), self.on),
            DeedKind::Enter { .. } => write!(f, "into {}", self.on),
            DeedKind::Upload { files } => write!(f, "file {files} into {}", self.on),
            DeedKind::Visit { .. } => write!(f, "open {}", self.on),
        }
    }
}

/// Characters of page text that are searched for the words of a last step.
const PAGE_BOUND: usize = 6000;

/// What the action does on this page.
pub(super) fn deeds(action: &Action, observation: &Observation) -> Vec<Deed> {
    let page = PageReader::new(observation);
    match action {
        // a page may listen to any of them: to the second click as to the first, to the right button as to the left
        Action::LeftClick { target } | Action::DoubleClick { target } | Action::TripleClick { target } | Action::RightClick { target } => {
            page.click(target)
        }
        // "slide to pay" is pressed where it begins, and what it is dropped on is the other half of the deed
        Action::LeftClickDrag { from, to } => page.click(from).into_iter().chain(page.click(to)).collect(),
        Action::UploadFile { target, files } => page.upload(target, files),
        Action::Type { target, text, press_enter, .. } => {
            let field = page.field(target.as_ref());
            let label = target.as_ref().map(|target| target.label.clone()).unwrap_or_default();
            let mut done = vec![page.enter(field, &label, text)];
            if *press_enter || text.contains(char::is_control) {
                done.extend(page.enter_key(field));
            }
            match target {
                // a field is clicked before it is typed into; what is no field is thereby activated
                Some(target) => {
                    done.extend(page.elements(target).into_iter().filter(|mark| !is_entry(mark)).map(|mark| page.activate(mark, "")))
                }
                None if text.contains(char::is_whitespace) => done.extend(page.press(field)),
                None => {}
            }
            if let Some(select) = field.filter(|mark| mark.tag == "select") {
                done.extend(page.choose(select, text));
            }
            done
        }
        Action::SelectOption { target, option } => {
            let field = page.field(Some(target));
            let chosen = field.into_iter().flat_map(|select| page.choose(select, option));
            std::iter::once(page.enter(field, &target.label, option)).chain(chosen).collect()
        }
        Action::Key { keys } => page.keys(keys),
        Action::VisitUrl { url } => vec![page.deed(DeedKind::Visit { to: url.clone(), is_url: true }, url.clone())],
        Action::WebSearch { query } => vec![page.deed(DeedKind::Visit { to: query.clone(), is_url: false }, query.clone())],
        Action::MouseMove { .. }
        | Action::Scroll { .. }
        | Action::Hscroll { .. }
        | Action::ReadPage { .. }
        | Action::AskUserQuestion { .. }
        | Action::HistoryBack
        | Action::PauseAndMemorizeFact { .. }
        | Action::Wait { .. }
        | Action::Terminate { .. } => Vec::new(),
    }
}

struct PageReader<'a> {
    observation: &'a Observation,
    words: String,
}

impl<'a> PageReader<'a> {
    fn new(observation: &'a Observation) -> Self {
        let text: String = observation.visible_text.chars().take(PAGE_BOUND).collect();
        Self { observation, words: normal(&format!("{} {} {text}", observation.title, observation.url)) }
    }

    fn deed(&self, kind: DeedKind, on: String) -> Deed {
        Deed { kind, on, page: self.words.clone() }
    }

    /// Both the element that is named and the one that lies under the pointer: a click reaches whatever is on top.
    fn elements(&self, target: &Target) -> Vec<&'a Mark> {
        let Some(id) = target.mark else {
            // boxes do not tell which of several lies on top
            let holds = |mark: &&Mark| mark.visible && mark.rect.contains(target.x, target.y);
            return self.observation.marks.iter().rev().filter(holds).collect();
        };
        let named = self.observation.mark(id);
        let under = self.observation.mark_at(target.x, target.y);
        let mut found: Vec<&Mark> = named.into_iter().collect();
        found.extend(under.filter(|under| found.iter().all(|mark| mark.id != under.id)));
        // whose frame it is counts beside what its button says
        let mut around = found.first().and_then(|mark| mark.frame);
        while let Some(frame) = around.and_then(|id| self.observation.mark(id)).filter(|frame| found.iter().all(|mark| mark.id != frame.id))
        {
            found.push(frame);
            around = frame.frame;
        }
        found
    }

    fn field(&self, target: Option<&Target>) -> Option<&'a Mark> {
        match target {
            Some(target) => self.elements(target).into_iter().next(),
            None => self.observation.focused.and_then(|id| self.observation.mark(id)),
        }
    }

    fn click(&self, target: &Target) -> Vec<Deed> {
        let elements = self.elements(target);
        if elements.is_empty() {
            let texts = vec![normal(&target.label)];
            return vec![self.deed(bare(texts), target.label.clone())];
        }
        elements.into_iter().map(|mark| self.activate(mark, &target.label)).collect()
    }

    /// A file of the user leaves; what is no file field is pressed to open the chooser.
    fn upload(&self, target: &Target, files: &[String]) -> Vec<Deed> {
        let pressed = self.click(target);
        let given = DeedKind::Upload { files: files.join(", ") };
        std::iter::once(self.deed(given, target.label.clone())).chain(pressed).collect()
    }

    fn activate(&self, mark: &Mark, label: &str) -> Deed {
        let mut texts = vec![normal(&mark.name), normal(label)];
        let is_field = matches!(mark.tag.as_str(), "input" | "textarea" | "select")
            && !matches!(mark.input_type.as_str(), "submit" | "button" | "image");
        if !is_field {
            texts.push(normal(&mark.value));
        }
        texts.retain(|text| !text.trim().is_empty());
        let is_web = mark.href.starts_with("http://") || mark.href.starts_with("https://");
        // "#" leads nowhere: such a link is a button of the page's script
        let leads_away = without_fragment(&mark.href) != without_fragment(&self.observation.url);
        let kind = DeedKind::Activate {
            texts,
            is_plain_link: is_web && leads_away && !mark.submits && mark.tag == "a" && mark.role == "link",
            is_opaque_frame: matches!(mark.tag.as_str(), "iframe" | "frame"),
            is_field,
            href: mark.href.clone(),
            form: self.form_around(mark),
            submits: mark.submits,
        };
        self.deed(kind, describe(mark))
    }

    fn enter(&self, field: Option<&Mark>, label: &str, value: &str) -> Deed {
        let by_mark = field.and_then(mark_meaning);
        let by_label = || if field.is_none() { field_meaning(label) } else { None };
        // a city is a place on a search page and part of an address in a form that asks for a person
        let in_personal_form = || field.and_then(|mark| self.form_around(mark)).is_some_and(|form| form.asks.personal);
        let meaning =
            by_mark.or_else(by_label).filter(|meaning| meaning.is_personal() || (*meaning == Meaning::Place && in_personal_form()));
        self.deed(DeedKind::Enter { meaning, value: value.to_owned() }, field.map(describe).unwrap_or_else(|| label.to_owned()))
    }

    /// Enter submits the form of a field, and activates a button or a link.
    fn enter_key(&self, at: Option<&Mark>) -> Vec<Deed> {
        let Some(mark) = at else {
            // the focus is not known: whatever form the page has may be the one
            return self.all_forms().into_iter().map(|(form, name)| self.deed(DeedKind::SubmitByEnter { form }, name)).collect();
        };
        let is_field = is_entry(mark) || mark_takes_text(mark);
        match self.form_around(mark) {
            Some(form) if is_field => vec![self.deed(DeedKind::SubmitByEnter { form }, describe(mark))],
            _ if is_field => Vec::new(),
            _ => vec![self.activate(mark, "")],
        }
    }

    fn keys(&self, keys: &[String]) -> Vec<Deed> {
        let keys = key_names(keys);
        let is = |names: &[&str]| keys.iter().any(|key| names.contains(&key.as_str()));
        let activates = is(&["enter", "return", "numpadenter", "kpenter", "\n", "\r"]);
        let presses = is(&["space", " ", "spacebar"]);
        let focused = self.observation.focused.and_then(|id| self.observation.mark(id));
        let by_access_key = is(&["alt", "option"]) && keys.iter().any(|key| key.chars().count() == 1);
        if by_access_key || (activates || presses) && is(&["tab"]) {
            // the focus moves first, or the page chose the key: anything on the page may be what is activated
            return self.observation.marks.iter().map(|mark| self.activate(mark, "")).chain(self.enter_key(None)).collect();
        }
        let mut done = Vec::new();
        if activates {
            done.extend(self.enter_key(focused));
        } else if presses {
            done.extend(self.press(focused));
        }
        let writes = keys.len() == 1 && keys[0].chars().count() == 1 || is(&["v"]) && is(&["control", "ctrl", "meta", "cmd"]);
        if writes {
            done.push(self.enter(focused, "", &keys.concat()));
        }
        done
    }

    /// The space bar presses what has the focus, unless it takes text.
    fn press(&self, focused: Option<&Mark>) -> Option<Deed> {
        focused.filter(|mark| !is_entry(mark) && !mark_takes_text(mark)).map(|mark| self.activate(mark, ""))
    }

    /// A choice does what its option says; in a form without a button to send it off, choosing may be what sends it.
    fn choose(&self, select: &Mark, option: &str) -> Vec<Deed> {
        let mut done = vec![self.deed(bare(vec![normal(option)]), format!("option {option:?}"))];
        if self.observation.form_of(select).is_some_and(|form| form.submit_texts.iter().all(|text| text.trim().is_empty()))
            && let Some(form) = self.form_around(select)
        {
            done.push(self.deed(DeedKind::SubmitByEnter { form }, describe(select)));
        }
        done
    }

    /// The form of an element; for one outside all forms, the page's loose fields together.
    fn form_around(&self, mark: &Mark) -> Option<FormFacts> {
        match self.observation.form_of(mark) {
            Some(form) => Some(self.facts(form, mark.form)),
            None => self.loose_fields(),
        }
    }

    fn loose_fields(&self) -> Option<FormFacts> {
        let loose = || self.observation.marks.iter().filter(|mark| mark.form.is_none());
        let meanings: Vec<Meaning> = loose().filter_map(mark_meaning).collect();
        let names: Vec<&str> = loose().filter(|mark| mark_meaning(mark).is_some()).map(|mark| mark.name.as_str()).collect();
        (!meanings.is_empty()).then(|| FormFacts {
            asks: Asks::of(meanings),
            words: normal(&names.join(" ")),
            is_loose: true,
            ..FormFacts::default()
        })
    }

    fn facts(&self, form: &Form, index: Option<u32>) -> FormFacts {
        let listed = form.fields.iter().filter_map(|field| field_meaning(field));
        let shown = self.observation.marks.iter().filter(|mark| mark.form == index).filter_map(mark_meaning);
        FormFacts {
            asks: Asks::of(listed.chain(shown)),
            is_get: form.method.eq_ignore_ascii_case("get"),
            action: form.action.clone(),
            words: normal(&format!("{} {}", form.name, form.submit_texts.join(" "))),
            is_loose: false,
        }
    }

    fn all_forms(&self) -> Vec<(FormFacts, String)> {
        let forms = self.observation.forms.iter().zip(0_u32..).map(|(form, index)| (self.facts(form, Some(index)), form.name.clone()));
        forms.chain(self.loose_fields().map(|form| (form, "the page's fields".to_owned()))).collect()
    }
}

/// Something that is activated by words alone.
fn bare(texts: Vec<String>) -> DeedKind {
    DeedKind::Activate {
        texts,
        is_plain_link: false,
        is_opaque_frame: false,
        is_field: false,
        href: String::new(),
        form: None,
        submits: false,
    }
}

fn without_fragment(address: &str) -> &str {
    address.split('#').next().unwrap_or_default()
}

/// The keys one by one, as the browser layer reads them: `Ctrl+Enter` is two, `numpad_enter` is `numpadenter`.
fn key_names(keys: &[String]) -> Vec<String> {
    let plain = |name: &str| -> String {
        if name.chars().count() == 1 {
            return name.to_lowercase();
        }
        name.to_lowercase().chars().filter(|c| !matches!(c, '_' | '-') && !c.is_whitespace()).collect()
    };
    let parts = |key: &String| -> Vec<String> {
        let key = if key.trim().is_empty() { key.as_str() } else { key.trim() };
        if key.chars().count() <= 1 { vec![key.to_owned()] } else { key.split('+').filter(|part| !part.is_empty()).map(plain).collect() }
    };
    keys.iter().flat_map(parts).collect()
}

/// A native field: clicking it gives it the focus and activates nothing.
fn is_entry(mark: &Mark) -> bool {
    matches!(mark.tag.as_str(), "input" | "textarea" | "select")
        && !matches!(mark.input_type.as_str(), "submit" | "button" | "image" | "reset")
}

fn mark_takes_text(mark: &Mark) -> bool {
    // a button that calls itself a text box is still pressed by Enter and Space
    let is_button = matches!(mark.input_type.as_str(), "submit" | "button" | "image" | "reset")
        || mark.submits
        || mark.tag == "button"
        || mark.tag == "a";
    !is_button
        && (matches!(mark.tag.as_str(), "input" | "textarea" | "select")
            || matches!(mark.role.as_str(), "textbox" | "searchbox" | "combobox" | "spinbutton"))
}

fn describe(mark: &Mark) -> String {
    let name = if mark.name.is_empty() { &mark.value } else { &mark.name };
    format!("{} {name:?}", mark.role)
}
