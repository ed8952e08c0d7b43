//! The gate, seen from the network: a request that changes something, and a message over a socket, is judged by where it goes and what it
//! carries, whatever the page said of the button that sent it. The same rules as for forms; what a page hides from the eye it cannot hide
//! here.

use super::deeds::{Deed, DeedKind, FormFacts};
use super::fields::{Asks, Meaning, field_meaning};
use super::words::{identifier_words, is_one_of};
use super::{consume, covers, host_of, rules, would};
use crate::critical_point::{CriticalPoint, CriticalPointKind, GateDecision, Grant};
use regex::Regex;
use serde_json::Value;
use std::collections::HashSet;
use std::sync::LazyLock;
use url::Url;

/// Names of fields that are read from a body; what comes after so many is not seen.
const MOST_NAMES: usize = 10_000;
/// How often JSON is read that stands in a text of JSON.
const DEEPEST_TEXT: usize = 4;
/// Names of the fields that requests tell by what they are for; beacons say `event` and `type` of what already happened.
const TELLING_IN_REQUESTS: &[&str] = &["action", "op", "operation", "operationname", "method", "cmd", "command", "do", "task"];
/// The same of messages: of the protocols that are spoken over sockets (JSON-RPC, GraphQL, SignalR, action cable) and of what pages make up.
const TELLING_IN_MESSAGES: &[&str] =
    &["action", "type", "event", "op", "operation", "operationname", "method", "cmd", "command", "target", "destination", "route"];
/// Single words that tell something else beside an address: edits of a text or a list, answers of a protocol.
const TOO_COMMON: &[&str] = &["delete", "destroy", "cancel", "confirm", "send"];
/// What something is for is said in fewer letters.
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
    judge(request.method, request.url, names, &operations, request.page)
}

fn judge_message(message: PageMessage<'_>) -> Vec<CriticalPoint> {
    let (names, operations) = read_message(message.text);
    judge("the message", message.url, names, &operations, message.page)
}

/// Names of a message's fields, and what it says that it is for.
fn read_message(text: &str) -> (Vec<String>, Vec<String>) {
    let mut read = Reading::new(TELLING_IN_MESSAGES);
    // letters of two bytes each, read as one
    let text = text.replace('\0', "");
    let start = text.find(['{', '[']).unwrap_or(text.len());
    let (head, rest) = text.split_at(start);
    // records end with signs of their own
    if let Some(value) = read.json(rest.trim_end_matches(|c: char| c.is_control() || c.is_whitespace())) {
        // an event and what belongs to it
        read.told.extend(value.as_array().into_iter().flatten().filter_map(|item| item.as_str()).map(str::to_owned));
    }
    // STOMP names a destination; whoever makes up a protocol of words begins with the one that counts
    let destination = head.lines().find_map(|line| line.strip_prefix("destination:"));
    let first = head.split([' ', '\n', ',', '|', '=', ';']).next();
    read.told.extend(destination.or(first).map(str::to_owned));
    read.told.extend(first.and_then(|first| first.split(':').next()).map(str::to_owned));
    read.form(head);
    read.told()
}

/// Names of the fields that a body carries, and what it says that it is for. How it will be read the page tells the server, and not us: it
/// is looked at in every way.
fn read_body(body: &str) -> (Vec<String>, Vec<String>) {
    let mut read = Reading::new(TELLING_IN_REQUESTS);
    let body = body.replace('\0', "");
    let is_json = read.json(&body).is_some();
    read.parts(&body);
    if !is_json || body.trim_start().starts_with('"') {
        read.form(&body);
    }
    read.mutation(&body);
    read.told()
}

/// What is read of a body or a message.
struct Reading {
    /// Fields that tell what it is for.
    telling: &'static [&'static str],
    names: Vec<String>,
    told: Vec<String>,
}

