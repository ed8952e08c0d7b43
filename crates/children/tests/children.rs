//! Real servers, started and ended.
#![allow(clippy::unwrap_used, clippy::expect_used, missing_docs)]

use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};
use wayfarer_children::tools::Places;
use wayfarer_children::{ChildCommand, ChildError, ChildServer, NatsOptions, NatsServer, RedisOptions, RedisServer, Tools};

fn is_running(pid: u32) -> bool {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    stat.rsplit(')').next().is_some_and(|rest| !rest.is_empty() && !rest.trim_start().starts_with('Z'))
}

fn wait_until_gone(pid: u32) {
    let begin = Instant::now();
    while is_running(pid) {
        assert!(begin.elapsed() < Duration::from_secs(40), "process {pid} is still there");
        std::thread::sleep(Duration::from_millis(5));
    }
}

fn a_script(folder: &Path, name: &str, text: &str) -> std::path::PathBuf {
    let path = folder.join(name);
    // Another process writes it: what is open for writing here is open in every child that another test forks meanwhile, and cannot be
    // run until that child has closed it.
    let mut writer = Command::new("sh").args(["-c", "cat > \"$0\" && chmod 755 \"$0\""]).arg(&path).stdin(Stdio::piped()).spawn().unwrap();
    writer.stdin.take().unwrap().write_all(format!("#!/bin/sh\n{text}\n").as_bytes()).unwrap();
    assert!(writer.wait().unwrap().success());
    path
}

#[tokio::test]
async fn a_nats_server_starts_on_a_free_port_and_is_gone_when_dropped() {
    let folder = tempfile::tempdir().unwrap();
    let server = NatsServer::start(NatsOptions::found(&Tools::locate(), folder.path()).unwrap()).await.unwrap();
    let pid = server.pid();

    assert!(server.url().starts_with("nats://127.0.0.1:"));
    assert!(is_running(pid));
    drop(server);

    assert!(!is_running(pid));
}

#[tokio::test]
async fn two_servers_never_share_a_store() {
    let folder = tempfile::tempdir().unwrap();
    let options = NatsOptions::found(&Tools::locate(), folder.path()).unwrap();
    let first = NatsServer::start(options.clone()).await.unwrap();

    let second = NatsServer::start(options.clone()).await;
    assert!(matches!(second, Err(ChildError::InUse { .. })), "{second:?}");

    first.stop().await;
    NatsServer::start(options).await.unwrap().stop().await;
}

#[tokio::test]
async fn a_nats_server_that_is_too_old_is_refused_with_a_remedy() {
    let folder = tempfile::tempdir().unwrap();
    let executable = a_script(folder.path(), "nats-server", "echo 'nats-server: v2.9.10'");
    let options = NatsOptions { executable, store_dir: folder.path().join("js"), log: folder.path().join("log") };

    let error = NatsServer::start(options).await.unwrap_err().to_string();

    assert!(error.contains("2.9.10") && error.contains("2.12") && error.contains("scripts/bootstrap.sh"), "{error}");
}

#[tokio::test]
async fn a_redis_server_answers_and_stops() {
    let folder = tempfile::tempdir().unwrap();
    let server = RedisServer::start(RedisOptions::found(&Tools::locate(), folder.path()).unwrap()).await.unwrap();
    let pid = server.pid();

    assert!(server.url().starts_with("redis://127.0.0.1:"));
    server.stop().await;

    assert!(!is_running(pid));
}

#[tokio::test]
async fn a_server_that_ends_at_once_tells_its_last_words() {
    let folder = tempfile::tempdir().unwrap();
    let executable = a_script(folder.path(), "redis-server", "echo 'no luck today'; exit 3");
    let options = RedisOptions { executable, dir: folder.path().into(), log: folder.path().join("redis.log") };

    let error = RedisServer::start(options).await.unwrap_err().to_string();

    assert!(error.contains("no luck today") && error.contains("redis.log"), "{error}");
}

#[tokio::test]
async fn a_child_that_ignores_the_request_to_end_is_killed() {
    let folder = tempfile::tempdir().unwrap();
    let ready = folder.path().join("ready");
    let text = format!("trap '' TERM; touch {}; while :; do sleep 1; done", ready.display());
    let executable = a_script(folder.path(), "stubborn", &text);
    let command = ChildCommand { name: "stubborn", executable, arguments: vec![], log: folder.path().join("log") };
    let child = ChildServer::start(command).await.unwrap();
    while !ready.exists() {
        assert_eq!(child.end(), None);
        tokio::time::sleep(Duration::from_millis(5)).await;
    }

    child.stop(Duration::from_millis(100)).await;

    assert!(child.end().unwrap().contains('9'), "{:?}", child.end());
    assert!(!is_running(child.pid()));
}

#[test]
fn a_child_dies_with_its_killed_parent() {
    let folder = tempfile::tempdir().unwrap();
    let tests = std::env::current_exe().unwrap();
    let program = tests.parent().unwrap().parent().unwrap().join("examples/start_and_wait");
    let mut parent = Command::new(program).arg(folder.path()).stdout(Stdio::piped()).spawn().unwrap();
    let mut line = String::new();
    BufReader::new(parent.stdout.take().unwrap()).read_line(&mut line).unwrap();
    let child: u32 = line.trim().parse().unwrap();
    assert!(is_running(child));

    parent.kill().unwrap();
    parent.wait().unwrap();

    wait_until_gone(child);
}

#[test]
fn tools_are_taken_from_the_best_place_and_missing_ones_name_the_remedy() {
    let folder = tempfile::tempdir().unwrap();
    let [near, far] = ["near", "far"].map(|name| folder.path().join(name));
    for place in [&near, &far] {
        std::fs::create_dir_all(place.join("bin")).unwrap();
        a_script(&place.join("bin"), "nats-server", "");
    }
    std::fs::write(near.join("bin/redis-server"), "not a program").unwrap();
    let places = Places { tool_folders: vec![near.clone(), far], program_folders: vec![] };

    let tools = Tools::locate_in(&places);

    assert_eq!(tools.nats_server().unwrap(), near.join("bin/nats-server"));
    assert!(tools.redis_server().unwrap_err().to_string().contains("scripts/bootstrap.sh"));
    assert!(tools.driver_dir().is_err());
}
