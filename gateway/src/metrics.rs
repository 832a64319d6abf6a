//! What Prometheus reads. No label holds an id, a path or anything a caller wrote.

use std::fmt::Write as _;
use std::time::Duration;

use prometheus_client::encoding::text::encode;
use prometheus_client::encoding::{EncodeLabelSet, EncodeLabelValue, LabelValueEncoder};
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::registry::{Registry, Unit};
use relaypass::transport::Response;
use relaypass::EventKind;
use serde::Deserialize;

/// One of the calls to Persona.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Step {
    Create,
    Challenge,
    Sign,
    Redeem,
}

impl Step {
    pub(crate) fn of_path(path: &str) -> Self {
        match path {
            "/api/privacy/v1/relays" => Step::Create,
            "/api/privacy/v1/relays/challenge" => Step::Challenge,
            "/api/v1/privacy-passes" => Step::Sign,
            _ => Step::Redeem,
        }
    }
}

impl EncodeLabelValue for Step {
    fn encode(&self, encoder: &mut LabelValueEncoder) -> Result<(), std::fmt::Error> {
        encoder.write_str(match self {
            Step::Create => "create",
            Step::Challenge => "challenge",
            Step::Sign => "sign",
            Step::Redeem => "redeem",
        })
    }
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct OfEndpoint {
    endpoint: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct OfAnswer {
    endpoint: &'static str,
    status: u16,
    code: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct OfStep {
    step: Step,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct OfRequest {
    step: Step,
    /// The status, or `none` when no answer came.
    status: Status,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
struct Status(Option<u16>);

impl EncodeLabelValue for Status {
    fn encode(&self, encoder: &mut LabelValueEncoder) -> Result<(), std::fmt::Error> {
        match self.0 {
            Some(status) => write!(encoder, "{status}"),
            None => encoder.write_str("none"),
        }
    }
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct OfEvent {
    kind: &'static str,
}

pub(crate) struct Metrics {
    registry: Registry,
    answers: Family<OfAnswer, Counter>,
    seconds: Family<OfEndpoint, Histogram, fn() -> Histogram>,
    in_flight: Gauge,
    connections: Gauge,
    requests: Family<OfRequest, Counter>,
    request_seconds: Family<OfStep, Histogram, fn() -> Histogram>,
    retries: Family<OfStep, Counter>,
    billed: Counter,
    redeemed: Counter,
    events: Family<OfEvent, Counter>,
    open: Gauge,
}

impl Metrics {
    pub(crate) fn new() -> Self {
        let mut metrics = Self {
            registry: Registry::with_prefix("relaypass"),
            answers: Family::default(),
            seconds: Family::new_with_constructor(latencies as fn() -> Histogram),
            in_flight: Gauge::default(),
            connections: Gauge::default(),
            requests: Family::default(),
            request_seconds: Family::new_with_constructor(latencies as fn() -> Histogram),
            retries: Family::default(),
            billed: Counter::default(),
            redeemed: Counter::default(),
            events: Family::default(),
            open: Gauge::default(),
        };
        metrics.register();
        metrics
    }

    fn register(&mut self) {
        let registry = &mut self.registry;
        registry.register(
            "gateway_answers",
            "Answers to callers, by endpoint, HTTP status and outcome (ok, or an error's code)",
            self.answers.clone(),
        );
        registry.register_with_unit(
            "gateway_answer_duration",
            "How long callers waited for an answer",
            Unit::Seconds,
            self.seconds.clone(),
        );
        registry.register(
            "gateway_calls_in_flight",
            "Calls that are worked on",
            self.in_flight.clone(),
        );
        registry.register(
            "gateway_connections",
            "Open connections of callers",
            self.connections.clone(),
        );
        registry.register(
            "persona_requests",
            "Requests to Persona, by step and HTTP status (none: no answer came)",
            self.requests.clone(),
        );
        registry.register_with_unit(
            "persona_request_duration",
            "How long Persona took to answer",
            Unit::Seconds,
            self.request_seconds.clone(),
        );
        registry.register(
            "persona_retries",
            "Requests to Persona beyond the first of their step in a call",
            self.retries.clone(),
        );
        registry.register(
            "passes_billed",
            "Signatures received: each is a pass that Persona bills, but for those of her sandbox (a \
             pass that two replicas ask for at once counts in both)",
            self.billed.clone(),
        );
        registry.register(
            "passes_redeemed",
            "Claims received for which a pass was spent",
            self.redeemed.clone(),
        );
        registry.register(
            "events",
            "What the log was told of, by kind",
            self.events.clone(),
        );
        registry.register(
            "verifications_open",
            "Verifications without an outcome in the store, counted up to 1000",
            self.open.clone(),
        );
        for &kind in EventKind::ALL {
            drop(self.events.get_or_create(&OfEvent { kind: kind.name() }));
        }
    }

    /// What there is, as OpenMetrics.
    pub(crate) fn open_metrics(&self) -> String {
        let mut text = String::new();
        encode(&mut text, &self.registry).expect("a text can always be written to");
        text
    }

    /// The same in Prometheus' own text, format 0.0.4, which every reader takes.
    pub(crate) fn prometheus(&self) -> String {
        classic(&self.open_metrics())
    }

    pub(crate) fn count_answer(
        &self,
        endpoint: &'static str,
        status: u16,
        code: &'static str,
        took: Duration,
    ) {
        let of = OfAnswer {
            endpoint,
            status,
            code,
        };
        self.answers.get_or_create(&of).inc();
        let seconds = self.seconds.get_or_create(&OfEndpoint { endpoint });
        seconds.observe(took.as_secs_f64());
    }

    pub(crate) fn begin_call(&self) -> Counted<'_> {
        Counted::new(&self.in_flight)
    }

    pub(crate) fn begin_connection(&self) -> Counted<'_> {
        Counted::new(&self.connections)
    }

    pub(crate) fn count_request(&self, step: Step, status: Option<u16>, took: Duration) {
        let status = Status(status);
        self.requests
            .get_or_create(&OfRequest { step, status })
            .inc();
        let seconds = self.request_seconds.get_or_create(&OfStep { step });
        seconds.observe(took.as_secs_f64());
    }

    pub(crate) fn count_retry(&self, step: Step) {
        self.retries.get_or_create(&OfStep { step }).inc();
    }

    /// Counts what a good answer of Persona's means for the bill.
    pub(crate) fn count_success(&self, step: Step, answer: &Response) {
        if !(200..300).contains(&answer.head.status) {
            return;
        }
        match step {
            Step::Sign => drop(self.billed.inc()),
            Step::Redeem if is_consumed(answer) => drop(self.redeemed.inc()),
            _ => {}
        }
    }

    pub(crate) fn count_event(&self, kind: EventKind) {
        let kind = kind.name();
        self.events.get_or_create(&OfEvent { kind }).inc();
    }

    pub(crate) fn set_open(&self, open: usize) {
        self.open.set(i64::try_from(open).unwrap_or(i64::MAX));
    }
}

/// Something that is counted for as long as it lasts.
pub(crate) struct Counted<'a>(&'a Gauge);

impl<'a> Counted<'a> {
    fn new(gauge: &'a Gauge) -> Self {
        gauge.inc();
        Self(gauge)
    }
}

impl Drop for Counted<'_> {
    fn drop(&mut self) {
        self.0.dec();
    }
}

/// OpenMetrics as format 0.0.4, which has no units and no end, and calls a counter what its samples are called.
fn classic(open_metrics: &str) -> String {
    let name_of = |line: &str, kind: &str| -> Option<(String, String)> {
        let (name, rest) = line.strip_prefix(kind)?.split_once(' ')?;
        Some((name.to_owned(), rest.to_owned()))
    };
    let types = open_metrics
        .lines()
        .filter_map(|line| name_of(line, "# TYPE "));
    let counters: Vec<String> = types
        .filter_map(|(name, kind)| (kind == "counter").then_some(name))
        .collect();
    let mut text = String::with_capacity(open_metrics.len());
    for line in open_metrics.lines() {
        if line == "# EOF" || line.starts_with("# UNIT ") {
            continue;
        }
        let of_counter = ["# HELP ", "# TYPE "].iter().find_map(|kind| {
            let (name, rest) = name_of(line, kind)?;
            counters
                .contains(&name)
                .then(|| format!("{kind}{name}_total {rest}"))
        });
        text.push_str(of_counter.as_deref().unwrap_or(line));
        text.push('\n');
    }
    text
}

/// From what a store alone takes to what a call with all its retries may take.
fn latencies() -> Histogram {
    Histogram::new([
        0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0,
    ])
}

fn is_consumed(answer: &Response) -> bool {
    #[derive(Deserialize)]
    struct Body {
        #[serde(alias = "token-consumed", alias = "tokenConsumed")]
        token_consumed: bool,
    }
    let body = answer.body.as_ref();
    body.and_then(|body| serde_json::from_slice::<Body>(body.expose()).ok())
        .is_some_and(|body| body.token_consumed)
}
