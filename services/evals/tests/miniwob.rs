//! Some tasks of MiniWoB++ in a real Chromium: one for each kind of action. All of them: `wayfarer eval miniwob`.
#![allow(clippy::unwrap_used, clippy::expect_used, missing_docs)]

use std::path::{Path, PathBuf};
use std::sync::Arc;
use tokio_util::sync::CancellationToken;
use wayfarer_browser::{ChromiumOptions, ChromiumSupply};
use wayfarer_evals::miniwob::{Harness, LEFT_OUT, Plan, is_known, matching, play, tasks_in};

fn tools() -> PathBuf {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).ancestors().nth(2).unwrap().to_owned();
    let tools = std::env::var_os("WAYFARER_TOOLS").map_or(root.join(".wayfarer"), PathBuf::from);
    assert!(tools.join("miniwob/html").exists(), "run scripts/bootstrap.sh (or point WAYFARER_TOOLS at what it made)");
    tools
}

#[tokio::test(flavor = "multi_thread")]
async fn pages_are_content_with_what_mouse_and_keyboard_do() {
    let pages = tools().join("miniwob/html");
    let all = tasks_in(&pages).unwrap();
    assert_eq!(all.len(), 130);
    for (task, _) in LEFT_OUT {
        assert!(all.contains(&(*task).to_owned()), "{task} is left out and is no task");
    }
    assert_eq!(matching(&all, "click-tab-2*").len(), 4);
    assert!(matching(&all, "nothing").is_empty());

    let options = ChromiumOptions {
        max_sessions: 3,
        sessions_per_browser: 3,
        ..ChromiumOptions::new("/usr/lib/chromium/chromium-headless-shell", tools().join("driver"))
    };
    let supply = Arc::new(ChromiumSupply::launch(options).await.unwrap());
    let harness = Arc::new(Harness::serve(&pages).await.unwrap());
    let tasks = [
        "choose-date-nodelay",
        "choose-list",
        "click-checkboxes",
        "click-menu",
        "click-tab-2",
        "copy-paste",
        "email-inbox-forward",
        "enter-time",
        "login-user-popup",
        "resize-textarea",
        "scroll-text-2",
        "use-autocomplete",
        "use-slider",
    ];
    assert!(tasks.iter().all(|task| is_known(task)));
    let plan = Plan { tasks: tasks.map(str::to_owned).to_vec(), episodes: 1, seed: 11, sessions: 3 };
    let report = play(supply.clone(), harness, &plan, CancellationToken::new(), |_| {}).await;
    supply.shutdown().await;

    let failed: Vec<_> = report.episodes.iter().filter(|episode| !episode.is_success()).collect();
    assert!(failed.is_empty() && report.episodes.len() == tasks.len(), "{failed:#?}");
}
