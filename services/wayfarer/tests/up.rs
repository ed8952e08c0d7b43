//! `wayfarer up` as those who run and configure clusters meet it: which model answers, where its faces are, how they are found.
#![allow(clippy::unwrap_used, clippy::expect_used, missing_docs)]

// the other test files use the rest
#[allow(dead_code)]
mod support;

use futures::StreamExt;
use std::collections::BTreeMap;
use std::process::Output;
use std::sync::Arc;
use std::time::Duration;
use support::{Cluster, Factory, free_port};
use wayfarer_browser::{BrowserSupply, SessionSpec};
use wayfarer_bus::{Bus, BusOptions};
use wayfarer_core::TenantId;
use wayfarer_lease::{Redis, Registry};
use wayfarer_rpc::{Board, Endpoints, GrpcBrowserSupply, GrpcModel, SupplyOptions};

const WRONG_USAGE: i32 = 2;

/// Processes of a test, stopped with it, over a NATS and a Redis of their own.
struct Started {
    factory: Factory,
    processes: Cluster,
    servers: [String; 4],
    redis_url: String,
}

impl Started {
    fn new(name: &str) -> Self {
        let factory = Factory::new(name, &[]);
        let processes = factory.start_servers();
        let redis_url = processes.redis_url.clone();
        let servers = ["--nats-url".into(), processes.nats_url.clone(), "--redis-url".into(), redis_url.clone()];
        Self { factory, processes, servers, redis_url }
    }

    /// The base URL of a stand-in.
    fn standin(&mut self) -> String {
        let said = self.factory.start(&mut self.processes.children, &["standin", "--listen", "127.0.0.1:0"], "http://");
        said.split_whitespace().find(|word| word.starts_with("http://")).unwrap().trim_end_matches(';').to_owned()
    }

    /// Starts `up` and gives its line about this role.
    fn up(&mut self, flags: &[&str], role: &str) -> String {
        let arguments: Vec<&str> = ["up"].into_iter().chain(self.servers.iter().map(String::as_str)).chain(flags.iter().copied()).collect();
        self.factory.start(&mut self.processes.children, &arguments, &format!("{role} http"))
    }
}

fn output(factory: &Factory, flags: &[&str]) -> Output {
    let arguments: Vec<&str> = ["up"].into_iter().chain(flags.iter().copied()).collect();
    factory.command(&arguments).output().unwrap()
}

fn said(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

async fn models(address: &str) -> Vec<String> {
    let model = GrpcModel::new(Endpoints::fixed([address]), Duration::from_secs(30));
    let mut names: Vec<String> = model.routes().await.unwrap().into_values().collect();
    names.dedup();
    names
}

#[tokio::test(flavor = "multi_thread")]
async fn the_role_inference_asks_its_endpoint_for_the_models_name() {
    let mut started = Started::new("name");
    let model = started.standin();

    let line = started.up(&["--roles", "inference", "--listen", "127.0.0.1:0", "--model", &model], "inference");
    let wrong_name = output(&started.factory, &["--roles", "inference", "--model", &format!("gpt@{model}")]);
    let no_endpoint = output(&started.factory, &["--roles", "inference", "--model", "http://127.0.0.1:9/v1"]);

    assert_eq!(models(line.strip_prefix("inference ").unwrap()).await, ["wayfarer-standin-1"]);
    assert!(!wrong_name.status.success() && said(&wrong_name).contains("has no model \"gpt\""), "{}", said(&wrong_name));
    assert!(!no_endpoint.status.success() && said(&no_endpoint).contains("cannot be reached"), "{}", said(&no_endpoint));
    started.processes.stop();
    started.factory.assert_nothing_runs();
}

#[tokio::test(flavor = "multi_thread")]
async fn faces_are_where_the_configuration_puts_them_and_registered_as_advertised() {
    let mut started = Started::new("faces");
    let model = started.standin();
    let (gateway, inference) = (free_port(), free_port());
    let config = format!(
        "[cluster]\nadvertise = \"localhost\"\n[gateway]\nlisten = \"127.0.0.1:{gateway}\"\n[inference]\nlisten = \"0.0.0.0:{inference}\"\n"
    );
    let config = started.factory.file("faces.toml", &config);

    let told = started.up(&["--config", &config, "--roles", "inference,gateway", "--model", &model], "gateway");

    assert_eq!(told, format!("gateway http://localhost:{gateway}"));
    let registry = Registry::new(Redis::connect(&started.redis_url).await.unwrap());
    let registered = registry.resolve("inference").await.unwrap();
    assert_eq!(registered, [format!("http://localhost:{inference}")]);
    assert_eq!(models(&registered[0]).await, ["wayfarer-standin-1"]);
    let url = format!("http://127.0.0.1:{gateway}");
    assert!(started.factory.command(&["run", "list", "--gateway", &url]).output().unwrap().status.success());
    started.processes.stop();
    started.factory.assert_nothing_runs();
}

#[tokio::test(flavor = "multi_thread")]
async fn farms_tell_over_nats_how_they_stand_and_sessions_are_placed_by_it() {
    let mut started = Started::new("placement");
    let bus = Bus::connect(&started.processes.nats_url, BusOptions::default()).await.unwrap();
    let mut news = std::pin::pin!(bus.farm_standings().await.unwrap());
    let config = started.factory.file("farm.toml", "[farm]\nmax_sessions = 1\nwarm_sessions = 0\n");
    let farms = [(); 2].map(|()| {
        let line = started.up(&["--config", &config, "--roles", "browser-farm", "--listen", "127.0.0.1:0"], "browser-farm");
        line.split_once("http://").unwrap().1.to_owned()
    });
    let spec = |number: usize| SessionSpec::new(TenantId::default(), format!("placed-{number}-a1"));
    // somebody who has heard of one only
    let supply = GrpcBrowserSupply::new(Endpoints::fixed([farms[0].clone()]), SupplyOptions::default());
    let taken = supply.acquire(spec(0)).await.unwrap();

    let board = Arc::new(Board::default());
    let mut free = BTreeMap::new();
    let heard = async {
        while (free.get(&farms[0]), free.get(&farms[1])) != (Some(&0), Some(&1)) {
            let word = news.next().await.expect("NATS goes on");
            free.insert(word.address.trim_start_matches("http://").to_owned(), word.free);
            board.hear(word);
        }
    };
    tokio::time::timeout(Duration::from_secs(30), heard).await.expect("both farms tell how they stand");

    let order = board.order(farms.iter().map(|farm| format!("http://{farm}")).collect());
    assert!(order[0].ends_with(&farms[1]), "the full one is asked first: {order:?}");
    taken.release().await.unwrap();
    started.processes.stop();
    started.factory.assert_nothing_runs();
}

#[test]
fn an_address_that_nobody_can_call_needs_another_to_advertise() {
    let factory = Factory::new("unspecified", &[]);

    let refused = output(&factory, &["--roles", "browser-farm", "--listen", "0.0.0.0:0"]);

    assert_eq!(refused.status.code(), Some(WRONG_USAGE));
    assert!(said(&refused).contains("--advertise HOST"), "{}", said(&refused));
}
