//! A redis-server that keeps nothing on disk, on a free port of this machine.

use crate::server::{ChildCommand, ChildServer};
use crate::{ChildError, Tools};
use std::net::{Ipv4Addr, SocketAddrV4};
use std::path::{Path, PathBuf};
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

const READY_BOUND: Duration = Duration::from_secs(10);
const READY_POLL: Duration = Duration::from_millis(5);
const ANSWER_BOUND: Duration = Duration::from_secs(2);
const STOP_GRACE: Duration = Duration::from_secs(3);
/// Between choosing a free port and taking it, somebody else may take it.
const PORT_TRIES: u32 = 5;

/// How to start it.
#[derive(Debug, Clone)]
pub struct RedisOptions {
    /// The program.
    pub executable: PathBuf,
    /// Its working folder.
    pub dir: PathBuf,
    /// Takes what it prints.
    pub log: PathBuf,
}

impl RedisOptions {
    /// With the redis-server that was found, keeping everything in one folder.
    pub fn found(tools: &Tools, folder: &Path) -> Result<Self, ChildError> {
        let executable = tools.redis_server()?.to_owned();
        Ok(Self { executable, dir: folder.to_owned(), log: folder.join("redis-server.log") })
    }
}

/// A running redis-server; killed when dropped.
#[derive(Debug)]
pub struct RedisServer {
    child: ChildServer,
    port: u16,
}

impl RedisServer {
    /// Starts it and waits until it answers.
    pub async fn start(options: RedisOptions) -> Result<Self, ChildError> {
        std::fs::create_dir_all(&options.dir).map_err(ChildError::io("making", &options.dir))?;
        let mut tries = 1;
        loop {
            match Self::start_once(&options).await {
                Err(ChildError::Ended { .. }) if tries < PORT_TRIES => tries += 1,
                result => return result,
            }
        }
    }

    async fn start_once(options: &RedisOptions) -> Result<Self, ChildError> {
        let port = free_port(&options.dir)?;
        let mut arguments: Vec<std::ffi::OsString> = Vec::new();
        for argument in
            ["--port", &port.to_string(), "--bind", "127.0.0.1", "--save", "", "--appendonly", "no", "--daemonize", "no", "--dir"]
        {
            arguments.push(argument.into());
        }
        arguments.push(options.dir.clone().into());
        let command = ChildCommand { name: "redis-server", executable: options.executable.clone(), arguments, log: options.log.clone() };

        let child = ChildServer::start(command).await?;
        let ready = async {
            while !answers(port, child.pid()).await {
                tokio::time::sleep(READY_POLL).await;
            }
        };
        tokio::select! {
            done = tokio::time::timeout(READY_BOUND, ready) => done.map_err(|_| child.not_ready(READY_BOUND))?,
            status = child.ended() => return Err(child.ended_early(status)),
        }
        Ok(Self { child, port })
    }

    /// `redis://127.0.0.1:<port>/`
    pub fn url(&self) -> String {
        format!("redis://127.0.0.1:{}/", self.port)
    }

    /// Its process id.
    pub fn pid(&self) -> u32 {
        self.child.pid()
    }

    /// The child itself.
    pub fn child(&self) -> &ChildServer {
        &self.child
    }

    /// Ends it.
    pub async fn stop(self) {
        self.child.stop(STOP_GRACE).await;
    }
}

fn free_port(folder: &Path) -> Result<u16, ChildError> {
    let address = SocketAddrV4::new(Ipv4Addr::LOCALHOST, 0);
    let port = std::net::TcpListener::bind(address).and_then(|listener| listener.local_addr()).map(|address| address.port());
    port.map_err(ChildError::io("finding a free port for the redis-server of", folder))
}

/// Whether the server with *this* process id answers there: on a port that was lost to another redis-server, somebody answers too.
async fn answers(port: u16, pid: u32) -> bool {
    let ask = async {
        let mut stream = TcpStream::connect((Ipv4Addr::LOCALHOST, port)).await.ok()?;
        stream.write_all(b"PING\r\nINFO server\r\nQUIT\r\n").await.ok()?;
        let mut answer = String::new();
        stream.read_to_string(&mut answer).await.ok()?;
        Some(answer.starts_with("+PONG") && answer.lines().any(|line| line.trim() == format!("process_id:{pid}")))
    };
    matches!(tokio::time::timeout(ANSWER_BOUND, ask).await, Ok(Some(true)))
}
