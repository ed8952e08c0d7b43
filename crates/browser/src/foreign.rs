//! Documents into which the page script of the document around them cannot see: frames of other sites, and closed shadow roots.
//!
//! A frame of another site gets a script of its own, spoken to through the session of its process. What it sees is moved to where the
//! frame is drawn, and what something in front of the frame hides is no mark. Its ids begin at a number of its own, so that a mark says
//! by itself where it lives.
//!
//! ```text
//! top document  ids 10…        ── spot of the frame ──▶  frame 1  ids 100,010…  ── spot ──▶  frame 2  ids 200,010…
//! ```

use crate::tab::{Realm, Tab, TabError, lock};
use futures::future::join_all;
use serde::Deserialize;
use serde_json::{Value, json};
use std::collections::HashMap;
use std::sync::Mutex;
use wayfarer_core::observation::Rect;

/// Ids of one document.
const IDS_OF_ONE: u32 = 100_000;
/// Frames in frames.
pub(crate) const MAX_DEPTH: usize = 3;
/// Frames of one page that are looked into.
pub(crate) const MAX_FRAMES: usize = 8;

/// What is known of the frames of other sites in a page.
#[derive(Default)]
pub(crate) struct Foreigners {
    frames: Mutex<HashMap<u32, ForeignFrame>>,
    numbers: Mutex<HashMap<String, u32>>,
    /// Sessions of other processes, by frame.
    sessions: Mutex<HashMap<String, Realm>>,
    /// The frame that has the focus.
    focused: Mutex<Option<u32>>,
}

/// A frame of another site.
#[derive(Clone)]
pub(crate) struct ForeignFrame {
    /// Number of the document around it; 0 is the top one.
    parent: u32,
    /// The mark that it is there.
    owner: u32,
    realm: Realm,
    /// The last look at it.
    judged: String,
}

/// Where a frame's document is drawn in the document around it.
#[derive(Debug, Clone, Copy, Deserialize)]
pub(crate) struct Spot {
    /// The mark of the frame.
    #[serde(default)]
    pub(crate) id: u32,
    x: f64,
    y: f64,
    sx: f64,
    sy: f64,
}

impl Spot {
    fn outward(&self, x: f64, y: f64) -> (f64, f64) {
        (self.x + x * self.sx, self.y + y * self.sy)
    }

    fn inward(&self, x: f64, y: f64) -> (f64, f64) {
        ((x - self.x) / self.sx, (y - self.y) / self.sy)
    }

    /// A box of the frame's document in the document around it.
    pub(crate) fn move_out(&self, rect: Rect) -> Rect {
        let (x, y) = self.outward(rect.x, rect.y);
        Rect { x, y, w: rect.w * self.sx, h: rect.h * self.sy }
    }
}

#[derive(Deserialize)]
#[serde(untagged)]
enum FoundSpot {
    Lost { error: String },
    There(Spot),
}

/// Number of the document that a mark lives in; 0 is the top one.
pub(crate) fn number_of(mark: u32) -> u32 {
    mark / IDS_OF_ONE
}

/// What the ids of a document begin with.
pub(crate) fn base_of(number: u32) -> u32 {
    number.saturating_mul(IDS_OF_ONE)
}

impl Tab {
    /// The document that a mark lives in, and the look that it is judged by; the top one where there is no mark.
    pub(crate) fn realm_of(&self, mark: Option<u32>) -> (Realm, Value) {
        let number = mark.map_or(0, number_of);
        match lock(&self.foreign.frames).get(&number) {
            Some(frame) => (frame.realm.clone(), Value::from(frame.judged.clone())),
            None => (self.main.clone(), self.judged()),
        }
    }

    /// The document that has the focus.
    pub(crate) fn focused_realm(&self) -> (Realm, Value) {
        let focused = *lock(&self.foreign.focused);
        self.realm_of(focused.map(base_of))
    }

