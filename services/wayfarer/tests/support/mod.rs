//! A factory in a temporary folder, and a way to see every process that it started.

use serde_json::Value;
use std::io::{BufRead, BufReader, Read, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::sync::{Mutex, MutexGuard, PoisonError, mpsc};
use std::time::{Duration, Instant};
use wayfarer_lease::{Redis, Registry};

pub const SHOP: &str = r#"{"url": "http://shop.localhost/", "category": "shopping"}"#;
pub const TABLES: &str = r#"{"url": "http://tables.localhost/", "category": "restaurants"}"#;

/// Inherited by every child, however deep: what carries it was started by this test.
const MARK: &str = "WAYFARER_TEST_MARK";

/// The binary, a seed file and an output folder.
pub struct Factory {
    folder: tempfile::TempDir,
    mark: String,
}

/// How long a process may take to end, with everything below it: a driver that lost its owner gives its browsers 30 s.
const ENDING: Duration = Duration::from_secs(40);

/// How long a process may take to drain: its workers, what they need and its browsers one after another, each within its own bound.
pub const DRAINING: Duration = Duration::from_secs(90);

/// Whole clusters one after another: side by side they would only be slower.
static ONE_CLUSTER: Mutex<()> = Mutex::new(());

pub fn alone() -> MutexGuard<'static, ()> {
    ONE_CLUSTER.lock().unwrap_or_else(PoisonError::into_inner)
}

/// A number of a summary.
pub fn count(object: &Value, key: &str) -> u64 {
    object[key].as_u64().unwrap_or_else(|| panic!("no number {key:?} in {object}"))
}

impl Factory {
    pub fn new(name: &str, seeds: &[&str]) -> Self {
        let folder = tempfile::Builder::new().prefix(&format!("wayfarer-{name}-")).tempdir().unwrap();
        let soon = time::OffsetDateTime::now_utc().date() + time::Duration::days(9);
        let soon = format!("{} {} {}", soon.day(), soon.month(), soon.year());
        std::fs::write(folder.path().join("seeds.jsonl"), seeds.join("\n").replace("{soon}", &soon)).unwrap();
        let mark = format!("{name}-{}", std::process::id());
        Self { folder, mark }
    }

    pub fn out(&self) -> PathBuf {
        self.folder.path().join("out")
    }

    pub fn seeds(&self) -> String {
        self.folder.path().join("seeds.jsonl").display().to_string()
    }

    pub fn file(&self, name: &str, text: &str) -> String {
        let path = self.folder.path().join(name);
        std::fs::write(&path, text).unwrap();
        path.display().to_string()
    }

