//! What the binary does with bad input and bad surroundings: a clear end, the remedy in words, the documented exit code, and nothing
//! left behind.

#![allow(clippy::unwrap_used, clippy::expect_used, missing_docs)]

// the other test file uses the rest
#[allow(dead_code)]
mod support;

use serde_json::Value;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::os::unix::fs::PermissionsExt;
use std::process::{Output, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};
use support::{DRAINING, Factory, alone, count};

/// Exit codes, as `wayfarer --help` has them.
const FAILED: i32 = 1;
const WRONG_USAGE: i32 = 2;
const INTERRUPTED: i32 = 3;

#[test]
fn wrong_flags_are_wrong_usage_and_name_the_flag() {
    let factory = Factory::new("flags", &[support::SHOP]);
    let file = factory.file("a-file", "");
    let unknown_key = factory.file("unknown.toml", "[farm]\nchromeum = \"/usr/bin/chromium\"\n");
    let out = factory.out().display().to_string();
    let cases: &[(&[&str], &str)] = &[
        (&["--out", &file], "is a file; give a folder"),
        (&["--out", &out, "--approve", "2"], "--approve must lie between"),
        (&["--out", &out, "--slots", "0"], "--slots must lie between"),
        (&["--out", &out, "--standin-kinds", "sulking"], "--standin-kinds"),
        (&["--out", &out, "--model", "nonsense"], "NAME@https://host/v1"),
        (&["--out", &out, "--model", "https://user:key@host/v1"], "WAYFARER_API_KEY"),
        (&["--out", &out, "--config", &unknown_key], "did you mean `chromium`"),
    ];

    for (flags, said) in cases {
        let output = generate(&factory, flags, &[]);
        assert_ended(&output, WRONG_USAGE, said);
    }
    assert_ended(&factory.command(&["up", "--roles", "sorcerer"]).output().unwrap(), WRONG_USAGE, "the roles are");
}

#[test]
fn surroundings_that_do_not_work_are_named_with_their_remedy_and_do_not_bind_the_folder() {
    let _alone = alone();
    let factory = Factory::new("surroundings", &[support::SHOP]);
    let out = factory.out().display().to_string();
    let no_browser = factory.file("no-browser.toml", "[farm]\nchromium = \"/bin/false\"\n");
    let old_nats = factory.file("nats-server", "#!/bin/sh\necho 'nats-server: v2.9.10'\n");
    let tools = tools_with(&factory, &old_nats);

    let browserless = generate(&factory, &["--out", &out, "--config", &no_browser], &[]);
    let outdated = generate(&factory, &["--out", &out], &[("WAYFARER_TOOLS", &tools)]);
    let modelless = generate(&factory, &["--out", &out, "--model", "http://127.0.0.1:9/v1"], &[]);

    assert_ended(&browserless, FAILED, "Chromium at /bin/false could not start");
    assert_ended(&outdated, FAILED, "2.12.0 or newer is needed; run scripts/bootstrap.sh");
    assert_ended(&modelless, FAILED, "give another with --model");
    assert!(!factory.out().join("run.json").exists(), "a start that failed bound the folder to its flags");
    factory.assert_nothing_runs();
}

