//! The websurfer works in the trace of whoever gave the order: opening in that of the order to open, each step in that of its own order.
//! Telemetry is set up once a process, so this is a file of its own.
#![allow(clippy::unwrap_used, clippy::expect_used, missing_docs)]

use async_trait::async_trait;
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tokio_util::sync::CancellationToken;
use tracing::{Instrument, Span};
use wayfarer_browser::{BrowserError, BrowserSession, BrowserSupply, EgressPolicy, Observed, SessionSpec};
use wayfarer_bus::{Bus, BusError, BusOptions, document, names, read_document};
use wayfarer_chat::{ChatReply, ChatRequest, Model, ModelError};
use wayfarer_core::action::Effect;
use wayfarer_core::surf::{SurfOpen, SurfOrder, SurfReport};
use wayfarer_core::{Action, Epoch, SessionId, StepIndex, Usage};
use wayfarer_proto::v1::{SurfReply, SurfRequest, surf_reply::Reply, surf_request::Order};
use wayfarer_store::Stores;
use wayfarer_telemetry::{TelemetryOptions, current_traceparent, init, trace_id_of};
use wayfarer_testkit::{Servers, a_run, a_store, a_task, an_attempt, an_observation};
use wayfarer_websurfer::WebSurferService;

const STOP: &str = r#"{"state_description": "A page.", "reasoning": "Done.", "tool": "stop_and_answer_question", "text": "done",
    "status": "success"}"#;
const URL: &str = "http://shop.localhost/";

/// What was done, and in which trace.
type Seen = (&'static str, Option<String>);

#[derive(Clone, Default)]
struct Witness(Arc<Mutex<Vec<Seen>>>);

impl Witness {
    fn see(&self, what: &'static str) {
        self.0.lock().unwrap().push((what, trace_id_of(&Span::current())));
    }
}

#[async_trait]
impl Model for Witness {
    async fn generate(&self, _: ChatRequest) -> Result<ChatReply, ModelError> {
        self.see("model");
        Ok(ChatReply { text: STOP.into(), calls: Vec::new(), usage: Usage::default(), model: "witness".into(), tries: 1, latency_ms: 0.0 })
    }
}

#[async_trait]
impl BrowserSupply for Witness {
    async fn acquire(&self, _: SessionSpec) -> Result<Box<dyn BrowserSession>, BrowserError> {
        self.see("acquire");
        Ok(Box::new(Session(SessionId::new("session-1").unwrap())))
    }
}

struct Session(SessionId);

fn page() -> Observed {
    Observed { observation: an_observation(URL), screenshot: bytes::Bytes::from_static(URL.as_bytes()) }
}

#[async_trait]
impl BrowserSession for Session {
    fn id(&self) -> &SessionId {
        &self.0
    }

    async fn open(&self, _: &str) -> Result<Observed, BrowserError> {
        Ok(page())
    }

    async fn observe(&self) -> Result<Observed, BrowserError> {
        Ok(page())
    }

    async fn act(&self, _: &Action) -> Result<Effect, BrowserError> {
        Ok(Effect::default())
    }

    async fn act_and_observe(&self, _: &Action) -> Result<(Effect, Observed), BrowserError> {
        Ok((Effect::default(), page()))
    }

    async fn release(self: Box<Self>) -> Result<(), BrowserError> {
        Ok(())
    }
}

/// Asks until the websurfer is there.
async fn ask(bus: &Bus, subject: &str, order: Order) -> SurfReply {
    let request = SurfRequest { order: Some(order) };
    let asked = async {
        loop {
            match bus.request(subject, request.clone(), Duration::from_secs(10)).await {
                Err(BusError::NoResponders { .. }) => tokio::time::sleep(Duration::from_millis(20)).await,
                other => return other.unwrap(),
            }
        }
    };
    tokio::time::timeout(Duration::from_secs(20), asked).await.expect("a websurfer answers")
}

#[tokio::test(flavor = "multi_thread")]
async fn every_order_is_carried_out_in_its_own_trace() {
    let options = TelemetryOptions { service: "test".into(), otlp_endpoint: None, metrics_listen: None, filter: "off".into(), json: false };
    let telemetry = init(options).unwrap();
    let servers = Servers::start().await;
    let bus = servers.bus_with(BusOptions { traceparent: Arc::new(current_traceparent), ..BusOptions::default() }).await;
    let (_folder, store) = a_store();
    let witness = Witness::default();
    let stop = CancellationToken::new();
    let service = WebSurferService {
        bus: bus.clone(),
        model: Arc::new(witness.clone()),
        browsers: Arc::new(witness.clone()),
        stores: Stores::Single(a_run().run, store),
        egress: EgressPolicy::default(),
        record: false,
        slots: 1,
        owner_silence: Duration::from_secs(300),
        native: Default::default(),
    };
    let running = tokio::spawn(service.run(stop.clone()));
    let (spec, task) = (a_run(), a_task("What does the Trail Mug cost?"));
    let attempt = an_attempt(&task);
    let open = SurfOpen {
        tenant: spec.tenant,
        run: spec.run,
        attempt: attempt.clone(),
        epoch: Epoch(1),
        task,
        today: "2026-11-21".into(),
        solver: "ledger".into(),
    };
    let order = SurfOrder {
        epoch: Epoch(1),
        step: StepIndex(1),
        next_steps: "Stop.".into(),
        plan: String::new(),
        stop_only: true,
        stop_reason: "done".into(),
        grants: vec![],
        user_messages: vec![],
        current_intent: None,
    };

    // an attempt's spans share one trace; two are used here, so that none can be inherited unseen from the session
    let (opening, step) = (tracing::info_span!("opening"), tracing::info_span!("order"));
    ask(&bus, names::SURF_OPEN, Order::Open(document(&open).unwrap())).instrument(opening.clone()).await;
    let subject = names::surf_attempt(&attempt);
    let reply = ask(&bus, &subject, Order::Step(document(&order).unwrap())).instrument(step.clone()).await;

    let Some(Reply::Report(report)) = &reply.reply else { panic!("no report: {reply:?}") };
    let report: SurfReport = read_document(report).unwrap();
    assert!(matches!(report, SurfReport::Stepped { .. }), "{report:?}");
    assert_eq!(*witness.0.lock().unwrap(), [("acquire", trace_id_of(&opening)), ("model", trace_id_of(&step))]);
    assert_ne!(trace_id_of(&opening), trace_id_of(&step));
    ask(&bus, &subject, Order::Close(true)).await;
    stop.cancel();
    running.await.unwrap().unwrap();
    telemetry.shutdown().await;
}
