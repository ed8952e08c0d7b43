//! What every world needs of HTTP: who is visiting, and the fields that came with the request.

use crate::instance::InstanceId;
use axum::extract::{FromRequest, FromRequestParts, Request};
use axum::http::request::Parts;
use axum::http::{HeaderMap, header};
use std::collections::BTreeMap;
use std::convert::Infallible;

/// Longest value of a field, in characters.
const LONGEST_VALUE: usize = 2000;

/// The header by which the egress proxy names the instance.
pub(crate) const INSTANCE_HEADER: &str = "x-wayfarer-instance";

/// Fields of a query or of a form, in order; a missing field reads as empty.
#[derive(Debug, Clone, Default)]
pub(crate) struct Fields(Vec<(String, String)>);

impl Fields {
    pub(crate) fn parse(encoded: &str) -> Self {
        let mut fields = Self::default();
        for (name, value) in url::form_urlencoded::parse(encoded.as_bytes()) {
            fields.push(&name, &value);
        }
        fields
    }

    pub(crate) fn get(&self, name: &str) -> &str {
        self.0.iter().find(|(n, _)| n == name).map(|(_, v)| v.as_str()).unwrap_or("")
    }

    /// Adds a field.
    pub(crate) fn push(&mut self, name: &str, value: &str) {
        self.0.push((name.to_owned(), value.trim().chars().take(LONGEST_VALUE).collect()));
    }

    /// Every field once; several values of one name stand beside each other with commas (boxes of a group).
    pub(crate) fn joined(&self) -> BTreeMap<String, String> {
        let mut joined: BTreeMap<String, String> = BTreeMap::new();
        for (name, value) in &self.0 {
            match joined.get_mut(name) {
                Some(known) if !value.is_empty() => {
                    known.push(',');
                    known.push_str(value);
                }
                Some(_) => {}
                None => {
                    joined.insert(name.clone(), value.clone());
                }
            }
        }
        joined
    }

    /// The same fields with one set to another value (or dropped), as a query; for links of pages and filters.
    pub(crate) fn query_with(&self, name: &str, value: &str) -> String {
        let mut query = url::form_urlencoded::Serializer::new(String::new());
        for (n, v) in self.0.iter().filter(|(n, v)| n != name && !v.is_empty()) {
            query.append_pair(n, v);
        }
        if !value.is_empty() {
            query.append_pair(name, value);
        }
        query.finish()
    }
}

/// Who is visiting, and with which query.
#[derive(Debug, Clone)]
pub(crate) struct Visitor {
    pub(crate) instance: InstanceId,
    pub(crate) query: Fields,
    pub(crate) cookies: String,
}

impl Visitor {
    pub(crate) fn has_cookie(&self, name: &str) -> bool {
        self.cookies.split(';').any(|pair| pair.trim().split('=').next() == Some(name))
    }
}

impl<S: Send + Sync> FromRequestParts<S> for Visitor {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, _state: &S) -> Result<Self, Infallible> {
        Ok(Self {
            instance: instance_of(&parts.headers),
            query: Fields::parse(parts.uri.query().unwrap_or("")),
            cookies: header_text(&parts.headers, header::COOKIE.as_str()).to_owned(),
        })
    }
}

/// The fields of a posted form; anything that is not a form has none.
pub(crate) struct Posted(pub(crate) Fields);

impl<S: Send + Sync> FromRequest<S> for Posted {
    type Rejection = Infallible;

    async fn from_request(request: Request, state: &S) -> Result<Self, Infallible> {
        let body = String::from_request(request, state).await.unwrap_or_default();
        Ok(Self(Fields::parse(&body)))
    }
}

pub(crate) fn header_text<'a>(headers: &'a HeaderMap, name: &str) -> &'a str {
    headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or("")
}

/// The host without its port, in lower case.
pub(crate) fn host_of(headers: &HeaderMap) -> String {
    let host = header_text(headers, header::HOST.as_str());
    host.rsplit_once(':').map_or(host, |(name, _)| name).to_ascii_lowercase()
}

/// The instance: by header, else by the label before the world's host, else `default`.
pub(crate) fn instance_of(headers: &HeaderMap) -> InstanceId {
    let named = header_text(headers, INSTANCE_HEADER);
    if !named.is_empty() {
        return InstanceId::sanitised(named);
    }
    let host = host_of(headers);
    let labels: Vec<&str> = host.split('.').collect();
    if labels.len() >= 3 { InstanceId::sanitised(labels[0]) } else { InstanceId::sanitised("default") }
}