#[test]
fn a_model_that_is_none_is_met_before_there_is_work() {
    let factory = Factory::new("nonsense", &[support::SHOP]);
    let out = factory.out().display().to_string();
    let page = FakeModel::start(|_| (200, "<html>Welcome</html>".into()));
    let keyless = FakeModel::start(|_| (401, r#"{"error": {"message": "no such key"}}"#.into()));

    let nonsense = generate(&factory, &["--out", &out, "--model", &page.url], &[]);
    let refused = generate(&factory, &["--out", &out, "--model", &keyless.url], &[]);

    assert_ended(&nonsense, FAILED, "no chat completion");
    assert_ended(&refused, FAILED, "no such key");
    assert_eq!((page.asked(), keyless.asked()), (1, 1));
}

#[test]
fn a_model_that_dies_in_mid_run_is_told_and_every_seed_has_its_reason() {
    let _alone = alone();
    let factory = Factory::new("dying", &[support::SHOP, support::TABLES]);
    let out = factory.out().display().to_string();
    let dying = FakeModel::start(|call| if call == 1 { (200, completion("ok")) } else { (500, "out of memory".into()) });
    let started = Instant::now();

    let output = generate(&factory, &["--out", &out, "--model", &dying.url, "--tasks", "2", "--strategies", "targeted", "--json"], &[]);

    assert_ended(&output, FAILED, "The model fails");
    assert_ended(&output, FAILED, "out of memory");
    let summary: Value = serde_json::from_str(String::from_utf8_lossy(&output.stdout).lines().last().unwrap()).unwrap();
    assert_eq!(count(&summary["dropped"], "model"), 2, "{summary}");
    assert_eq!(summary["complete"], true);
    assert!(dying.asked() < 100, "{} requests are a hot loop", dying.asked());
    assert!(started.elapsed() < Duration::from_secs(300));
    factory.assert_nothing_runs();
}

#[test]
fn ctrl_c_drains_and_the_same_command_resumes() {
    let _alone = alone();
    let factory = Factory::new("interrupted", &[support::SHOP]);
    let flags = ["--tasks", "2", "--strategies", "targeted", "--standin-fail-rate", "0"];
    let mut running = factory.spawn_generate(&flags);
    // written when everything runs and work begins
    factory.wait_for_file("run.json", Duration::from_secs(120));

    nix::sys::signal::kill(nix::unistd::Pid::from_raw(running.id() as i32), nix::sys::signal::Signal::SIGINT).unwrap();
    let asked_at = Instant::now();
    let status = running.wait().unwrap();

    assert_eq!(status.code(), Some(INTERRUPTED));
    assert!(asked_at.elapsed() < DRAINING, "draining took {:?}", asked_at.elapsed());
    factory.assert_nothing_runs();
    let summary = factory.generate(&flags);
    assert_eq!(summary["complete"], true);
    assert!(count(&summary, "tasks_in") >= 1, "{summary}");
}

fn generate(factory: &Factory, flags: &[&str], variables: &[(&str, &str)]) -> Output {
    let mut command = factory.command(&["generate", "--seeds", &factory.seeds()]);
    command.args(flags).envs(variables.iter().copied()).stdout(Stdio::piped()).stderr(Stdio::piped()).output().unwrap()
}

fn assert_ended(output: &Output, code: i32, said: &str) {
    let words = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(code), "{words}");
    assert!(words.contains(said), "{words:?} does not say {said:?}");
    assert!(!words.contains("panicked"), "{words}");
}

/// A tools folder whose nats-server is this script.
fn tools_with(factory: &Factory, script: &str) -> String {
    let tools = factory.out().parent().unwrap().join("tools");
    std::fs::create_dir_all(tools.join("bin")).unwrap();
    let program = tools.join("bin/nats-server");
    std::fs::copy(script, &program).unwrap();
    std::fs::set_permissions(&program, std::fs::Permissions::from_mode(0o755)).unwrap();
    tools.display().to_string()
}

fn completion(text: &str) -> String {
    serde_json::json!({ "model": "fake", "choices": [{ "message": { "role": "assistant", "content": text } }] }).to_string()
}

/// An endpoint that lists one model, and answers every completion as it is told to.
struct FakeModel {
    url: String,
    asked: Arc<AtomicUsize>,
}

impl FakeModel {
    /// `answer` gets the number of the completion, from 1, and gives status and body.
    fn start(answer: impl Fn(usize) -> (u16, String) + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}/v1", listener.local_addr().unwrap());
        let asked = Arc::new(AtomicUsize::new(0));
        let (calls, answer) = (asked.clone(), Arc::new(answer));
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let (calls, answer) = (calls.clone(), answer.clone());
                std::thread::spawn(move || {
                    // a client that went away is not this test's business
                    let _ = serve_one(stream, |path| {
                        if path.ends_with("/models") {
                            return (200, r#"{"data": [{"id": "fake"}]}"#.into());
                        }
                        answer(calls.fetch_add(1, Ordering::SeqCst) + 1)
                    });
                });
            }
        });
        Self { url, asked }
    }

    fn asked(&self) -> usize {
        self.asked.load(Ordering::SeqCst)
    }
}

fn serve_one(mut stream: TcpStream, answer: impl Fn(&str) -> (u16, String)) -> std::io::Result<()> {
    let mut reader = BufReader::new(stream.try_clone()?);
    let mut request = String::new();
    reader.read_line(&mut request)?;
    let mut length = 0;
    loop {
        let mut header = String::new();
        reader.read_line(&mut header)?;
        if header.trim().is_empty() {
            break;
        }
        if let Some(value) = header.to_ascii_lowercase().strip_prefix("content-length:") {
            length = value.trim().parse().unwrap_or(0);
        }
    }
    std::io::copy(&mut reader.take(length), &mut std::io::sink())?;
    let (status, body) = answer(request.split_whitespace().nth(1).unwrap_or_default());
    write!(stream, "HTTP/1.1 {status} .\r\ncontent-length: {}\r\nconnection: close\r\n\r\n{body}", body.len())
}
