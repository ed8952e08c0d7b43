//! Agentic exploration: walk a site in a browser and rewrite the task after every step, with what the step has shown.
//!
//! A walk can click, fill, choose, scroll and go back. Every action passes the critical-point gate without any permission; what it holds
//! is not done, so a walk buys, books, sends and reveals nothing.

use crate::proposal::{Proposal, ProposeError};
use crate::work::Work;
use crate::{gates, prompts};
use serde::Serialize;
use url::Url;
use wayfarer_browser::{BrowserError, BrowserSession, Observed, SessionSpec, accessibility_outline};
use wayfarer_core::action::Target;
use wayfarer_core::critical_point::{CriticalPointKind, GateDecision};
use wayfarer_core::outcome::EnvFailure;
use wayfarer_core::prompt::PageText;
use wayfarer_core::prompt::propose::{Explore, ExploreAction, Offer};
use wayfarer_core::task::Lineage;
use wayfarer_core::{Action, BlobHash, Category, Mark, Observation, Task, gate, view};

/// Steps of a walk.
const STEPS: u32 = 6;
/// Pages that the refinement of a walk's task is shown.
const MAX_PAGES: usize = 6;
/// How much of the viewport a scroll passes over.
const SCROLL_SHARE: f64 = 0.8;

/// What a walk came to.
#[derive(Default)]
struct Walk {
    task: String,
    earlier: Vec<String>,
    category: Option<Category>,
    critical_point: Option<CriticalPointKind>,
    pages: Vec<PageText>,
    steps: Vec<WalkStep>,
}

/// A step of a walk, as it is kept for people.
#[derive(Serialize)]
struct WalkStep {
    url: String,
    screenshot: BlobHash,
    learned: String,
    task: String,
    action: String,
}

pub(crate) async fn propose(mut work: Work<'_>, url: &Url, hint: Option<Category>, count: u32) -> Result<Proposal, ProposeError> {
    let mut category = hint;
    for number in 0..count {
        let name = format!("{}-{}-w{number}", work.spec.run, work.seed.id);
        let spec = SessionSpec { egress: work.deps.egress.clone(), ..SessionSpec::new(work.spec.tenant.clone(), name) };
        let session = match work.deps.browsers.acquire(spec).await {
            Ok(session) => session,
            Err(error) if work.candidates.is_empty() => return Err(error.into()),
            Err(error) => {
                work.drop(url.as_str(), gates::BROWSER, error.to_string());
                break;
            }
        };
        let walked = walk(&mut work, &*session, url, number, &mut category).await;
        if let Err(error) = session.release().await {
            tracing::warn!(%error, "a session could not be given back; the farm takes it when its lease ends");
        }
        match walked {
            Ok(Some(walk)) => {
                keep(&work, number, &walk).await;
                consider(&mut work, url, walk).await?;
            }
            // a gate is against the site, and would be against the next walk
            Ok(None) => break,
            Err(ProposeError::Browser(error)) => {
                let unreachable =
                    matches!(error, BrowserError::Environment { kind: EnvFailure::Unreachable | EnvFailure::EgressDenied, .. });
                work.drop(url.as_str(), if unreachable { gates::REACHABLE } else { gates::BROWSER }, error.to_string());
                if unreachable {
                    break;
                }
            }
            Err(error) => return Err(error),
        }
    }
    work.finish(count).await
}

async fn walk(
    work: &mut Work<'_>,
    session: &dyn BrowserSession,
    url: &Url,
    number: u32,
    category: &mut Option<Category>,
) -> Result<Option<Walk>, ProposeError> {
    let mut seen = session.open(url.as_str()).await?;
    if number == 0 {
        let Some(site) = work.classify(&view::page_text(&seen.observation), &offers(&seen.observation), *category).await? else {
            return Ok(None);
        };
        *category = Some(site.category);
    }
    let mut walk = Walk { pages: vec![view::page_text(&seen.observation)], category: *category, ..Walk::default() };
    let mut history: Vec<String> = Vec::new();
    let avoid = work.avoid().await;
    for steps_left in (0..STEPS).rev() {
        let question = Explore {
            page: view::page_view(&seen.observation),
            accessibility_tree: accessibility_outline(&seen.observation),
            task_so_far: walk.task.clone(),
            history: history.clone(),
            steps_left,
            walk: number,
            category: *category,
            avoid: avoid.clone(),
            today: work.today_text(),
        };
        let pictures = [seen.screenshot.clone()];
        let Some(explored) = work.ask(prompts::EXPLORE, &question, &pictures, url.as_str()).await? else { break };
        rewrite(&mut walk, explored.task.trim());
        walk.category = category.or(Some(explored.category));
        walk.critical_point = explored.critical_point;

        let decided = action_of(&explored.next, &seen.observation);
        let screenshot = picture(work, &seen).await;
        let mut step = WalkStep {
            url: seen.observation.url.clone(),
            screenshot,
            learned: explored.learned,
            task: walk.task.clone(),
            action: "stop".into(),
        };
        if explored.next.tool == "stop" || steps_left == 0 {
            walk.steps.push(step);
            break;
        }
        step.action = match decided {
            Ok(action) => match gate::check(&action, &seen.observation, &[]) {
                GateDecision::Pass => {
                    let (effect, next) = session.act_and_observe(&action).await?;
                    seen = next;
                    match effect.error {
                        Some(error) => format!("{}: failed, {error}", action.describe()),
                        None => action.describe(),
                    }
                }
                GateDecision::Held { critical_point } | GateDecision::Permitted { critical_point } => {
                    format!("{}: not done, {} (needs the user's permission)", action.describe(), critical_point.what)
                }
            },
            Err(why) => format!("{}: not done, {why}", explored.next.tool),
        };
        history.push(step.action.clone());
        walk.steps.push(step);
        let page = view::page_text(&seen.observation);
        if walk.pages.iter().all(|known| known.url != page.url) {
            walk.pages.push(page);
        }
    }
    Ok(Some(walk))
}

