//! The gate, seen from the network: a request that changes something, and a message over a socket, is judged by where it goes and what it
//! carries, whatever the page said of the button that sent it. The same rules as for forms; what a page hides from the eye it cannot hide
//! here.

use super::deeds::{Deed, DeedKind, FormFacts};
use super::fields::{Asks, Meaning, field_meaning};
use super::words::{identifier_words, normal};
use super::{consume, covers, host_of, rules, would};
use crate::critical_point::{CriticalPoint, CriticalPointKind, GateDecision, Grant};
use regex::Regex;
use std::collections::HashSet;
use std::sync::LazyLock;
use url::Url;

/// Names of fields that are read from a body; what comes after so many is not seen.
const MOST_NAMES: usize = 10_000;
/// How often JSON is read that stands in a text of JSON.
const DEEPEST_TEXT: usize = 4;
/// Names of the fields that messages tell by what they are for: of the protocols that are spoken over sockets (JSON-RPC, GraphQL, SignalR,
/// action cable) and of what pages make up.
const TELLING: &[&str] =
    &["action", "type", "event", "op", "operation", "operationname", "method", "cmd", "command", "target", "destination", "route"];
/// Single words that tell something else over sockets: edits of a text, answers of a protocol.
const TOO_COMMON: &[&str] = &["delete", "destroy", "cancel", "confirm", "send"];
/// What a message is for is said in fewer letters.
const LONGEST_TELLING: usize = 64;

/// A request that a page is about to make.
#[derive(Debug, Clone, Copy)]
pub struct PageRequest<'a> {
    /// As HTTP has it.
    pub method: &'a str,
    /// Absolute.
    pub url: &'a str,
    /// What is sent, as far as it is known.
    pub body: &'a str,
    /// Address of the page that makes it.
    pub page: &'a str,
}

/// A message that a page is about to send over a socket.
#[derive(Debug, Clone, Copy)]
pub struct PageMessage<'a> {
    /// Address of the socket, absolute.
    pub url: &'a str,
    /// What is sent, as text.
    pub text: &'a str,
    /// Address of the page that sends it.
    pub page: &'a str,
}

/// What the gate says about a request, given the permissions so far; one that it lets through uses its permission up.
///
/// Giving personal data away is not judged here: it is known where fields are filled, and beacons of ordinary pages carry names like
/// `name` and `email` of their own.
pub fn check_request(request: PageRequest<'_>, grants: &mut Vec<Grant>) -> GateDecision {
    decide(judge_request(request), grants)
}

/// The same of a message. What it is for is told by its fields (`{"action": "place_order"}`) or by the words that it begins with
/// (`42["checkout/pay", …]`).
pub fn check_message(message: PageMessage<'_>, grants: &mut Vec<Grant>) -> GateDecision {
    decide(judge_message(message), grants)
}

fn decide(met: Vec<CriticalPoint>, grants: &mut Vec<Grant>) -> GateDecision {
    if let Some(critical_point) = met.iter().find(|point| !grants.iter().any(|grant| covers(grant, point))) {
        return GateDecision::Held { critical_point: critical_point.clone() };
    }
    match met.into_iter().next() {
        Some(critical_point) => {
            consume(grants, &critical_point);
            GateDecision::Permitted { critical_point }
        }
        None => GateDecision::Pass,
    }
}

/// Critical points that a request would cross, the most binding one first.
fn judge_request(request: PageRequest<'_>) -> Vec<CriticalPoint> {
    let changes = !matches!(request.method.to_ascii_uppercase().as_str(), "GET" | "HEAD" | "OPTIONS" | "TRACE");
    if !changes {
        return Vec::new();
    }
    let (names, operations) = read_body(request.body);
    judge(request.method, request.url, names, operations.into_iter(), request.page)
}

fn judge_message(message: PageMessage<'_>) -> Vec<CriticalPoint> {
    let (names, told) = read_message(message.text);
    // "cart:place_order", "checkout/pay"
    let last = |told: &String| told.rsplit(['/', ':', '.']).next().map(str::to_owned);
    let operations = told
        .iter()
        .filter_map(last)
        .chain(told.iter().cloned())
        .filter(|told| !told.is_empty() && told.len() <= LONGEST_TELLING)
        .filter(|told| !TOO_COMMON.iter().any(|common| told.eq_ignore_ascii_case(common)));
    judge("the message", message.url, names, operations, message.page)
}

