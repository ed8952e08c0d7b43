//! The gate, seen from the network: a request that changes something is judged by where it goes and what it carries, whatever the page
//! said of the button that sent it. The same rules as for forms; what a page hides from the eye it cannot hide here.

use super::deeds::{Deed, DeedKind, FormFacts};
use super::fields::{Asks, Meaning, field_meaning};
use super::words::{identifier_words, normal};
use super::{consume, covers, host_of, rules, would};
use crate::critical_point::{CriticalPoint, CriticalPointKind, GateDecision, Grant};
use url::Url;

/// Names of fields that are read from a body.
const MOST_NAMES: usize = 200;
/// How deep names are looked for in JSON.
const DEEPEST: usize = 5;

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

/// What the gate says about a request, given the permissions so far; one that it lets through uses its permission up.
///
/// Giving personal data away is not judged here: it is known where fields are filled, and beacons of ordinary pages carry names like
/// `name` and `email` of their own.
pub fn check_request(request: PageRequest<'_>, grants: &mut Vec<Grant>) -> GateDecision {
    let met = judge_request(request);
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
    let names = names_of(request.body);
    let meanings: Vec<Meaning> = names.iter().filter_map(|name| field_meaning(&identifier_words(name))).collect();
    let form =
        FormFacts { asks: Asks::of(meanings), is_get: false, action: address(&request), words: normal(&names.join(" ")), is_loose: false };
    let path = Url::parse(request.url).map(|url| url.path().to_owned()).unwrap_or_default();
    let on = format!("{} {path}", request.method);
    let deed = Deed { kind: DeedKind::SubmitByEnter { form }, on: on.clone(), page: String::new() };
    let host = host_of(request.page);
    let mut found: Vec<CriticalPoint> = Vec::new();
    for (rule, _) in rules::fired(&[deed]) {
        if rule.kind != CriticalPointKind::PersonalData && found.iter().all(|earlier| earlier.kind != rule.kind) {
            let what = format!("{} at {host} (the page sends {on})", would(rule.kind));
            found.push(CriticalPoint { kind: rule.kind, rule: format!("request.{}", rule.name), what, host: host.clone() });
        }
    }
    found
}

/// The address, with the name of a GraphQL operation as its last word.
fn address(request: &PageRequest<'_>) -> String {
    let operation = serde_json::from_str::<serde_json::Value>(request.body).ok();
    let operation = operation.as_ref().and_then(|body| body["operationName"].as_str());
    match (operation, Url::parse(request.url)) {
        (Some(operation), Ok(mut url)) => {
            url.query_pairs_mut().append_pair("action", operation);
            url.into()
        }
        _ => request.url.to_owned(),
    }
}

/// Names of the fields that a body carries: of a form, of JSON, of a form with files.
fn names_of(body: &str) -> Vec<String> {
    let mut names = Vec::new();
    if let Ok(value) = serde_json::from_str::<serde_json::Value>(body) {
        collect(&value, DEEPEST, &mut names);
    } else if body.contains("Content-Disposition: form-data") {
        let parts = body.split("Content-Disposition: form-data").skip(1);
        names.extend(parts.filter_map(|part| Some(part.split_once("name=\"")?.1.split_once('"')?.0.to_owned())).take(MOST_NAMES));
    } else {
        names.extend(url::form_urlencoded::parse(body.as_bytes()).map(|(name, _)| name.into_owned()).take(MOST_NAMES));
    }
    names
}

fn collect(value: &serde_json::Value, deepest: usize, names: &mut Vec<String>) {
    if deepest == 0 || names.len() >= MOST_NAMES {
        return;
    }
    match value {
        serde_json::Value::Object(fields) => {
            for (name, inner) in fields {
                names.push(name.clone());
                collect(inner, deepest - 1, names);
            }
        }
        serde_json::Value::Array(items) => items.iter().take(20).for_each(|item| collect(item, deepest - 1, names)),
        _ => {}
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
