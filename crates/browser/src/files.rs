//! Files on their way in and out: allowed ones that pages are given, and downloads that are kept until the session ends.

use crate::BrowserError;
use crate::api::{AllowedFile, MAX_FILES_BYTES};
use crate::sieve::Sieve;
use crate::tab::{Chooser, Realm, Tab, TabError, lock};
use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use bytes::Bytes;
use playwright_rs::FilePayload;
use playwright_rs::protocol::Download;
use playwright_rs::server::channel_owner::ChannelOwner;
use playwright_rs::server::connection::ConnectionLike;
use serde_json::{Value, json};
use std::collections::{BTreeSet, HashMap, HashSet};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, OnceLock};
use std::time::Duration;
use tokio::sync::Notify;
use wayfarer_core::BlobHash;
use wayfarer_core::action::{Bound, KeptFile};
use wayfarer_core::outcome::EnvFailure;

/// Bytes of one download that is kept; one message carries it.
pub(crate) const MAX_KEPT_BYTES: u64 = 16 * 1024 * 1024;
/// Downloads that a session keeps.
const MAX_KEPT: usize = 50;
/// A download that is not whole after this is cancelled.
const KEEP_LIMIT: Duration = Duration::from_secs(20);
/// How long a file chooser may take to open after what opens it was clicked.
const CHOOSER_LIMIT: Duration = Duration::from_secs(2);
/// Longest file name.
const NAME_LENGTH: usize = 120;

/// Bytes that are asked for at once of a file on another machine.
const PART: usize = 1 << 20;

/// A Playwright server that keeps downloads on its own machine.
pub(crate) struct FarFiles {
    pub(crate) connection: Arc<dyn ConnectionLike>,
    pub(crate) sieve: Sieve,
}

impl FarFiles {
    /// A download once it is whole; `None` if it failed, or outgrew what is kept.
    async fn fetch(&self, download: &Download) -> Option<Vec<u8>> {
        let name = self.sieve.download_of(download.page().guid(), download.url())?;
        let stream = self.connection.send_message(&name, "saveAsStream", json!({})).await.ok()?;
        let stream = stream["stream"]["guid"].as_str()?;
        let mut content = Vec::new();
        loop {
            let part = self.connection.send_message(stream, "read", json!({"size": PART})).await.ok()?;
            let part = BASE64_STANDARD.decode(part["binary"].as_str()?).ok()?;
            if part.is_empty() {
                break;
            }
            content.extend(part);
            if content.len() as u64 > MAX_KEPT_BYTES {
                return None;
            }
        }
        // what is not closed goes with its context
        let _ = self.connection.send_message(stream, "close", json!({})).await;
        Some(content)
    }
}

/// What a session has on disk.
pub(crate) struct Files {
    folder: PathBuf,
    /// Where downloads are, if not here.
    far: Option<FarFiles>,
    /// Given with the session, once.
    allowed: OnceLock<Vec<AllowedFile>>,
    kept: Mutex<Kept>,
    /// A download ended, well or badly.
    pub(crate) ended: Notify,
    /// Told of downloads that outgrow what is kept.
    pub(crate) outgrown: Arc<Outgrown>,
}

/// Downloads that outgrew [`MAX_KEPT_BYTES`].
#[derive(Default)]
pub(crate) struct Outgrown {
    addresses: Mutex<HashSet<String>>,
    told: Notify,
}

impl Outgrown {
    /// The download of this address did.
    pub(crate) fn tell(&self, address: &str) {
        // it is told of each piece that comes
        if lock(&self.addresses).insert(address.to_owned()) {
            self.told.notify_waiters();
        }
    }

    /// Returns when the download of this address did.
    async fn wait(&self, address: &str) {
        loop {
            let told = self.told.notified();
            tokio::pin!(told);
            // registered before the look, so that none is missed
            told.as_mut().enable();
            if lock(&self.addresses).contains(address) {
                return;
            }
            told.await;
        }
    }
}

#[derive(Default)]
struct Kept {
    paths: HashMap<BlobHash, PathBuf>,
    /// Files so far, also those that are alike.
    count: usize,
    /// Not told yet.
    fresh: Vec<KeptFile>,
    /// Nor was this.
    cut: BTreeSet<Bound>,
    ended: usize,
}

impl Files {
    /// Nothing is written before the first upload.
    pub(crate) fn new(folder: PathBuf, far: Option<FarFiles>) -> Self {
        Self { folder, far, allowed: OnceLock::new(), kept: Mutex::default(), ended: Notify::new(), outgrown: Arc::default() }
    }

