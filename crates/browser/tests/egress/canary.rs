//! Places of this machine that nobody may reach: each counts every connection, and keeps the first line that it heard.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream, UdpSocket};

/// What a canary and its file say: whoever reads it got through.
pub const CONTENT: &str = "CANARY-CONTENT-7d1f";
/// The addresses of loopback that a canary has.
pub const PERCHES: [IpAddr; 4] = [
    IpAddr::V4(Ipv4Addr::LOCALHOST),
    IpAddr::V4(Ipv4Addr::new(127, 0, 0, 2)),
    IpAddr::V4(Ipv4Addr::new(127, 0, 0, 3)),
    IpAddr::V6(Ipv6Addr::LOCALHOST),
];
/// How long a caller may take to say something.
const PATIENCE: Duration = Duration::from_secs(2);

#[derive(Clone)]
pub struct Canary {
    pub port: u16,
    heard: Arc<Mutex<Vec<String>>>,
}

impl Canary {
    /// A canary on a port that is free everywhere.
    pub async fn start() -> Self {
        loop {
            let port = std::net::TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap().local_addr().unwrap().port();
            if let Some(canary) = Self::on(&PERCHES, port).await {
                return canary;
            }
        }
    }

    /// A canary on this port; `None` where it is taken.
    pub async fn on(addresses: &[IpAddr], port: u16) -> Option<Self> {
        let canary = Self { port, heard: Arc::default() };
        let mut perches = Vec::new();
        for address in addresses {
            let at = SocketAddr::new(*address, port);
            perches.push((at, TcpListener::bind(at).await.ok()?, UdpSocket::bind(at).await.ok()?));
        }
        for (at, tcp, udp) in perches {
            tokio::spawn(canary.clone().connections(at, tcp));
            tokio::spawn(canary.clone().datagrams(at, udp));
        }
        Some(canary)
    }

    /// Everything that was heard so far; an empty line is a connection that said nothing.
    pub fn heard(&self) -> Vec<String> {
        self.heard.lock().unwrap().clone()
    }

    /// The same, and forgets it.
    pub fn take(&self) -> Vec<String> {
        std::mem::take(&mut self.heard.lock().unwrap())
    }

    async fn connections(self, at: SocketAddr, listener: TcpListener) {
        while let Ok((stream, _)) = listener.accept().await {
            let place = {
                let mut heard = self.heard.lock().unwrap();
                heard.push(String::new());
                heard.len() - 1
            };
            tokio::spawn(self.clone().listen(at, stream, place));
        }
    }

    async fn listen(self, at: SocketAddr, mut stream: TcpStream, place: usize) {
        let mut head = vec![0; 8192];
        let length = tokio::time::timeout(PATIENCE, stream.read(&mut head)).await.ok().and_then(Result::ok).unwrap_or(0);
        if length == 0 {
            return;
        }
        let line = if head[0] == 22 {
            format!("TLS at {at}")
        } else {
            format!("{} at {at}", String::from_utf8_lossy(&head[..length]).lines().next().unwrap_or_default())
        };
        if let Some(entry) = self.heard.lock().unwrap().get_mut(place) {
            *entry = line;
        }
        let answer = format!(
            "HTTP/1.1 200 OK\r\ncontent-type: text/html\r\naccess-control-allow-origin: *\r\ncontent-length: {}\r\nconnection: close\r\n\r\n{CONTENT}",
            CONTENT.len()
        );
        let _ = stream.write_all(answer.as_bytes()).await;
    }

    async fn datagrams(self, at: SocketAddr, socket: UdpSocket) {
        let mut bytes = [0; 2048];
        while let Ok((length, from)) = socket.recv_from(&mut bytes).await {
            self.heard.lock().unwrap().push(format!("{length} bytes over UDP at {at} from {from}"));
        }
    }
}
