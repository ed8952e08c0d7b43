//! Starts a nats-server in the folder that is given, says where it is, and waits to be killed: what `tests/children.rs` kills.

use std::path::PathBuf;
use wayfarer_children::{NatsOptions, NatsServer, Tools};

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let folder = std::env::args_os().nth(1).map(PathBuf::from).ok_or("give a folder")?;
    let server = NatsServer::start(NatsOptions::found(&Tools::locate(), &folder)?).await?;
    println!("{}", server.pid());
    server.child().ended().await;
    Ok(())
}
