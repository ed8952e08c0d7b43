//! Sets logs, traces and metrics up, once a process.

use crate::{ReadyRoles, serve};
use opentelemetry::global;
use opentelemetry::trace::TracerProvider;
use opentelemetry_otlp::WithExportConfig;
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::metrics::SdkMeterProvider;
use opentelemetry_sdk::trace::SdkTracerProvider;
use std::net::SocketAddr;
use std::time::Duration;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;
use tracing::Metadata;
use tracing::level_filters::LevelFilter;
use tracing_subscriber::filter::{FilterExt, filter_fn};
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;
use tracing_subscriber::{EnvFilter, Layer, Registry, fmt};

/// Longest wait for a collector to take a batch.
const EXPORT_TIMEOUT: Duration = Duration::from_secs(5);

/// Libraries whose own spans would be noise: most begin and end outside any attempt, as traces of a single span.
const FOREIGN: [&str; 2] = ["ractor", "playwright_rs"];

/// Libraries that print at `trace` what passes over their wires: there are secrets in it. A filter that names them hears them.
const WIRES: &str = "tungstenite=debug,playwright_rs=debug,";

/// Tells as errors that the driver knows kinds of objects which the library does not, one for every session; nothing needs them. What
/// really fails comes back to us as an error. A filter that names this target hears it again.
const UNKNOWN_KINDS: &str = "playwright_rs::server::connection";

/// What is wanted.
#[derive(Debug, Clone, PartialEq)]
pub struct TelemetryOptions {
    /// Name of the role, as traces show it.
    pub service: String,
    /// gRPC address of an OTLP collector.
    pub otlp_endpoint: Option<String>,
    /// Address of `/metrics`, `/livez` and `/readyz`; port 0 takes a free one.
    pub metrics_listen: Option<SocketAddr>,
    /// Filter of the log.
    pub filter: String,
    /// One JSON object a line.
    pub json: bool,
}

/// Why it could not be set up.
#[derive(Debug, thiserror::Error)]
pub enum TelemetryError {
    /// The log filter is wrong.
    #[error("log filter {filter:?} cannot be read ({why}); an example is wayfarer_browser=debug,info")]
    Filter {
        /// The filter.
        filter: String,
        /// Why.
        why: String,
    },
    /// The exporter cannot be built.
    #[error("telemetry of {what} cannot be set up ({why}); check telemetry.otlp_endpoint")]
    Exporter {
        /// Traces or metrics.
        what: &'static str,
        /// Why.
        why: String,
    },
    /// The metrics address is taken.
    #[error("cannot serve metrics on {address} ({why}); give another telemetry.metrics_listen")]
    Listen {
        /// The address.
        address: SocketAddr,
        /// Why.
        why: String,
    },
    /// It was set up before.
    #[error("telemetry is set up already in this process ({0}); call init once, in main")]
    Twice(String),
}

/// Keeps telemetry going; [`shutdown`](Self::shutdown) sends what is left.
#[derive(Debug)]
pub struct Telemetry {
    tracer_provider: SdkTracerProvider,
    meter_provider: SdkMeterProvider,
    metrics: Option<(SocketAddr, JoinHandle<()>)>,
    roles: ReadyRoles,
    stop: CancellationToken,
}

