//! Judged attempts in the reference harness's layout, read back by readers that share nothing with the writer.
#![allow(clippy::unwrap_used, clippy::expect_used, missing_docs)]

#[path = "../../../crates/viewer/tests/sample/mod.rs"]
mod sample;

use serde_json::Value;
use std::collections::BTreeMap;
use std::path::Path;
use std::process::Command;
use wayfarer_actor_curator::{CurateError, EVAL_HASH, FinalAnswer, Score, Times, curate, dataset_card};
use wayfarer_core::run::Summary;
use wayfarer_core::verdict::Decision;
use wayfarer_core::{BlobHash, Verdict};
use wayfarer_store::Store;

async fn curated_run() -> (tempfile::TempDir, Store) {
    let folder = tempfile::tempdir().unwrap();
    let store = Store::open(folder.path()).unwrap();
    sample::write(&store, &sample::plain_picture).await;
    for task in ["shop-a-01", "shop-a-02"] {
        curate(&store, &sample::attempt(task, 1)).await.unwrap();
    }
    (folder, store)
}

fn read<T: serde::de::DeserializeOwned>(path: &Path) -> T {
    serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap()
}

fn all_files(folder: &Path) -> BTreeMap<String, Vec<u8>> {
    let mut files = BTreeMap::new();
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            files.extend(all_files(&path));
        } else {
            files.insert(path.display().to_string(), std::fs::read(&path).unwrap());
        }
    }
    files
}

#[tokio::test]
async fn an_accepted_attempt_reads_back_as_it_was() {
    let (folder, store) = curated_run().await;
    let task = folder.path().join("harness/traj/shop-a-01");
    let trajectory = store.get_trajectory(&sample::attempt("shop-a-01", 1)).await.unwrap();

    let answer: FinalAnswer = read(&task.join("shop-a-01_final_answer.json"));
    let times: Times = read(&task.join("times.json"));
    let score: Score = read(&task.join(format!("scores/{EVAL_HASH}.json")));
    let data: Value = read(&task.join("task_data.json"));
    let log = std::fs::read_to_string(task.join("web_surfer.log")).unwrap();

    assert_eq!(Some(answer.final_answer), trajectory.answer);
    let seen = trajectory.first_observation.iter().chain(trajectory.steps.iter().map(|step| &step.surfed.observation));
    let expected: Vec<BlobHash> = seen.map(|page| page.screenshot.clone()).collect();
    let found: Vec<BlobHash> = answer.screenshots.iter().map(|name| BlobHash::of(&std::fs::read(task.join(name)).unwrap())).collect();
    assert_eq!(found, expected, "the start page and then the page after every action");
    assert_eq!(answer.screenshots.last().map(String::as_str), Some("screenshot_6.png"));

    let events: Vec<Value> = log.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let actions: Vec<&Value> = events.iter().filter(|event| event.get("action").is_some()).collect();
    let names: Vec<&str> = actions.iter().map(|event| event["arguments"]["action"].as_str().unwrap()).collect();
    assert_eq!(names, ["type", "left_click", "pause_and_memorize_fact", "left_click", "terminate", "terminate"]);
    assert_eq!(actions[1]["arguments"]["coordinate"], serde_json::json!([210, 300]));
    assert_eq!(actions[1]["url"], "http://shop.localhost/search?q=trail+mug", "the page on which it was decided");
    assert!(actions[4]["arguments"]["thoughts"].as_str().unwrap().contains("$48.00 in all"), "the answer is part of the thought");
    let messages: Vec<&str> = events.iter().filter_map(|event| event["message"].as_str()).collect();
    assert!(messages.iter().any(|message| message.starts_with("Thought #1: ") && message.contains("\nAction #1: ")));
    assert!(messages.iter().any(|message| message.starts_with("Observation#6: ")));

    assert_eq!(score.score, 1.0);
    let told: Value = serde_json::from_str(&score.gpt_response_text).unwrap();
    assert_eq!(
        (&told["rubric_is_success"], &told["mm_is_success"], &told["verifier_is_success"]),
        (&true.into(), &true.into(), &true.into())
    );
    assert!((times.duration - 30.1).abs() < 0.001);
    assert_eq!(data["actions"].as_array().unwrap().len(), trajectory.steps.len());
    assert_eq!(data["solver_ledger"].as_array().unwrap().len(), trajectory.steps.len());
    assert_eq!(data["init_url"], "http://shop.localhost/");
    assert_eq!(data["crossed_critical_point"], false);
    assert_eq!(data["actions"][1]["bounding_box_coord"], serde_json::json!([60.0, 130.0, 360.0, 470.0]));
}

