//! One instruction in words: what the ledger tells the surfer to do next, written and read back.
//!
//! A person can read it, any other model can follow it, and the stand-in's own surfer parses it.

use regex::Regex;
use std::fmt;
use std::sync::LazyLock;

/// How a stop is meant.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ending {
    /// Done.
    Success,
    /// Done up to what needs permission.
    CriticalPoint,
    /// Cannot be done here.
    Infeasible,
    /// Was not done.
    Failure,
    /// Ought not to be done.
    Refused,
    /// A wall stands in the way.
    Blocked,
}

impl Ending {
    /// The value of the stop tool's `status`.
    pub fn status(self) -> &'static str {
        match self {
            Self::Success => "success",
            Self::CriticalPoint => "critical_point",
            Self::Infeasible => "infeasible",
            Self::Failure => "failure",
            Self::Refused => "refused",
            Self::Blocked => "blocked",
        }
    }

    fn words(self) -> &'static str {
        match self {
            Self::Success => "Stop and answer",
            Self::CriticalPoint => "Stop before the critical point and explain",
            Self::Infeasible => "Stop as infeasible and explain",
            Self::Failure => "Stop as failed and explain",
            Self::Refused => "Stop, decline and explain",
            Self::Blocked => "Stop as blocked and explain",
        }
    }

    const ALL: [Self; 6] = [Self::Success, Self::CriticalPoint, Self::Infeasible, Self::Failure, Self::Refused, Self::Blocked];
}

/// One concrete step.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Step {
    /// Type a text into a field.
    Type {
        /// What.
        text: String,
        /// Name of the field.
        field: String,
        /// Press Enter after it.
        enter: bool,
    },
    /// Fill a field with the user's own data, which only the surfer may know.
    Fill {
        /// Name of the field.
        field: String,
    },
    /// Click something.
    Click {
        /// `link`, `button`, ...; empty if any.
        role: String,
        /// Its name.
        name: String,
    },
    /// Choose an option of a select.
    Choose {
        /// Label of the option.
        option: String,
        /// Name of the select.
        select: String,
    },
    /// Close a cookie banner.
    Dismiss {
        /// Name of the button that does it.
        button: String,
    },
    /// Press keys together.
    Press {
        /// Their names.
        keys: Vec<String>,
    },
    /// Point at something, which may open what it hides.
    Hover {
        /// Its name.
        name: String,
    },
    /// Show what is below.
    ScrollDown,
    /// Show what is above.
    ScrollUp,
    /// One page back.
    Back,
    /// Open an address.
    Visit {
        /// The address.
        url: String,
    },
    /// Keep a fact.
    Memorize {
        /// The fact.
        fact: String,
    },
    /// Let the page go on.
    Wait,
    /// End.
    Stop {
        /// How it is meant.
        ending: Ending,
        /// The answer or the explanation.
        answer: String,
    },
}

impl Step {
    /// A click on a link.
    pub fn link(name: &str) -> Self {
        Self::Click { role: "link".into(), name: name.into() }
    }

    /// A click on a button.
    pub fn button(name: &str) -> Self {
        Self::Click { role: "button".into(), name: name.into() }
    }

    /// An end with an answer.
    pub fn stop(ending: Ending, answer: impl Into<String>) -> Self {
        Self::Stop { ending, answer: answer.into() }
    }

    /// The surfer's tool that does it.
    pub fn tool(&self) -> &'static str {
        use wayfarer_core::prompt::surf::tool;
        match self {
            Self::Type { .. } | Self::Fill { .. } => tool::INPUT_TEXT,
            Self::Click { .. } | Self::Dismiss { .. } => tool::CLICK,
            Self::Choose { .. } => tool::SELECT_OPTION,
            Self::Press { .. } => tool::KEYPRESS,
            Self::Hover { .. } => tool::HOVER,
            Self::ScrollDown => tool::SCROLL_DOWN,
            Self::ScrollUp => tool::SCROLL_UP,
            Self::Back => tool::HISTORY_BACK,
            Self::Visit { .. } => tool::VISIT_URL,
            Self::Memorize { .. } => tool::MEMORIZE,
            Self::Wait => tool::SLEEP,
            Self::Stop { .. } => tool::STOP,
        }
    }

    /// Reads an instruction; `None` if it is in other words.
    pub fn parse(words: &str) -> Option<Self> {
        let words = words.trim();
        for ending in Ending::ALL {
            if let Some(answer) = words.strip_prefix(ending.words()).and_then(|rest| rest.strip_prefix(':')) {
                return Some(Self::stop(ending, answer.trim()));
            }
        }
        if let Some(fact) = words.strip_prefix("Memorize:") {
            return Some(Self::Memorize { fact: fact.trim().into() });
        }
        RULES
            .iter()
            .find_map(|(pattern, read)| pattern.captures(words).map(|found| read(&[piece(&found, 1), piece(&found, 2), piece(&found, 3)])))
    }
}

