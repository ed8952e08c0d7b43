//! Configuration as a person meets it. The environment belongs to the whole process, so all that reads it is one test.
#![allow(clippy::unwrap_used, clippy::expect_used, missing_docs)]

use serde::Serialize;
use std::path::PathBuf;
use wayfarer_config::{Config, ConfigError, Place};
use wayfarer_core::prompt::ModelRole;

#[derive(Serialize, Default)]
struct Flags {
    farm: FarmFlags,
}

#[derive(Serialize, Default)]
struct FarmFlags {
    max_sessions: Option<usize>,
    lease_seconds: Option<u64>,
}

fn file(text: &str) -> (tempfile::TempDir, PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("w.toml");
    std::fs::write(&path, text).unwrap();
    (folder, path)
}

fn fault(text: &str) -> String {
    let (_folder, path) = file(text);
    let error = Config::load(Some(&path), Flags::default()).unwrap_err();
    error.to_string().replace(path.to_str().unwrap(), "w.toml")
}

#[test]
fn the_example_is_the_defaults() {
    let (_folder, path) = file(Config::example());
    assert_eq!(Config::load(Some(&path), Flags::default()).unwrap(), Config::default());
}

#[test]
fn a_file_sets_and_a_flag_overrides() {
    let (_folder, path) = file(
        "[farm]\nmax_sessions = 9\nlease_seconds = 7\n[inference]\nmodel = \"m\"\n[inference.roles.surf]\nmodel = \"fara\"\n\
         [egress.resolve]\n\"shop.test\" = \"127.0.0.1:8080\"\n",
    );

    let config = Config::load(Some(&path), Flags { farm: FarmFlags { max_sessions: Some(2), lease_seconds: None } }).unwrap();

    assert_eq!((config.farm.max_sessions, config.farm.lease_seconds), (2, 7));
    assert_eq!(config.inference.endpoint_of(ModelRole::Surf).model, "fara");
    assert_eq!(config.inference.endpoint_of(ModelRole::Explore).model, "m");
    assert_eq!(config.egress.resolve["shop.test"].port(), 8080);
    assert!(config.inference.needs_standin());
}

#[test]
fn every_fault_names_its_line_and_its_key() {
    for (text, said) in [
        ("[farm]\n\nmax_session = 3\n", "w.toml:3: unknown key `farm.max_session`; did you mean `max_sessions`?"),
        ("[frm]\nmax_sessions = 3\n", "w.toml:1: unknown key `frm`; did you mean `farm`?"),
        ("[inference.roles.surf]\nmodle = \"x\"\n", "w.toml:2: unknown key `inference.roles.surf.modle`; did you mean `model`?"),
        ("[farm]\nmax_sessions = \"many\"\n", "w.toml:2: `farm.max_sessions` does not fit"),
        ("# a\n[farm]\nlisten = \"nowhere\"\n", "w.toml:3: `farm.listen` does not fit"),
        ("[farm]\nmax_sessions = 0\n", "w.toml:2: `farm.max_sessions` must be from 1 to 10000"),
        ("[cluster]\nadvertise = \"0.0.0.0\"\n", "w.toml:2: `cluster.advertise` must be a host name"),
        ("[cluster]\nadvertise = \"node-1:7410\"\n", "w.toml:2: `cluster.advertise` must be a host name"),
        ("[budgets]\nsteps = 0\n", "w.toml:2: `budgets.steps` must be 1 or more"),
        ("[budgets]\ncost_usd = -1.0\n", "w.toml:2: `budgets.cost_usd` must be US dollars"),
        ("[inference.roles.surfer]\nmodel = \"x\"\n", "w.toml:1: `inference.roles.surfer` is no role"),
        ("[inference]\napi_key_env = \"sk-123\"\n", "w.toml:2: `inference.api_key_env` must be the name"),
        ("[inference.roles.surf]\n\nbase_url = \"localhost:1\"\n", "w.toml:3: `inference.roles.surf.base_url` must be a URL"),
        ("[inference]\nbase_url = \"kserve://h:8001/fara\"\n", "w.toml:2: `inference.base_url` must be kserve://host:port and no more"),
        ("[inference.kserve]\nchat_template = \"\"\n", "w.toml:2: `inference.kserve.chat_template` is empty"),
        ("[inference.tenants.acme]\nbudget_usd_per_day = -2\n", "w.toml:2: `inference.tenants.acme.budget_usd_per_day` must be US dollars"),
        (
            "[inference.tenants.acme]\nbudget_usd = 2\n",
            "w.toml:2: unknown key `inference.tenants.acme.budget_usd`; did you mean `budget_usd_per_day` or",
        ),
        ("[inference]\nbase_url = \"file://models/x\"\n", "w.toml:2: `inference.base_url` names the host \"models\""),
        ("[farm\n", "w.toml:1: this is not TOML"),
        ("[farm]\nmax_sessions = 1\nmax_sessions = 2\n", "w.toml:3: this is not TOML"),
    ] {
        let got = fault(text);
        assert!(got.starts_with(said), "{text}\n  gave {got}\n  not  {said}");
        assert!(!got.contains("sk-123"));
    }
}