    /// Forgets the frames of the last look.
    pub(crate) fn forget_foreign(&self) {
        lock(&self.foreign.frames).clear();
        *lock(&self.foreign.focused) = None;
    }

    /// Whether the last look met frames of other sites.
    pub(crate) fn has_foreign(&self) -> bool {
        !lock(&self.foreign.frames).is_empty()
    }

    /// The documents of the frames that the last look met.
    pub(crate) fn foreign_realms(&self) -> Vec<Realm> {
        let frames = lock(&self.foreign.frames);
        let mut numbers: Vec<&u32> = frames.keys().collect();
        numbers.sort_unstable();
        numbers.into_iter().filter_map(|number| frames.get(number)).map(|frame| frame.realm.clone()).collect()
    }

    /// The frame has the focus.
    pub(crate) fn focus_foreign(&self, number: u32) {
        *lock(&self.foreign.focused) = Some(number);
    }

    /// Remembers which look at a frame actions are judged by.
    pub(crate) fn judge_foreign(&self, number: u32, token: String) {
        if let Some(frame) = lock(&self.foreign.frames).get_mut(&number) {
            frame.judged = token;
        }
    }

    /// Makes a frame of another site known: its number and how its document is spoken to; `None` where it cannot be.
    pub(crate) async fn meet(&self, parent: u32, around: &Realm, owner: u32) -> Option<(u32, Realm)> {
        let element = self.object(around, &format!("__wayfarer.byId({owner})")).await.ok()?;
        let node = self.call_in(around, "DOM.describeNode", json!({"objectId": element})).await.ok()?;
        let id = node["node"]["frameId"].as_str()?.to_owned();
        let same_process = Realm { cdp: around.cdp.clone(), frame: id.clone() };
        let realm = match self.world(&same_process).await {
            Ok(_) => same_process,
            Err(_) => self.other_process(&id).await?,
        };
        let number = {
            let mut numbers = lock(&self.foreign.numbers);
            let next = numbers.len() as u32 + 1;
            *numbers.entry(id).or_insert(next)
        };
        let frame = ForeignFrame { parent, owner, realm: realm.clone(), judged: String::new() };
        lock(&self.foreign.frames).insert(number, frame);
        Some((number, realm))
    }

    /// The session of the process that draws this frame.
    async fn other_process(&self, id: &str) -> Option<Realm> {
        let known = lock(&self.foreign.sessions).get(id).cloned();
        if let Some(realm) = known {
            if self.world(&realm).await.is_ok() {
                return Some(realm);
            }
            // it went to another process
            lock(&self.foreign.sessions).remove(id);
        }
        // frames that share the process of the document around them are no targets of their own
        let cdp = self.running.wire().attach(id).await.ok()?;
        self.attend(&cdp).await.ok()?;
        let realm = Realm { cdp, frame: id.to_owned() };
        lock(&self.foreign.sessions).insert(id.to_owned(), realm.clone());
        Some(realm)
    }

    /// Frames from the top document down to the one that a mark lives in.
    fn frames_around(&self, mark: u32) -> Vec<ForeignFrame> {
        let frames = lock(&self.foreign.frames);
        let mut chain = Vec::new();
        let mut number = number_of(mark);
        while let Some(frame) = frames.get(&number)
            && chain.len() <= MAX_DEPTH
        {
            chain.insert(0, frame.clone());
            number = frame.parent;
        }
        chain
    }

    async fn spot(&self, frame: &ForeignFrame, into_view: bool) -> Result<Result<Spot, String>, TabError> {
        let (around, _) = self.realm_of(Some(frame.owner));
        let found = self.script_in(&around, &format!("__wayfarer.frameSpot({}, {into_view})", frame.owner)).await?;
        Ok(match found {
            FoundSpot::There(spot) => Ok(spot),
            FoundSpot::Lost { error } => Err(error),
        })
    }

