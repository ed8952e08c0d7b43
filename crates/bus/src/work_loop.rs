//! The pull loop of every role that works off a queue: takes only what can start now, drains when told to stop.

use crate::{Delivery, Worker};
use std::fmt::Display;
use std::future::Future;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::Semaphore;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

/// How long the loop rests after NATS failed to answer a fetch.
const AFTER_FAILURE: Duration = Duration::from_millis(500);

/// How long work may go on after the token was cancelled: less than a process takes to drain.
const FINISH_WITHIN: Duration = Duration::from_secs(15);

/// Fetches while there are free slots and hands each delivery to `handle` in a task of its own. Returns when the token is cancelled and
/// every handler has ended; one that does not end soon is dropped, and its work given back. What a handler could not end is delivered
/// again once its heart-beats have stayed away.
pub async fn run<H, F, E>(worker: Worker, slots: usize, token: CancellationToken, handle: H)
where
    H: Fn(Delivery) -> F,
    F: Future<Output = Result<(), E>> + Send + 'static,
    E: Display + Send,
{
    let queue = worker.queue();
    let slots = Arc::new(Semaphore::new(slots.max(1)));
    let handlers = TaskTracker::new();
    'pull: loop {
        let first = tokio::select! {
            () = token.cancelled() => break 'pull,
            permit = slots.clone().acquire_owned() => match permit { Ok(permit) => permit, Err(_) => break 'pull },
        };
        let mut permits = vec![first];
        while let Ok(permit) = slots.clone().try_acquire_owned() {
            permits.push(permit);
        }
        let fetched = tokio::select! {
            () = token.cancelled() => break 'pull,
            fetched = worker.fetch(permits.len()) => fetched,
        };
        match fetched {
            Ok(deliveries) => {
                for delivery in deliveries {
                    let permit = permits.pop();
                    let work = handle(delivery.clone());
                    let overdue = overdue(token.clone());
                    handlers.spawn(async move {
                        let ended = tokio::select! {
                            ended = work => Some(ended),
                            () = overdue => None,
                        };
                        match ended {
                            Some(Ok(())) => {}
                            Some(Err(error)) => {
                                tracing::error!(%queue, error = format!("{error:#}"), "work was not ended; it comes back after a pause");
                            }
                            None => give_back(&delivery).await,
                        }
                        drop(permit);
                    });
                }
            }
            Err(error) => {
                tracing::warn!(%error, "fetching work failed; the loop goes on");
                tokio::select! {
                    () = token.cancelled() => break 'pull,
                    () = tokio::time::sleep(AFTER_FAILURE) => {}
                }
            }
        }
    }
    handlers.close();
    handlers.wait().await;
}

async fn overdue(token: CancellationToken) {
    token.cancelled().await;
    tokio::time::sleep(FINISH_WITHIN).await;
}

async fn give_back(delivery: &Delivery) {
    if delivery.is_settled() {
        return;
    }
    tracing::info!(queue = %delivery.queue(), "work is given back to who goes on");
    if let Err(error) = delivery.give_back().await {
        tracing::warn!(%error, "work could not be given back; it comes back by itself after the ack wait");
    }
}
