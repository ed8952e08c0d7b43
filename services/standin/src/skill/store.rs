//! The files of skills.

use include_dir::{Dir, include_dir};
use regex::Regex;
use serde::Deserialize;
use std::collections::BTreeMap;
use std::path::Path;
use std::sync::OnceLock;

static BUNDLED: Dir<'static> = include_dir!("$CARGO_MANIFEST_DIR/skills");
static SKILLS: OnceLock<Vec<Skill>> = OnceLock::new();

/// How a task of a skill ends when it goes well.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, Default)]
#[serde(rename_all = "snake_case")]
pub enum Ends {
    /// With an answer, or with the page that says `done`.
    #[default]
    Done,
    /// In front of the last step, because the task says so.
    Prepared,
    /// With what the task leaves open.
    Asking,
    /// With the page that shows that it cannot be done (`sign`).
    Impossible,
    /// Declined, without a step.
    Refused,
    /// At a wall (`sign`).
    Blocked,
}

/// One kind of task on one site.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Skill {
    /// Its name, which is that of the world's family where it was made for one: `skylark/book`.
    pub name: String,
    /// Regular expressions over a task's wording (case does not matter, the end mark is cut); groups name the values.
    pub reads: Vec<String>,
    /// Steps, as instructions with `{value}` gaps; `?` before one: only if its control is there; `!`: it needs permission; `[note]`: only
    /// where that note is the `{best}`.
    #[serde(default)]
    pub steps: Vec<String>,
    /// Regular expressions with one group, over the text of the page that shows the answer.
    #[serde(default)]
    pub read: BTreeMap<String, String>,
    /// The answer, with gaps for values of the task and of `read`.
    #[serde(default)]
    pub answer: String,
    /// What is noted on the way, on one page each, for the answer or for later steps: name → where it stands.
    #[serde(default)]
    pub notes: BTreeMap<String, Note>,
    /// Words that the page with the answer shows.
    #[serde(default)]
    pub about: Vec<String>,
    /// Words that the page shows when it is done; the first alone tells that page from all others.
    #[serde(default)]
    pub done: Vec<String>,
    /// Words that the page shows in front of the step that needs permission.
    #[serde(default)]
    pub prepared: Vec<String>,
    /// How it ends.
    #[serde(default)]
    pub ends: Ends,
    /// Words by which a page shows that it cannot be done, or that it is a wall; or, for a task that is declined or leaves something
    /// open, why.
    #[serde(default)]
    pub sign: String,
    #[serde(skip)]
    pub(super) patterns: Vec<Regex>,
}

/// A value that is noted on one page, for an answer that needs several or for later steps.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Note {
    /// Whose value it is: the name of a shop, say.
    pub label: String,
    /// Words that the page shows.
    pub about: Vec<String>,
    /// Regular expression with one group.
    pub read: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    skill: Vec<Skill>,
}

/// Why a file of skills cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum SkillError {
    /// The folder or a file cannot be read.
    #[error("the skills at {path} cannot be read ({source})")]
    Read {
        /// What was tried.
        path: String,
        /// What the system said.
        source: std::io::Error,
    },
    /// A file is no file of skills.
    #[error("the skills of {file} cannot be used: {why}")]
    File {
        /// The file.
        file: String,
        /// What is wrong with it.
        why: String,
    },
    /// Skills were asked for before.
    #[error("the skills are in use already; name their folder before the stand-in starts")]
    InUse,
}

/// All skills: those of [`install`], or the bundled ones.
pub fn skills() -> &'static [Skill] {
    SKILLS.get_or_init(|| {
        let mut skills = Vec::new();
        for file in BUNDLED.files() {
            let name = file.path().to_string_lossy();
            match file.contents_utf8().map(|text| read(&name, text)) {
                Some(Ok(read)) => skills.extend(read),
                // a test reads every bundled file
                Some(Err(error)) => tracing::error!(%error, "bundled skills are left out"),
                None => {}
            }
        }
        skills
    })
}

/// Uses the skills of a folder in place of the bundled ones, while they are being written.
pub fn install(folder: &Path) -> Result<(), SkillError> {
    let failed = |source| SkillError::Read { path: folder.display().to_string(), source };
    let mut all = Vec::new();
    for entry in std::fs::read_dir(folder).map_err(failed)? {
        let path = entry.map_err(failed)?.path();
        if path.extension().is_some_and(|ending| ending == "toml") {
            all.extend(read(&path.display().to_string(), &std::fs::read_to_string(&path).map_err(failed)?)?);
        }
    }
    SKILLS.set(all).map_err(|_| SkillError::InUse)
}

pub(super) fn read(name: &str, text: &str) -> Result<Vec<Skill>, SkillError> {
    let fault = |why: String| SkillError::File { file: name.to_owned(), why };
    let mut file: File = toml::from_str(text).map_err(|error| fault(error.to_string()))?;
    for skill in &mut file.skill {
        let bad = |why: String| fault(format!("skill {}: {why}", skill.name));
        for pattern in &skill.reads {
            let whole = Regex::new(&format!("(?i)^(?:{pattern})$")).map_err(|error| bad(error.to_string()))?;
            skill.patterns.push(whole);
        }
        for pattern in skill.read.values().chain(skill.notes.values().map(|note| &note.read)) {
            super::fill::check_pattern(pattern).map_err(bad)?;
        }
        let says_how = match skill.ends {
            Ends::Done => !skill.answer.is_empty() || !skill.done.is_empty(),
            Ends::Prepared => !skill.prepared.is_empty(),
            Ends::Impossible | Ends::Blocked | Ends::Asking | Ends::Refused => !skill.sign.is_empty(),
        };
        if skill.patterns.is_empty() || !says_how {
            return Err(bad("it needs `reads`, and what tells its end: `answer` or `done`, `prepared`, or `sign`".into()));
        }
        for step in &skill.steps {
            super::walk::check_step(step, skill).map_err(bad)?;
        }
    }
    Ok(file.skill)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn every_bundled_file_is_a_file_of_skills() {
        for file in BUNDLED.files().filter(|file| file.path().extension().is_some_and(|ending| ending == "toml")) {
            let skills = read(&file.path().to_string_lossy(), file.contents_utf8().unwrap()).unwrap();
            assert!(!skills.is_empty());
        }
    }

    #[test]
    fn a_fault_is_named_with_its_skill() {
        let of = |text: &str| read("x.toml", text).err().unwrap().to_string();
        assert!(of("[[skill]]\nname = 'a/b'\nreads = ['do (']\nanswer = 'x'").contains("a/b"));
        assert!(of("[[skill]]\nname = 'a/b'\nreads = ['do']").contains("`sign`"));
        assert!(of("[[skill]]\nname = 'a/b'\nreads = ['do']\nanswer = 'x'\nsteps = ['Dance.']").contains("Dance"));
        assert!(of("[[skill]]\nname = 'a/b'\nreads = ['do']\nanswer = 'x'\nsteps = ['[c] Wait']").contains("[c]"));
    }
}
