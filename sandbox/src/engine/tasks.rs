//! `tasks.toml`: families of tasks, drawn from a world's own data.
//!
//! A family is a wording with gaps, a query whose rows fill them, and what is true afterwards. The wording is all that agents and judges
//! ever see; [`crate::engine::oracle`] reads the rest.

use crate::engine::attack::Aim;
use crate::engine::content;
use crate::engine::files::Files;
use crate::engine::sql::{self, Params};
use crate::engine::world::{everything, site};
use crate::error::SandboxError;
use crate::instance::template_file;
use crate::seeded;
use minijinja::{Environment, Value};
use rusqlite::Connection;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::path::Path;
use time::Date;
use wayfarer_core::Category;
use wayfarer_core::critical_point::CriticalPointKind;

/// Most rows that are taken of one draw.
const MOST_DRAWN: usize = 2000;

/// Most sites of a family: each is attached as it is and as it was, and SQLite attaches ten files.
const MOST_WORLDS: usize = 5;

/// How much a task asks of an agent.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Level {
    /// A page or two.
    Easy,
    /// A search, a choice, a form.
    Medium,
    /// Several conditions, several pages, or a trap on the way.
    Hard,
}

/// What a right attempt at a task does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TaskKind {
    /// Answers from what the site says, and changes nothing.
    Find,
    /// Changes the world as the task says, and in no other way.
    Do,
    /// Prepares what the task describes and does not take the last step, which the task itself forbids.
    Prepare,
    /// Stops and says what the task leaves open, before anything binds.
    Ask,
    /// Says that it cannot be done (sold out, not offered), and changes nothing.
    Infeasible,
    /// Declines.
    Harmful,
    /// Ends at a wall that is not to be solved (a captcha).
    Wall,
}

/// The critical point on the way, by the typology of spec/faragen.md C.2.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Critical {
    /// What kind of step binds.
    pub kind: CriticalPointKind,
    /// The task itself gives permission, withholds it, or says nothing.
    #[serde(default)]
    pub permission: Permission,
    /// The task gives all the data that the step needs.
    #[serde(default)]
    pub informed: bool,
    /// The task leaves no choice open.
    #[serde(default = "yes")]
    pub specified: bool,
}

fn yes() -> bool {
    true
}

/// What the wording of a task says about permission.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Permission {
    /// Nothing: the user must be asked.
    #[default]
    Missing,
    /// It is given in so many words; a gate that asks all the same is right, too.
    Given,
    /// It is withheld: everything is to be prepared and nothing done.
    Withdrawn,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct TaskFile {
    /// Sites that the tasks span; the folder's own where it is left out.
    #[serde(default)]
    worlds: Vec<String>,
    /// Where the tasks belong; the site's own where it is left out.
    category: Option<Category>,
    family: Vec<FamilySpec>,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
struct FamilySpec {
    id: String,
    level: Level,
    kind: TaskKind,
    /// Wordings; templates over the columns of `draw`.
    intents: Vec<String>,
    /// Path (or, in a file that spans sites, address) where the task begins; a template.
    #[serde(default = "root")]
    start: String,
    /// Those of the file's sites that it spans, where it does not span them all.
    #[serde(default)]
    worlds: Vec<String>,
    /// Query over the data; each row makes one task.
    draw: String,
    critical: Option<Critical>,
    /// Content of the world's own (a mail, a review) that talks to the agent or to the judge, which every attempt at the task meets.
    attack: Option<Planted>,
    #[serde(default)]
    truth: TruthSpec,
}

/// Injected content that stands in a world's own data.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Planted {
    /// Whom it talks to.
    aim: Aim,
    /// Where it stands, in a word or two: `mail`, `review`.
    place: String,
    /// Expression that is true once an agent has done what it says.
    #[serde(default)]
    pub(crate) obeyed: String,
}

impl Planted {
    /// The name in reports: `agent/mail`.
    fn name(&self) -> String {
        format!("{}/{}", self.aim.as_str(), self.place)
    }
}

fn root() -> String {
    "/".into()
}

/// What is true after a right attempt.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct TruthSpec {
    /// Query whose values the answer must give; the name of a column says what it is (`money`, `number`, `date`, `time`, `text`, ...).
    pub(crate) answer: String,
    /// Rows that are there and were not: exactly these.
    pub(crate) added: Vec<Rows>,
    /// Rows that were there and are not (an update removes one and adds one).
    pub(crate) removed: Vec<Rows>,
    /// Expression that is true once everything is ready for the step that needs permission.
    pub(crate) prepared: String,
}

/// Rows of a table.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Rows {
    /// The table, in a file that spans sites as `world.table`.
    pub(crate) table: String,
    /// Condition over its columns and the parameters of the task.
    #[serde(rename = "where")]
    pub(crate) condition: String,
    /// How many.
    #[serde(default = "one")]
    pub(crate) count: i64,
}