    /// What may be uploaded. Fails when it is more than a session may carry.
    pub(crate) fn allow(&self, allowed: Vec<AllowedFile>) -> Result<(), BrowserError> {
        let bytes: usize = allowed.iter().map(|file| file.content.len()).sum();
        if bytes > MAX_FILES_BYTES {
            let detail = format!("the session's allowed files have {bytes} bytes; {MAX_FILES_BYTES} are carried");
            return Err(BrowserError::environment(EnvFailure::NoBrowser, detail));
        }
        let _ = self.allowed.set(allowed);
        Ok(())
    }

    fn allowed(&self) -> &[AllowedFile] {
        self.allowed.get().map(Vec::as_slice).unwrap_or_default()
    }

    /// Handles that an agent may name, for its eyes.
    pub(crate) fn handles(&self) -> String {
        if self.allowed().is_empty() {
            return "no file may be uploaded in this session".into();
        }
        let handles: Vec<&str> = self.allowed().iter().map(|file| file.handle.as_str()).collect();
        format!("use upload_file with one of: {}", handles.join(", "))
    }

    /// Paths of the files with these handles, written now; or words for the agent.
    async fn paths(&self, handles: &[String]) -> Result<Vec<PathBuf>, String> {
        if handles.is_empty() {
            return Err(format!("no file was named; {}", self.handles()));
        }
        let mut paths = Vec::new();
        for handle in handles {
            let Some((place, file)) = self.allowed().iter().enumerate().find(|(_, file)| file.handle == *handle) else {
                return Err(format!("there is no allowed file {handle:?}; {}", self.handles()));
            };
            // a folder of its own: two files may have one name
            let folder = self.folder.join(place.to_string());
            let path = folder.join(plain_name(&file.name));
            let written = async {
                tokio::fs::create_dir_all(&folder).await?;
                tokio::fs::write(&path, &file.content).await
            };
            written.await.map_err(|error| format!("the file {handle:?} could not be made ready: {error}"))?;
            paths.push(path);
        }
        Ok(paths)
    }

    /// Keeps a download once it is whole.
    pub(crate) async fn keep(&self, download: Download) {
        let name = plain_name(download.suggested_filename());
        let (path, mut cut) = tokio::select! {
            path = self.arrived(&download) => (path, None),
            () = tokio::time::sleep(KEEP_LIMIT) => (None, Some(Bound::DownloadTooSlow)),
            () = self.outgrown.wait(download.url()) => (None, Some(Bound::DownloadTooLarge)),
        };
        let file = match &path {
            Some(path) => match self.take_in(name, path).await {
                Ok(file) => file,
                Err(bound) => {
                    cut = Some(bound);
                    None
                }
            },
            None => None,
        };
        if path.is_none() {
            let _ = download.cancel().await;
        }
        let mut kept = lock(&self.kept);
        kept.ended += 1;
        kept.cut.extend(cut);
        if let (Some(file), Some(path)) = (file, path) {
            kept.paths.insert(file.blob.clone(), path);
            kept.fresh.push(file);
        }
        drop(kept);
        self.ended.notify_waiters();
    }

    /// Where a download is once it is whole.
    async fn arrived(&self, download: &Download) -> Option<PathBuf> {
        let Some(far) = &self.far else { return download.path().await.ok().flatten() };
        let content = far.fetch(download).await?;
        let path = self.folder.join("kept").join(BlobHash::of(&content).as_str());
        tokio::fs::create_dir_all(path.parent()?).await.ok()?;
        tokio::fs::write(&path, content).await.ok()?;
        Some(path)
    }

    /// What is kept of a file that is whole; nothing where it is gone already.
    async fn take_in(&self, name: String, path: &Path) -> Result<Option<KeptFile>, Bound> {
        {
            let mut kept = lock(&self.kept);
            if kept.count >= MAX_KEPT {
                return Err(Bound::TooManyDownloads);
            }
            kept.count += 1;
        }
        let Ok(about) = tokio::fs::metadata(path).await else { return Ok(None) };
        if about.len() > MAX_KEPT_BYTES {
            return Err(Bound::DownloadTooLarge);
        }
        let Ok(content) = tokio::fs::read(path).await else { return Ok(None) };
        Ok(Some(KeptFile { name, bytes: about.len(), blob: BlobHash::of(&content) }))
    }

    /// Downloads that ended since the session began.
    pub(crate) fn ended_downloads(&self) -> usize {
        lock(&self.kept).ended
    }

    /// Files that arrived since the last call.
    pub(crate) fn take_fresh(&self) -> Vec<KeptFile> {
        std::mem::take(&mut lock(&self.kept).fresh)
    }

    /// Why downloads were cut off since the last call.
    pub(crate) fn take_cut(&self) -> BTreeSet<Bound> {
        std::mem::take(&mut lock(&self.kept).cut)
    }

