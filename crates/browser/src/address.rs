//! What an agent means by an address.

use crate::EgressPolicy;
use url::Url;

/// The address to open for `visit_url`: http and https as they are, words are searched, a bare host gets a scheme, anything else is
/// refused in words for the agent.
pub(crate) fn visit(text: &str, policy: &EgressPolicy) -> Result<String, String> {
    let text = text.trim();
    if text.is_empty() {
        return Err("no address was given".into());
    }
    if let Some(scheme) = scheme_of(text) {
        if !matches!(scheme.as_str(), "http" | "https") {
            return Err(format!("{scheme}: addresses are not opened; give an http or https address"));
        }
        let parsed = Url::parse(text).map_err(|error| format!("{text:?} is not an address: {error}"))?;
        return Ok(parsed.into());
    }
    if text.contains(char::is_whitespace) {
        return search(text, policy);
    }
    let scheme = if is_local(text, policy) { "http" } else { "https" };
    let parsed = Url::parse(&format!("{scheme}://{text}")).map_err(|error| format!("{text:?} is not an address: {error}"))?;
    Ok(parsed.into())
}

/// The address of a search.
pub(crate) fn search(query: &str, policy: &EgressPolicy) -> Result<String, String> {
    let query = query.trim();
    if query.is_empty() {
        return Err("no words to search for were given".into());
    }
    let encoded: String = url::form_urlencoded::byte_serialize(query.as_bytes()).collect();
    let address = policy.search_url.replace("{query}", &encoded);
    Url::parse(&address)
        .map(Into::into)
        .map_err(|error| format!("the configured search address {:?} cannot be used: {error}", policy.search_url))
}

/// The scheme, unless what stands before the colon is a host and what stands behind it a port.
fn scheme_of(text: &str) -> Option<String> {
    let (front, behind) = text.split_once(':')?;
    let is_scheme =
        front.starts_with(|c: char| c.is_ascii_alphabetic()) && front.chars().all(|c| c.is_ascii_alphanumeric() || "+-.".contains(c));
    let is_port = behind.starts_with(|c: char| c.is_ascii_digit()) && (front.contains('.') || front.eq_ignore_ascii_case("localhost"));
    (is_scheme && !is_port).then(|| front.to_ascii_lowercase())
}

/// Hosts that the policy maps to an address, and `localhost`, speak plain HTTP.
fn is_local(text: &str, policy: &EgressPolicy) -> bool {
    let host = text.split(['/', ':', '?', '#']).next().unwrap_or_default().to_ascii_lowercase();
    host == "localhost" || host.ends_with(".localhost") || policy.resolve.keys().any(|known| known.eq_ignore_ascii_case(&host))
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::expect_used)]
mod tests {
    use super::*;

    #[test]
    fn web_addresses_hosts_and_words_are_opened() {
        let policy = EgressPolicy::default();
        assert_eq!(visit("https://example.org/a b", &policy).unwrap(), "https://example.org/a%20b");
        assert_eq!(visit("example.org/x", &policy).unwrap(), "https://example.org/x");
        assert_eq!(visit("example.org:8080", &policy).unwrap(), "https://example.org:8080/");
        assert_eq!(visit("shop.localhost/cart", &policy).unwrap(), "http://shop.localhost/cart");
        assert_eq!(visit("red shoes & hats", &policy).unwrap(), "https://www.bing.com/search?q=red+shoes+%26+hats&FORM=QBLH");
    }

    #[test]
    fn every_other_scheme_is_refused() {
        let policy = EgressPolicy::default();
        for refused in [
            "file:///etc/passwd",
            "chrome://crash",
            "view-source:https://example.org",
            "data:text/html,x",
            "javascript:alert(1)",
            "FILE:/x",
            "about:blank",
            "ftp://x.org",
        ] {
            assert!(visit(refused, &policy).unwrap_err().contains("not opened"), "{refused}");
        }
        assert!(visit("  ", &policy).is_err());
    }
}
