//! What a world costs: an instance from nothing to its first page, beside a page of an instance that lives, and the memory of many.

use anyhow::{Context, Result, ensure};
use hdrhistogram::Histogram;
use serde_json::json;
use std::net::{Ipv4Addr, SocketAddr};
use std::time::Instant;
use wayfarer_sandbox::engine::AttackPlan;
use wayfarer_sandbox::{Sandbox, SandboxOptions};

/// The documentation has no instances.
const STATELESS: &str = "docs.localhost";

pub(crate) async fn measure(instances: u32, print_json: bool) -> Result<()> {
    let folder = tempfile::tempdir()?;
    let idle_mb = resident_mb()?;
    let started = Instant::now();
    let sandbox = Sandbox::start(SandboxOptions {
        data_dir: folder.path().to_owned(),
        docs_dir: None,
        listen: SocketAddr::new(Ipv4Addr::LOCALHOST.into(), 0),
        today: time::OffsetDateTime::now_utc().date(),
        seed: 1,
        worlds_dir: None,
        attacks: AttackPlan::default(),
    })
    .await?;
    let start_ms = started.elapsed().as_secs_f64() * 1e3;
    let hosts: Vec<String> = sandbox.hosts().iter().filter(|host| *host != STATELESS).cloned().collect();
    let client = reqwest::Client::new();
    let (mut fresh, mut again) = (Histogram::<u64>::new(3)?, Histogram::<u64>::new(3)?);
    for number in 0..instances {
        for host in &hosts {
            for times in [&mut fresh, &mut again] {
                let asked = Instant::now();
                let page = client
                    .get(format!("http://{}/", sandbox.addr()))
                    .header("host", host)
                    .header("x-wayfarer-instance", format!("measured-{number}"))
                    .send()
                    .await
                    .with_context(|| format!("asking {host}"))?;
                ensure!(page.status().is_success(), "{host} answered {}", page.status());
                page.bytes().await?;
                times.record(asked.elapsed().as_micros() as u64)?;
            }
        }
    }
    let live_mb = resident_mb()?;
    sandbox.shutdown().await;
    let ms = |times: &Histogram<u64>, quantile: f64| times.value_at_quantile(quantile) as f64 / 1e3;
    let total = instances as usize * hosts.len();
    println!("{} worlds start in {start_ms:.0} ms; {instances} instances of each, {total} in all", hosts.len());
    println!("{:<44}{:>9}{:>9}", "milliseconds", "p50", "p95");
    println!("{:<44}{:>9.2}{:>9.2}", "a fresh instance, with its first page", ms(&fresh, 0.5), ms(&fresh, 0.95));
    println!("{:<44}{:>9.2}{:>9.2}", "the same page of the instance that lives", ms(&again, 0.5), ms(&again, 0.95));
    println!("memory of the process: {live_mb:.0} MB with all of them, {idle_mb:.0} MB before the worlds started");
    if print_json {
        let figures = json!({
            "worlds": hosts.len(), "instances": total, "fresh_ms_p50": ms(&fresh, 0.5), "fresh_ms_p95": ms(&fresh, 0.95),
            "page_ms_p50": ms(&again, 0.5), "page_ms_p95": ms(&again, 0.95), "resident_mb": live_mb, "start_ms": start_ms,
        });
        println!("{figures}");
    }
    Ok(())
}

/// Resident memory of this process in megabytes (10^6 bytes).
fn resident_mb() -> Result<f64> {
    let status = std::fs::read_to_string("/proc/self/status").context("reading the memory of this process")?;
    let kilobytes =
        status.lines().find_map(|line| line.strip_prefix("VmRSS:")).and_then(|rest| rest.split_whitespace().next()?.parse::<f64>().ok());
    Ok(kilobytes.context("the system does not tell this process's memory")? * 1024.0 / 1e6)
}
