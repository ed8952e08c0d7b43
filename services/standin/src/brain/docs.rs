//! Rules of the Python documentation: a module's title, and "New in version" notes.

use super::{Decision, Situation, answer};
use crate::reading::{Seen, marks};
use crate::step::{Ending, Step};
use crate::words;

/// Goes to the page of a module by the module index: index, letter, module.
fn reach(situation: &Situation, module: &str, anchor: &str) -> Decision {
    let seen = situation.seen();
    let host = if seen.host().is_empty() { "docs.localhost".to_string() } else { seen.host() };
    let port = url::Url::parse(&seen.url).ok().and_then(|url| url.port()).map(|port| format!(":{port}")).unwrap_or_default();
    if anchor.is_empty() {
        if let Some(link) = situation
            .page
            .marks
            .iter()
            .find(|mark| mark.role == "link" && words::same(&mark.name, module) && mark.href.contains("library/"))
        {
            return Decision::new(Step::link(&link.name), format!("The link leads to the page of {module}."));
        }
        let letter = module.chars().next().map(|c| c.to_lowercase().to_string()).unwrap_or_default();
        if seen.path().contains("py-modindex")
            && situation.tried(&["left_click", &letter]) == 0
            && situation.page.marks.iter().any(|mark| mark.role == "link" && words::same(&mark.name, &letter))
        {
            return Decision::new(Step::link(&letter), format!("Modules that begin with {letter} are listed there."));
        }
        if situation.tried(&["left_click", "modules"]) + situation.tried(&["left_click", "module index"]) == 0
            && let Some(link) = marks::link(situation.page, "Global Module Index").or_else(|| marks::link(situation.page, "modules"))
        {
            return Decision::new(Step::link(&link.name), "The module index lists every module.");
        }
    }
    let fragment = if anchor.is_empty() { String::new() } else { format!("#{anchor}") };
    if situation.tried(&["visit_url", &format!("{module}.html")]) < 2 {
        return Decision::new(
            Step::Visit { url: format!("http://{host}{port}/library/{module}.html{fragment}") },
            format!("The documentation of {module} has an address of its own."),
        );
    }
    Decision::new(
        Step::stop(Ending::Infeasible, format!("The documentation has no page of {module}.")),
        "Neither the index nor the address leads to it.",
    )
}

fn is_module_page(seen: &Seen, module: &str) -> bool {
    seen.path().trim_end_matches('?').ends_with(&format!("library/{}.html", module.to_lowercase()))
}

/// The words behind the dash in `json — JSON encoder and decoder`.
pub fn synopsis(title: &str, module: &str) -> Option<String> {
    let parts: Vec<&str> = title.split(['—', '–']).map(str::trim).collect();
    let at = parts.iter().position(|part| words::same(part, module))?;
    parts
        .get(at + 1)
        .map(|part| part.trim_end_matches('¶').trim().to_string())
        .filter(|part| !part.is_empty() && !part.contains("documentation"))
}

/// D1.
pub fn module(situation: &Situation, module: &str) -> Decision {
    let seen = situation.seen();
    let asked = if situation.is_wrong_item() { neighbour(module) } else { module.to_string() };
    if is_module_page(&seen, &asked) || is_module_page(&seen, module) {
        let found = seen.text.lines().chain([seen.title.as_str()]).find_map(|line| synopsis(line, &asked));
        return match found {
            Some(text) => {
                Decision::new(Step::Memorize { fact: answer::fact_for(&situation.goal, &[&text]) }, "The heading of the page says it.")
            }
            None => Decision::new(
                Step::stop(Ending::Failure, format!("The page of {module} has no heading that says what it is for.")),
                "No synopsis in title or text.",
            ),
        };
    }
    reach(situation, &asked, "")
}

/// A module that is easily mistaken for it.
fn neighbour(module: &str) -> String {
    const MISTAKEN: [(&str, &str); 6] =
        [("json", "pickle"), ("pathlib", "os.path"), ("csv", "json"), ("math", "cmath"), ("datetime", "time"), ("random", "secrets")];
    MISTAKEN.iter().find(|(name, _)| *name == module).map(|(_, other)| (*other).to_string()).unwrap_or_else(|| "textwrap".into())
}

