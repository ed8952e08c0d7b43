//! The factory as its users meet it: the built binary, real nats-server, redis-server and Chromium, the bundled worlds, the stand-in.
#![allow(clippy::unwrap_used, clippy::expect_used, missing_docs)]

// the other test file uses the rest
#[allow(dead_code)]
mod support;

use serde_json::Value;
use std::time::Duration;
use support::{Factory, alone, count, wait_until};

/// Exit code of a check that did not pass.
const CHECK_FAILED: i32 = 4;

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

    the_audit_needs_no_nats_and_finds_what_was_altered(&factory);
    verdicts_are_carried_through(&factory, &summary);

    // the same command on a complete run brings back what somebody removed
    std::fs::remove_file(factory.out().join("index.html")).unwrap();
    factory.generate(&["--tasks", "8"]);
    assert!(factory.out().join("index.html").is_file());
    factory.assert_nothing_runs();
}

fn the_audit_needs_no_nats_and_finds_what_was_altered(factory: &Factory) {
    let audit = || {
        let output = factory.command(&["run", "audit", "--out", &factory.out().display().to_string()]).output().unwrap();
        (output.status.code(), String::from_utf8_lossy(&output.stdout).into_owned())
    };
    std::fs::remove_dir_all(factory.out().join(".cluster")).unwrap();
    assert_eq!(audit().0, Some(0), "{}", audit().1);
    assert!(!factory.out().join(".cluster").exists(), "an audit leaves the folder as it is");

    let (attempt, file) = accepted_attempt(factory);
    let verdict = std::fs::read_to_string(&file).unwrap();
    std::fs::write(&file, verdict.replace("\"decision\": \"accepted\"", "\"decision\": \"invalid_task\", \"why\": \"tampered\"")).unwrap();
    assert!(matches!(audit(), (Some(CHECK_FAILED), told) if told.contains("FAULT") && told.contains(&attempt)));
    std::fs::write(&file, verdict).unwrap();

    let (there, elsewhere) = (factory.out().join("attempts").join(&attempt), factory.folder().join("removed"));
    std::fs::rename(&there, &elsewhere).unwrap();
    assert!(matches!(audit(), (Some(CHECK_FAILED), told) if told.contains("is not in the store")));
    std::fs::rename(&elsewhere, &there).unwrap();
    assert_eq!(audit().0, Some(0));
}

/// Judging again needs no browser, writes the next version, and figures, pages and scores follow.
fn verdicts_are_carried_through(factory: &Factory, summary: &Value) {
    let attempts = factory.list("attempts");
    let (attempt, file) = accepted_attempt(factory);
    let other = attempts.iter().find(|other| **other != attempt).unwrap();
    // somebody has overruled a verdict; judging another attempt again is enough for the figures to follow
    let mut overruled: Value = serde_json::from_slice(&std::fs::read(&file).unwrap()).unwrap();
    overruled["version"] = 2.into();
    overruled["decision"] = serde_json::json!({ "decision": "rejected", "why": "a person said no", "first_failure": null });
    std::fs::write(file.with_file_name("verdict-2.json"), overruled.to_string()).unwrap();
    let flags = ["--standin-fail-rate", "0", "--json"];

    let told = factory.run_json(&["verify", "--attempt", other], &flags);
    assert_eq!(count(&told, "judged"), 1);
    let overruled = factory.read_json("summary.json");
    assert!(factory.read_text("index.html").contains("a person said no"));
    let told = factory.run_json(&["verify"], &flags);
    let restored = factory.read_json("summary.json");

    assert_conserved(&overruled);
    assert!(count(&overruled, "rejected") > 0 && overruled["accepted"] != restored["accepted"], "{overruled}");
    assert_eq!(count(&told, "judged"), attempts.len() as u64 - count(summary, "env_failed"));
    let change = serde_json::json!({ "attempt": attempt, "from": "rejected", "to": "accepted" });
    assert!(told["changes"].as_array().unwrap().contains(&change), "{told}");
    assert_eq!(told["summary"], restored);
    assert!(!factory.read_text("index.html").contains("a person said no"));
    assert!(factory.read_score(&attempt).contains("\\\"verdict_version\\\":3"), "{}", factory.read_score(&attempt));
    assert_eq!(restored["wall_s"], summary["wall_s"], "judging again is no part of the run");

    // one attempt that cannot be read costs only itself
    std::fs::write(factory.out().join("attempts").join(other).join("trajectory.json"), "{ half").unwrap();
    let output = factory.command(&["verify", &factory.out().display().to_string(), "--json"]).output().unwrap();
    let told: Value = serde_json::from_str(String::from_utf8_lossy(&output.stdout).lines().last().unwrap()).unwrap();
    assert_eq!(output.status.code(), Some(1));
    assert_eq!((count(&told, "failed"), count(&told, "judged")), (1, attempts.len() as u64 - count(summary, "env_failed") - 1), "{told}");
}