/// Names of a message's fields, and what it says that it is for.
fn read_message(text: &str) -> (Vec<String>, Vec<String>) {
    let (mut names, mut told) = (Vec::new(), Vec::new());
    let start = text.find(['{', '[']).unwrap_or(text.len());
    let (head, rest) = text.split_at(start);
    let mut see = |name: &str, value: Option<&str>| {
        names.push(name.to_owned());
        if TELLING.contains(&name.to_ascii_lowercase().as_str()) {
            told.extend(value.map(str::to_owned));
        }
    };
    // records end with signs of their own
    match serde_json::from_str::<serde_json::Value>(rest.trim_end_matches(|c: char| c.is_control() || c.is_whitespace())) {
        Ok(value) => {
            walk(&value, DEEPEST_TEXT, &mut see);
            // an event and what belongs to it
            told.extend(value.as_array().into_iter().flatten().filter_map(|item| item.as_str()).map(str::to_owned));
        }
        Err(_) => scan(rest, &mut see),
    }
    // STOMP names a destination; whoever makes up a protocol of words begins with the one that counts
    let destination = head.lines().find_map(|line| line.strip_prefix("destination:"));
    told.extend(destination.or_else(|| head.split([' ', '\n', ',', '|', '=']).next()).map(str::to_owned));
    distinct(&mut told);
    distinct(&mut names);
    told.truncate(MOST_NAMES);
    names.truncate(MOST_NAMES);
    (names, told)
}

/// Critical points of what carries such names to an address and is for these operations.
fn judge(how: &str, url: &str, names: Vec<String>, operations: impl Iterator<Item = String>, page: &str) -> Vec<CriticalPoint> {
    let meanings: Vec<Meaning> = names.iter().filter_map(|name| field_meaning(&identifier_words(name))).collect();
    let (mut action, mut path) = (url.to_owned(), String::new());
    if let Ok(mut parsed) = Url::parse(url) {
        path = parsed.path().to_owned();
        // as if the address named them
        let operations: Vec<String> = operations.collect();
        if !operations.is_empty() {
            parsed.query_pairs_mut().extend_pairs(operations.iter().map(|operation| ("action", operation)));
            action = parsed.into();
        }
    }
    let form = FormFacts { asks: Asks::of(meanings), is_get: false, action, words: normal(&names.join(" ")), is_loose: false };
    let on = format!("{how} {path}");
    let deed = Deed { kind: DeedKind::SubmitByEnter { form }, on: on.clone(), page: String::new() };
    let host = host_of(page);
    let mut found: Vec<CriticalPoint> = Vec::new();
    for (rule, _) in rules::fired(&[deed]) {
        if rule.kind != CriticalPointKind::PersonalData && found.iter().all(|earlier| earlier.kind != rule.kind) {
            let what = format!("{} at {host} (the page sends {on})", would(rule.kind));
            found.push(CriticalPoint { kind: rule.kind, rule: format!("request.{}", rule.name), what, host: host.clone() });
        }
    }
    found
}

/// Names of the fields that a body carries (of a form, of JSON, of a form with files), and of the GraphQL operations in it.
fn read_body(body: &str) -> (Vec<String>, Vec<String>) {
    let (mut names, mut operations) = (Vec::new(), Vec::new());
    let mut see = |name: &str, value: Option<&str>| {
        names.push(name.to_owned());
        if name == "operationName" {
            operations.extend(value.map(str::to_owned));
        }
    };
    let json = serde_json::from_str::<serde_json::Value>(body);
    match &json {
        Ok(value) => walk(value, DEEPEST_TEXT, &mut see),
        Err(_) => scan(body, &mut see),
    }
    // how it will be read the page tells the server, and not us: it is looked at in every way
    let parts = body.split("Content-Disposition: form-data").skip(1);
    names.extend(parts.filter_map(|part| Some(part.split_once("name=\"")?.1.split_once('"')?.0.to_owned())));
    let fields = url::form_urlencoded::parse(body.as_bytes()).map(|(name, _)| name.into_owned());
    names.extend(fields.filter(|name| json.is_err() || !name.contains(['"', '{', '['])));
    distinct(&mut names);
    names.truncate(MOST_NAMES);
    (names, operations)
}

/// Each once: a page may say one thing as often as it likes.
fn distinct(texts: &mut Vec<String>) {
    let mut seen = HashSet::new();
    texts.retain(|text| seen.insert(text.clone()));
}

