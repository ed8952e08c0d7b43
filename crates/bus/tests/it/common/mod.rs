//! A NATS of one's own for each test.
#![allow(dead_code)]

use std::time::Duration;
use wayfarer_bus::{Bus, BusOptions, Queue};
use wayfarer_children::{NatsOptions, NatsServer, Tools};
use wayfarer_proto::v1::{WorkItem, work_item::Work};

pub struct Nats {
    pub bus: Bus,
    pub server: NatsServer,
    _folder: tempfile::TempDir,
}

pub async fn nats(ack_wait: Duration) -> Nats {
    let folder = tempfile::tempdir().unwrap();
    let server = NatsServer::start(NatsOptions::found(&Tools::locate(), folder.path()).unwrap()).await.unwrap();
    let bus = connect(&server, ack_wait).await;
    bus.provision().await.unwrap();
    Nats { bus, server, _folder: folder }
}

pub async fn connect(server: &NatsServer, ack_wait: Duration) -> Bus {
    let traceparent = std::sync::Arc::new(|| Some(TRACEPARENT.to_owned()));
    let options = BusOptions { ack_wait, traceparent, ..BusOptions::default() };
    Bus::connect(server.url(), options).await.unwrap()
}

pub const TRACEPARENT: &str = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
pub const LONG: Duration = Duration::from_secs(30);
pub const SHORT: Duration = Duration::from_millis(300);

pub fn an_item(name: &str) -> WorkItem {
    WorkItem { tenant: "default".into(), run: "run-1".into(), work: Some(Work::CurateAttempt(name.into())) }
}

pub fn name_of(item: &WorkItem) -> String {
    match &item.work {
        Some(Work::CurateAttempt(name)) => name.clone(),
        other => panic!("{other:?}"),
    }
}

pub async fn queue_items(bus: &Bus, names: &[&str]) {
    for name in names {
        bus.publish_work(Queue::Curate, name, &an_item(name)).await.unwrap();
    }
}
