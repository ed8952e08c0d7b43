//! The worlds as a whole: their tasks are the same for the same seed, each is read by its own skill alone, and so are their pages.
#![allow(clippy::unwrap_used, clippy::expect_used, missing_docs)]

use std::collections::BTreeSet;
use wayfarer_sandbox::engine::{AttackPlan, WorldOracle};
use wayfarer_sandbox::{Sandbox, SandboxOptions};
use wayfarer_standin::skill;

const DAY: time::Date = time::macros::date!(2026 - 12 - 01);

fn oracle(folder: &std::path::Path) -> WorldOracle {
    WorldOracle::prepare(None, folder, 7, DAY).unwrap()
}

#[test]
fn the_same_seed_gives_the_same_tasks_and_each_is_read_by_its_own_skill() {
    let (one, other) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let oracle_one = oracle(one.path());
    let families: BTreeSet<&str> = oracle_one.families().collect();
    let wanted = families.len();

    let tasks = oracle_one.sample(&[], wanted).unwrap();

    assert!(families.len() >= 100, "{} families", families.len());
    assert_eq!(tasks, oracle(other.path()).sample(&[], wanted).unwrap());
    assert_eq!(tasks.iter().map(|task| task.family.as_str()).collect::<BTreeSet<_>>(), families, "every family is met");
    let is_coded = |family: &str| family.starts_with("shop/") || family.starts_with("tables/");
    for task in tasks.iter().filter(|task| !is_coded(&task.family)) {
        let told = skill::tell(&task.intent);
        assert_eq!(told.map(|told| told.skill.name.as_str()), Some(task.family.as_str()), "{}", task.intent);
    }
    // the wordings of the two older worlds are read by no skill
    for (_, intent) in wayfarer_sandbox::truth::sample_intents(7, DAY, 60) {
        assert!(skill::tell(&intent).is_none(), "{intent}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_same_seed_gives_the_same_pages_in_every_instance() {
    let client = reqwest::Client::new();
    let mut seen: Vec<Vec<String>> = Vec::new();
    for instance in ["one-a1", "two-a1"] {
        let folder = tempfile::tempdir().unwrap();
        let sandbox = Sandbox::start(SandboxOptions {
            data_dir: folder.path().into(),
            docs_dir: None,
            listen: "127.0.0.1:0".parse().unwrap(),
            today: DAY,
            seed: 7,
            worlds_dir: None,
            attacks: AttackPlan::default(),
        })
        .await
        .unwrap();
        let mut pages = Vec::new();
        for host in sandbox.hosts().iter().filter(|host| *host != "docs.localhost") {
            let request = client.get(format!("http://{}/", sandbox.addr())).header("host", host).header("x-wayfarer-instance", instance);
            let page = request.send().await.unwrap();
            assert!(page.status().is_success(), "{host}: {}", page.status());
            pages.push(page.text().await.unwrap());
        }
        sandbox.shutdown().await;
        seen.push(pages);
    }
    assert!(seen[0].len() >= 15, "{} worlds", seen[0].len());
    assert_eq!(seen[0], seen[1]);
}

/// Runs a small report into a folder; what each attempt came to, by attempt.
fn reported(folder: &std::path::Path) -> Vec<serde_json::Value> {
    let run = std::process::Command::new(env!("CARGO_BIN_EXE_wayfarer"))
        .args(["sandbox", "report", "--worlds", "skylark,shop,trip", "--attempts", "12", "--fail-rate", "0.4", "--attack-rate", "0.3"])
        .args(["--seed", "11", "--slots", "2", "--out"])
        .arg(folder)
        .output()
        .unwrap();
    assert!(run.status.success(), "{}", String::from_utf8_lossy(&run.stderr));
    let document: serde_json::Value = serde_json::from_slice(&std::fs::read(folder.join("report.json")).unwrap()).unwrap();
    let mut attempts = document["attempts"].as_array().unwrap().clone();
    attempts.sort_by_key(|attempt| attempt["attempt"].as_str().unwrap().to_owned());
    attempts
}

#[test]
fn the_same_seed_gives_the_same_tasks_truth_and_verdicts_in_two_runs() {
    let (one, other) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let (one, other) = (reported(&one.path().join("out")), reported(&other.path().join("out")));
    assert_eq!(one.len(), 12);
    assert!(one.iter().any(|attempt| attempt["right"] == true) && one.iter().any(|attempt| attempt["right"] == false));
    for (one, other) in one.iter().zip(&other) {
        for key in ["attempt", "intent", "fault", "attack", "outcome", "right", "why", "crossed", "obeyed", "accepted", "judges", "class"] {
            assert_eq!(one[key], other[key], "{key} of {}", one["attempt"]);
        }
    }
}