impl Reading {
    fn new(telling: &'static [&'static str]) -> Self {
        Self { telling, names: Vec::new(), told: Vec::new() }
    }

    fn see(&mut self, name: &str, value: Option<&str>) {
        self.names.push(name.to_owned());
        let Some(value) = value else { return };
        if self.telling.contains(&name.to_ascii_lowercase().as_str()) {
            self.told.push(value.to_owned());
        }
        if name.eq_ignore_ascii_case("query") {
            self.mutation(value);
        }
    }

    /// As JSON, or as what is nearly JSON.
    fn json(&mut self, text: &str) -> Option<Value> {
        match serde_json::from_str(text) {
            Ok(value) => {
                self.walk(&value, DEEPEST_TEXT);
                Some(value)
            }
            Err(_) => {
                self.scan(text);
                None
            }
        }
    }

    /// Fields of a value, those of its parts and of JSON in its texts included. What could be read is not deeper than it can be walked.
    fn walk(&mut self, value: &Value, texts: usize) {
        match value {
            Value::Object(fields) => {
                for (name, inner) in fields {
                    // a switch is not what it is called by, and a number is no message
                    let is_message = || field_meaning(&identifier_words(name)) == Some(Meaning::Message);
                    if !(inner.is_boolean() || inner.is_null() || inner.is_number() && is_message()) {
                        self.see(name, inner.as_str());
                    }
                    self.walk(inner, texts);
                }
            }
            Value::Array(items) => items.iter().for_each(|item| self.walk(item, texts)),
            Value::String(text) if texts > 0 && text.trim_start().starts_with(['{', '[']) => {
                if let Ok(inner) = serde_json::from_str(text) {
                    self.walk(&inner, texts - 1);
                }
            }
            _ => {}
        }
    }

    /// What is cut off, or nested deeper than it can be read.
    fn scan(&mut self, text: &str) {
        #[allow(clippy::expect_used)]
        static FIELD: LazyLock<Regex> = LazyLock::new(|| {
            Regex::new(r#""((?:[^"\\]|\\.){1,64})"\s*:\s*(?:"((?:[^"\\]|\\.){0,512})")?"#)
                .expect("a constant; every test of the gate runs it")
        });
        let plain = |text: &str| serde_json::from_str(&format!("\"{text}\"")).unwrap_or_else(|_| text.to_owned());
        for field in FIELD.captures_iter(text) {
            self.see(&plain(&field[1]), field.get(2).map(|value| plain(value.as_str())).as_deref());
        }
    }

    /// As a form spells its fields in one line.
    fn form(&mut self, text: &str) {
        for (name, value) in url::form_urlencoded::parse(text.as_bytes()) {
            self.see(&name, Some(&value));
            if value.trim_start().starts_with(['{', '[']) {
                self.json(&value);
            }
        }
    }

    /// As a form with files.
    fn parts(&mut self, text: &str) {
        #[allow(clippy::expect_used)]
        static PART: LazyLock<Regex> = LazyLock::new(|| {
            let head = r#"(?i)content-disposition:[ \t]*form-data[^\r\n]*?\bname="?([^";\r\n]*)[^\r\n]*"#;
            Regex::new(&format!(r"{head}(?:\r?\n(?:[^\r\n]+\r?\n)*\r?\n([^\r\n]{{0,512}}))?"))
                .expect("a constant; every test of the gate runs it")
        });
        for part in PART.captures_iter(text) {
            let value = part.get(2).map(|value| value.as_str());
            self.see(&part[1], value);
            if let Some(value) = value.filter(|value| value.starts_with(['{', '['])) {
                self.json(value);
            }
        }
    }

    /// What a GraphQL mutation calls.
    fn mutation(&mut self, text: &str) {
        #[allow(clippy::expect_used)]
        static CALL: LazyLock<Regex> = LazyLock::new(|| {
            Regex::new(r"([A-Za-z_]\w*)\s*[({@}]|\{\s*([A-Za-z_]\w*)").expect("a constant; every test of the gate runs it")
        });
        if !text.trim_start().starts_with("mutation") {
            return;
        }
        let called = CALL.captures_iter(text).filter_map(|call| call.get(1).or(call.get(2))).map(|name| name.as_str().to_owned());
        self.told.extend(called);
    }

    /// Names, and what it is for: "cart:place_order" and "checkout/pay" end with the word that counts.
    fn told(mut self) -> (Vec<String>, Vec<String>) {
        distinct(&mut self.names);
        let last = |told: &String| told.rsplit(['/', ':', '.']).next().map(str::to_owned);
        let mut operations: Vec<String> = self.told.iter().filter_map(last).chain(self.told.iter().cloned()).collect();
        operations.retain(|told| {
            !told.is_empty() && told.len() <= LONGEST_TELLING && !TOO_COMMON.iter().any(|common| told.eq_ignore_ascii_case(common))
        });
        distinct(&mut operations);
        (self.names, operations)
    }
}