#[test]
fn what_deploy_shows_can_be_loaded() {
    let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../deploy/inference");
    let mut addresses: Vec<String> = ["trtllm-serve", "triton-vllm", "triton-trtllm"]
        .map(|name| Config::load(Some(&folder.join(name).join("wayfarer.toml")), Flags::default()).unwrap())
        .map(|config| config.inference.endpoint_of(ModelRole::Native).base_url)
        .into();
    addresses.dedup();
    assert_eq!(addresses, ["http://127.0.0.1:8000/v1", "kserve://127.0.0.1:8001"]);
}

#[test]
fn a_file_that_was_named_must_be_there() {
    let error = Config::load(Some("nowhere/w.toml".as_ref()), Flags::default()).unwrap_err();
    assert!(matches!(error, ConfigError::Unreadable { .. }), "{error}");
}

#[test]
fn a_wrong_flag_is_blamed_on_the_command_line() {
    let error = Config::load(None, Flags { farm: FarmFlags { max_sessions: Some(0), lease_seconds: None } }).unwrap_err();
    assert!(matches!(error, ConfigError::Wrong { place: Place::Flags, .. }), "{error}");
}

/// The environment cannot be changed safely from inside a process with threads: the test runs itself again as a child.
#[test]
fn the_environment_stands_between_file_and_flags() {
    let (_folder, path) = file("[farm]\nmax_sessions = 9\nlease_seconds = 7\n");
    if std::env::var_os("WAYFARER__FARM__MAX_SESSIONS").is_some() {
        let path = PathBuf::from(std::env::var_os("CHILD_FILE").unwrap());
        let config = Config::load(Some(&path), Flags { farm: FarmFlags { max_sessions: None, lease_seconds: Some(3) } }).unwrap();
        assert_eq!((config.farm.max_sessions, config.farm.lease_seconds), (5, 3));
        return;
    }
    if std::env::var_os("WAYFARER__FARM__MAX_SESSION").is_some() {
        let said = Config::load(None, Flags::default()).unwrap_err().to_string();
        let wanted = "environment variable WAYFARER__FARM__MAX_SESSION: unknown key `farm.max_session`; did you mean `max_sessions`?";
        assert_eq!(said, wanted);
        return;
    }
    for name in ["WAYFARER__FARM__MAX_SESSIONS", "WAYFARER__FARM__MAX_SESSION"] {
        let child = std::process::Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "the_environment_stands_between_file_and_flags"])
            .env(name, "5")
            .env("WAYFARER__FARM__LEASE_SECONDS", "4")
            .env("CHILD_FILE", &path)
            .output()
            .unwrap();
        assert!(child.status.success(), "{}", String::from_utf8_lossy(&child.stdout));
    }
}

/// A configuration beside its price list.
fn priced(list: &str, inference: &str) -> Result<Config, ConfigError> {
    let folder = tempfile::tempdir().unwrap();
    let prices = folder.path().join("prices.toml");
    std::fs::write(&prices, list).unwrap();
    let (_folder, path) = file(&format!("[inference]\nprice_list = {:?}\n{inference}", prices.to_str().unwrap()));
    Config::load(Some(&path), Flags::default())
}