#[tokio::test]
async fn what_never_reached_the_browser_is_told_but_is_no_action() {
    let (folder, _) = curated_run().await;
    let task = folder.path().join("harness/traj/shop-a-02");

    let log = std::fs::read_to_string(task.join("web_surfer.log")).unwrap();
    let answer: FinalAnswer = read(&task.join("shop-a-02_final_answer.json"));
    let data: Value = read(&task.join("task_data.json"));
    let score: Score = read(&task.join(format!("scores/{EVAL_HASH}.json")));

    let events: Vec<Value> = log.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let actions = events.iter().filter(|event| event.get("action").is_some()).count();
    assert_eq!(actions, 2, "neither the stop that was rolled back nor the order that the gate held");
    assert_eq!(answer.screenshots.len(), actions + 1);
    assert!(log.contains("the stop was rolled back") && log.contains("the critical-point gate held it"));
    assert_eq!(data["rollback_premature_stop_action"], true);
    assert_eq!(data["web_surfing_at_critical_point"], true);
    assert_eq!(data["web_surfing_stalled_and_replanned"], true);
    assert_eq!(data["crossed_critical_point"], false);
    assert_eq!(score.score, 0.0);
}

#[tokio::test]
async fn curating_again_gives_the_same_bytes_and_mends_what_was_damaged() {
    let (folder, store) = curated_run().await;
    let harness = folder.path().join("harness");
    let before = all_files(&harness);
    let screenshot = harness.join("traj/shop-a-01/screenshot_0.png");
    std::fs::remove_file(&screenshot).unwrap();
    std::fs::write(&screenshot, b"half a pict").unwrap();

    curate(&store, &sample::attempt("shop-a-01", 1)).await.unwrap();

    assert!(before == all_files(&harness));
}

#[tokio::test]
async fn a_task_that_cannot_be_judged_has_no_score_and_an_unjudged_attempt_is_refused() {
    let (folder, store) = curated_run().await;
    let mut second = store.get_trajectory(&sample::attempt("shop-a-01", 1)).await.unwrap();
    second.attempt.number = 2;
    store.put_trajectory(&second).await.unwrap();
    let verdict =
        Verdict { version: 1, decision: Decision::InvalidTask { why: "the shop is closed".into() }, ..first_verdict(&store).await };
    store.put_verdict(&second.attempt, &verdict).await.unwrap();

    curate(&store, &second.attempt).await.unwrap();
    let unjudged = curate(&store, &sample::attempt("shop-a-03", 1)).await;

    let task = folder.path().join("harness/traj/shop-a-01-a2");
    assert!(task.join("shop-a-01-a2_final_answer.json").exists() && !task.join("scores").exists());
    assert!(folder.path().join("harness/traj/shop-a-01").exists(), "a second attempt hides no first one");
    assert!(matches!(unjudged, Err(CurateError::NotJudged(_))));
}

async fn first_verdict(store: &Store) -> Verdict {
    store.get_verdict(&sample::attempt("shop-a-01", 1)).await.unwrap().unwrap()
}

#[tokio::test]
async fn an_independent_reader_in_python_reads_the_folder() {
    if Command::new("python3").arg("--version").output().is_err() {
        eprintln!("python3 is not here; the readers in Rust stand alone");
        return;
    }
    let (folder, _) = curated_run().await;
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../scripts/read_harness.py");

    let output = Command::new("python3").arg(script).arg(folder.path().join("harness")).output().unwrap();

    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let lines: Vec<Value> = String::from_utf8(output.stdout).unwrap().lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let [accepted, rejected, means] = lines.as_slice() else { panic!("{lines:?}") };
    assert_eq!(accepted["scores"][EVAL_HASH], 1.0);
    assert_eq!(rejected["scores"][EVAL_HASH], 0.0);
    assert_eq!(means["mean_score"], 0.5);
}

#[tokio::test]
async fn the_card_says_what_made_the_data() {
    let (_folder, store) = curated_run().await;
    let summary: Summary = store.get_document("summary.json").await.unwrap();

    let of_stand_in = dataset_card(&summary, &["wayfarer-standin-1".into()]);
    let of_model = dataset_card(&summary, &["some-model".into(), "some-model".into()]);

    assert!(of_stand_in.contains("rule-based stand-in (`wayfarer-standin-1`)") && of_stand_in.contains("| accepted | 1 |"));
    assert!(!of_model.contains("stand-in") && of_model.contains("judged: `some-model`."));
}
