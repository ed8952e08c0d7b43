//! A world, and all of them.

use crate::engine::attack::AttackPlan;
use crate::engine::files::{self, Files};
use crate::engine::serve;
use crate::engine::spec::{Action, Page, Site};
use crate::engine::{content, data};
use crate::error::SandboxError;
use crate::instance::Instances;
use minijinja::Environment;
use std::path::Path;
use std::sync::Arc;
use time::Date;
use wayfarer_core::Category;

/// A world that is served.
pub(crate) struct World {
    pub(crate) files: Files,
    pub(crate) site: Site,
    pub(crate) environment: Environment<'static>,
    pub(crate) instances: Arc<Instances>,
    pub(crate) pages: matchit::Router<usize>,
    pub(crate) actions: matchit::Router<usize>,
    pub(crate) today: Date,
    pub(crate) seed: u64,
    pub(crate) attacks: AttackPlan,
}

impl World {
    fn load(files: Files, data_dir: &Path, seed: u64, today: Date, attacks: AttackPlan) -> Result<Self, SandboxError> {
        let site = site(&files)?;
        let environment = content::templates(&files, seed, today)?;
        let statements = data::statements(&files, seed, today)?;
        let instances = Instances::create(data_dir, &files.world, &statements).map_err(|error| match error {
            SandboxError::State { source, .. } => files.fault("schema.sql or data.sql", source),
            other => other,
        })?;
        let pages = router(&files, site.page.iter().map(|page: &Page| page.path.as_str()))?;
        let actions = router(&files, site.action.iter().map(|action: &Action| action.path.as_str()))?;
        let templates = site.page.iter().map(|page| &page.template).chain(site.action.iter().map(|action| &action.template));
        for template in templates.chain([&site.missing]).filter(|template| !template.is_empty()) {
            environment.get_template(template).map_err(|error| files.fault("world.toml", content::described(&error)))?;
        }
        Ok(Self { files, site, environment, instances: Arc::new(instances), pages, actions, today, seed, attacks })
    }
}

pub(crate) fn site(files: &Files) -> Result<Site, SandboxError> {
    toml::from_str(files.required("world.toml")?).map_err(|error| files.fault("world.toml", error))
}

fn router<'a>(files: &Files, paths: impl Iterator<Item = &'a str>) -> Result<matchit::Router<usize>, SandboxError> {
    let mut router = matchit::Router::new();
    for (index, path) in paths.enumerate() {
        router.insert(path, index).map_err(|error| files.fault("world.toml", format!("the path {path:?}: {error}")))?;
    }
    Ok(router)
}

/// What is told of a world.
#[derive(Debug, Clone)]
pub struct WorldInfo {
    /// Its folder.
    pub name: String,
    /// Its host.
    pub host: String,
    /// Its title.
    pub title: String,
    /// Where its tasks belong.
    pub category: Category,
    /// What it is.
    pub about: String,
}

/// All worlds that are data.
#[derive(Clone, Default)]
pub struct Worlds(Vec<Arc<World>>);

impl Worlds {
    /// Loads the bundled worlds, or those of `folder` where one is given.
    pub(crate) fn load(folder: Option<&Path>, data_dir: &Path, seed: u64, today: Date, attacks: AttackPlan) -> Result<Self, SandboxError> {
        let mut worlds = Vec::new();
        for files in sources(folder)? {
            worlds.push(Arc::new(World::load(files, data_dir, seed, today, attacks)?));
        }
        Ok(Self(worlds))
    }

    /// Answers a request to the world of this host; `None` where there is none.
    pub(crate) async fn answer(&self, host: &str, request: axum::extract::Request) -> Option<axum::response::Response> {
        let is = |name: &str| host == name || host.strip_suffix(name).is_some_and(|rest| rest.ends_with('.'));
        let world = self.0.iter().find(|world| is(&world.site.host))?;
        Some(serve::answer(Arc::clone(world), request).await)
    }

    /// The hosts that are served.
    pub(crate) fn hosts(&self) -> impl Iterator<Item = String> + '_ {
        self.0.iter().map(|world| world.site.host.clone())
    }

    /// The bundled worlds (or those of a folder), without serving them.
    pub fn list(folder: Option<&Path>) -> Result<Vec<WorldInfo>, SandboxError> {
        sources(folder)?
            .iter()
            .map(|files| {
                let site = site(files)?;
                Ok(WorldInfo { name: files.world.clone(), host: site.host, title: site.title, category: site.category, about: site.about })
            })
            .collect()
    }
}

/// Folders that hold a site; a folder with tasks alone spans several sites.
pub(crate) fn sources(folder: Option<&Path>) -> Result<Vec<Files>, SandboxError> {
    Ok(everything(folder)?.into_iter().filter(|files| files.bytes("world.toml").is_some()).collect())
}

/// All folders.
pub(crate) fn everything(folder: Option<&Path>) -> Result<Vec<Files>, SandboxError> {
    match folder {
        Some(folder) => files::of_folder(folder),
        None => Ok(files::bundled()),
    }
}