fn one() -> i64 {
    1
}

/// A family with where it comes from.
pub(crate) struct Family {
    /// `skylark/book`.
    pub(crate) name: String,
    pub(crate) worlds: Vec<String>,
    pub(crate) critical: Option<Critical>,
    pub(crate) kind: TaskKind,
    pub(crate) truth: TruthSpec,
    pub(crate) attack: Option<Planted>,
    level: Level,
    category: Category,
    host: String,
    spec: FamilySpec,
}

/// A task that a world proposes.
#[derive(Debug, Clone, PartialEq)]
pub struct WorldTask {
    /// `skylark/book`: the folder and the family.
    pub family: String,
    /// The task in a person's words.
    pub intent: String,
    /// Where it begins.
    pub start_url: String,
    /// Where it belongs.
    pub category: Category,
    /// How much it asks.
    pub level: Level,
    /// What a right attempt does.
    pub kind: TaskKind,
    /// The critical point on the way.
    pub critical: Option<Critical>,
    /// The injected content of the world's own that it meets: `agent/mail`.
    pub attack: Option<String>,
}

/// A task with the values that fill its family.
pub(crate) struct Drawn {
    pub(crate) task: WorldTask,
    pub(crate) params: Params,
}

/// Reads all families; `data_dir` need not exist yet.
pub(crate) fn families(folder: Option<&Path>) -> Result<Vec<Family>, SandboxError> {
    let all = everything(folder)?;
    let mut families = Vec::new();
    for files in &all {
        let Some(text) = files.text("tasks.toml")? else { continue };
        let file: TaskFile = toml::from_str(text).map_err(|error| files.fault("tasks.toml", error))?;
        let own = files.bytes("world.toml").map(|_| site(files)).transpose()?;
        let worlds = if file.worlds.is_empty() { vec![files.world.clone()] } else { file.worlds.clone() };
        let Some(category) = file.category.or(own.as_ref().map(|site| site.category)) else {
            return Err(files.fault("tasks.toml", "a file without a site of its own names its category"));
        };
        for spec in file.family {
            let worlds = if spec.worlds.is_empty() { &worlds } else { &spec.worlds };
            check(files, &spec, &all, worlds)?;
            families.push(Family {
                name: format!("{}/{}", files.world, spec.id),
                worlds: worlds.clone(),
                critical: spec.critical,
                kind: spec.kind,
                truth: spec.truth.clone(),
                attack: spec.attack.clone(),
                level: spec.level,
                category,
                host: own.as_ref().map(|site| site.host.clone()).unwrap_or_default(),
                spec,
            });
        }
    }
    Ok(families)
}

/// What a reader of the file would notice only when it is too late.
fn check(files: &Files, spec: &FamilySpec, all: &[Files], worlds: &[String]) -> Result<(), SandboxError> {
    let fault = |why: &str| Err(files.fault("tasks.toml", format!("family {}: {why}", spec.id)));
    let truth = &spec.truth;
    let changes = !truth.added.is_empty() || !truth.removed.is_empty();
    if worlds.iter().any(|world| !all.iter().any(|files| files.world == *world)) {
        return fault("it spans a world that is not there");
    }
    if worlds.len() > MOST_WORLDS {
        return fault("it spans more than five worlds; `worlds` in the family names fewer");
    }
    match spec.kind {
        _ if spec.intents.is_empty() => fault("it has no wording"),
        _ if spec.attack.as_ref().is_some_and(|attack| (attack.aim == Aim::Agent) == attack.obeyed.is_empty()) => {
            fault("an attack on the agent has `obeyed`: what holds once an agent did what it says; one on the judge has none")
        }
        TaskKind::Find if truth.answer.is_empty() || changes => fault("a `find` family has a truth.answer and changes nothing"),
        TaskKind::Do if !changes => fault("a `do` family has truth.added or truth.removed"),
        TaskKind::Do if spec.critical.is_some() && truth.prepared.is_empty() => {
            fault("a `do` family with a critical point has truth.prepared: what holds where an agent without permission stops")
        }
        TaskKind::Prepare if truth.prepared.is_empty() || changes => fault("a `prepare` family has truth.prepared and changes nothing"),
        TaskKind::Ask | TaskKind::Infeasible | TaskKind::Harmful | TaskKind::Wall if changes || !truth.answer.is_empty() => {
            fault("this kind changes nothing and has no answer")
        }
        _ => Ok(()),
    }
}

/// What is told of a family.
#[derive(Debug, Clone)]
pub struct FamilyInfo {
    /// `skylark/book`.
    pub name: String,
    /// How much it asks.
    pub level: Level,
    /// What a right attempt does.
    pub kind: TaskKind,
    /// Its first wording, with gaps.
    pub wording: String,
    /// It spans several sites.
    pub spans: bool,
}

impl FamilyInfo {
    /// The folder that it comes from.
    pub fn folder(&self) -> &str {
        self.name.split('/').next().unwrap_or_default()
    }
}

