//! The gates that a proposal must pass, as data: one row each, in the order in which they are asked. A gate says why it turns something
//! away, or nothing. The first that does names the drop.

use crate::dates;
use crate::page::Page;
use crate::ports::FetchedPage;
use time::Date;
use wayfarer_core::Category;
use wayfarer_core::event::Dropped;
use wayfarer_core::ledger::Flag;
use wayfarer_core::prompt::propose::{Classified, RefinedIntent};

/// Gate of addresses that cannot be opened.
pub const REACHABLE: &str = "reachable";
/// Gate of wordings that a run has already.
pub const DUPLICATE: &str = "duplicate";
/// Gate of what is more than was asked for.
pub const QUOTA: &str = "quota";
/// Gate of what a model said nothing usable about.
pub const MODEL: &str = "model";
/// Gate of walks that a browser broke off.
pub const BROWSER: &str = "browser";
/// Gate of refilled templates that say what their exemplar says.
pub const DIFFERENT: &str = "different";

/// Which pages may yield tasks.
#[derive(Debug, Clone, PartialEq)]
pub struct Policy {
    /// ISO 639-1 codes.
    pub languages: Vec<String>,
    /// Categories; `None` allows all.
    pub categories: Option<Vec<Category>>,
    /// From 1 (a leaflet) to 5 (an application).
    pub interactiveness: u8,
}

impl Default for Policy {
    fn default() -> Self {
        Self { languages: vec!["en".into()], categories: None, interactiveness: 2 }
    }
}

/// A row: the gate's name, and why facts do not pass it (`None` if they do).
pub type Gate<F> = (&'static str, fn(&F) -> Option<String>);

/// What is known once a page was fetched.
pub struct PageFacts<'a> {
    /// As it came.
    pub fetched: &'a FetchedPage,
    /// As it was read.
    pub page: &'a Page,
}

/// What is known once a site was classified.
pub struct SiteFacts<'a> {
    /// What the model says.
    pub classified: &'a Classified,
    /// What is wanted.
    pub policy: &'a Policy,
}

/// What is known of a wording.
pub struct IntentFacts<'a> {
    /// The wording.
    pub intent: &'a str,
    /// What the model says of it; `None` where no model was asked.
    pub refined: Option<&'a RefinedIntent>,
    /// Today.
    pub today: Date,
    /// Last day on which it makes sense.
    pub valid_until: Option<Date>,
}

/// Gates over fetched pages.
pub fn page_gates<'a>() -> [Gate<PageFacts<'a>>; 4] {
    [
        (REACHABLE, |facts| {
            (!(200..300).contains(&facts.fetched.status)).then(|| format!("it answered with HTTP status {}", facts.fetched.status))
        }),
        (REACHABLE, |facts| {
            let kind = &facts.fetched.content_type;
            (!kind.is_empty() && !kind.contains("html")).then(|| format!("it is {kind}, no HTML page"))
        }),
        ("interactive", |facts| {
            let words = facts.page.text.text.split_whitespace().count();
            (words < MIN_PAGE_WORDS && facts.page.offers.is_empty())
                .then(|| format!("it says {words} words and offers nothing to click or fill"))
        }),
        ("blocked", |facts| {
            let title = facts.page.text.title.to_lowercase();
            WALLS.iter().find(|wall| title.contains(*wall)).map(|wall| format!("a bot wall stands in front of it ({wall:?} in its title)"))
        }),
    ]
}

