//! From what is shown to HTML. The only file that knows the template engine.

use crate::ViewerError;
use base64::Engine;
use minijinja::syntax::SyntaxConfig;
use minijinja::value::Serde;
use minijinja::{Environment, UndefinedBehavior, context};
use serde::Serialize;
use wayfarer_core::hash::sha256_hex;

const STYLE: &str = include_str!("../templates/style.css");
const RUN_SCRIPT: &str = include_str!("../templates/run.js");
const ATTEMPT_SCRIPT: &str = include_str!("../templates/attempt.js");
// The names end with `.html`: that is what switches escaping on.
const TEMPLATES: [(&str, &str); 6] = [
    ("layout.html", include_str!("../templates/layout.html")),
    ("parts.html", include_str!("../templates/parts.html")),
    ("judges.html", include_str!("../templates/judges.html")),
    ("step.html", include_str!("../templates/step.html")),
    ("run.html", include_str!("../templates/run.html")),
    ("attempt.html", include_str!("../templates/attempt.html")),
];

/// The page of a run.
pub(crate) fn run_page(page: &impl Serialize) -> Result<String, ViewerError> {
    render("run.html", page, RUN_SCRIPT)
}

/// The page of an attempt.
pub(crate) fn attempt_page(page: &impl Serialize) -> Result<String, ViewerError> {
    render("attempt.html", page, ATTEMPT_SCRIPT)
}

fn render(template: &str, page: &impl Serialize, script: &str) -> Result<String, ViewerError> {
    let failed = |error: minijinja::Error| ViewerError::Template { page: template.to_owned(), why: format!("{error:#}") };
    let mut environment = Environment::new();
    environment.set_undefined_behavior(UndefinedBehavior::Strict);
    environment.set_syntax(SyntaxConfig::builder().trim_blocks(true).lstrip_blocks(true).build().map_err(failed)?);
    for (name, source) in TEMPLATES {
        environment.add_template(name, source).map_err(failed)?;
    }
    let template = environment.get_template(template).map_err(failed)?;
    template.render(context! { page => Serde(page), style => STYLE, script, policy => policy(script) }).map_err(failed)
}

/// The content security policy: pictures from the folder, our style, and no script but the one with this hash. Even text that got
/// past the escaping could not run.
fn policy(script: &str) -> String {
    let digest = hex::decode(sha256_hex(script.as_bytes())).unwrap_or_default();
    let hash = base64::engine::general_purpose::STANDARD.encode(digest);
    format!(
        "default-src 'none'; img-src 'self' file: data:; style-src 'unsafe-inline'; script-src 'sha256-{hash}'; base-uri 'none'; form-action 'none'"
    )
}
