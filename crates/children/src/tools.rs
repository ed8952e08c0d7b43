//! Where the programs are that Wayfarer drives.
//!
//! Looked for, in this order: the folder that `WAYFARER_TOOLS` names; `.wayfarer` in the current folder and those above it; `.wayfarer`
//! in the folders above this program; the `PATH`; where Debian puts them. `scripts/bootstrap.sh` fills `.wayfarer`.

use std::path::{Path, PathBuf};

/// The environment variable that names the folder of tools.
pub const TOOLS_VARIABLE: &str = "WAYFARER_TOOLS";

/// The folder of tools, in the repository or beside the binary.
const TOOLS_FOLDER: &str = ".wayfarer";
const DEBIAN_CHROMIUM: &str = "/usr/lib/chromium";
const DEBIAN_PROGRAMS: &str = "/usr/bin";

/// A program that is not installed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{tool} was not found; run scripts/bootstrap.sh, or set {TOOLS_VARIABLE} to the folder that holds {looked_for}")]
pub struct ToolMissing {
    /// What it is.
    pub tool: &'static str,
    /// What was looked for in the folder of tools.
    pub looked_for: &'static str,
}

/// What was found.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Tools {
    /// nats-server.
    pub nats_server: Option<PathBuf>,
    /// redis-server.
    pub redis_server: Option<PathBuf>,
    /// Chromium's headless shell.
    pub chromium: Option<PathBuf>,
    /// The Playwright driver: a folder with `node` and `package/`.
    pub driver_dir: Option<PathBuf>,
    /// The pages of MiniWoB++: the package's folder `html`.
    pub miniwob: Option<PathBuf>,
}

/// Where to look.
#[derive(Debug, Clone, Default)]
pub struct Places {
    /// Folders of tools, best first: each with `bin/` and `driver/`.
    pub tool_folders: Vec<PathBuf>,
    /// Folders with programs, best first.
    pub program_folders: Vec<PathBuf>,
}

impl Places {
    /// The places of this process.
    pub fn of_this_process() -> Self {
        let current = std::env::current_dir().ok();
        let program = std::env::current_exe().ok();
        let above = |path: Option<PathBuf>| {
            let mut found = Vec::new();
            for folder in path.iter().flat_map(|path| path.ancestors()) {
                found.push(folder.join(TOOLS_FOLDER));
            }
            found
        };

        let mut tool_folders: Vec<PathBuf> = std::env::var_os(TOOLS_VARIABLE).map(PathBuf::from).into_iter().collect();
        tool_folders.extend(above(current));
        tool_folders.extend(above(program));

        let mut program_folders: Vec<PathBuf> =
            std::env::var_os("PATH").map(|path| std::env::split_paths(&path).collect()).unwrap_or_default();
        program_folders.push(DEBIAN_CHROMIUM.into());
        program_folders.push(DEBIAN_PROGRAMS.into());
        Self { tool_folders, program_folders }
    }

    fn program(&self, name: &str) -> Option<PathBuf> {
        let in_tools = self.tool_folders.iter().map(|folder| folder.join("bin").join(name));
        let elsewhere = self.program_folders.iter().map(|folder| folder.join(name));
        in_tools.chain(elsewhere).find(|path| is_program(path))
    }

    fn miniwob(&self) -> Option<PathBuf> {
        let candidates = self.tool_folders.iter().map(|folder| folder.join("miniwob/html"));
        candidates.into_iter().find(|folder| folder.join("miniwob/click-test.html").is_file())
    }

    fn driver(&self) -> Option<PathBuf> {
        let candidates = self.tool_folders.iter().map(|folder| folder.join("driver"));
        candidates.into_iter().find(|folder| is_program(&folder.join("node")) && folder.join("package").is_dir())
    }
}

impl Tools {
    /// Looks in the usual places.
    pub fn locate() -> Self {
        Self::locate_in(&Places::of_this_process())
    }

    /// Looks in these places.
    pub fn locate_in(places: &Places) -> Self {
        Self {
            nats_server: places.program("nats-server"),
            redis_server: places.program("redis-server"),
            chromium: places.program("chromium-headless-shell"),
            driver_dir: places.driver(),
            miniwob: places.miniwob(),
        }
    }

    /// nats-server, or what to do about it.
    pub fn nats_server(&self) -> Result<&Path, ToolMissing> {
        self.nats_server.as_deref().ok_or(ToolMissing { tool: "nats-server", looked_for: "bin/nats-server" })
    }

    /// redis-server, or what to do about it.
    pub fn redis_server(&self) -> Result<&Path, ToolMissing> {
        self.redis_server.as_deref().ok_or(ToolMissing { tool: "redis-server", looked_for: "bin/redis-server" })
    }

    /// Chromium's headless shell, or what to do about it.
    pub fn chromium(&self) -> Result<&Path, ToolMissing> {
        let missing = ToolMissing { tool: "Chromium's headless shell", looked_for: "bin/chromium-headless-shell" };
        self.chromium.as_deref().ok_or(missing)
    }

    /// The pages of MiniWoB++, or what to do about it.
    pub fn miniwob(&self) -> Result<&Path, ToolMissing> {
        self.miniwob.as_deref().ok_or(ToolMissing { tool: "MiniWoB++", looked_for: "miniwob/html (of the PyPI package miniwob 1.1.0)" })
    }

    /// The folder of the Playwright driver, or what to do about it.
    pub fn driver_dir(&self) -> Result<&Path, ToolMissing> {
        self.driver_dir.as_deref().ok_or(ToolMissing { tool: "the Playwright driver", looked_for: "driver/node and driver/package" })
    }
}

fn is_program(path: &Path) -> bool {
    use std::os::unix::fs::PermissionsExt;
    std::fs::metadata(path).is_ok_and(|meta| meta.is_file() && meta.permissions().mode() & 0o111 != 0)
}

/// `setpriv` of util-linux, through which children are tied to this process.
pub(crate) fn setpriv() -> Option<PathBuf> {
    Places::of_this_process().program("setpriv")
}
