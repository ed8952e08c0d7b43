//! Real servers, each started by the test on a free port and gone after it.

use std::path::Path;
use std::time::Duration;
use tempfile::TempDir;
use wayfarer_bus::{Bus, BusOptions, NatsEventLog};
use wayfarer_children::{NatsOptions, NatsServer, RedisOptions, RedisServer, Tools};
use wayfarer_store::Store;

/// A nats-server and a redis-server of one's own.
#[derive(Debug)]
pub struct Servers {
    /// The nats-server.
    pub nats: NatsServer,
    /// The redis-server.
    pub redis: RedisServer,
    /// Holds their files; removed after them.
    pub folder: TempDir,
}

impl Servers {
    /// Starts both.
    pub async fn start() -> Self {
        let folder = a_folder();
        let tools = Tools::locate();
        let nats = NatsOptions::found(&tools, &folder.path().join("nats")).unwrap_or_else(|error| panic!("{error}"));
        let redis = RedisOptions::found(&tools, &folder.path().join("redis")).unwrap_or_else(|error| panic!("{error}"));
        Self {
            nats: NatsServer::start(nats).await.unwrap_or_else(|error| panic!("{error}")),
            redis: RedisServer::start(redis).await.unwrap_or_else(|error| panic!("{error}")),
            folder,
        }
    }

    /// A connection to NATS, with everything provisioned. Work without a sign of life comes back after 30 seconds.
    pub async fn bus(&self) -> Bus {
        self.bus_with(BusOptions::default()).await
    }

    /// A connection to NATS whose work comes back after this long without a sign of life.
    pub async fn bus_with_ack_wait(&self, ack_wait: Duration) -> Bus {
        self.bus_with(BusOptions { ack_wait, ..BusOptions::default() }).await
    }

    /// A connection to NATS with these options, with everything provisioned.
    pub async fn bus_with(&self, options: BusOptions) -> Bus {
        let bus = Bus::connect(self.nats.url(), options).await.unwrap_or_else(|error| panic!("{error}"));
        bus.provision().await.unwrap_or_else(|error| panic!("{error}"));
        bus
    }

    /// The event log over a connection of its own.
    pub async fn event_log(&self) -> NatsEventLog {
        NatsEventLog::new(self.bus().await)
    }

    /// Where a test may keep what it likes.
    pub fn path(&self) -> &Path {
        self.folder.path()
    }
}

/// A folder that is gone after the test.
pub fn a_folder() -> TempDir {
    tempfile::tempdir().expect("the system gives temporary folders")
}

/// A store in a folder that is gone after the test: keep both.
pub fn a_store() -> (TempDir, Store) {
    let folder = a_folder();
    let store = Store::open(folder.path()).unwrap_or_else(|error| panic!("{error}"));
    (folder, store)
}
