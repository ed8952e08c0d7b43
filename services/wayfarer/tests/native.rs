//! Native agents as their users meet them: the built binary, real Chromium, real HTTP, the bundled shop, and the stand-in as a scripted
//! engine that reads the shop's pixels. This tests the loop around a model, not a model.
#![allow(clippy::unwrap_used, clippy::expect_used, missing_docs)]

// the other test files use the rest
#[allow(dead_code)]
mod support;

use serde_json::{Value, json};
use std::time::Duration;
use support::{Factory, alone, count, wait_until};

const ADD: &str = "Add 1 Trail Mug to the cart.";
const BUY: &str = "Buy 1 Trail Mug and pay for the order.";

fn seed(task: &str) -> String {
    format!(r#"{{"task": "{task}", "start_url": "http://shop.localhost/", "category": "shopping"}}"#)
}

/// Runs `wayfarer agent`: its exit code, what it told at the end, and the steps that it kept.
fn agent(factory: &Factory, task: &str, flags: &[&str]) -> (i32, Value, Vec<Value>) {
    let out = factory.out().display().to_string();
    let output = factory.command(&["agent", task, "--out", &out, "--json"]).args(flags).output().unwrap();
    let told = String::from_utf8(output.stdout).unwrap();
    let last = told.lines().last().unwrap_or_else(|| panic!("nothing was told: {}", String::from_utf8_lossy(&output.stderr)));
    let last: Value = serde_json::from_str(last).unwrap_or_else(|error| panic!("{error}: {told}"));
    let trajectory = factory.read_json(&format!("attempts/{}/trajectory.json", last["attempt"].as_str().unwrap()));
    (output.status.code().unwrap(), last, trajectory["steps"].as_array().unwrap().clone())
}

#[test]
fn one_task_is_solved_from_pixels_and_its_critical_point_is_the_users() {
    let _alone = alone();
    let factory = Factory::new("agent", &[]);

    let (code, told, steps) = agent(&factory, ADD, &[]);
    assert_eq!((code, told["outcome"]["outcome"].as_str()), (0, Some("answered")), "{told}");
    let cart = &steps.last().unwrap()["surfed"]["observation"];
    assert!(
        cart["url"].as_str().unwrap().starts_with("http://shop.localhost/cart")
            && cart["visible_text"].as_str().unwrap().contains("Trail Mug"),
        "{cart}"
    );
    assert!(factory.out().join("index.html").is_file());

    // nobody is there to be asked
    let (code, told, steps) = agent(&factory, BUY, &[]);
    assert_eq!((code, told["outcome"]["outcome"].as_str()), (0, Some("stopped_at_critical_point")), "{told}");
    let last = &steps.last().unwrap()["surfed"];
    assert_eq!((last["gate"]["gate"].as_str(), last["action"]["action"].as_str()), (Some("held"), Some("type")), "{last}");

    // what is allowed is done as it was decided, without asking the model again
    let bound = steps.len() + 1;
    let (code, told, steps) = agent(&factory, BUY, &["--critical-points", "allow", "--max-steps", &bound.to_string()]);
    assert_eq!((code, told["outcome"]["outcome"].as_str()), (1, Some("budget_exceeded")), "{told}");
    let last = &steps.last().unwrap()["surfed"];
    assert_eq!((last["gate"]["gate"].as_str(), last["usage"]["model_calls"].as_u64()), (Some("permitted"), Some(0)), "{last}");
    factory.assert_nothing_runs();
}

#[test]
fn what_was_recorded_is_worked_on_again_without_the_sites() {
    let _alone = alone();
    let factory = Factory::new("replay", &[]);
    let (_, told, before) = agent(&factory, ADD, &["--record"]);
    let har = factory.out().join(format!("attempts/{}/session.har", told["attempt"].as_str().unwrap()));

    // no shop runs now, and its name leads nowhere
    let (code, told, after) = agent(&factory, ADD, &["--replay", &har.display().to_string()]);

    assert_eq!((code, told["outcome"]["outcome"].as_str()), (0, Some("answered")), "{told}");
    let shown = |steps: &[Value]| steps.iter().map(|step| step["surfed"]["observation"]["visible_text"].clone()).collect::<Vec<_>>();
    assert_eq!(shown(&before), shown(&after), "the same pages");
    let other = factory.command(&["agent", ADD, "--replay", "nowhere.har"]).output().unwrap();
    assert!(!other.status.success() && String::from_utf8_lossy(&other.stderr).contains("--replay nowhere.har"));
    factory.assert_nothing_runs();
}

#[test]
fn replies_that_cannot_be_read_are_error_turns_and_three_in_a_row_end_the_attempt() {
    let _alone = alone();
    let factory = Factory::new("broken", &[]);
    let mut children = Children(Vec::new());
    let mut engine = |rate: &str, seed: &str| {
        let standin =
            ["standin", "--listen", "127.0.0.1:0", "--standin-kinds", "malformed", "--standin-fail-rate", rate, "--standin-seed", seed];
        let line = factory.start(&mut children.0, &standin, "http://");
        line.split_whitespace().find(|word| word.starts_with("http://")).unwrap().trim_end_matches([';', ',']).to_owned()
    };
    let start = ["--start-url", "http://shop.localhost/"];

    // a fifth of the replies is broken; most breaks are mended by the parser, the others are told to the model
    let sometimes = engine("1", "5");
    let (_, told, steps) = agent(&factory, ADD, &[&["--endpoint", &sometimes], &start[..]].concat());
    assert_eq!(told["outcome"]["outcome"], "answered", "{told}");
    assert!(steps.iter().any(|step| is_broken(&step["surfed"])), "no reply was broken: choose another seed");

    let never = only_talks();
    let (code, told, steps) = agent(&factory, ADD, &[&["--endpoint", &never], &start[..]].concat());
    assert_eq!((code, told["outcome"]["kind"].as_str(), steps.len()), (1, Some("model"), 2), "{told}");
    assert!(told["outcome"]["detail"].as_str().unwrap().contains("3 replies of the model in a row"), "{told}");

    let never = "http://127.0.0.1:9/v1";
    let output = factory.command(&["agent", ADD, "--endpoint", never]).output().unwrap();
    assert!(String::from_utf8_lossy(&output.stderr).contains("cannot be reached"), "{output:?}");
    drop(children);
    factory.assert_nothing_runs();
}

/// Processes that end with the test, however it ends.
struct Children(Vec<std::process::Child>);

impl Drop for Children {
    fn drop(&mut self) {
        for child in &mut self.0 {
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}

/// A server of a model that never acts, until the test ends.
fn only_talks() -> String {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}/v1", listener.local_addr().unwrap());
    listener.set_nonblocking(true).unwrap();
    // the whole question is read: who answers before that breaks the connection off
    let reply = |_: axum::body::Bytes| async { axum::Json(json!({"choices": [{"message": {"content": "Let me think about it."}}]})) };
    let models = || async { axum::Json(json!({"data": [{"id": "a-talker"}]})) };
    let router = axum::Router::new()
        .route("/v1/chat/completions", axum::routing::post(reply))
        .route("/v1/models", axum::routing::get(models))
        .layer(axum::extract::DefaultBodyLimit::disable());
    std::thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async { axum::serve(tokio::net::TcpListener::from_std(listener).unwrap(), router).await })
    });
    url
}