    /// Content of a kept file.
    pub(crate) async fn read(&self, blob: &BlobHash) -> Option<Bytes> {
        let path = lock(&self.kept).paths.get(blob).cloned()?;
        tokio::fs::read(path).await.ok().map(Bytes::from)
    }
}

impl Drop for Files {
    fn drop(&mut self) {
        // copies of a person's files outlive no session
        if let Err(error) = std::fs::remove_dir_all(&self.folder)
            && error.kind() != std::io::ErrorKind::NotFound
        {
            tracing::warn!(%error, folder = %self.folder.display(), "files of a session could not be removed");
        }
    }
}

/// What takes the files.
pub(crate) enum Taker {
    /// A file field: its document and an expression of the page script.
    Field(Realm, String),
    /// Something that opens the chooser when it is clicked there.
    Opener(f64, f64),
}

/// Gives files to a page; words for the agent where that cannot be.
pub(crate) async fn upload(tab: &Tab, files: &Files, taker: Taker, handles: &[String]) -> Result<Option<String>, TabError> {
    let paths = match files.paths(handles).await {
        Ok(paths) => paths,
        Err(fault) => return Ok(Some(fault)),
    };
    match taker {
        Taker::Field(realm, expression) => {
            let (object, multiple) = tab.field_object(&realm, &expression).await?;
            if paths.len() > 1 && !multiple {
                return Ok(Some("this field takes one file".into()));
            }
            give(tab, &realm, json!({"objectId": object}), &paths).await?;
        }
        Taker::Opener(x, y) => {
            tab.take_choosers();
            tab.click(x, y).await?;
            let opened = tab.eventually(CHOOSER_LIMIT, || tab.take_choosers().pop()).await;
            let Some(Chooser { node, multiple }) = opened else {
                return Ok(Some("no file chooser opened when it was clicked".into()));
            };
            if paths.len() > 1 && !multiple {
                return Ok(Some("the file chooser takes one file; it was closed".into()));
            }
            give(tab, &tab.main, json!({"backendNodeId": node}), &paths).await?;
        }
    }
    Ok(None)
}

/// Gives files to a field: their paths to a browser of this machine, what is in them to any other.
async fn give(tab: &Tab, realm: &Realm, mut field: Value, paths: &[PathBuf]) -> Result<(), TabError> {
    if !tab.running.is_remote {
        field["files"] = json!(paths);
        return tab.call_in(realm, "DOM.setFileInputFiles", field).await.map(drop);
    }
    // the script is there from here on
    tab.script_in::<Value>(realm, "null").await?;
    if field["objectId"].is_null() {
        field["executionContextId"] = tab.world(realm).await?;
        field = tab.call_in(realm, "DOM.resolveNode", field).await?["object"].take();
    }
    let mut files = Vec::new();
    for path in paths {
        let path = path.clone();
        // it reads the disk
        let read = tokio::task::spawn_blocking(move || FilePayload::from_path(path)).await;
        let file = read.map_err(|error| error.to_string()).and_then(|read| read.map_err(|error| error.to_string()));
        let file = file.map_err(|why| TabError::Refused(format!("an allowed file could not be read: {why}")))?;
        files.push(json!({"name": file.name, "type": file.mime_type, "base64": BASE64_STANDARD.encode(file.buffer)}));
    }
    let call = json!({
        "objectId": field["objectId"], "arguments": [{"value": files}],
        "functionDeclaration": "function (files) { __wayfarer.giveFiles(this, files); }",
    });
    let answer = tab.call_in(realm, "Runtime.callFunctionOn", call).await?;
    tab.value_of(answer).map(drop)
}

impl Tab {
    /// A handle of the file field that the expression names, and whether it takes several files.
    async fn field_object(&self, realm: &Realm, expression: &str) -> Result<(Value, bool), TabError> {
        let multiple: bool = self.script_in(realm, &format!("{expression}.multiple")).await?;
        Ok((self.object(realm, expression).await?, multiple))
    }
}

/// The last part of a name, without what a disk or a page could take for more than a name.
fn plain_name(name: &str) -> String {
    let last = name.rsplit(['/', '\\']).next().unwrap_or_default();
    let kept: String = last.chars().filter(|c| !c.is_control()).take(NAME_LENGTH).collect();
    if matches!(kept.trim(), "" | "." | "..") { "file".into() } else { kept }
}

#[cfg(test)]
mod tests {
    use super::plain_name;

    #[test]
    fn a_name_is_only_a_name() {
        assert_eq!(plain_name("report.csv"), "report.csv");
        assert_eq!(plain_name("../../etc/passwd"), "passwd");
        assert_eq!(plain_name("C:\\x\\y.txt"), "y.txt");
        assert_eq!(plain_name(".."), "file");
        assert_eq!(plain_name("a/"), "file");
    }
}
