//! Ctrl-C and SIGTERM.

use tokio::signal::unix::{SignalKind, signal};

/// Ends when somebody asks this process to stop. It listens from the call on, not only from the first await: a signal that comes while
/// servers start is then seen when they run, and they are stopped in order.
pub fn requested() -> impl Future<Output = ()> + Send + 'static {
    let signals = signal(SignalKind::interrupt()).and_then(|interrupt| Ok((interrupt, signal(SignalKind::terminate())?)));
    async move {
        let Ok((mut interrupt, mut terminate)) = signals else {
            // no handler: the default action ends the process, and the children with it
            return std::future::pending().await;
        };
        tokio::select! {
            _ = interrupt.recv() => {}
            _ = terminate.recv() => {}
        }
    }
}

/// From now on a further Ctrl-C (or SIGTERM) ends the process at once.
pub fn exit_when_asked_again() {
    let again = requested();
    tokio::spawn(async {
        again.await;
        std::process::exit(130);
    });
}
