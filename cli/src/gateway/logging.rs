//! The gateway's log, on standard error, and its traces.

use tracing_subscriber::filter::Targets;
use tracing_subscriber::layer::SubscriberExt as _;
use tracing_subscriber::util::SubscriberInitExt as _;
use tracing_subscriber::{fmt, Layer as _};

#[derive(Clone, Copy, clap::ValueEnum)]
pub(super) enum Format {
    /// One JSON object a line
    Json,
    /// For people
    Text,
}

/// What must live as long as something is logged.
pub(super) struct Logging {
    #[cfg(feature = "otel")]
    _traces: Option<relaypass_gateway::Traces>,
}

pub(super) fn begin(arguments: &super::Arguments) -> Result<Logging, String> {
    let wrong =
        || "--log takes a level (off, info), or directives (relaypass=debug,warn)".to_owned();
    // Nothing at all would be silence, which is called `off`.
    let given = Some(arguments.log.trim()).filter(|given| !given.is_empty());
    let filter: Targets = given
        .and_then(|given| given.parse().ok())
        .ok_or_else(wrong)?;
    let output = fmt::layer().with_writer(std::io::stderr);
    let output = match arguments.log_format {
        Format::Json => output
            .json()
            .flatten_event(true)
            .with_span_list(false)
            .boxed(),
        Format::Text => output.boxed(),
    };
    let registry = tracing_subscriber::registry().with(output.with_filter(filter));
    #[cfg(feature = "otel")]
    {
        let traces = arguments.otel.as_deref();
        let traces = traces.map(relaypass_gateway::Traces::begin).transpose()?;
        // Only what we say ourselves: nobody knows what a library's debug events hold.
        let ours = Targets::new().with_target("relaypass", tracing::Level::INFO);
        let layer = traces
            .as_ref()
            .map(|traces| traces.layer().with_filter(ours));
        registry.with(layer).init();
        Ok(Logging { _traces: traces })
    }
    #[cfg(not(feature = "otel"))]
    {
        registry.init();
        Ok(Logging {})
    }
}
