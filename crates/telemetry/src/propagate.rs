//! One trace over many processes: W3C trace context in gRPC metadata, NATS headers and plain strings.

use opentelemetry::Context;
use opentelemetry::propagation::{Extractor, Injector, TextMapPropagator};
use opentelemetry::trace::TraceContextExt;
use opentelemetry_sdk::propagation::TraceContextPropagator;
use std::collections::HashMap;
use tonic::metadata::{MetadataKey, MetadataMap, MetadataValue};
use tracing::Span;
use tracing_opentelemetry::OpenTelemetrySpanExt;

/// The header's name on every wire.
pub const TRACEPARENT: &str = "traceparent";

/// The context of the current span as one string (`00-<trace>-<span>-01`); `None` outside any traced span.
pub fn current_traceparent() -> Option<String> {
    traceparent_of(&Span::current())
}

/// The context of a span as one string.
pub fn traceparent_of(span: &Span) -> Option<String> {
    let mut fields = HashMap::<String, String>::new();
    TraceContextPropagator::new().inject_context(&span.context(), &mut fields);
    fields.remove(TRACEPARENT)
}

/// Makes a span a child of a context that came as a string; a string that is no context is ignored. Call it before the span is entered.
pub fn set_parent(span: &Span, traceparent: &str) {
    let fields = HashMap::from([(TRACEPARENT.to_owned(), traceparent.to_owned())]);
    adopt(span, TraceContextPropagator::new().extract(&fields));
}

/// Makes a span point to a context of another trace, without being part of it; a string that is no context is ignored. Call it before
/// the span is entered.
pub fn link(span: &Span, traceparent: &str) {
    let fields = HashMap::from([(TRACEPARENT.to_owned(), traceparent.to_owned())]);
    let linked = TraceContextPropagator::new().extract(&fields).span().span_context().clone();
    if linked.is_valid() {
        span.add_link(linked);
    }
}

/// The trace that a span belongs to, 32 hex digits; `None` if nothing traces it.
pub fn trace_id_of(span: &Span) -> Option<String> {
    let context = span.context();
    let span_context = context.span().span_context().clone();
    span_context.is_valid().then(|| span_context.trace_id().to_string())
}

/// Puts the current context into the metadata of a gRPC request.
pub fn inject_metadata(metadata: &mut MetadataMap) {
    TraceContextPropagator::new().inject_context(&Span::current().context(), &mut Metadata(metadata));
}

/// Makes a span a child of the context in the metadata of a gRPC request, if there is one.
pub fn extract_metadata(span: &Span, metadata: &MetadataMap) {
    let extractor = MetadataIn(metadata);
    adopt(span, TraceContextPropagator::new().extract(&extractor));
}

/// Puts the current context into the headers of a NATS message.
pub fn inject_headers(headers: &mut async_nats::HeaderMap) {
    TraceContextPropagator::new().inject_context(&Span::current().context(), &mut Headers(headers));
}

/// Makes a span a child of the context in the headers of a NATS message, if there is one.
pub fn extract_headers(span: &Span, headers: &async_nats::HeaderMap) {
    adopt(span, TraceContextPropagator::new().extract(&HeadersIn(headers)));
}

fn adopt(span: &Span, context: Context) {
    if context.span().span_context().is_valid() {
        // fails only where no tracer is set up or the span has begun already: then there is nothing to link
        let _ = span.set_parent(context);
    }
}

struct Metadata<'a>(&'a mut MetadataMap);

impl Injector for Metadata<'_> {
    fn set(&mut self, key: &str, value: String) {
        if value.is_empty() {
            return;
        }
        if let (Ok(key), Ok(value)) = (MetadataKey::from_bytes(key.as_bytes()), MetadataValue::try_from(value)) {
            self.0.insert(key, value);
        }
    }
}

struct MetadataIn<'a>(&'a MetadataMap);

impl Extractor for MetadataIn<'_> {
    fn get(&self, key: &str) -> Option<&str> {
        self.0.get(key)?.to_str().ok()
    }

    fn keys(&self) -> Vec<&str> {
        self.0
            .keys()
            .filter_map(|key| match key {
                tonic::metadata::KeyRef::Ascii(key) => Some(key.as_str()),
                tonic::metadata::KeyRef::Binary(_) => None,
            })
            .collect()
    }
}

struct Headers<'a>(&'a mut async_nats::HeaderMap);

impl Injector for Headers<'_> {
    fn set(&mut self, key: &str, value: String) {
        if !value.is_empty() {
            self.0.insert(key, value);
        }
    }
}

struct HeadersIn<'a>(&'a async_nats::HeaderMap);

impl Extractor for HeadersIn<'_> {
    fn get(&self, key: &str) -> Option<&str> {
        self.0.get(key).map(|value| value.as_str())
    }

    fn keys(&self) -> Vec<&str> {
        self.0.iter().map(|(key, _)| AsRef::<str>::as_ref(key)).collect()
    }
}