    pub fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_wayfarer"));
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
        command.args(arguments).current_dir(root).env(MARK, &self.mark).env_remove("WAYFARER_MODEL").stdin(Stdio::null());
        command
    }

    fn generate_command(&self, flags: &[&str]) -> Command {
        let mut command = self.command(&["generate", "--seeds", &self.seeds(), "--out", &self.out().display().to_string(), "--json"]);
        command.args(flags).env("WAYFARER_LOG", "warn");
        command
    }

    pub fn generate(&self, flags: &[&str]) -> Value {
        last_json(&mut self.generate_command(flags))
    }

    pub fn spawn_generate(&self, flags: &[&str]) -> Child {
        self.generate_command(flags).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap()
    }

    /// The same with another output folder.
    pub fn generate_into(&self, out: &Path, flags: &[&str]) -> Output {
        let out = out.display().to_string();
        self.command(&["generate", "--seeds", &self.seeds(), "--out", &out]).args(flags).output().unwrap()
    }

    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// Runs a command on the output folder; what it printed.
    pub fn run_ok(&self, before: &[&str], after: &[&str]) -> String {
        printed(self.command(before).arg(self.out()).args(after))
    }

    /// Runs a command on the output folder; its last line as JSON.
    pub fn run_json(&self, before: &[&str], after: &[&str]) -> Value {
        last_json(self.command(before).arg(self.out()).args(after))
    }

    pub fn read_json(&self, name: &str) -> Value {
        serde_json::from_slice(&std::fs::read(self.out().join(name)).unwrap()).unwrap()
    }

    pub fn read_text(&self, name: &str) -> String {
        std::fs::read_to_string(self.out().join(name)).unwrap()
    }

    /// The score file of a task's first attempt, in the layout of the reference harness.
    pub fn read_score(&self, attempt: &str) -> String {
        let folder = format!("harness/traj/{}/scores", attempt.trim_end_matches("-a1"));
        self.read_text(&format!("{folder}/{}", self.list(&folder)[0]))
    }

    pub fn list(&self, name: &str) -> Vec<String> {
        let mut names: Vec<String> = std::fs::read_dir(self.out().join(name))
            .unwrap()
            .map(|entry| entry.unwrap().file_name().to_string_lossy().into_owned())
            .collect();
        names.sort();
        names
    }

    pub fn wait_for_file(&self, name: &str, within: Duration) {
        wait_until(within, &format!("{name} to appear"), || self.out().join(name).exists());
    }

    /// The first trajectory is in the folder.
    pub fn wait_for_attempt(&self, within: Duration) {
        let is_kept = |entry: std::fs::DirEntry| entry.path().join("trajectory.json").is_file();
        wait_until(within, "an attempt to be kept", || {
            std::fs::read_dir(self.out().join("attempts")).is_ok_and(|entries| entries.flatten().any(is_kept))
        });
    }

    /// Nothing that carries our mark is alive; dying children get a moment.
    pub fn assert_nothing_runs(&self) {
        wait_until(ENDING, "all processes of the test to be gone", || self.marked().is_empty());
    }

    fn marked(&self) -> Vec<String> {
        let wanted = format!("{MARK}={}\0", self.mark);
        let mut found = Vec::new();
        for entry in std::fs::read_dir("/proc").unwrap().flatten() {
            let path = entry.path();
            let Ok(environment) = std::fs::read(path.join("environ")) else { continue };
            let mut environment = environment;
            environment.push(0);
            if String::from_utf8_lossy(&environment).contains(&wanted) {
                found.push(format!(
                    "{} {}",
                    entry.file_name().to_string_lossy(),
                    std::fs::read_to_string(path.join("comm")).unwrap_or_default()
                ));
            }
        }
        found
    }

    /// Worlds, the stand-in and every role, each its own process, over a NATS and a Redis.
    pub fn start_cluster(&self) -> Cluster {
        let store = self.folder.path().join("store").display().to_string();
        let mut cluster = self.start_servers();
        let (nats_url, redis_url) = (cluster.nats_url.clone(), cluster.redis_url.clone());
        let standin = self.start(&mut cluster.children, &["standin", "--listen", "127.0.0.1:0", "--standin-fail-rate", "0"], "http://");
        let model = standin.split_whitespace().find(|word| word.starts_with("http://")).unwrap().trim_end_matches([';', ',']).to_owned();
        let worlds = self.start(&mut cluster.children, &["sandbox", "serve", "--listen", "127.0.0.1:0"], "http://shop.localhost:");
        let port = worlds.trim_end_matches('/').rsplit(':').next().unwrap().to_owned();
        let resolve = format!("shop.localhost=127.0.0.1:{port}");
        for role in ["inference", "browser-farm", "websurfer", "curator", "verifier", "orchestrator", "proposer", "gateway"] {
            let ready = if role == "gateway" { "gateway http" } else { "ready" };
            let arguments = [
                "up",
                "--roles",
                role,
                "--nats-url",
                &nats_url,
                "--redis-url",
                &redis_url,
                "--store",
                &store,
                "--model",
                &model,
                "--resolve",
                &resolve,
                "--listen",
                "127.0.0.1:0",
            ];
            let line = self.start(&mut cluster.children, &arguments, ready);
            if let Some(address) = line.strip_prefix("gateway ") {
                cluster.gateway = address.to_owned();
            }
        }
        cluster
    }

    /// NATS and Redis as plain processes on free ports.
    pub fn start_servers(&self) -> Cluster {
        let tools = wayfarer_children::Tools::locate();
        let folder = self.folder.path();
        let (nats_port, redis_port) = (free_port(), free_port());
        let spawn = |command: &mut Command| command.env(MARK, &self.mark).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
        let nats = spawn(
            Command::new(tools.nats_server().unwrap())
                .args(["-js", "-a", "127.0.0.1", "-p", &nats_port.to_string(), "-sd"])
                .arg(folder.join("js")),
        );
        let redis = spawn(
            Command::new(tools.redis_server().unwrap())
                .args(["--port", &redis_port.to_string(), "--bind", "127.0.0.1", "--save", "", "--dir"])
                .arg(folder),
        );
        for port in [nats_port, redis_port] {
            wait_until(Duration::from_secs(10), "a server to listen", || std::net::TcpStream::connect(("127.0.0.1", port)).is_ok());
        }
        Cluster {
            children: vec![nats, redis],
            gateway: String::new(),
            nats_url: format!("nats://127.0.0.1:{nats_port}"),
            redis_url: format!("redis://127.0.0.1:{redis_port}"),
        }
    }

    /// Starts a process and waits for a line on its standard output that begins with `ready` (or holds it).
    pub fn start(&self, children: &mut Vec<Child>, arguments: &[&str], ready: &str) -> String {
        let mut child =
            self.command(arguments).stdout(Stdio::piped()).stderr(Stdio::inherit()).env("WAYFARER_LOG", "warn").spawn().unwrap();
        let output = child.stdout.take().unwrap();
        children.push(child);
        first_line_with(output, ready, &format!("{arguments:?}"))
    }

    /// The role inference as a process, with what it needs.
    pub fn start_inference(&self) -> WatchedRole {
        let mut servers = self.start_servers();
        let mut children = std::mem::take(&mut servers.children);
        let (nats_url, redis_url) = (servers.nats_url.clone(), servers.redis_url.clone());
        let standin = self.start(&mut children, &["standin", "--listen", "127.0.0.1:0", "--standin-fail-rate", "0"], "http://");
        let model = standin.split_whitespace().find(|word| word.starts_with("http://")).unwrap().trim_end_matches([';', ',']);
        let address = format!("127.0.0.1:{}", free_port());
        let config = self.file("watched.toml", &format!("[telemetry]\nmetrics_listen = \"{address}\"\n"));
        let role = [
            "up",
            "--roles",
            "inference",
            "--config",
            &config,
            "--nats-url",
            &nats_url,
            "--redis-url",
            &redis_url,
            "--model",
            model,
            "--listen",
            "127.0.0.1:0",
        ];
        self.start(&mut children, &role, "ready");
        WatchedRole { children: ["nats-server", "redis-server", "standin", "inference"].into_iter().zip(children).collect(), address }
    }

    pub fn cluster_run(&self, cluster: &Cluster, flags: &[&str]) -> String {
        let mut command = self.command(&["run", "create", "--gateway", &cluster.gateway, "--seeds", &self.seeds()]);
        let output = command.args(flags).output().unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8_lossy(&output.stdout).trim().to_owned()
    }

    pub fn watch(&self, cluster: &Cluster, run: &str) -> Value {
        last_json(&mut self.command(&["run", "watch", "--gateway", &cluster.gateway, run]))
    }
}