impl Family {
    /// What is told of it.
    pub(crate) fn info(&self) -> FamilyInfo {
        FamilyInfo {
            name: self.name.clone(),
            level: self.level,
            kind: self.kind,
            wording: self.spec.intents.first().cloned().unwrap_or_default(),
            spans: self.host.is_empty(),
        }
    }

    /// All tasks of the family, in the order of its draw.
    pub(crate) fn draw(&self, folder_of_templates: &Path, environment: &Environment<'_>, today: Date) -> Result<Vec<Drawn>, SandboxError> {
        let fault = |why: String| SandboxError::World { world: self.name.clone(), file: "tasks.toml".into(), why };
        let db = Connection::open_in_memory().map_err(|error| fault(error.to_string()))?;
        for world in &self.worlds {
            attach(&db, &template_file(folder_of_templates, world), world).map_err(|error| fault(error.to_string()))?;
        }
        let start = Params::from([("today".into(), sql::text(crate::dates::iso(today)))]);
        let records = sql::records(&db, &self.spec.draw, &start).map_err(|error| fault(format!("draw: {error}")))?;
        if records.is_empty() {
            return Err(fault("draw: the query finds no row".into()));
        }
        let mut drawn = Vec::new();
        for record in records.into_iter().take(MOST_DRAWN) {
            let context: BTreeMap<String, Value> = record.iter().map(|(name, value)| (name.clone(), sql::shown(value))).collect();
            let context = Value::from_pairs(context);
            let mut params: Params = record.into_iter().collect();
            params.extend(start.clone());
            let rendered = |template: &str| {
                environment.render_str(template, context.clone()).map_err(|error| fault(format!("wording: {}", content::described(&error))))
            };
            let start_url = rendered(&self.spec.start)?;
            let start_url = if start_url.starts_with('/') { format!("http://{}{start_url}", self.host) } else { start_url };
            for wording in &self.spec.intents {
                drawn.push(Drawn {
                    task: WorldTask {
                        family: self.name.clone(),
                        intent: rendered(wording)?,
                        start_url: start_url.clone(),
                        category: self.category,
                        level: self.level,
                        kind: self.kind,
                        critical: self.critical,
                        attack: self.attack.as_ref().map(Planted::name),
                    },
                    params: params.clone(),
                });
            }
        }
        Ok(drawn)
    }
}

/// Whether a family was asked for: by its name, its folder, or because all are.
pub(crate) fn is_wanted(family: &str, wanted: &[String]) -> bool {
    let is_of = |name: &String| family == *name || family.strip_prefix(name.as_str()).is_some_and(|rest| rest.starts_with('/'));
    wanted.is_empty() || wanted.iter().any(is_of)
}

/// All tasks of the families that are wanted, by family.
pub(crate) fn drawn(
    families: &[Family],
    templates: &Path,
    seed: u64,
    today: Date,
    is_wanted: impl Fn(&str) -> bool,
) -> Result<Vec<(String, Vec<WorldTask>)>, SandboxError> {
    let environment = content::environment(seed, today);
    let draw = |family: &Family| {
        let tasks = family.draw(templates, &environment, today)?.into_iter().map(|drawn| drawn.task).collect();
        Ok((family.name.clone(), tasks))
    };
    families.iter().filter(|family| is_wanted(&family.name)).map(draw).collect()
}

/// `count` tasks, one of every family in turn. The same seed gives the same list.
pub(crate) fn in_turn(seed: u64, mut drawn: Vec<(String, Vec<WorldTask>)>, count: usize) -> Vec<WorldTask> {
    // where there are fewer tasks than families, all worlds are met all the same
    drawn.sort_by_cached_key(|(family, _)| seeded::below(seed, &["family", family], u64::MAX));
    for (_, tasks) in &mut drawn {
        let place = |task: &WorldTask| seeded::below(seed, &["draw", &task.family, &task.intent], u64::MAX);
        tasks.sort_by(|a, b| place(b).cmp(&place(a)).then_with(|| a.intent.cmp(&b.intent)));
        tasks.dedup_by(|a, b| a.intent == b.intent);
    }
    let mut sampled = Vec::with_capacity(count);
    while sampled.len() < count && drawn.iter().any(|(_, tasks)| !tasks.is_empty()) {
        for (_, tasks) in &mut drawn {
            if sampled.len() < count
                && let Some(task) = tasks.pop()
            {
                sampled.push(task);
            }
        }
    }
    sampled
}

/// Attaches a file to a connection, for reading.
pub(crate) fn attach(db: &Connection, path: &Path, name: &str) -> rusqlite::Result<()> {
    let path = path.to_string_lossy().replace('%', "%25").replace('?', "%3f").replace('#', "%23");
    db.execute_batch(&format!("ATTACH {} AS {};", sql::literal(&format!("file:{path}?mode=ro")), sql::quoted(name)))
}
