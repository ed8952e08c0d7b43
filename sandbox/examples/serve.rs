//! Serves the worlds until Ctrl-C: `cargo run -p wayfarer-sandbox --example serve -- --port 8800`.
#![allow(clippy::print_stdout)]

use std::net::{Ipv4Addr, SocketAddr};
use wayfarer_sandbox::{Sandbox, SandboxOptions};

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut arguments = std::env::args().skip_while(|argument| argument != "--port").skip(1);
    let port: u16 = arguments.next().map_or(Ok(8800), |port| port.parse())?;
    let options = SandboxOptions {
        data_dir: std::env::temp_dir().join(format!("wayfarer-sandbox-{port}")),
        docs_dir: None,
        listen: SocketAddr::from((Ipv4Addr::LOCALHOST, port)),
        today: time::OffsetDateTime::now_utc().date(),
        seed: 7,
    };
    let sandbox = Sandbox::start(options).await?;
    for host in Sandbox::HOSTS {
        println!("http://{host}:{}/", sandbox.addr().port());
    }
    tokio::signal::ctrl_c().await?;
    sandbox.shutdown().await;
    Ok(())
}
