//! A clipboard of the session's own. The one of a Chromium belongs to its process, and so to every session in it: what one copies, another
//! would paste.
//!
//! What the session's documents copy is told by a script in them (`clipboard.js`) and kept here. Nothing is ever pasted from the browser's
//! own: the keys that paste are pressed without the command that they stand for, and the page script does what it would do, with what is
//! kept here.

use crate::tab::{fresh_key, lock};
use crate::wire::CdpSession;
use serde::Deserialize;
use serde_json::json;
use std::sync::{Arc, Mutex};

/// Runs in every document.
const SCRIPT: &str = include_str!("clipboard.js");
/// Letters that are kept, of text and of HTML.
const MOST: usize = 512 * 1024;

/// What was copied last.
#[derive(Debug, Clone, Default, Deserialize)]
pub(crate) struct Copied {
    pub(crate) text: String,
    pub(crate) html: String,
}

/// What a session copied last.
pub(crate) struct Clipboard {
    /// The function that tells; no page can guess its name.
    teller: String,
    copied: Mutex<Copied>,
}

impl Default for Clipboard {
    fn default() -> Self {
        Self { teller: format!("_{}", fresh_key()), copied: Mutex::default() }
    }
}

impl Clipboard {
    /// Hears of what documents copy.
    pub(crate) async fn listen(self: &Arc<Self>, cdp: &CdpSession) -> Result<(), String> {
        let clipboard = Arc::clone(self);
        cdp.on("Runtime.bindingCalled", move |event| {
            if event["name"] == clipboard.teller.as_str()
                && let Ok(copied) = serde_json::from_str::<Copied>(event["payload"].as_str().unwrap_or_default())
                && copied.text.len() + copied.html.len() <= 8 * MOST
            {
                *lock(&clipboard.copied) = copied;
            }
        });
        let script = format!("{}(\"{}\", {MOST});", SCRIPT.trim_end(), self.teller);
        let run = json!({"source": script, "runImmediately": true});
        // without it documents to come find no function to tell by
        cdp.tell("Runtime.enable", &json!({}))?;
        cdp.tell("Runtime.addBinding", &json!({"name": self.teller}))?;
        cdp.send("Page.addScriptToEvaluateOnNewDocument", &run).await.map(drop)
    }

    /// What was copied last.
    pub(crate) fn copied(&self) -> Copied {
        lock(&self.copied).clone()
    }
}