/// NATS and Redis, the first two processes of a cluster.
const SERVERS: usize = 2;

/// The processes of a cluster, or of its servers alone.
pub struct Cluster {
    pub children: Vec<Child>,
    pub gateway: String,
    pub nats_url: String,
    pub redis_url: String,
}

impl Cluster {
    /// SIGTERM to every process, the last one first, and an end within bounds, after which nobody is found any more.
    pub fn stop(mut self) {
        self.stop_all_but(SERVERS);
        let redis_url = self.redis_url.clone();
        let look = async move {
            let registry = Registry::new(Redis::connect(&redis_url).await.unwrap());
            let mut known = Vec::new();
            for role in ["inference", "browser-farm", "gateway"] {
                known.extend(registry.resolve(role).await.unwrap());
            }
            known
        };
        // on a thread of its own: some tests run in a runtime already
        let known = std::thread::spawn(|| tokio::runtime::Runtime::new().unwrap().block_on(look)).join().unwrap();
        assert!(known.is_empty(), "roles that ended are still known: {known:?}");
        self.stop_all_but(0);
    }

    fn stop_all_but(&mut self, left: usize) {
        while self.children.len() > left
            && let Some(mut child) = self.children.pop()
        {
            let pid = nix::unistd::Pid::from_raw(child.id() as i32);
            nix::sys::signal::kill(pid, nix::sys::signal::Signal::SIGTERM).unwrap();
            wait_until(DRAINING, "a process to end", || child.try_wait().unwrap().is_some());
        }
    }
}