fn piece(found: &regex::Captures, at: usize) -> String {
    found.get(at).map(|m| m.as_str().to_string()).unwrap_or_default()
}

type Read = fn(&[String; 3]) -> Step;

fn rules() -> Vec<(&'static str, Read)> {
    vec![
        (r#"^Type "(.*)" into (?:the )?"(.*?)"( and press Enter)?\.?$"#, |p| Step::Type {
            text: p[0].clone(),
            field: p[1].clone(),
            enter: !p[2].is_empty(),
        }),
        (r#"^Type "(.*)" into the search box( and press Enter)?\.?$"#, |p| Step::Type {
            text: p[0].clone(),
            field: "search box".into(),
            enter: !p[1].is_empty(),
        }),
        (r#"^Fill "(.*)" with the user's own data\.?$"#, |p| Step::Fill { field: p[0].clone() }),
        (r#"^Choose "(.*)" in "(.*)"\.?$"#, |p| Step::Choose { option: p[0].clone(), select: p[1].clone() }),
        (r#"^Dismiss the cookie banner with "(.*)"\.?$"#, |p| Step::Dismiss { button: p[0].clone() }),
        (r#"^Click (?:on )?(?:the )?(link|button|tab|radio|checkbox|option)? ?"(.*)"\.?$"#, |p| Step::Click {
            role: p[0].clone(),
            name: p[1].clone(),
        }),
        (r#"^Press "(.*)"\.?$"#, |p| Step::Press { keys: p[0].split('+').map(str::to_owned).collect() }),
        (r#"^Point at "(.*)"\.?$"#, |p| Step::Hover { name: p[0].clone() }),
        (r"^Scroll down\.?$", |_| Step::ScrollDown),
        (r"^Scroll up\.?$", |_| Step::ScrollUp),
        (r"^Go back\.?$", |_| Step::Back),
        (r"^Wait\.?$", |_| Step::Wait),
        (r"^(?:Open|Visit) (?:the address )?(https?://\S+?)\.?$", |p| Step::Visit { url: p[0].clone() }),
    ]
}

static RULES: LazyLock<Vec<(Regex, Read)>> =
    LazyLock::new(|| rules().into_iter().filter_map(|(pattern, read)| Regex::new(pattern).ok().map(|regex| (regex, read))).collect());

impl fmt::Display for Step {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Type { text, field, enter } => {
                let place = if field == "search box" { "the search box".to_string() } else { format!("\"{field}\"") };
                write!(f, "Type \"{text}\" into {place}{}.", if *enter { " and press Enter" } else { "" })
            }
            Self::Fill { field } => write!(f, "Fill \"{field}\" with the user's own data."),
            Self::Click { role, name } if role.is_empty() => write!(f, "Click \"{name}\"."),
            Self::Click { role, name } => write!(f, "Click the {role} \"{name}\"."),
            Self::Choose { option, select } => write!(f, "Choose \"{option}\" in \"{select}\"."),
            Self::Dismiss { button } => write!(f, "Dismiss the cookie banner with \"{button}\"."),
            Self::Press { keys } => write!(f, "Press \"{}\".", keys.join("+")),
            Self::Hover { name } => write!(f, "Point at \"{name}\"."),
            Self::ScrollDown => f.write_str("Scroll down."),
            Self::ScrollUp => f.write_str("Scroll up."),
            Self::Back => f.write_str("Go back."),
            Self::Visit { url } => write!(f, "Open the address {url}"),
            Self::Memorize { fact } => write!(f, "Memorize: {fact}"),
            Self::Wait => f.write_str("Wait."),
            Self::Stop { ending, answer } => write!(f, "{}: {answer}", ending.words()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_step_is_read_back_from_its_words() {
        assert_eq!(RULES.len(), rules().len());
        let steps = [
            Step::Type { text: "Trail \"Mug\"".into(), field: "search box".into(), enter: true },
            Step::Type { text: "2".into(), field: "Quantity".into(), enter: false },
            Step::Fill { field: "Full name".into() },
            Step::link("Trail Mug"),
            Step::button("Add to cart"),
            Step::Click { role: String::new(), name: "19:30".into() },
            Step::Choose { option: "Forest".into(), select: "Colour".into() },
            Step::Dismiss { button: "Only necessary".into() },
            Step::Press { keys: vec!["Control".into(), "Enter".into()] },
            Step::Hover { name: "More".into() },
            Step::ScrollDown,
            Step::ScrollUp,
            Step::Back,
            Step::Wait,
            Step::Visit { url: "http://docs.localhost/library/json.html#json.dumps".into() },
            Step::Memorize { fact: "The price is $18.00.".into() },
            Step::stop(Ending::Success, "It costs $18.00."),
            Step::stop(Ending::CriticalPoint, "I stopped."),
            Step::stop(Ending::Refused, "I will not do that."),
        ];
        for step in steps {
            assert_eq!(Step::parse(&step.to_string()), Some(step.clone()), "{step}");
        }
        assert_eq!(Step::parse("Do something clever"), None);
    }
}
