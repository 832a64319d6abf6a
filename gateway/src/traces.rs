//! Spans, told to an OpenTelemetry collector. A caller's trace goes on here and ends here: nothing
//! of it travels to Persona.

use std::fmt;

use axum::http::{HeaderMap, Request, Response};
use opentelemetry::propagation::{Extractor, TextMapPropagator};
use opentelemetry::trace::TracerProvider as _;
use opentelemetry_http::{Bytes, HttpClient, HttpError};
use opentelemetry_otlp::{SpanExporter, WithExportConfig as _, WithHttpConfig as _};
use opentelemetry_sdk::propagation::TraceContextPropagator;
use opentelemetry_sdk::trace::{SdkTracer, SdkTracerProvider};
use opentelemetry_sdk::Resource;
use relaypass::given::{read_host_url, UrlForm};
use tokio::runtime::Handle;
use tracing_opentelemetry::{OpenTelemetryLayer, OpenTelemetrySpanExt as _};
use tracing_subscriber::registry::LookupSpan;

const COLLECTORS: UrlForm = UrlForm {
    schemes: &["http", "https"],
    default_scheme: None,
    begins_with: "http:// or https://",
    like: "http://127.0.0.1:4318/v1/traces",
};

/// Where spans go. When it is dropped, those that are left are sent.
pub struct Traces {
    provider: SdkTracerProvider,
}

impl Traces {
    /// Spans to the collector at `endpoint`: OTLP over HTTP, such as
    /// `http://127.0.0.1:4318/v1/traces`. Call it on the runtime that will serve.
    ///
    /// # Errors
    /// What is wrong with the endpoint.
    pub fn begin(endpoint: &str) -> Result<Self, String> {
        let endpoint = read_host_url(endpoint, &COLLECTORS)
            .map_err(|why| format!("the endpoint for traces {why}"))?;
        // A collector is the operator's own, and so may be the authority that the machine trusts. An
        // image without any certificates has the public ones that come with this program.
        let without_certificates = |_| {
            let trust = relaypass::tls::client_config(relaypass::tls::public_authorities());
            reqwest::Client::builder()
                .tls_backend_preconfigured(trust)
                .build()
        };
        let client = (reqwest::Client::builder()
            .build()
            .or_else(without_certificates))
        .map_err(|error| format!("no client for traces can be made: {error}"))?;
        let exporter = SpanExporter::builder()
            .with_http()
            .with_http_client(Collector {
                client,
                runtime: Handle::current(),
            })
            .with_endpoint(endpoint.as_str())
            .build()
            .map_err(|error| format!("the endpoint for traces cannot be used: {error}"))?;
        let resource = Resource::builder().with_service_name("relaypass-gateway");
        let provider = SdkTracerProvider::builder()
            .with_batch_exporter(exporter)
            .with_resource(resource.build())
            .build();
        Ok(Self { provider })
    }

    /// What to put into the subscriber.
    pub fn layer<S>(&self) -> OpenTelemetryLayer<S, SdkTracer>
    where
        S: tracing::Subscriber + for<'span> LookupSpan<'span>,
    {
        OpenTelemetryLayer::new(self.provider.tracer("relaypass-gateway"))
    }
}

impl Drop for Traces {
    fn drop(&mut self) {
        if let Err(error) = self.provider.shutdown() {
            tracing::warn!("the last traces were not sent: {error}");
        }
    }
}

/// Makes a span part of the caller's trace, if it brings one.
pub(crate) fn continue_callers(span: &tracing::Span, headers: &HeaderMap) {
    let context = TraceContextPropagator::new().extract(&Headers(headers));
    // Without a layer for traces there is nothing to continue.
    let _ = span.set_parent(context);
}

struct Headers<'a>(&'a HeaderMap);

impl Extractor for Headers<'_> {
    fn get(&self, name: &str) -> Option<&str> {
        self.0.get(name)?.to_str().ok()
    }

    fn keys(&self) -> Vec<&str> {
        self.0.keys().map(axum::http::HeaderName::as_str).collect()
    }
}

/// Sends on the gateway's own runtime: the exporter's thread has none.
struct Collector {
    client: reqwest::Client,
    runtime: Handle,
}

impl fmt::Debug for Collector {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Collector")
    }
}

impl HttpClient for Collector {
    fn send_bytes<'a, 'b>(
        &'a self,
        request: Request<Bytes>,
    ) -> std::pin::Pin<
        Box<dyn std::future::Future<Output = Result<Response<Bytes>, HttpError>> + Send + 'b>,
    >
    where
        'a: 'b,
        Self: 'b,
    {
        let client = self.client.clone();
        let sending = self.runtime.spawn(async move {
            let answer = client.execute(request.try_into()?).await?;
            let status = answer.status();
            let mut response = Response::new(answer.bytes().await?);
            *response.status_mut() = status;
            Ok(response)
        });
        Box::pin(async move { sending.await? })
    }
}