/// Shows the fields of a value, those of its parts and of JSON in its texts included: their names, and what they hold where that is text.
/// What could be read is not deeper than it can be walked.
fn walk(value: &serde_json::Value, texts: usize, see: &mut impl FnMut(&str, Option<&str>)) {
    match value {
        serde_json::Value::Object(fields) => {
            for (name, inner) in fields {
                see(name, inner.as_str());
                walk(inner, texts, see);
            }
        }
        serde_json::Value::Array(items) => items.iter().for_each(|item| walk(item, texts, see)),
        serde_json::Value::String(text) if texts > 0 && text.trim_start().starts_with(['{', '[']) => {
            if let Ok(inner) = serde_json::from_str(text) {
                walk(&inner, texts - 1, see);
            }
        }
        _ => {}
    }
}

/// The same of what is nearly JSON: cut off, or nested deeper than it can be read.
fn scan(text: &str, see: &mut impl FnMut(&str, Option<&str>)) {
    #[allow(clippy::expect_used)]
    static FIELD: LazyLock<Regex> = LazyLock::new(|| {
        Regex::new(r#""((?:[^"\\]|\\.){1,64})"\s*:\s*(?:"((?:[^"\\]|\\.){0,512})")?"#).expect("a constant; every test of the gate runs it")
    });
    let plain = |text: &str| serde_json::from_str(&format!("\"{text}\"")).unwrap_or_else(|_| text.to_owned());
    for field in FIELD.captures_iter(text) {
        see(&plain(&field[1]), field.get(2).map(|value| plain(value.as_str())).as_deref());
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::expect_used)]
mod tests {
    use super::*;

    fn judged(method: &str, url: &str, body: &str) -> Option<CriticalPointKind> {
        let request = PageRequest { method, url, body, page: "https://shop.example/basket" };
        judge_request(request).first().map(|point| point.kind)
    }

    #[test]
    fn what_binds_is_known_by_its_address_or_by_what_it_carries() {
        use CriticalPointKind::*;
        let critical = [
            ("POST", "https://shop.example/checkout/pay", "", Payment),
            ("POST", "https://shop.example/api/placeOrder", "{}", Payment),
            ("PUT", "https://shop.example/api/v2/orders/91/confirm-payment", "{\"n\":1}", Payment),
            ("POST", "https://shop.example/x", "cardNumber=4111111111111111&cvc=123", Payment),
            ("POST", "https://shop.example/x", r#"{"payment":{"card_number":"4111","expiry":"1/30"}}"#, Payment),
            ("POST", "https://shop.example/graphql", r#"{"operationName":"CompletePurchase","query":"mutation"}"#, Payment),
            ("POST", "https://shop.example/graphql", r#"[{"operationName":"Cart"},{"operationName":"PlaceOrder"}]"#, Payment),
            ("POST", "https://inn.example/api/confirm-booking", "", Booking),
            ("POST", "https://mail.example/api/send_message", r#"{"to":"a","body":"b"}"#, Sending),
            ("POST", "https://site.example/session", "username=a&password=b", AccountChange),
            ("DELETE", "https://site.example/account/delete", "", AccountChange),
            ("POST", "https://site.example/j", "--b\r\nContent-Disposition: form-data; name=\"password\"\r\n\r\nx\r\n--b--", AccountChange),
        ];
        for (method, url, body, kind) in critical {
            assert_eq!(judged(method, url, body), Some(kind), "{method} {url} {body}");
        }
    }

    #[test]
    fn nothing_hides_behind_what_is_harmless() {
        let card = r#"{"cardNumber":"4111111111111111"}"#;
        let behind_many: Vec<String> = (0..2_000).map(|number| format!("\"field{number}\":1")).collect();
        let many = format!("{{{},\"x\":{card}}}", behind_many.join(","));
        let late = format!("[{}{card}]", "{\"a\":1},".repeat(500));
        let deep = format!("{}{card}{}", "{\"a\":".repeat(100), "}".repeat(100));
        let deeper = format!("{}{card}{}", "[".repeat(300), "]".repeat(300));
        let cut = format!("{{\"x\":{card},\"rest\":\"");
        let (form, text) = ("{=1&cardNumber=4111&cvc=1".to_owned(), r#""&cardNumber=1&""#.to_owned());
        let parts = "{--b\r\nContent-Disposition: form-data; name=\"cardNumber\"\r\n\r\n4111\r\n--b--".to_owned();
        let escaped = format!("{}{{\"card\\u004eumber\":1}}{}", "[".repeat(300), "]".repeat(300));
        for body in [many, late, deep, deeper, cut, form, text, parts, escaped] {
            assert_eq!(judged("POST", "https://shop.example/x", &body), Some(CriticalPointKind::Payment), "{} bytes", body.len());
        }
    }

    #[test]
    fn what_ordinary_pages_send_passes() {
        let ordinary = [
            ("GET", "https://shop.example/checkout/pay", ""),
            ("POST", "https://shop.example/cart/add", "item=3&count=1"),
            ("POST", "https://shop.example/search", r#"{"query":"mugs","page":1}"#),
            ("POST", "https://shop.example/graphql", r#"{"operationName":"ProductList","variables":{"first":20}}"#),
            ("POST", "https://stats.example/collect", r#"{"name":"pageview","email":"","events":[{"name":"click"}]}"#),
            ("PATCH", "https://shop.example/api/basket/items/4", r#"{"quantity":2}"#),
            ("POST", "https://shop.example/filters", "colour=blue"),
            ("POST", "not an address", "\u{0}\u{1}"),
        ];
        for (method, url, body) in ordinary {
            assert_eq!(judged(method, url, body), None, "{method} {url} {body}");
        }
    }

    fn judged_message(text: &str) -> Option<CriticalPointKind> {
        let message = PageMessage { url: "wss://live.shop.example/socket", text, page: "https://shop.example/basket" };
        judge_message(message).first().map(|point| point.kind)
    }

    #[test]
    fn a_message_is_known_by_what_it_says_it_is_for() {
        use CriticalPointKind::*;
        let critical = [
            (r#"{"action":"place_order","total":99}"#, Payment),
            (r#"{"type":"rpc","data":{"method":"checkout.pay","params":[]}}"#, Payment),
            (r#"42["checkout/pay",{"total":99}]"#, Payment),
            (r#"["4","9","room:lobby","place_order",{}]"#, Payment),
            ("{\"type\":1,\"target\":\"ConfirmBooking\",\"arguments\":[7]}\u{1e}", Booking),
            ("{\"type\":6}\u{1e}{\"target\":\"PlaceOrder\"}\u{1e}", Payment),
            (r#"{"command":"message","data":"{\"action\":\"place_order\"}"}"#, Payment),
            (r#"["{\"msg\":\"x\",\"method\":\"checkout.pay\"}"]"#, Payment),
            ("SEND\ndestination:/app/7f3c9a52-1c1e-4a57-9d0c-1f6f7f9a1b2c/0d9e8c77-5a4b-4c3d-8e2f-6a5b4c3d2e1f/pay\n\n{}\0", Payment),
            ("{\"type\":6}\u{1e}{\"t\\u0061rget\":\"PlaceOrder\"}\u{1e}", Payment),
            ("SEND\ndestination:/app/pay\n\n{\"n\":1}\0", Payment),
            (r#"{"id":"1","type":"subscribe","payload":{"operationName":"CompletePurchase","query":"mutation"}}"#, Payment),
            ("pay 99", Payment),
            (r#"{"x":{"card_number":"4111111111111111","cvc":"1"}}"#, Payment),
            (r#"{"op":"delete_account"}"#, AccountChange),
        ];
        for (text, kind) in critical {
            assert_eq!(judged_message(text), Some(kind), "{text}");
        }
        let padded = format!(r#"{{"action":"place_order","pad":"{}"#, "x".repeat(1000));
        assert_eq!(judged_message(&padded), Some(Payment), "a message that was cut off");
        let ordinary = [
            r#"{"type":"subscribe","channel":"order book"}"#,
            r#"{"type":"ping"}"#,
            "2probe",
            "3",
            r#"42["typing",{"room":4}]"#,
            r#"{"op":"delete","from":4,"to":9}"#,
            r#"{"event":"phx_join","topic":"room:lobby","payload":{},"ref":"1"}"#,
            "SEND\ndestination:/app/prices\n\n{}\0",
            "{\"type\":6}\u{1e}",
            "{ not JSON",
            "[",
            "",
        ];
        for text in ordinary {
            assert_eq!(judged_message(text), None, "{text}");
        }
    }

    #[test]
    fn a_permission_lets_one_request_through() {
        let grant = Grant { kinds: vec![CriticalPointKind::Payment], host: "shop.example".into(), uses: 1, data: Default::default() };
        let mut grants = vec![grant];
        let pay = PageRequest { method: "POST", url: "https://pay.example/charge", body: "", page: "https://shop.example/basket" };
        assert!(matches!(check_request(pay, &mut grants), GateDecision::Permitted { .. }));
        assert!(matches!(check_request(pay, &mut grants), GateDecision::Held { .. }));
        let search = PageRequest { url: "https://shop.example/search", ..pay };
        assert_eq!(check_request(search, &mut grants), GateDecision::Pass);
    }
}
