//! `world.toml`: what a site is, and its pages and actions. `docs/worlds.md` explains each key with examples.

use serde::Deserialize;
use std::collections::BTreeMap;
use wayfarer_core::Category;

/// Name → SQL.
pub(crate) type Queries = BTreeMap<String, String>;

/// A site.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Site {
    /// Name as its visitors know it.
    pub(crate) title: String,
    /// The name under which it is served, such as `skylark.localhost`.
    pub(crate) host: String,
    /// Where its tasks belong.
    pub(crate) category: Category,
    /// One line: what it is, and which hard things it contains.
    pub(crate) about: String,
    /// Tables that do not count as a change of the world: drafts, recent searches.
    #[serde(default)]
    pub(crate) scratch: Vec<String>,
    /// Who is signed in from the beginning (the value of `:user`); empty means nobody.
    #[serde(default)]
    pub(crate) signed_in: String,
    /// Where pages that need a user send those who are not signed in.
    #[serde(default = "sign_in")]
    pub(crate) sign_in: String,
    /// Template of what is shown for paths that do not exist.
    pub(crate) missing: String,
    /// Pages.
    pub(crate) page: Vec<Page>,
    /// Actions.
    #[serde(default)]
    pub(crate) action: Vec<Action>,
}

fn sign_in() -> String {
    "/signin".into()
}

/// A page (GET).
#[derive(Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct Page {
    /// Path with `{name}` pieces.
    pub(crate) path: String,
    /// Template that shows it.
    pub(crate) template: String,
    /// Instead of a template: a query whose rows are the answer as a JSON list (suggestions, more entries).
    pub(crate) json: String,
    /// Name of the file that the browser saves instead of showing the page; a template.
    pub(crate) download: String,
    /// Media type of what the template gives, if it is not HTML.
    pub(crate) content_type: String,
    /// Statements that run first: a draft is noted, a message is marked as read.
    pub(crate) run: Vec<String>,
    /// Only for those who are signed in.
    pub(crate) needs_user: bool,
    /// The answer takes this long, in milliseconds.
    pub(crate) slow_ms: u64,
    /// In this share of the instances the first visit is answered with "busy, try again" (503), and the next is not.
    pub(crate) busy_percent: u64,
    /// Queries with exactly one row; none is the `missing` page.
    pub(crate) row: Queries,
    /// Queries with any number of rows.
    pub(crate) rows: Queries,
    /// Queries with one row or none.
    pub(crate) maybe: Queries,
}

/// An action (POST).
#[derive(Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct Action {
    /// Path with `{name}` pieces.
    pub(crate) path: String,
    /// Only for those who are signed in.
    pub(crate) needs_user: bool,
    /// Queries with exactly one row; none is the `missing` page.
    pub(crate) row: Queries,
    /// Queries with any number of rows, for the template that is shown again.
    pub(crate) rows: Queries,
    /// Queries with one row or none.
    pub(crate) maybe: Queries,
    /// What must hold; the first problem of a field is shown beside it.
    pub(crate) check: Vec<Check>,
    /// Template that is shown again with `errors`, when a check fails (422).
    pub(crate) template: String,
    /// Statements, in one transaction. `:last_id` is the row that the last insert made.
    pub(crate) run: Vec<String>,
    /// Query for who is signed in from now on; no row signs out. Runs after `run`.
    pub(crate) sign: String,
    /// Cookies to set: name → template of the value.
    pub(crate) cookies: BTreeMap<String, String>,
    /// Where the browser goes then; a template.
    pub(crate) then: String,
    /// Instead: a query whose rows are the answer as a JSON list (for scripts).
    pub(crate) json: String,
}

/// A condition on what was posted.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Check {
    /// SQL expression that is true if all is well.
    pub(crate) ok: String,
    /// The field that the message stands beside; empty for the form as a whole.
    #[serde(default)]
    pub(crate) field: String,
    /// The message.
    pub(crate) say: String,
}