    /// Finds a mark of a frame anew, brings it into view and says where a click must go; in words where it cannot be met.
    pub(crate) async fn locate_foreign(&self, mark: u32, x: f64, y: f64) -> Result<Result<Value, String>, TabError> {
        let chain = self.frames_around(mark);
        if chain.is_empty() {
            return Ok(Err(format!("mark {mark} is gone")));
        }
        let (mut inner_x, mut inner_y) = (x, y);
        for frame in &chain {
            match self.spot(frame, true).await? {
                Ok(spot) => (inner_x, inner_y) = spot.inward(inner_x, inner_y),
                Err(error) => return Ok(Err(error)),
            }
        }
        let (realm, judged) = self.realm_of(Some(mark));
        let mut place: Value = self.script_in(&realm, &format!("__wayfarer.locate({mark}, {judged}, {inner_x}, {inner_y})")).await?;
        if let Some(error) = place["error"].as_str() {
            return Ok(Err(error.to_owned()));
        }
        let (mut x, mut y) = (place["x"].as_f64().unwrap_or_default(), place["y"].as_f64().unwrap_or_default());
        // bringing it into view may have moved the frames around it too
        for frame in chain.iter().rev() {
            match self.spot(frame, false).await? {
                Ok(spot) => (x, y) = spot.outward(x, y),
                Err(error) => return Ok(Err(error)),
            }
            let (around, _) = self.realm_of(Some(frame.owner));
            if !self.on_top(&around, frame.owner, &[(x, y)]).await?.contains(&true) {
                return Ok(Err(format!("mark {mark} is covered by something in front of its frame")));
            }
        }
        place["x"] = x.into();
        place["y"] = y.into();
        Ok(Ok(place))
    }

    /// Which points of the document around it meet the frame and nothing in front of it.
    pub(crate) async fn on_top(&self, around: &Realm, owner: u32, points: &[(f64, f64)]) -> Result<Vec<bool>, TabError> {
        self.script_in(around, &format!("__wayfarer.onTop({owner}, {})", json!(points))).await
    }

    /// Shows the page script the closed shadow roots of elements that may have one; whether there were any.
    pub(crate) async fn show_closed_roots(&self, realm: &Realm) -> Result<bool, TabError> {
        let list = self.object(realm, "__wayfarer.suspects()").await?;
        let listed = self.call_in(realm, "Runtime.getProperties", json!({"objectId": list, "ownProperties": true})).await?;
        let hosts: Vec<Value> = listed["result"]
            .as_array()
            .into_iter()
            .flatten()
            .filter(|property| property["name"].as_str().is_some_and(|name| name.parse::<u32>().is_ok()))
            .filter_map(|property| property["value"].get("objectId").cloned())
            .collect();
        let shown = join_all(hosts.into_iter().map(|host| self.show_closed_root(realm, host))).await;
        let released = json!({"objectId": list});
        self.call_in(realm, "Runtime.releaseObject", released).await?;
        Ok(shown.into_iter().any(|shown| matches!(shown, Ok(true))))
    }

    async fn show_closed_root(&self, realm: &Realm, host: Value) -> Result<bool, TabError> {
        let node = self.call_in(realm, "DOM.describeNode", json!({"objectId": host})).await?;
        let roots = node["node"]["shadowRoots"].as_array();
        let Some(root) = roots.into_iter().flatten().find(|root| root["shadowRootType"] == "closed") else { return Ok(false) };
        let context = self.world(realm).await?;
        let params = json!({"backendNodeId": root["backendNodeId"], "executionContextId": context});
        let resolved = self.call_in(realm, "DOM.resolveNode", params).await?;
        let adopt = json!({
            "functionDeclaration": "function (root) { __wayfarer.adopt(this, root); }", "objectId": host,
            "arguments": [{"objectId": resolved["object"]["objectId"]}],
        });
        self.call_in(realm, "Runtime.callFunctionOn", adopt).await?;
        Ok(true)
    }
}
