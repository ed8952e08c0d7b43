//! Connecting, and orders over the connection.

use crate::common::{LONG, TRACEPARENT, nats};
use futures::StreamExt;
use std::io::{BufRead, BufReader, Write};
use std::time::Duration;
use wayfarer_bus::{Bus, BusError, BusOptions, names};
use wayfarer_proto::v1::{FarmStanding, SurfReply, SurfRequest, surf_reply::Reply, surf_request::Order};

#[tokio::test]
async fn a_server_that_is_too_old_is_refused_with_a_remedy() {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("nats://{}", listener.local_addr().unwrap());
    std::thread::spawn(move || {
        let (mut stream, _) = listener.accept().unwrap();
        stream.write_all(b"INFO {\"server_id\":\"x\",\"version\":\"2.9.10\",\"max_payload\":1048576,\"headers\":true}\r\n").unwrap();
        for line in BufReader::new(stream.try_clone().unwrap()).lines() {
            if line.unwrap_or_default().starts_with("PING") {
                stream.write_all(b"PONG\r\n").unwrap();
            }
        }
    });

    let error = Bus::connect(&url, BusOptions::default()).await.unwrap_err().to_string();

    assert!(error.contains("2.9.10") && error.contains("scripts/bootstrap.sh"), "{error}");
}

#[tokio::test]
async fn nobody_at_the_address_is_a_clear_error() {
    let error = Bus::connect("nats://me:secret@127.0.0.1:1", BusOptions::default()).await.unwrap_err().to_string();

    assert!(error.contains("127.0.0.1:1") && !error.contains("secret"), "{error}");
}

#[tokio::test]
async fn an_order_is_answered_by_one_of_the_group() {
    let nats = nats(LONG).await;
    let mut groups = Vec::new();
    for _ in 0..3 {
        groups.push(nats.bus.serve_queue(names::SURF_OPEN, names::SURF_GROUP).await.unwrap());
    }
    let mut orders = futures::stream::select_all(groups);
    let close = || SurfRequest { order: Some(Order::Close(true)) };

    let (answer, incoming) = tokio::join!(nats.bus.request(names::SURF_OPEN, close(), LONG), async {
        let incoming = orders.next().await.unwrap();
        incoming.respond(SurfReply { reply: Some(Reply::Closed(true)) }).await.unwrap();
        incoming
    });

    assert_eq!(answer.unwrap().reply, Some(Reply::Closed(true)));
    assert_eq!((incoming.request, incoming.traceparent.as_deref()), (close(), Some(TRACEPARENT)));
}

#[tokio::test]
async fn nobody_there_and_no_answer_are_told_apart() {
    let nats = nats(LONG).await;
    let _silent = nats.bus.serve("wf.surf.attempt.silent").await.unwrap();
    let ask = |subject: &'static str, within| nats.bus.request(subject, SurfRequest::default(), within);

    assert!(matches!(ask("wf.surf.attempt.nobody", LONG).await, Err(BusError::NoResponders { .. })));
    assert!(matches!(ask("wf.surf.attempt.silent", Duration::from_millis(200)).await, Err(BusError::Timeout { .. })));
    nats.bus.check().await.unwrap();
}

#[tokio::test]
async fn farms_are_heard_by_all_who_listen_and_noise_is_passed_over() {
    let nats = nats(LONG).await;
    let hear = || async { Box::pin(nats.bus.farm_standings().await.unwrap()) };
    let (mut one, mut other) = (hear().await, hear().await);
    let standing = FarmStanding { address: "http://farm-1:7420".into(), capacity: 4, free: 3, ..FarmStanding::default() };

    let raw = async_nats::connect(nats.server.url()).await.unwrap();
    raw.publish(names::FARM_STANDING, "\u{7f} no standing".into()).await.unwrap();
    raw.flush().await.unwrap();
    nats.bus.tell_standing(&standing).await.unwrap();

    for listener in [&mut one, &mut other] {
        assert_eq!(tokio::time::timeout(LONG, listener.next()).await.unwrap(), Some(standing.clone()));
    }
}