fn rewrite(walk: &mut Walk, task: &str) {
    if task.is_empty() || task == walk.task {
        return;
    }
    let earlier = std::mem::replace(&mut walk.task, task.to_owned());
    if !earlier.is_empty() {
        walk.earlier.push(earlier);
    }
}

/// The last wording goes through the gate of refinement once.
async fn consider(work: &mut Work<'_>, url: &Url, walk: Walk) -> Result<(), ProposeError> {
    let Some((start, visited)) = walk.pages.split_first() else { return Ok(()) };
    if walk.task.is_empty() {
        work.drop(url.as_str(), gates::MODEL, "the walk ended without a task");
        return Ok(());
    }
    let mut earlier_intents = walk.earlier;
    let linked = &visited[visited.len().saturating_sub(MAX_PAGES)..];
    let Some(refined) = work.refine(&walk.task, start, linked, 1, &mut earlier_intents).await? else { return Ok(()) };
    if !work.admits(&refined.intent, Some(&refined), None) {
        return Ok(());
    }
    let last_date = crate::dates::dates_in(&refined.intent).into_iter().max().map(crate::dates::iso_text);
    let task = Task {
        id: work.task_id(work.candidates.len()),
        intent: refined.intent,
        start_url: url.clone(),
        category: walk.category.unwrap_or(Category::Other),
        strategy: work.strategy,
        expected_critical_point: walk.critical_point,
        valid_from: last_date.is_some().then(|| work.today_text()),
        valid_until: last_date,
        lineage: Lineage {
            seed: work.seed.id.clone(),
            parent: None,
            earlier_intents,
            template: None,
            pages: walk.pages.into_iter().map(|page| page.url).collect(),
        },
    };
    work.candidates.push(task);
    Ok(())
}

/// What a walk may do, as an action on this page; in words why not.
fn action_of(next: &ExploreAction, page: &Observation) -> Result<Action, String> {
    let mark = || -> Result<&Mark, String> {
        let id = next.target_id.ok_or("no mark was named")?;
        page.mark(id).ok_or_else(|| format!("mark {id} is not on this page"))
    };
    let text = || next.text.clone().filter(|text| !text.is_empty()).ok_or("no text was given");
    match next.tool.as_str() {
        "click" => Ok(Action::LeftClick { target: target(mark()?) }),
        "input_text" => {
            let mark = mark()?;
            let is_search = mark.role == "searchbox" || page.form_of(mark).is_some_and(|form| form.method == "get");
            Ok(Action::Type { target: Some(target(mark)), text: text()?, press_enter: is_search, delete_existing_text: true })
        }
        "select_option" => Ok(Action::SelectOption { target: target(mark()?), option: text()? }),
        "scroll_down" => Ok(Action::Scroll { pixels: -((f64::from(page.viewport.height) * SCROLL_SHARE) as i32), target: None }),
        "history_back" => Ok(Action::HistoryBack),
        "stop" => Err("the walk ends".into()),
        other => Err(format!("{other:?} is no tool of a walk")),
    }
}

fn target(mark: &Mark) -> Target {
    let (x, y) = mark.rect.centre();
    Target { mark: Some(mark.id), x, y, label: format!("{} {:?}", mark.role, mark.name) }
}

/// What an observed page offers, for its classification.
fn offers(page: &Observation) -> Vec<Offer> {
    let kind = |mark: &Mark| match mark.role.as_str() {
        "link" => "link",
        "combobox" | "listbox" => "select",
        "button" => "button",
        _ => "field",
    };
    let named = page.marks.iter().filter(|mark| !mark.name.is_empty()).take(crate::page::MAX_OFFERS);
    named
        .map(|mark| Offer { kind: kind(mark).into(), name: mark.name.clone(), href: mark.href.clone(), options: mark.options.clone() })
        .collect()
}

/// Keeps the picture; a walk whose pictures cannot be kept is still a walk.
async fn picture(work: &Work<'_>, seen: &Observed) -> BlobHash {
    if let Err(error) = work.deps.store.put_blob(seen.screenshot.clone()).await {
        tracing::warn!(%error, "the picture of a walk could not be kept");
    }
    seen.observation.screenshot.clone()
}

/// Keeps what the walk saw and learned, for people.
async fn keep(work: &Work<'_>, number: u32, walk: &Walk) {
    let path = format!("proposals/{}/walk-{number}.json", work.seed.id);
    if let Err(error) = work.deps.store.put_document(&path, &walk.steps).await {
        tracing::warn!(%error, "a walk could not be kept");
    }
}