impl Drop for Cluster {
    fn drop(&mut self) {
        for child in &mut self.children {
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}

/// A role that says whether it is ready, and the processes that it needs.
pub struct WatchedRole {
    children: Vec<(&'static str, Child)>,
    address: String,
}

impl WatchedRole {
    /// Status and body.
    pub fn get(&self, path: &str) -> (u16, String) {
        let mut stream = std::net::TcpStream::connect(&self.address).unwrap();
        write!(stream, "GET {path} HTTP/1.1\r\nhost: test\r\nconnection: close\r\n\r\n").unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        let (head, body) = answer.split_once("\r\n\r\n").unwrap();
        (head.split(' ').nth(1).unwrap().parse().unwrap(), body.to_owned())
    }

    /// What `/readyz` says once it answers with this status.
    pub fn wait_for_readiness(&self, status: u16) -> String {
        wait_until(Duration::from_secs(30), &format!("/readyz to answer {status}"), || self.get("/readyz").0 == status);
        self.get("/readyz").1
    }

    pub fn kill(&mut self, name: &str) {
        let (_, child) = self.children.iter_mut().find(|(known, _)| *known == name).unwrap();
        child.kill().unwrap();
        child.wait().unwrap();
    }
}

impl Drop for WatchedRole {
    fn drop(&mut self) {
        for (_, child) in &mut self.children {
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}

/// A port that nobody listens on at the moment.
pub fn free_port() -> u16 {
    std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
}

fn first_line_with(output: impl Read + Send + 'static, wanted: &str, who: &str) -> String {
    let (sender, receiver) = mpsc::channel();
    std::thread::spawn(move || {
        // the pipe is read to its end, so that the process never blocks on it
        for line in BufReader::new(output).lines().map_while(Result::ok) {
            let _ = sender.send(line);
        }
    });
    let deadline = Instant::now() + Duration::from_secs(120);
    loop {
        let left = deadline.saturating_duration_since(Instant::now());
        let line = receiver.recv_timeout(left).unwrap_or_else(|_| panic!("{who} never said {wanted:?}"));
        if line.contains(wanted) {
            return line;
        }
    }
}

/// What a command that succeeds prints.
fn printed(command: &mut Command) -> String {
    let output = command.stderr(Stdio::piped()).output().unwrap();
    let (out, err) = (String::from_utf8_lossy(&output.stdout).into_owned(), String::from_utf8_lossy(&output.stderr).into_owned());
    assert!(output.status.success(), "{command:?} failed\n{out}\n{err}");
    out
}

fn last_json(command: &mut Command) -> Value {
    let out = printed(command);
    serde_json::from_str(out.lines().last().unwrap_or_default())
        .unwrap_or_else(|error| panic!("{command:?} ended with no JSON ({error})\n{out}"))
}

/// Every file below a folder, by path.
pub fn files_below(folder: &Path) -> Vec<(String, Vec<u8>)> {
    let mut files = Vec::new();
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            files.extend(files_below(&path));
        } else {
            files.push((path.display().to_string(), std::fs::read(&path).unwrap()));
        }
    }
    files
}

/// Looks again and again, within a bound.
pub fn wait_until(within: Duration, what: &str, mut done: impl FnMut() -> bool) {
    let deadline = Instant::now() + within;
    while !done() {
        assert!(Instant::now() < deadline, "waited {within:?} for {what}");
        std::thread::sleep(Duration::from_millis(20));
    }
}
