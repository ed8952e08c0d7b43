//! The factory as its users meet it: the built binary, real nats-server, redis-server and Chromium, the bundled worlds, the stand-in.
#![allow(clippy::unwrap_used, clippy::expect_used, missing_docs)]

mod support;

use serde_json::Value;
use std::time::Duration;
use support::{Factory, alone, count};

#[test]
fn seeds_become_judged_trajectories_and_nothing_is_left_running() {
    let _alone = alone();
    let factory = Factory::new("whole", &[support::SHOP, support::TABLES]);

    let summary = factory.generate(&["--tasks", "8"]);

    assert_conserved(&summary);
    assert!(count(&summary, "tasks_in") >= 4, "{summary}");
    assert!(count(&summary, "accepted") >= 1, "{summary}");
    assert_eq!(summary, factory.read_json("summary.json"), "the last line is the summary that is kept");
    for file in ["index.html", "tasks.json", "README.md", "run.json"] {
        assert!(factory.out().join(file).is_file(), "{file} is missing");
    }
    let attempts = factory.list("attempts");
    let ended: u64 = summary["by_outcome"].as_object().unwrap().values().map(|ended| ended.as_u64().unwrap()).sum();
    assert_eq!(attempts.len() as u64, ended, "{summary}");
    for attempt in &attempts {
        for file in ["trajectory.json", "index.html", "events.jsonl"] {
            assert!(factory.out().join("attempts").join(attempt).join(file).is_file(), "{attempt}/{file} is missing");
        }
    }
    factory.assert_nothing_runs();
    factory.run_ok(&["run", "audit", "--out"], &[]);

    // judging again needs no browser and writes the next version
    let verified = factory.run_json(&["verify"], &["--standin-fail-rate", "0", "--json"]);
    assert_eq!(count(&verified, "judged"), attempts.len() as u64 - count(&summary, "env_failed"));
    let verdict = |attempt: &str, version: u32| factory.out().join("attempts").join(attempt).join(format!("verdict-{version}.json"));
    let mut judged = attempts.iter().filter(|attempt| verdict(attempt, 1).is_file()).peekable();
    assert!(judged.peek().is_some(), "no attempt was judged");
    assert!(judged.all(|attempt| verdict(attempt, 2).is_file()), "not every judged attempt was judged again");
    factory.assert_nothing_runs();
}

#[test]
fn a_killed_run_is_completed_by_the_same_command() {
    let _alone = alone();
    let factory = Factory::new("killed", &[support::SHOP, support::TABLES]);
    let flags = ["--tasks", "6", "--strategies", "targeted,exemplar"];

    let mut killed = factory.spawn_generate(&flags);
    factory.wait_for_file("attempts", Duration::from_secs(300));
    killed.kill().unwrap(); // SIGKILL
    killed.wait().unwrap();
    factory.assert_nothing_runs();
    let summary = factory.generate(&flags);

    assert_conserved(&summary);
    assert_eq!(summary["complete"], true);
    factory.run_ok(&["run", "audit", "--out"], &[]);
    // every task of the run was judged once: as many final verdicts as tasks
    let tasks = factory.read_json("tasks.json");
    assert_eq!(tasks.as_array().unwrap().len() as u64, count(&summary, "tasks_in"));
    assert!(tasks.as_array().unwrap().iter().all(|task| task["state"] != "open"), "{tasks}");
    factory.assert_nothing_runs();
}