/// Each once, and not too many: a page may say one thing as often as it likes.
fn distinct(texts: &mut Vec<String>) {
    let mut seen = HashSet::new();
    texts.retain(|text| seen.insert(text.clone()));
    texts.truncate(MOST_NAMES);
}

/// Critical points of what carries such names to an address and is for these operations.
fn judge(how: &str, url: &str, names: Vec<String>, operations: &[String], page: &str) -> Vec<CriticalPoint> {
    // "expiry" is also said of what is kept for a while: a card has more
    let is_a_time = |name: &String| is_one_of(&identifier_words(name), &["expiry", "expiration", "expiry date", "expiration date"]);
    let meaning = |name: &String| field_meaning(&identifier_words(name));
    let has_a_card = names.iter().any(|name| meaning(name) == Some(Meaning::Card) && !is_a_time(name));
    // what a user is called by tells of whom, and is nothing that is given to a person
    let is_a_handle =
        |name: &&String| is_one_of(&identifier_words(name), &["userid", "user id", "username", "user name", "login", "nickname"]);
    let meanings: Vec<Meaning> = names
        .iter()
        .filter(|name| !is_a_handle(name))
        .filter_map(meaning)
        .filter(|meaning| has_a_card || *meaning != Meaning::Card)
        .collect();
    let has_a_message = meanings.contains(&Meaning::Message);
    let (mut action, mut path) = (url.to_owned(), String::new());
    if let Ok(mut parsed) = Url::parse(url) {
        path = parsed.path().to_owned();
        // as if the address named them
        if !operations.is_empty() {
            parsed.query_pairs_mut().extend_pairs(operations.iter().map(|operation| ("action", operation)));
            action = parsed.into();
        }
    }
    // the names are no words for a person: what it is about is in the address
    let form = FormFacts { asks: Asks::of(meanings), is_get: false, action, words: String::new(), is_loose: false };
    let on = format!("{how} {path}");
    let deed = Deed { kind: DeedKind::SubmitByEnter { form }, on: on.clone(), page: String::new() };
    let host = host_of(page);
    let mut found: Vec<CriticalPoint> = Vec::new();
    for (rule, _) in rules::fired(&[deed]) {
        // figures of visitors are "sent", too
        if rule.name == "sending.send" && !has_a_message {
            continue;
        }
        if rule.kind != CriticalPointKind::PersonalData && found.iter().all(|earlier| earlier.kind != rule.kind) {
            let what = format!("{} at {host} (the page sends {on})", would(rule.kind));
            found.push(CriticalPoint { kind: rule.kind, rule: format!("request.{}", rule.name), what, host: host.clone() });
        }
    }
    found
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
            ("POST", "https://shop.example/x", r#"{"action":"place_order"}"#, Payment),
            ("POST", "https://shop.example/rpc", r#"{"jsonrpc":"2.0","method":"checkout.pay","params":[]}"#, Payment),
            ("POST", "https://shop.example/ajax.php", "action=place_order&total=9", Payment),
            ("POST", "https://shop.example/graphql", "operationName=PlaceOrder&query=x", Payment),
            ("POST", "https://shop.example/graphql", r#"{"query":"mutation{placeOrder(id:1){id}}"}"#, Payment),
            ("POST", "https://shop.example/graphql", r#"{"query":"mutation M { ok: placeOrder }"}"#, Payment),
            ("POST", "https://shop.example/graphql", "mutation PlaceOrder($id: ID!) { x(id: $id) { id } }", Payment),
            ("POST", "https://shop.example/x", "data=%7B%22cardNumber%22%3A%224111%22%7D", Payment),
            ("POST", "https://shop.example/x", "--b\r\ncontent-disposition: form-data; name=cardNumber\r\n\r\n4111\r\n--b--", Payment),
            (
                "POST",
                "https://shop.example/x",
                "--b\r\nContent-Disposition: form-data; name=\"action\"\r\n\r\nplace_order\r\n--b--",
                Payment,
            ),
            (
                "POST",
                "https://shop.example/x",
                "--b\r\nContent-Disposition: form-data; filename=\"a\"; name=\"o\"\r\nContent-Type: text/json\r\n\r\n{\"cvc\":1}\r\n--b--",
                Payment,
            ),
            ("POST", "https://shop.example/x", "{\0\"\0c\0v\0c\0\"\0:\x001\0}\0", Payment),
            ("POST", "https://mail.example/api/send", r#"{"to":"a","message":"hi"}"#, Sending),
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
            ("POST", "https://log.example/v1", r#"{"level":"error","message":"x is undefined"}"#),
            (
                "POST",
                "https://s.example/api/1/envelope/",
                r#"{"breadcrumbs":[{"category":"console","message":"ready"}],"user":{"id":"7"}}"#,
            ),
            ("POST", "https://rum.example/api/v2/rum", r#"{"application":{"id":"a"},"view":{"name":"checkout"},"type":"action"}"#),
            ("POST", "https://api2.example/2/httpapi", r#"{"events":[{"user_id":"7","event_type":"view","account_type":"free"}]}"#),
            ("POST", "https://api.segment.example/v1/t", r#"{"userId":"7","event":"Order Completed","properties":{"review":4}}"#),
            (
                "POST",
                "https://shop.example/graphql",
                r#"{"operationName":"Reviews","query":"query Reviews($review: ID) { reviews { id } }"}"#,
            ),
            ("POST", "https://shop.example/graphql", r#"{"query":"mutation AddToCart { cartLinesAdd(lines: 1) { cart { id } } }"}"#),
            ("POST", "https://stats.example/api/send", r#"{"type":"event","payload":{"url":"/","title":"Shop"}}"#),
            ("POST", "https://flags.example/eval", r#"{"login-password-reset":true,"user":null}"#),
            ("POST", "https://cache.example/x", r#"{"key":"a","expiry":3600}"#),
            ("POST", "https://shop.example/wp-admin/admin-ajax.php", "action=wc_add_to_cart&product=3"),
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
            ("action=place_order&n=1", Payment),
            ("place_order:1", Payment),
            ("place_order;1", Payment),
            ("{\0\"\0o\0p\0\"\0:\0\"\0p\0a\0y\0\"\0}\0", Payment),
        ];
        for (text, kind) in critical {
            assert_eq!(judged_message(text), Some(kind), "{text}");
        }
        let padded = format!(r#"{{"action":"place_order","pad":"{}"#, "x".repeat(1000));
        assert_eq!(judged_message(&padded), Some(Payment), "a message that was cut off");
        let ordinary = [
            r#"{"type":"subscribe","channel":"order book"}"#,
            r#"{"type":"ping"}"#,
            r#"{"type":"message","message":"typing…"}"#,
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