/// The reply was no tagged call.
fn is_broken(surfed: &Value) -> bool {
    !surfed["raw_reply"].as_str().unwrap().trim_end().ends_with("</tool_call>")
}

#[test]
fn a_model_that_clicks_elsewhere_is_found_out_before_it_works() {
    let factory = Factory::new("canary", &[]);
    let sings = |flags: &[&str]| {
        let output = factory.command(&["agent", "--check"]).args(flags).output().unwrap();
        (output.status.code().unwrap(), String::from_utf8(output.stdout).unwrap())
    };
    assert_eq!(sings(&[]), (0, "wayfarer-standin-1 clicked all 3 targets.\n".to_owned()));
    // the stand-in says pixels, where this profile has a grid
    let (code, told) = sings(&["--profile", "fara-1.5"]);
    assert!(code == 4 && told.contains("off by one scale (1.4"), "{code} {told}");
    factory.assert_nothing_runs();
}

#[test]
fn an_agent_that_is_interrupted_leaves_nothing() {
    let _alone = alone();
    let factory = Factory::new("interrupted", &[]);
    let out = factory.out().display().to_string();
    let mut child = factory.command(&["agent", BUY, "--out", &out, "--critical-points", "allow", "--quiet"]).spawn().unwrap();
    wait_until(Duration::from_secs(60), "a page to be seen", || factory.out().join("blobs").is_dir());
    nix::sys::signal::kill(nix::unistd::Pid::from_raw(child.id() as i32), nix::sys::signal::Signal::SIGINT).unwrap();
    assert_eq!(child.wait().unwrap().code(), Some(3));
    factory.assert_nothing_runs();
}

#[test]
fn runs_are_solved_by_native_agents_and_judged_like_others() {
    let _alone = alone();
    let (add, buy) = (seed(ADD), seed(BUY));
    let factory = Factory::new("native", &[&add, &buy]);

    let flags = ["--solver", "native:fara-7b", "--tasks", "2", "--approve", "0", "--standin-fail-rate", "0"];
    let summary = factory.generate(&flags);

    assert_eq!((count(&summary, "tasks_in"), count(&summary, "accepted")), (2, 2), "{summary}");
    let outcomes = &summary["by_outcome"];
    assert_eq!((&outcomes["answered"], &outcomes["stopped_at_critical_point"]), (&1.into(), &1.into()), "{summary}");
    for attempt in factory.list("attempts") {
        let trajectory = factory.read_json(&format!("attempts/{attempt}/trajectory.json"));
        assert_eq!(trajectory["solver"], "native:fara-7b");
    }
    factory.run_ok(&["run", "audit", "--out"], &[]);
    factory.assert_nothing_runs();
}
