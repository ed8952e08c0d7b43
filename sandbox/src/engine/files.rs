//! Where the files of worlds come from: compiled in, or a folder while a world is being written.

use crate::error::SandboxError;
use include_dir::{Dir, include_dir};
use std::borrow::Cow;
use std::collections::BTreeMap;
use std::path::Path;

static BUNDLED: Dir<'static> = include_dir!("$CARGO_MANIFEST_DIR/worlds");

/// The files of one world by their path within it.
pub(crate) struct Files {
    pub(crate) world: String,
    files: BTreeMap<String, Cow<'static, [u8]>>,
}

impl Files {
    /// The bytes of a file.
    pub(crate) fn bytes(&self, path: &str) -> Option<&[u8]> {
        self.files.get(path).map(AsRef::as_ref)
    }

    /// The text of a file; `None` where it is not there.
    pub(crate) fn text(&self, path: &str) -> Result<Option<&str>, SandboxError> {
        let Some(bytes) = self.bytes(path) else { return Ok(None) };
        std::str::from_utf8(bytes).map(Some).map_err(|error| self.fault(path, error))
    }

    /// The text of a file that must be there.
    pub(crate) fn required(&self, path: &str) -> Result<&str, SandboxError> {
        self.text(path)?.ok_or_else(|| self.fault(path, "the file is missing"))
    }

    /// Paths in a folder (`templates/`), sorted.
    pub(crate) fn below<'a>(&'a self, folder: &'a str) -> impl Iterator<Item = &'a str> {
        self.files.keys().map(String::as_str).filter(move |path| path.starts_with(folder))
    }

    /// A fault of a file of this world.
    pub(crate) fn fault(&self, path: &str, why: impl std::fmt::Display) -> SandboxError {
        SandboxError::World { world: self.world.clone(), file: path.to_owned(), why: why.to_string() }
    }
}

/// The worlds that are compiled in.
pub(crate) fn bundled() -> Vec<Files> {
    let mut worlds: Vec<Files> = BUNDLED
        .dirs()
        .map(|dir| {
            let mut files = BTreeMap::new();
            collect(dir, dir.path(), &mut files);
            Files { world: dir.path().to_string_lossy().into_owned(), files }
        })
        .collect();
    worlds.sort_by(|a, b| a.world.cmp(&b.world));
    worlds
}

fn collect(dir: &Dir<'static>, root: &Path, files: &mut BTreeMap<String, Cow<'static, [u8]>>) {
    for file in dir.files() {
        if let Ok(path) = file.path().strip_prefix(root) {
            files.insert(path.to_string_lossy().into_owned(), Cow::Borrowed(file.contents()));
        }
    }
    for inner in dir.dirs() {
        collect(inner, root, files);
    }
}

/// The worlds of a folder, one a sub-folder.
pub(crate) fn of_folder(folder: &Path) -> Result<Vec<Files>, SandboxError> {
    let folder_error = |source| SandboxError::Folder { path: folder.to_path_buf(), source };
    let mut worlds = Vec::new();
    for entry in std::fs::read_dir(folder).map_err(folder_error)? {
        let path = entry.map_err(folder_error)?.path();
        if path.is_dir() {
            let mut files = BTreeMap::new();
            read(&path, &path, &mut files).map_err(folder_error)?;
            let world = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
            worlds.push(Files { world, files });
        }
    }
    worlds.sort_by(|a, b| a.world.cmp(&b.world));
    Ok(worlds)
}

fn read(dir: &Path, root: &Path, files: &mut BTreeMap<String, Cow<'static, [u8]>>) -> std::io::Result<()> {
    for entry in std::fs::read_dir(dir)? {
        let path = entry?.path();
        if path.is_dir() {
            read(&path, root, files)?;
        } else if let Ok(name) = path.strip_prefix(root) {
            files.insert(name.to_string_lossy().into_owned(), Cow::Owned(std::fs::read(&path)?));
        }
    }
    Ok(())
}