/// An attempt that was accepted, and the file of its verdict.
fn accepted_attempt(factory: &Factory) -> (String, std::path::PathBuf) {
    let verdict = |attempt: &String| factory.out().join("attempts").join(attempt).join("verdict-1.json");
    let is_accepted = |file: &std::path::PathBuf| {
        std::fs::read(file).is_ok_and(|bytes| serde_json::from_slice::<Value>(&bytes).unwrap()["decision"]["decision"] == "accepted")
    };
    let mut attempts = factory.list("attempts").into_iter().map(|attempt| (verdict(&attempt), attempt));
    let (file, attempt) = attempts.find(|(file, _)| is_accepted(file)).expect("an accepted attempt");
    (attempt, file)
}

#[test]
fn a_killed_run_is_completed_by_the_same_command() {
    let _alone = alone();
    let factory = Factory::new("killed", &[support::SHOP, support::TABLES]);
    let flags = ["--tasks", "6", "--strategies", "targeted,exemplar"];

    let mut killed = factory.spawn_generate(&flags);
    factory.wait_for_attempt(Duration::from_secs(300));
    let meanwhile = factory.command(&["verify", &factory.out().display().to_string()]).output().unwrap();
    assert!(String::from_utf8_lossy(&meanwhile.stderr).contains("another process works on"), "{meanwhile:?}");
    killed.kill().unwrap(); // SIGKILL
    killed.wait().unwrap();
    factory.assert_nothing_runs();
    // without its event log it would begin anew between the attempts of its first life
    let (machinery, aside) = (factory.out().join(".cluster"), factory.folder().join("aside"));
    std::fs::rename(&machinery, &aside).unwrap();
    let lost = factory.generate_into(&factory.out(), &flags);
    assert!(String::from_utf8_lossy(&lost.stderr).contains("or another --out"), "{lost:?}");
    std::fs::remove_dir_all(&machinery).unwrap();
    std::fs::rename(&aside, &machinery).unwrap();
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
fn an_attempt_is_bounded_as_flags_and_configuration_say() {
    let factory = Factory::new("budgets", &[support::SHOP]);
    let config = factory.file("budgets.toml", "[budgets]\nsteps = 9\nseconds = 700\n");
    let out = factory.out().display().to_string();
    let flags = ["--config", &config, "--max-steps", "1", "--max-cost-usd", "2", "--tasks", "2", "--strategies", "targeted", "--json"];

    let output = factory.command(&["generate", "--seeds", &factory.seeds(), "--out", &out]).args(flags).output().unwrap();

    let (said, told) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    let summary: Value = serde_json::from_str(said.lines().last().unwrap()).unwrap();
    assert_conserved(&summary);
    assert!(count(&summary["by_outcome"], "budget_exceeded") >= 1, "{summary}");
    let budgets = &factory.read_json("run.json")["budgets"];
    assert_eq!((count(budgets, "steps"), count(budgets, "seconds"), count(budgets, "replans")), (1, 700, 3));
    // the stand-in has no price
    assert_eq!(told.matches("a budget in US dollars is set, but no model has a price").count(), 1, "{told}");
    assert!(said.contains("unpriced") && !said.contains("$0"), "{said}");
    factory.assert_nothing_runs();
}

#[test]
fn the_card_that_pays_is_kept_nowhere() {
    let buy = r#"{"intent": "Buy 1 Trail Mug and pay for the order.", "start_url": "http://shop.localhost/", "category": "shopping"}"#;
    let factory = Factory::new("canary", &[buy]);
    let (seeds, out) = (factory.seeds(), factory.out().display().to_string());
    let flags = ["--tasks", "1", "--strategies", "exemplar", "--standin-fail-rate", "0", "--approve", "1", "--log", "debug"];

    let run = factory.command(&["generate", "--seeds", &seeds, "--out", &out]).args(flags).output().unwrap();

    assert!(run.status.success(), "{}", String::from_utf8_lossy(&run.stderr));
    let rows = factory.run_json(&["sandbox", "check"], &["--json"]);
    assert_eq!(count(&rows, "orders"), 1, "the card reached the page and paid: {rows}");
    let mut kept = vec![("the log".to_owned(), run.stderr), ("the output".to_owned(), run.stdout)];
    kept.extend(support::files_below(&factory.out()));
    assert!(kept.iter().any(|(_, bytes)| String::from_utf8_lossy(bytes).contains("[[card_number]]")));
    for (name, mut bytes) in kept {
        bytes.retain(|byte| !b" +-".contains(byte));
        assert!(!String::from_utf8_lossy(&bytes).contains("4242424242424242"), "the card's number is in {name}");
    }
}

#[test]
fn every_role_as_its_own_process_completes_a_run() {
    let _alone = alone();
    let factory = Factory::new("cluster", &[support::SHOP]);

    let cluster = factory.start_cluster();
    let run = factory.cluster_run(&cluster, &["--tasks", "3", "--strategies", "targeted"]);
    // who would take this run's work, or whose work it would take, is refused
    let shared = ["--nats-url", &cluster.nats_url, "--redis-url", &cluster.redis_url];
    let refused = factory.generate_into(&factory.out(), &shared);
    assert!(String::from_utf8_lossy(&refused.stderr).contains("leave --nats-url out"), "{refused:?}");
    let summary = factory.watch(&cluster, &run);

    assert_conserved(&summary);
    assert_eq!(summary["complete"], true);
    assert!(count(&summary, "tasks_in") >= 1, "{summary}");
    // the curator finishes its folder, too
    let folder = factory.folder().join("store").join(&run);
    let read = |name: &str| std::fs::read(folder.join(name)).ok().and_then(|bytes| serde_json::from_slice::<Value>(&bytes).ok());
    wait_until(Duration::from_secs(60), "the run's folder to be finished", || {
        read("summary.json").is_some_and(|summary| summary["complete"] == true)
    });
    assert_eq!(read("tasks.json").unwrap().as_array().unwrap().len() as u64, count(&summary, "tasks_in"));
    for file in ["index.html", "README.md", "events.jsonl"] {
        assert!(folder.join(file).is_file(), "{file} is missing");
    }
    let audit = factory.command(&["run", "audit", "--out", &folder.display().to_string()]).output().unwrap();
    assert!(audit.status.success(), "{}", String::from_utf8_lossy(&audit.stdout));
    let audit = factory.command(&["run", "audit", "--gateway", &cluster.gateway, &run]).output().unwrap();
    assert!(audit.status.success(), "{}", String::from_utf8_lossy(&audit.stdout));
    cluster.stop();
    factory.assert_nothing_runs();
}

#[test]
fn a_role_without_what_it_needs_is_alive_and_not_ready() {
    let factory = Factory::new("ready", &[support::SHOP]);
    let mut role = factory.start_inference();

    assert_eq!(role.get("/readyz"), (200, "ready\n".to_owned()));
    role.kill("redis-server");
    let lines = role.wait_for_readiness(503);
    assert!(lines.contains("inference is not ready: redis: "), "{lines}");
    role.kill("standin");
    support::wait_until(Duration::from_secs(30), "the endpoint to be missed", || role.get("/readyz").1.contains("not ready: model: "));
    assert_eq!(role.get("/livez").0, 200);

    drop(role);
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