/// Gates over classified sites.
pub fn site_gates<'a>() -> [Gate<SiteFacts<'a>>; 6] {
    [
        ("language", |facts| {
            let language = facts.classified.language.to_lowercase();
            let wanted = facts.policy.languages.iter().any(|one| language == *one || language.starts_with(&format!("{one}-")));
            (!wanted).then(|| format!("its language is {language:?}; wanted: {}", facts.policy.languages.join(", ")))
        }),
        ("category", |facts| {
            let category = facts.classified.category;
            let allowed = facts.policy.categories.as_ref().is_none_or(|allowed| allowed.contains(&category));
            (!allowed).then(|| format!("category {category:?} is not allowed: {}", facts.classified.reason))
        }),
        ("nsfw", |facts| raised(&facts.classified.nsfw)),
        ("harmful", |facts| raised(&facts.classified.harmful)),
        ("personal_data", |facts| raised(&facts.classified.personal_data)),
        ("interactive", |facts| {
            let (found, wanted) = (facts.classified.interactiveness, facts.policy.interactiveness);
            (found < wanted).then(|| format!("its interactiveness is {found} of 5; at least {wanted} is wanted"))
        }),
    ]
}

/// Gates over wordings.
pub fn intent_gates<'a>() -> [Gate<IntentFacts<'a>>; 11] {
    [
        ("harmful", |facts| facts.refined.and_then(|refined| raised(&refined.harmful))),
        ("personal_data", |facts| facts.refined.and_then(|refined| raised(&refined.personal_data))),
        ("specific", |facts| {
            let words = facts.intent.split_whitespace().count();
            (!(MIN_WORDS..=MAX_WORDS).contains(&words)).then(|| format!("it has {words} words; {MIN_WORDS} to {MAX_WORDS} are wanted"))
        }),
        ("specific", |facts| {
            (!names_something(facts.intent)).then(|| "it names no thing, number, date or extreme that could be checked".into())
        }),
        ("specific", |facts| facts.intent.contains(['{', '}']).then(|| "it still holds a slot of a template".into())),
        ("specific", |facts| facts.refined.and_then(|refined| missing(&refined.specific))),
        ("login_free", |facts| facts.refined.and_then(|refined| missing(&refined.login_free))),
        ("achievable", |facts| facts.refined.and_then(|refined| missing(&refined.achievable))),
        ("useful", |facts| facts.refined.and_then(|refined| missing(&refined.useful))),
        ("verifiable", |facts| facts.refined.and_then(|refined| missing(&refined.verifiable))),
        ("dated", |facts| {
            let past = dates::dates_in(facts.intent).into_iter().chain(facts.valid_until).find(|date| *date < facts.today);
            past.map(|date| format!("{} is past", dates::iso_text(date)))
        }),
    ]
}

const MIN_PAGE_WORDS: usize = 20;
const MIN_WORDS: usize = 4;
const MAX_WORDS: usize = 90;
/// Titles of bot walls.
const WALLS: &[&str] = &["just a moment", "attention required", "access denied", "are you a robot", "captcha", "verify you are human"];

fn raised(flag: &Flag) -> Option<String> {
    flag.answer.then(|| flag.reason.clone())
}

fn missing(flag: &Flag) -> Option<String> {
    (!flag.answer).then(|| flag.reason.clone())
}

/// Whether a wording holds something that one can check: a number, a name inside a sentence, quoted words, or an extreme.
fn names_something(intent: &str) -> bool {
    let quoted = intent.matches(['"', '“', '”']).count() >= 2;
    let mut starts_sentence = true;
    quoted
        || intent.split_whitespace().any(|raw| {
            let word = raw.trim_matches(|c: char| !c.is_alphanumeric());
            let names = !starts_sentence && word.chars().next().is_some_and(char::is_uppercase);
            let inner = word.contains(['.', '_']) || word.chars().any(|c| c.is_ascii_digit());
            let extreme = word.len() > 4 && word.to_lowercase().ends_with("est") || matches!(word, "most" | "least" | "best");
            starts_sentence = raw.ends_with(['.', '!', '?']);
            names || inner || extreme
        })
}

/// Asks the gates in order; the first that is against it drops the subject. Every decision is logged.
pub fn pass<F>(gates: &[Gate<F>], facts: &F, subject: &str) -> Result<(), Dropped> {
    for (gate, against) in gates {
        if let Some(reason) = against(facts) {
            return Err(dropped(subject, gate, reason));
        }
        tracing::debug!(gate, subject, "gate passed");
    }
    Ok(())
}