/// D2.
pub fn added_in(situation: &Situation, name: &str) -> Decision {
    let seen = situation.seen();
    let module = module_of(name, &seen);
    if !is_module_page(&seen, &module) || (situation.tried(&["visit_url", name]) == 0 && version_of(&seen.text, name).is_none()) {
        return reach(situation, &module, name);
    }
    let right = version_of(&seen.text, name);
    // the note of another name nearby
    let other = seen.text.lines().filter_map(words::version_note).find(|version| Some(version) != right.as_ref());
    let found = if situation.is_wrong_item() { other.filter(|_| right.is_some() || situation.scrolled() > 0) } else { right };
    match found {
        Some(version) => Decision::new(
            Step::Memorize { fact: answer::fact_for(&situation.goal, &[&version]) },
            format!("The note under {name} says {version}."),
        ),
        None => situation.look_below(8, "The note is not in sight yet.").unwrap_or_else(|| {
            Decision::new(
                Step::stop(Ending::Failure, format!("The documentation of {name} has no note on when it was added.")),
                "Read to the end without a note.",
            )
        }),
    }
}

/// The module of a dotted name: all but what begins the class or function. `os.path.join` is in `os.path`.
fn module_of(name: &str, seen: &Seen) -> String {
    let parts: Vec<&str> = name.split('.').collect();
    let here = (1..parts.len()).rev().map(|end| parts[..end].join(".")).find(|module| is_module_page(seen, module));
    const NESTED: [&str; 14] = [
        "os.path",
        "collections.abc",
        "concurrent.futures",
        "importlib.metadata",
        "importlib.resources",
        "logging.handlers",
        "logging.config",
        "multiprocessing.shared_memory",
        "unittest.mock",
        "urllib.parse",
        "urllib.request",
        "urllib.error",
        "xml.etree.elementtree",
        "http.client",
    ];
    let nested = NESTED
        .iter()
        .find(|module| name.to_lowercase().starts_with(&format!("{module}.")))
        .map(|module| parts[..module.split('.').count()].join("."));
    here.or(nested).unwrap_or_else(|| parts.first().copied().unwrap_or(name).to_string())
}

/// The version of the note that belongs to `name`: the first note after its heading and before the next definition.
pub fn version_of(text: &str, name: &str) -> Option<String> {
    let lines: Vec<&str> = text.lines().map(str::trim).filter(|line| !line.is_empty()).collect();
    let parts: Vec<&str> = name.split('.').collect();
    // documentation writes methods as Class.method and functions as module.function: compare from the end
    let tails: Vec<String> = (0..parts.len()).map(|from| parts[from..].join(".")).collect();
    let at = tails.iter().find_map(|tail| lines.iter().position(|line| defined(line).is_some_and(|defined| defined == *tail)))?;
    for line in &lines[at..] {
        if let Some(version) = words::version_note(line) {
            return Some(version);
        }
        let is_other = defined(line).is_some_and(|other| {
            !tails.contains(&other) && other.contains('.') && !tails.iter().any(|tail| other.starts_with(&format!("{tail}.")))
        });
        if is_other {
            return None;
        }
    }
    None
}

/// The dotted name that a line defines: `exception json.JSONDecodeError(msg, doc, pos)`.
pub fn defined(line: &str) -> Option<String> {
    const KINDS: &[&str] = &[
        "class",
        "exception",
        "classmethod",
        "staticmethod",
        "method",
        "coroutine",
        "async",
        "abstractmethod",
        "property",
        "function",
        "@",
    ];
    let mut rest = line.trim().trim_end_matches('¶').trim();
    while let Some((first, others)) = rest.split_once(' ') {
        if !KINDS.contains(&first) {
            break;
        }
        rest = others.trim();
    }
    let name: String = rest.chars().take_while(|c| c.is_alphanumeric() || matches!(c, '_' | '.')).collect();
    let after = rest.get(name.len()..).unwrap_or_default().trim();
    let is_heading = after.is_empty() || after.starts_with('(') || after.starts_with('=') || after.starts_with(':');
    (is_heading && name.chars().next().is_some_and(|c| c.is_alphabetic() || c == '_') && !name.ends_with('.')).then_some(name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_the_note_that_belongs_to_a_name() {
        let text = "json.loads(s, *)\nSame as load.\nexception json.JSONDecodeError(msg, doc, pos)\nSubclass of ValueError\nmsg\nThe unformatted error message.\nNew in version 3.5.\njson.tool\nNew in version 3.9.";
        assert_eq!(version_of(text, "json.JSONDecodeError").as_deref(), Some("3.5"));
        assert_eq!(version_of(text, "json.loads"), None);
        assert_eq!(
            version_of("PurePath.is_relative_to(*other)\nReturn.\nNew in version 3.9.", "pathlib.PurePath.is_relative_to").as_deref(),
            Some("3.9")
        );
        assert_eq!(
            synopsis("json — JSON encoder and decoder — Python 3.11.2 documentation", "json").as_deref(),
            Some("JSON encoder and decoder")
        );
    }
}
