//! The gateway's log, on standard error, and its traces.

use relaypass::given::{items, meant};
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
    let filter = filter(&arguments.log)?;
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

/// Reads what to log.
fn filter(text: &str) -> Result<Targets, String> {
    const LEVELS: [&str; 6] = ["off", "error", "warn", "info", "debug", "trace"];
    let wrong = |why: &str| {
        format!(
            "--log {why}. It takes a level ({}), or directives (relaypass=debug,warn)",
            LEVELS.join(", ")
        )
    };
    // Nothing at all would be silence, which is called `off`.
    if meant(text).is_empty() {
        return Err(wrong("is empty"));
    }
    let directives =
        items(text).map_err(|place| wrong(&format!("has nothing at place {place}")))?;
    let is_ours = |name: &str| {
        name == "relaypass" || name.starts_with("relaypass_") || name.starts_with("relaypass::")
    };
    let mut is_silent = true;
    for directive in &directives {
        let (name, level) = directive.split_once('=').unwrap_or((directive, directive));
        let is_level = LEVELS.iter().any(|known| level.eq_ignore_ascii_case(known))
            || matches!(level.as_bytes(), [b'0'..=b'5']);
        is_silent &= name != level && !is_ours(name);
        // A word that is no level is a target: all the others would be silent.
        if !is_level && (name != level || !is_ours(name)) {
            // Whatever is longer may be a secret in the wrong place.
            let is_word = level.len() <= 8 && level.bytes().all(|it| it.is_ascii_alphabetic());
            return Err(wrong(&match is_word {
                true => format!("has the level {level:?}, which there is not"),
                false => "has a level which there is not".to_owned(),
            }));
        }
    }
    if is_silent {
        return Err(wrong(
            "names nothing of the gateway's (relaypass, relaypass_gateway), all of which would be silent",
        ));
    }
    directives
        .join(",")
        .parse()
        .map_err(|_| wrong("cannot be read"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_to_be_logged_is_read_or_refused() {
        for text in [
            "info",
            "INFO",
            " warn ",
            "\"debug\"",
            "off",
            "relaypass=debug,warn",
            "warn, relaypass=trace",
            "relaypass",
            "relaypass_gateway::app=debug",
            "hyper=error,info,",
            "3",
            "relaypass=5",
        ] {
            assert!(filter(text).is_ok(), "{text}");
        }
        for (text, words) in [
            ("", "is empty"),
            ("''", "is empty"),
            ("warning", "which there is not"),
            ("verbose", "off, error, warn, info, debug, trace"),
            ("true", "which there is not"),
            ("hyper", "which there is not"),
            ("relaypass=loud", "which there is not"),
            ("relaypass=", "which there is not"),
            ("relaypass:debug", "which there is not"),
            ("relaypass-gateway=debug", "would be silent"),
            ("RELAYPASS=debug", "would be silent"),
            ("relaypassed=debug", "would be silent"),
            ("hyper=error,reqwest=debug", "would be silent"),
            ("info;debug", "which there is not"),
            ("info,,debug", "nothing at place 2"),
            ("info debug", "which there is not"),
            ("6", "which there is not"),
            ("RELAYPASS_API_KEY=persona_canary_1", "which there is not"),
        ] {
            let error = filter(text).unwrap_err();
            assert!(error.contains(words), "{text}: {error}");
            assert!(!error.contains("canary"), "{text}: {error}");
        }
    }
}