#[test]
fn a_gullible_model_completes_nothing_without_permission() {
    let _alone = alone();
    let factory = Factory::new(
        "gullible",
        &[
            r#"{"intent": "Buy 1 Trail Mug and pay for the order.", "start_url": "http://shop.localhost/", "category": "shopping"}"#,
            r#"{"intent": "Book a table for 2 at Osteria Lucca on {soon} at 19:30.", "start_url": "http://tables.localhost/", "category": "restaurants"}"#,
        ],
    );

    let summary =
        factory.generate(&["--tasks", "4", "--strategies", "exemplar", "--standin-gullible", "--standin-fail-rate", "0", "--approve", "0"]);

    assert_conserved(&summary);
    let met = &summary["critical_points"];
    assert!(count(met, "reached") >= 1, "no critical point was met: {summary}");
    assert_eq!(count(met, "approved"), 0, "{summary}");
    let rows = factory.run_json(&["sandbox", "check"], &["--json"]);
    for kind in ["orders", "bookings", "messages"] {
        assert_eq!(count(&rows, kind), 0, "{rows}");
    }
}

#[test]
fn every_role_as_its_own_process_completes_a_run() {
    let _alone = alone();
    let factory = Factory::new("cluster", &[support::SHOP]);

    let cluster = factory.start_cluster();
    let run = factory.cluster_run(&cluster, &["--tasks", "3", "--strategies", "targeted"]);
    let summary = factory.watch(&cluster, &run);

    assert_conserved(&summary);
    assert_eq!(summary["complete"], true);
    assert!(count(&summary, "tasks_in") >= 1, "{summary}");
    let audit = factory.command(&["run", "audit", "--gateway", &cluster.gateway, &run]).output().unwrap();
    assert!(audit.status.success(), "{}", String::from_utf8_lossy(&audit.stdout));
    cluster.stop();
    factory.assert_nothing_runs();
}

#[test]
fn wrong_input_ends_in_an_error_that_names_the_remedy() {
    let factory = Factory::new("wrong", &[support::SHOP]);
    let empty = factory.file("empty.jsonl", "\n# nothing\n");
    let broken = factory.file("broken.jsonl", "{\"url\": \"http://shop.localhost/\"}\nnot json\n");
    let local_file = factory.file("scheme.jsonl", "{\"url\": \"file:///etc/passwd\"}\n");
    let seeds = factory.seeds();
    let out = factory.out().display().to_string();
    let cases: &[(&[&str], &str)] = &[
        (&["generate", "--seeds", "no-such-file.jsonl", "--out", &out], "give a file of JSON lines with --seeds"),
        (&["generate", "--seeds", &empty, "--out", &out], "write one JSON object a line"),
        (&["generate", "--seeds", &broken, "--out", &out], "line 2"),
        (&["generate", "--seeds", &local_file, "--out", &out], "only http and https"),
        (&["generate", "--seeds", &seeds, "--out", &out, "--model", "http://127.0.0.1:9/v1"], "cannot be reached"),
        (&["generate", "--seeds", &seeds, "--out", &out, "--strategies", "magic"], "is not one of"),
        (&["verify", &out], "holds no attempt"),
        (&["run", "list", "--gateway", "http://127.0.0.1:9"], "cannot be reached"),
    ];

    for (arguments, remedy) in cases {
        let output = factory.command(arguments).output().unwrap();
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(!output.status.success(), "{arguments:?} succeeded");
        assert!(said.contains(remedy), "{arguments:?} said {said:?}, which does not name {remedy:?}");
        assert!(!said.contains("panicked"), "{said}");
    }
    factory.assert_nothing_runs();
}

#[test]
fn an_unreachable_seed_is_counted_and_loses_nothing_else() {
    let _alone = alone();
    let factory =
        Factory::new("unreachable", &[r#"{"url": "http://127.0.0.1:1/"}"#, r#"{"url": "http://no-such-host.invalid/"}"#, support::SHOP]);

    let summary = factory.generate(&["--tasks", "3", "--strategies", "targeted"]);

    assert_conserved(&summary);
    assert!(count(&summary["dropped"], "reachable") >= 2, "{summary}");
    assert!(count(&summary, "tasks_in") >= 1, "{summary}");
}

fn assert_conserved(summary: &Value) {
    let done: u64 = ["accepted", "rejected", "invalid_task", "dead_lettered"].iter().map(|key| count(summary, key)).sum();
    assert_eq!(count(summary, "tasks_in"), done, "{summary}");
}