#[test]
fn a_price_list_prices_models_that_the_configuration_does_not() {
    let list = "[models]\n\"org/fara\" = { input = 1.0, cached_input = 0.25, output = 4.0 }\n\"judge-*\" = { input = 2.0, output = 8.0 }\n\
                \"judge-mini-*\" = { input = 0.5, output = 2.0 }\n";
    let config = priced(
        list,
        "model = \"org/fara\"\n[inference.roles.judge_rubric]\nmodel = \"judge-large\"\n[inference.roles.judge_alignment]\nmodel = \"judge-mini-2\"\n\
         [inference.roles.surf]\nprice_in_per_million = 0.0\nprice_out_per_million = 9.0\n[inference.roles.explore]\nmodel = \"unknown\"\n",
    )
    .unwrap()
    .inference;

    let prices = |role| {
        let endpoint = config.endpoint_of(role);
        (endpoint.price_in_per_million, endpoint.price_cached_per_million, endpoint.price_out_per_million)
    };
    assert_eq!(prices(ModelRole::Propose), (1.0, Some(0.25), 4.0));
    assert_eq!(prices(ModelRole::JudgeRubric), (2.0, None, 8.0));
    assert_eq!(prices(ModelRole::JudgeAlignment), (0.5, None, 2.0), "the longest beginning counts");
    assert_eq!(prices(ModelRole::Surf), (0.0, None, 9.0), "what is configured wins, and is not mixed with the list");
    assert_eq!(prices(ModelRole::Explore), (0.0, None, 0.0));
    assert!(config.has_price());
    assert_eq!(config.unpriced_models(), ["unknown".to_owned()].into());
}

#[test]
fn a_price_of_the_default_endpoint_stays_with_its_model() {
    let list = "[models]\n\"big\" = { input = 1.0, output = 1.0 }\n\"other\" = { input = 0.0, output = 0.0 }\n";
    let config = priced(
        list,
        "model = \"big\"\nprice_in_per_million = 3.0\n[inference.roles.surf]\nmodel = \"other\"\n[inference.roles.explore]\nmodel = \"third\"\n",
    )
    .unwrap()
    .inference;

    assert_eq!(config.endpoint_of(ModelRole::Propose).price_in_per_million, 3.0);
    assert_eq!(config.endpoint_of(ModelRole::Surf).price_in_per_million, 0.0, "the list knows that it costs nothing");
    assert_eq!(config.endpoint_of(ModelRole::Explore).price_in_per_million, 3.0, "as without a list");
    assert!(config.unpriced_models().is_empty());
}

#[test]
fn what_is_wrong_with_a_price_list_names_its_line() {
    for (list, said) in [
        ("[models]\n\nm = { input = 1.0 }\n", "prices.toml:3: missing field `output`"),
        ("[models]\nm = { inptu = 1.0, output = 1.0 }\n", "prices.toml:2: unknown field `inptu`"),
        ("[models]\nok = { input = 1.0, output = 1.0 }\nm = { input = -1.0, output = 1.0 }\n", "prices.toml:3: the price `input` of \"m\""),
        ("[models]\n\"a*b\" = { input = 1.0, output = 1.0 }\n", "prices.toml:2: \"a*b\": a * may stand at the end"),
        ("[models]\n[models\n", "prices.toml:2: "),
    ] {
        let got = priced(list, "").unwrap_err().to_string();
        assert!(
            got.split_once("/prices.toml").is_some_and(|(_, rest)| format!("prices.toml{rest}").starts_with(said)),
            "{list}\n  gave {got}"
        );
    }
    let missing = fault("[inference]\nprice_list = \"nowhere.toml\"\n");
    assert!(missing.starts_with("nowhere.toml: the price list cannot be read"), "{missing}");
}

#[test]
fn the_example_of_a_price_list_can_be_read() {
    let example = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../docs/examples/prices.toml");
    assert!(wayfarer_config::PriceList::read(&example).unwrap().of("an-example-judge").is_some());
}
