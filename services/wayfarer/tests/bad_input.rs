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
        (&["--out", &out, "--max-steps", "0"], "command line: `budgets.steps` must be 1 or more"),
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
fn a_run_that_cannot_be_read_is_not_taken_for_none() {
    let factory = Factory::new("unreadable", &[support::SHOP]);
    let out = factory.out().display().to_string();
    std::fs::create_dir_all(factory.out()).unwrap();
    std::fs::write(factory.out().join("run.json"), "{ half").unwrap();

    let refused = generate(&factory, &["--out", &out], &[]);

    assert_ended(&refused, FAILED, "give another --out");
    assert_eq!(factory.read_text("run.json"), "{ half");
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

    let patience = [("WAYFARER__CLUSTER__OUTAGE_PATIENCE_SECONDS", "5")];
    let output =
        generate(&factory, &["--out", &out, "--model", &dying.url, "--tasks", "2", "--strategies", "targeted", "--json"], &patience);

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
fn ctrl_c_drains_tells_how_far_it_came_and_the_same_command_resumes() {
    let _alone = alone();
    let factory = Factory::new("interrupted", &[support::SHOP]);
    let flags = ["--tasks", "2", "--strategies", "targeted", "--standin-fail-rate", "0"];
    let running = factory.spawn_generate(&flags);
    // written when everything runs and work begins; the page follows at once
    factory.wait_for_file("run.json", Duration::from_secs(180));
    factory.wait_for_file("index.html", Duration::from_secs(180));

    let asked_at = Instant::now();
    let output = interrupt(running);

    assert_ended(&output, INTERRUPTED, "this goes on where it stopped");
    assert_ended(&output, INTERRUPTED, "--strategies targeted --standin-fail-rate 0");
    assert!(asked_at.elapsed() < DRAINING, "draining took {:?}", asked_at.elapsed());
    factory.assert_nothing_runs();
    let told: Value = serde_json::from_str(String::from_utf8_lossy(&output.stdout).lines().last().unwrap()).unwrap();
    assert_eq!(told["complete"], false);
    assert_eq!(told, factory.read_json("summary.json"), "what is told is what is kept");
    for file in ["README.md", "tasks.json", "events.jsonl"] {
        assert!(factory.out().join(file).is_file(), "{file} is missing");
    }
    assert!(factory.read_text("index.html").contains("not complete"));

    let summary = factory.generate(&flags);
    assert_eq!(summary["complete"], true);
    assert!(count(&summary, "tasks_in") >= 1, "{summary}");
    assert!(!factory.read_text("index.html").contains("not complete"));
}

#[test]
fn a_nats_with_an_open_run_takes_no_second_one_and_the_folder_is_audited_without_it() {
    let _alone = alone();
    let factory = Factory::new("shared", &[support::SHOP]);
    let servers = factory.start_servers();
    let flags = ["--nats-url", &servers.nats_url, "--redis-url", &servers.redis_url, "--tasks", "2", "--strategies", "targeted"];
    let running = factory.spawn_generate(&flags);
    factory.wait_for_file("run.json", Duration::from_secs(60));
    factory.wait_for_file("index.html", Duration::from_secs(60));
    let interrupted = interrupt(running);
    assert_eq!(interrupted.status.code(), Some(INTERRUPTED));

    let second = factory.generate_into(&factory.folder().join("second"), &flags);
    let summary = factory.generate(&flags);
    servers.stop();

    assert_ended(&second, FAILED, "which is not complete");
    assert_ended(&second, FAILED, "leave --nats-url out");
    assert!(!factory.folder().join("second/run.json").exists());
    assert_eq!(summary["complete"], true);
    factory.run_ok(&["run", "audit", "--out"], &[]);
    factory.assert_nothing_runs();
}

#[test]
fn a_disk_that_fills_up_ends_the_run_with_its_remedy_and_loses_nothing() {
    let _alone = alone();
    let factory = Factory::new("disk", &[support::SHOP]);
    // 200 MB must be free for work to begin
    let Some(_disk) = SmallDisk::mount(&factory.out(), "size=260m") else { return };
    let flags = ["--tasks", "3", "--strategies", "targeted", "--standin-fail-rate", "0"];
    let out = factory.out().display().to_string();
    let mut command = factory.command(&["generate", "--seeds", &factory.seeds(), "--out", &out]);
    let running = command.args(flags).stdout(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap();
    factory.wait_for_file("blobs", Duration::from_secs(120));

    let filler = factory.out().join("filler");
    let full = std::io::copy(&mut std::io::repeat(0), &mut std::fs::File::create(&filler).unwrap()).unwrap_err();
    let ended = running.wait_with_output().unwrap();

    assert_eq!(full.kind(), std::io::ErrorKind::StorageFull);
    assert_ended(&ended, FAILED, "MB are free on the disk");
    assert_ended(&generate(&factory, &["--out", &out], &[]), FAILED, "run the same command again");
    factory.assert_nothing_runs();
    std::fs::remove_file(filler).unwrap();
    let summary = factory.generate(&flags);
    assert_eq!(summary["complete"], true);
    let done: u64 = ["accepted", "rejected", "invalid_task", "dead_lettered"].iter().map(|key| count(&summary, key)).sum();
    assert_eq!((count(&summary, "tasks_in"), done), (3, 3), "{summary}");
    factory.run_ok(&["run", "audit", "--out"], &[]);
    factory.assert_nothing_runs();
}

/// Ctrl-C, and what it said.
fn interrupt(running: std::process::Child) -> Output {
    nix::sys::signal::kill(nix::unistd::Pid::from_raw(running.id() as i32), nix::sys::signal::Signal::SIGINT).unwrap();
    running.wait_with_output().unwrap()
}

/// A file system of a given size, gone with the test.
struct SmallDisk(std::path::PathBuf);

impl SmallDisk {
    /// `None`, with the reason printed, where this may not be done.
    fn mount(folder: &std::path::Path, size: &str) -> Option<Self> {
        std::fs::create_dir_all(folder).unwrap();
        let mounted = std::process::Command::new("mount").args(["-t", "tmpfs", "-o", size, "tmpfs"]).arg(folder).output();
        match mounted {
            Ok(output) if output.status.success() => Some(Self(folder.to_owned())),
            Ok(output) => {
                println!("skipped: no tmpfs can be mounted here: {}", String::from_utf8_lossy(&output.stderr));
                None
            }
            Err(error) => {
                println!("skipped: no tmpfs can be mounted here: {error}");
                None
            }
        }
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        let _ = std::process::Command::new("umount").arg("--lazy").arg(&self.0).status();
    }
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