/// A drop, logged.
pub fn dropped(subject: &str, gate: &str, reason: impl Into<String>) -> Dropped {
    let reason = reason.into();
    tracing::info!(gate, subject, reason, "proposal dropped");
    Dropped { intent: subject.to_owned(), gate: gate.to_owned(), reason }
}

#[cfg(test)]
mod tests {
    use super::*;
    use time::macros::date;

    /// A wording, what is changed in its flags, and the gate that should stop it.
    type Row<'a, R> = (&'a str, fn(&mut R), Option<&'a str>);

    fn flag(answer: bool) -> Flag {
        Flag { reason: "because".into(), answer }
    }

    fn gate_of(intent: &str, change: fn(&mut RefinedIntent)) -> Option<String> {
        let mut refined = RefinedIntent {
            intent: intent.into(),
            achievable: flag(true),
            login_free: flag(true),
            specific: flag(true),
            useful: flag(true),
            verifiable: flag(true),
            harmful: flag(false),
            personal_data: flag(false),
        };
        change(&mut refined);
        let facts = IntentFacts { intent, refined: Some(&refined), today: date!(2026 - 11 - 21), valid_until: None };
        pass(&intent_gates(), &facts, intent).err().map(|dropped| dropped.gate)
    }

    #[test]
    fn each_gate_over_wordings_stops_its_own_kind() {
        let good = "Book a table for 4 at Osteria Nova on 4 December 2026 at 19:30.";
        let rows: [Row<'_, RefinedIntent>; 12] = [
            (good, |_| {}, None),
            ("Find the cheapest product in the lighting category and tell me its name.", |_| {}, None),
            ("According to the Python documentation, what is the json module for?", |_| {}, None),
            (good, |refined| refined.harmful.answer = true, Some("harmful")),
            (good, |refined| refined.personal_data.answer = true, Some("personal_data")),
            (good, |refined| refined.specific.answer = false, Some("specific")),
            (good, |refined| refined.login_free.answer = false, Some("login_free")),
            (good, |refined| refined.achievable.answer = false, Some("achievable")),
            (good, |refined| refined.verifiable.answer = false, Some("verifiable")),
            ("Book a table for 4 at Osteria Nova on 4 December 2025 at 19:30.", |_| {}, Some("dated")),
            ("Find something nice to buy here please.", |_| {}, Some("specific")),
            ("Buy mugs.", |_| {}, Some("specific")),
        ];
        for (intent, change, expected) in rows {
            assert_eq!(gate_of(intent, change).as_deref(), expected, "{intent}");
        }
    }

    #[test]
    fn each_gate_over_sites_stops_its_own_kind() {
        let good = || Classified {
            category: Category::Shopping,
            language: "en".into(),
            interactiveness: 4,
            nsfw: flag(false),
            harmful: flag(false),
            personal_data: flag(false),
            reason: "a shop".into(),
        };
        type Site = (fn(&mut Classified), Option<&'static str>);
        let rows: [Site; 7] = [
            (|_| {}, None),
            (|site| site.language = "de".into(), Some("language")),
            (|site| site.category = Category::News, Some("category")),
            (|site| site.nsfw.answer = true, Some("nsfw")),
            (|site| site.harmful.answer = true, Some("harmful")),
            (|site| site.personal_data.answer = true, Some("personal_data")),
            (|site| site.interactiveness = 1, Some("interactive")),
        ];
        let policy = Policy { categories: Some(vec![Category::Shopping]), ..Policy::default() };
        for (change, expected) in rows {
            let mut classified = good();
            change(&mut classified);
            let facts = SiteFacts { classified: &classified, policy: &policy };
            assert_eq!(pass(&site_gates(), &facts, "a site").err().map(|dropped| dropped.gate).as_deref(), expected);
        }
    }
}
