//! How browser farms stand, told over NATS by those that run them and heard by those that place sessions.

use futures::StreamExt;
use std::sync::Arc;
use std::time::Duration;
use tokio_util::sync::CancellationToken;
use wayfarer_browser_farm::Farm;
use wayfarer_bus::Bus;
use wayfarer_proto::v1::FarmStanding;
use wayfarer_rpc::{Board, STANDING_TTL};

/// How often a farm speaks when nothing changes; a lost word or two must not make it unknown.
const EVERY: Duration = Duration::from_millis(STANDING_TTL.as_millis() as u64 / 4);
/// How much is gathered into one word when much changes.
const GATHER: Duration = Duration::from_millis(50);
/// Pause before listening again when the connection would not have it.
const AGAIN: Duration = Duration::from_secs(1);

/// Tells how a farm stands until it stops; its last word is that it drains.
pub async fn tell(bus: Bus, farm: Arc<Farm>, address: String, stop: CancellationToken) {
    loop {
        // registered before the look, so that no change is missed
        let changed = farm.changed();
        tokio::pin!(changed);
        let standing = farm.standing();
        let count = |number: usize| u32::try_from(number).unwrap_or(u32::MAX);
        let word = FarmStanding {
            address: address.clone(),
            capacity: count(standing.capacity),
            free: count(standing.free),
            waiting: count(standing.waiting),
            memory_free_mib: standing.memory_free_mib.unwrap_or_default(),
            draining: standing.draining || stop.is_cancelled(),
        };
        if let Err(error) = bus.tell_standing(&word).await {
            tracing::debug!(%error, "a word about the farm was lost; the next one follows");
        }
        if stop.is_cancelled() {
            return;
        }
        tokio::select! {
            () = stop.cancelled() => {}
            () = changed => { let _ = tokio::time::timeout(GATHER, stop.cancelled()).await; }
            () = tokio::time::sleep(EVERY) => {}
        }
    }
}

/// Keeps the board up to date until `stop`. Without news the farms are asked in turn.
pub async fn listen(bus: Bus, board: Arc<Board>, stop: CancellationToken) {
    let listening = async {
        loop {
            match bus.farm_standings().await {
                Ok(news) => {
                    news.for_each(|standing| {
                        board.hear(standing);
                        std::future::ready(())
                    })
                    .await
                }
                Err(error) => tracing::debug!(%error, "how farms stand cannot be heard yet"),
            }
            tokio::time::sleep(AGAIN).await;
        }
    };
    tokio::select! {
        () = stop.cancelled() => {}
        () = listening => {}
    }
}