/// Sets logs (to stderr), traces and metrics up. With a collector or a metrics address it must be called inside a Tokio runtime.
pub fn init(options: TelemetryOptions) -> Result<Telemetry, TelemetryError> {
    let quiet = if options.filter.contains(UNKNOWN_KINDS) { String::new() } else { format!("{UNKNOWN_KINDS}=off,") };
    // a line of its own level: it must not make louder what the filter leaves quiet
    let wires = if options.filter.contains("trace") { WIRES } else { "" };
    let quiet = format!("{wires}{quiet}");
    let filter = EnvFilter::try_new(format!("{quiet}{}", options.filter))
        .map_err(|error| TelemetryError::Filter { filter: options.filter.clone(), why: error.to_string() })?;
    let resource = Resource::builder().with_service_name(options.service.clone()).build();
    let tracer_provider = tracer_provider(&options, resource.clone())?;
    let (meter_provider, registry) = meter_provider(resource)?;

    // the log's filter is about lines; our spans always pass, or a warning would not say to which attempt it belongs
    let is_told = |metadata: &Metadata<'_>| *metadata.level() <= LevelFilter::INFO;
    let ours = filter_fn(move |metadata| is_told(metadata) && metadata.is_span() && metadata.target().starts_with("wayfarer"))
        .with_max_level_hint(LevelFilter::INFO);
    let filter = filter.or(ours);
    let log: Box<dyn Layer<Registry> + Send + Sync> = if options.json {
        // the whole list: run and attempt stand in the outer spans, the step in the inner one
        fmt::layer().json().with_current_span(false).with_span_list(true).with_writer(std::io::stderr).with_filter(filter).boxed()
    } else {
        fmt::layer().with_target(true).with_writer(std::io::stderr).with_filter(filter).boxed()
    };
    // spans are made whatever the log shows: a trace must not have holes because of a filter
    let traced = filter_fn(move |metadata| is_told(metadata) && !FOREIGN.iter().any(|library| metadata.target().starts_with(library)));
    let spans = tracing_opentelemetry::layer()
        .with_tracer(tracer_provider.tracer("wayfarer"))
        .with_filter(traced.with_max_level_hint(LevelFilter::INFO));
    let listener = options.metrics_listen.map(bind).transpose()?;
    tracing_subscriber::registry().with(log).with(spans).try_init().map_err(|error| TelemetryError::Twice(error.to_string()))?;
    global::set_tracer_provider(tracer_provider.clone());
    global::set_meter_provider(meter_provider.clone());

    let (roles, stop) = (ReadyRoles::default(), CancellationToken::new());
    let metrics =
        listener.map(|(address, listener)| (address, tokio::spawn(serve::serve(listener, registry, roles.clone(), stop.clone()))));
    Ok(Telemetry { tracer_provider, meter_provider, metrics, roles, stop })
}

impl Telemetry {
    /// Where `/metrics` is served.
    pub fn metrics_address(&self) -> Option<SocketAddr> {
        self.metrics.as_ref().map(|(address, _)| *address)
    }

    /// The roles of which `/readyz` tells: whoever starts some adds them.
    pub fn roles(&self) -> ReadyRoles {
        self.roles.clone()
    }

    /// Sends the spans that are left and ends the metrics server.
    pub async fn shutdown(self) {
        self.stop.cancel();
        if let Some((_, server)) = self.metrics {
            // an open scrape must not hold the process up
            let _ = tokio::time::timeout(EXPORT_TIMEOUT, server).await;
        }
        // flushing blocks its thread until the collector answered
        let flushed = tokio::task::spawn_blocking(move || {
            let spans = self.tracer_provider.shutdown_with_timeout(EXPORT_TIMEOUT);
            let metrics = self.meter_provider.shutdown();
            spans.and(metrics)
        });
        if let Ok(Err(error)) = flushed.await {
            tracing::warn!(%error, "the last spans could not be sent");
        }
    }
}

fn tracer_provider(options: &TelemetryOptions, resource: Resource) -> Result<SdkTracerProvider, TelemetryError> {
    let builder = SdkTracerProvider::builder().with_resource(resource);
    let Some(endpoint) = &options.otlp_endpoint else {
        return Ok(builder.build());
    };
    let exporter = opentelemetry_otlp::SpanExporter::builder()
        .with_tonic()
        .with_endpoint(endpoint)
        .with_timeout(EXPORT_TIMEOUT)
        .build()
        .map_err(|error| TelemetryError::Exporter { what: "traces", why: error.to_string() })?;
    Ok(builder.with_batch_exporter(exporter).build())
}

fn meter_provider(resource: Resource) -> Result<(SdkMeterProvider, prometheus::Registry), TelemetryError> {
    let registry = prometheus::Registry::new();
    let exporter = opentelemetry_prometheus::exporter()
        .with_registry(registry.clone())
        // names.rs writes names out in full, so that they can be searched for
        .without_units()
        .without_counter_suffixes()
        .build()
        .map_err(|error| TelemetryError::Exporter { what: "metrics", why: error.to_string() })?;
    Ok((SdkMeterProvider::builder().with_resource(resource).with_reader(exporter).build(), registry))
}

fn bind(address: SocketAddr) -> Result<(SocketAddr, tokio::net::TcpListener), TelemetryError> {
    let bound = std::net::TcpListener::bind(address).and_then(|listener| {
        listener.set_nonblocking(true)?;
        Ok((listener.local_addr()?, tokio::net::TcpListener::from_std(listener)?))
    });
    bound.map_err(|error| TelemetryError::Listen { address, why: error.to_string() })
}
