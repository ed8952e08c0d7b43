//! Secrets that an agent types, looked for wherever a session leaves something: what it tells, its pictures, its recording, its logs, its
//! errors. The page itself gets them.
#![allow(clippy::unwrap_used, clippy::expect_used, missing_docs)]

use axum::Router;
use axum::response::Html;
use axum::routing::{get, post};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};
use tracing_subscriber::fmt::MakeWriter;
use wayfarer_browser::{BrowserSupply, ChromiumOptions, ChromiumSupply, EgressPolicy, Observed, SessionSpec};
use wayfarer_core::action::{Effect, Target};
use wayfarer_core::{Action, TenantId};

/// Letters that are spelled otherwise in forms, addresses and JSON are in it.
const PASSWORD: &str = "canary-Zx81 \"pass\"&phrase";
const CARD: &str = "4000123456789017";
const CODE: &str = "canary-code-55102";

/// Everything that is logged for people who look for a fault. (At TRACE, libraries print what passes over their wires; `wayfarer_telemetry`
/// leaves them out.)
#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<u8>>>);

impl Write for Log {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }
    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

impl<'a> MakeWriter<'a> for Log {
    type Writer = Self;
    fn make_writer(&'a self) -> Self {
        self.clone()
    }
}

fn options() -> ChromiumOptions {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).ancestors().nth(2).unwrap().to_owned();
    let tools = std::env::var_os("WAYFARER_TOOLS").map_or(root.join(".wayfarer"), PathBuf::from);
    assert!(tools.join("driver/node").exists(), "run scripts/bootstrap.sh (or point WAYFARER_TOOLS at what it made)");
    ChromiumOptions::new("/usr/lib/chromium/chromium-headless-shell", tools.join("driver"))
}

fn into(seen: &Observed, name: &str, text: &str) -> Action {
    let mark = seen.observation.marks.iter().find(|mark| mark.name == name).unwrap_or_else(|| panic!("no mark {name}"));
    let (x, y) = mark.rect.centre();
    let target = Some(Target { mark: Some(mark.id), x, y, label: mark.name.clone() });
    Action::Type { target, text: text.into(), press_enter: false, delete_existing_text: true }
}

fn press(seen: &Observed, name: &str) -> Action {
    let mark = seen.observation.marks.iter().find(|mark| mark.name == name).unwrap_or_else(|| panic!("no mark {name}"));
    let (x, y) = mark.rect.centre();
    Action::LeftClick { target: Target { mark: Some(mark.id), x, y, label: mark.name.clone() } }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_typed_as_a_secret_is_found_nowhere() {
    let log = Log::default();
    tracing_subscriber::fmt().with_max_level(tracing::Level::DEBUG).with_ansi(false).with_writer(log.clone()).init();
    let got = Arc::<Mutex<String>>::default();
    let taken = Arc::clone(&got);
    let form = "<title>Checkout</title><form action=/done method=post><label>Password <input name=password type=password></label>\
        <label>Card number <input name=card autocomplete=cc-number></label><label>Code <input name=otp autocomplete=one-time-code></label>\
        <button>Enter</button></form>\
        <button onclick=\"alert('is it '+document.forms[0].password.value+'?')\">Help</button>\
        <button onclick=\"const a=document.createElement('a');a.href='/file';a.download=document.forms[0].otp.value+'.txt';a.click()\">Receipt</button><script>addEventListener('input',(event)=>console.log('typed',event.target.value))</script>";
    let router = Router::new().route("/", get(move || async move { Html(form) })).route("/file", get(|| async { "a receipt" })).route(
        "/done",
        post(move |body: String| async move {
            *taken.lock().unwrap() = body.clone();
            // a page that shows what it was given, as it was sent and in an address
            Html(format!("<title>Done</title><p>You sent {body}</p><a href='/again?{body}'>Again</a>"))
        }),
    );
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move { axum::serve(listener, router).await.unwrap() });

    let supply = ChromiumSupply::launch(options()).await.unwrap();
    let egress = EgressPolicy { resolve: [("checkout.test".to_owned(), address)].into(), ..EgressPolicy::default() };
    let spec = SessionSpec { egress, record: true, ..SessionSpec::new(TenantId::default(), "canary-a1") };
    let session = supply.acquire(spec).await.unwrap();
    let mut left: Vec<(&str, String)> = Vec::new();
    let mut seen = session.open("http://checkout.test/").await.unwrap();
    for (name, text) in [("Password", PASSWORD), ("Card number", CARD), ("Code", CODE)] {
        let (effect, after): (Effect, Observed) = session.act_and_observe(&into(&seen, name, text)).await.unwrap();
        left.push(("an effect", serde_json::to_string(&effect).unwrap()));
        left.push(("an observation", serde_json::to_string(&after.observation).unwrap()));
        seen = after;
    }
    let (asked, seen) = session.act_and_observe(&press(&seen, "Help")).await.unwrap();
    let (given, seen) = session.act_and_observe(&press(&seen, "Receipt")).await.unwrap();
    assert_eq!((asked.dialogs.len(), given.downloads.len(), given.files.len()), (1, 1, 1), "{asked:?} {given:?}");
    left.push(("a dialog", serde_json::to_string(&asked).unwrap()));
    left.push(("the name of a file", serde_json::to_string(&given).unwrap()));
    let (effect, after) = session.act_and_observe(&press(&seen, "Enter")).await.unwrap();
    left.push(("an effect", serde_json::to_string(&effect).unwrap()));
    left.push(("the page that shows them", serde_json::to_string(&after.observation).unwrap()));
    let read = session.act(&Action::ReadPage { question: "what was sent?".into() }).await.unwrap();
    left.push(("the text of the page", serde_json::to_string(&read).unwrap()));
    left.push(("the recording", String::from_utf8(session.recording().await.unwrap().0.to_vec()).unwrap()));
    // what a broken action says
    let gone = Action::LeftClick { target: Target { mark: Some(4040), x: 5.0, y: 5.0, label: "gone".into() } };
    left.push(("a fault", serde_json::to_string(&session.act(&gone).await.unwrap()).unwrap()));
    session.release().await.unwrap();
    supply.shutdown().await;
    left.push(("the log", String::from_utf8_lossy(&log.0.lock().unwrap()).into_owned()));

    let sent = got.lock().unwrap().clone();
    let sent: Vec<String> = url::form_urlencoded::parse(sent.as_bytes()).map(|(_, value)| value.into_owned()).collect();
    assert!([PASSWORD, CARD, CODE].iter().all(|secret| sent.iter().any(|value| value == secret)), "the page gets the values: {sent:?}");
    let form: String = url::form_urlencoded::byte_serialize(PASSWORD.as_bytes()).collect();
    let spelled = [form.replace('+', "%20"), form, serde_json::to_string(PASSWORD).unwrap().trim_matches('"').to_owned()];
    for (sink, text) in &left {
        for secret in spelled.iter().map(String::as_str).chain([PASSWORD, CARD, CODE, "4000 1234 5678 9017"]) {
            let place = text.find(secret).map(|at| text[at.saturating_sub(120)..(at + 60).min(text.len())].to_owned());
            assert!(place.is_none(), "{sink} tells {secret}: {place:?}");
        }
    }
    assert!(left.iter().any(|(sink, text)| *sink == "the recording" && text.contains("/done")), "the recording has the request");
    assert!(left.iter().any(|(sink, text)| *sink == "the log" && text.contains("chromium is running")), "the log was heard");
}
