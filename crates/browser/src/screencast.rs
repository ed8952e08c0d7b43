//! What a session's page looks like, frame by frame, for people who watch.

use crate::wire::{CdpSession, Wire};
use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use bytes::Bytes;
use futures::future::BoxFuture;
use serde_json::{Value, json};
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::mpsc;

/// How often it is asked which page is the current one, and what it is called.
const LOOK_EVERY: Duration = Duration::from_secs(1);
/// Frames that wait for whoever watches; the browser sends no more until they are taken.
const WAITING: usize = 2;
/// How long a call beside the frames may take.
const CALL_LIMIT: Duration = Duration::from_secs(5);

/// How large and how good frames are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ScreencastOptions {
    /// Pixels at most, the page's proportions kept.
    pub max_width: u32,
    /// Pixels at most, the page's proportions kept.
    pub max_height: u32,
    /// 1 to 100, of JPEG.
    pub quality: u8,
}

impl Default for ScreencastOptions {
    fn default() -> Self {
        Self { max_width: 1280, max_height: 1280, quality: 60 }
    }
}

/// One look at the page: a frame is sent when the page draws something new.
#[derive(Debug, Clone, PartialEq)]
pub struct Frame {
    /// JPEG of the visible part.
    pub jpeg: Bytes,
    /// Address of the page.
    pub url: String,
    /// Its title.
    pub title: String,
}

/// Gives the current page's target; none when there is no page at the moment.
pub(crate) type CurrentPage = Arc<dyn Fn() -> BoxFuture<'static, Option<String>> + Send + Sync>;

/// Frames of the page that is the current one, until the browser is gone or nobody takes them.
pub(crate) fn start(wire: Wire, current: CurrentPage, options: ScreencastOptions) -> mpsc::Receiver<Frame> {
    let (sender, frames) = mpsc::channel(WAITING);
    tokio::spawn(async move {
        let gone = wire.gone().clone();
        let watching = async {
            let mut look = tokio::time::interval(LOOK_EVERY);
            loop {
                match current().await {
                    Some(target) => watch(&wire, &target, &current, options, &sender).await,
                    None => {
                        look.tick().await;
                    }
                }
            }
        };
        tokio::select! {
            () = watching => {}
            () = sender.closed() => {}
            () = gone.cancelled() => {}
        }
    });
    frames
}

/// Sends frames of one page until it is the current one no more.
async fn watch(wire: &Wire, target: &str, current: &CurrentPage, options: ScreencastOptions, sender: &mpsc::Sender<Frame>) {
    let Ok(Ok(cdp)) = tokio::time::timeout(CALL_LIMIT, wire.attach(target)).await else {
        return tokio::time::sleep(LOOK_EVERY).await;
    };
    let (told, mut events) = mpsc::channel::<(Bytes, Value)>(WAITING);
    cdp.on("Page.screencastFrame", move |event| {
        let jpeg = event["data"].as_str().and_then(|data| BASE64_STANDARD.decode(data).ok());
        if let Some(jpeg) = jpeg {
            // the browser waits for the acknowledgement of earlier ones: there is room
            let _ = told.try_send((jpeg.into(), event["sessionId"].clone()));
        }
    });
    let wanted = json!({
        "format": "jpeg", "quality": options.quality.clamp(1, 100), "maxWidth": options.max_width, "maxHeight": options.max_height,
    });
    if !matches!(tokio::time::timeout(CALL_LIMIT, cdp.send("Page.startScreencast", &wanted)).await, Ok(Ok(_))) {
        return tokio::time::sleep(LOOK_EVERY).await;
    }
    let mut named = name_of(wire, target).await;
    let mut last: Option<Bytes> = None;
    let mut look = tokio::time::interval(LOOK_EVERY);
    loop {
        tokio::select! {
            Some((jpeg, number)) = events.recv() => {
                last = Some(jpeg.clone());
                let (url, title) = named.clone();
                if sender.send(Frame { jpeg, url, title }).await.is_err() {
                    return;
                }
                acknowledge(&cdp, number).await;
            }
            _ = look.tick() => {
                if current().await.as_deref() != Some(target) {
                    return;
                }
                let now = name_of(wire, target).await;
                if now != named {
                    named = now;
                    // the picture may be the same while the name is not
                    if let Some(jpeg) = last.clone() {
                        let (url, title) = named.clone();
                        if sender.send(Frame { jpeg, url, title }).await.is_err() {
                            return;
                        }
                    }
                }
            }
            () = cdp.detached().cancelled() => return,
        }
    }
}

async fn acknowledge(cdp: &CdpSession, number: Value) {
    let _ = tokio::time::timeout(CALL_LIMIT, cdp.send("Page.screencastFrameAck", &json!({"sessionId": number}))).await;
}

/// Address and title of a page.
async fn name_of(wire: &Wire, target: &str) -> (String, String) {
    let asked = tokio::time::timeout(CALL_LIMIT, wire.browser("Target.getTargetInfo", &json!({"targetId": target}))).await;
    let info = asked.ok().and_then(Result::ok).unwrap_or_default();
    let text = |key: &str| info["targetInfo"][key].as_str().unwrap_or_default().to_owned();
    (text("url"), text("title"))
}
