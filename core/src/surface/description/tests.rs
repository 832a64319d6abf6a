//! The description against what it describes.

use std::collections::BTreeSet;

use super::describe;
use crate::client::{Client, ClientArguments};
use crate::secret::Secret;
use crate::store::MemoryStore;
use crate::surface::StoreArgument;
use serde_json::Value;
use std::sync::Arc;

/// What only Rust has: its own traits, and what the gateway's limits need.
const ONLY_RUST: [&str; 5] = [
    "count_open",
    "anonymous_proxies",
    "anonymous_transport",
    "identified_transport",
    "wrap_transports",
];

#[test]
fn the_builder_has_every_option_and_no_other() {
    let source = include_str!("../../client/options.rs");
    let builder = source
        .split_once("impl ClientBuilder {")
        .and_then(|(_, rest)| rest.split_once("Checks everything and makes the client"))
        .expect("the builder's methods")
        .0;
    let methods: BTreeSet<&str> = builder
        .split("pub fn ")
        .skip(1)
        .filter_map(|method| method.split_once('('))
        .map(|(name, _)| name)
        .filter(|name| *name != "build" && !ONLY_RUST.contains(name))
        .collect();
    let surface = describe();
    let options = names(&surface["options"]);
    assert_eq!(methods, options.iter().map(String::as_str).collect());
}

#[test]
fn the_calls_of_rust_are_those_that_are_described() {
    let sources = [
        // The client's own.
        ("", include_str!("../../client/reporting.rs")),
        ("relays", include_str!("../../client/relays.rs")),
        ("relays", include_str!("../../verification/stateless.rs")),
        ("verifications", include_str!("../../verification/mod.rs")),
        (
            "verifications",
            include_str!("../../verification/upkeep.rs"),
        ),
        ("passes", include_str!("../../passes/mod.rs")),
        ("passes", include_str!("../../verification/prefetch.rs")),
    ];
    let mut calls: BTreeSet<String> = BTreeSet::from(["close".to_owned()]);
    for (room, source) in sources {
        let heads = source.split("    pub async fn ").skip(1);
        let names = heads
            .filter_map(|head| head.split_once('('))
            .map(|(name, _)| name)
            .filter(|name| !ONLY_RUST.contains(name));
        let named = names.map(|name| format!("{room}.{name}"));
        calls.extend(named.map(|name| name.trim_start_matches('.').to_owned()));
    }
    assert_eq!(calls, names(&describe()["calls"]));
}

#[test]
fn numbers_at_the_edge_are_taken_and_those_beyond_are_refused() {
    let surface = describe();
    let mut checked = 0;
    for option in surface["options"].as_array().unwrap() {
        let name = option["name"].as_str().unwrap();
        let number = |edge: &str| option[edge].as_u64().map(|number| number as f64);
        for (edge, beyond) in [("least", -1.0), ("most", 1.0)] {
            if let Some(edge) = number(edge) {
                assert_eq!(code(with(name, edge)), None, "{name}: {edge}");
                let refused = edge + beyond;
                assert_eq!(code(with(name, refused)), refusal(), "{name}: {refused}");
                checked += 1;
            }
        }
        if let Some(above) = number("above") {
            assert_eq!(code(with(name, above)), refusal(), "{name}: {above}");
            assert_eq!(code(with(name, above + 0.001)), None, "{name}");
            checked += 1;
        }
    }
    let numbers = OPTIONS
        .iter()
        .filter(|(_, what)| ["Seconds", "Whole"].contains(what));
    assert_eq!(checked, 2 * numbers.count(), "every number has two edges");
}

#[test]
fn what_is_left_out_is_as_described() {
    let surface = describe();
    let client = Client::builder()
        .store(Arc::new(MemoryStore::new()))
        .build()
        .unwrap();
    let inner = &client.inner;
    let default = |name: &str| {
        let options = surface["options"].as_array().unwrap();
        let option = options.iter().find(|option| option["name"] == name);
        option.unwrap()["default"].clone()
    };
    assert_eq!(default("timeout"), inner.timeout.as_secs());
    assert_eq!(default("retries"), inner.retries);
    let store_options = inner.store_options.as_ref().unwrap();
    let window = store_options.purchase_window.as_secs();
    assert_eq!(default("purchase_window"), window);
    assert_eq!(default("pass_pool"), store_options.pass_pool);
    assert_eq!(default("background"), store_options.background);
    assert_eq!(default("privacy"), "standard");
    assert_eq!(inner.privacy, crate::Privacy::Standard);
    assert_eq!(default("pass_binding"), "claim_type");
    assert_eq!(store_options.pass_binding, crate::PassBinding::ClaimType);
    assert_eq!(default("encryption_form"), "auto");
    assert_eq!(inner.encryption_form, crate::EncryptionForm::Auto);
}

/// What is not one of a few.
const FREE_TEXTS: [&str; 2] = ["base_url", "ca_pem"];

#[test]
fn choices_are_taken_and_others_are_refused() {
    let surface = describe();
    let mut checked = Vec::new();
    for option in surface["options"].as_array().unwrap() {
        let Some(choices) = option["choices"].as_array() else {
            continue;
        };
        let name = option["name"].as_str().unwrap();
        for choice in choices {
            assert_eq!(code(chosen(name, choice.as_str().unwrap())), None, "{name}");
        }
        assert_eq!(code(chosen(name, "another")), refusal(), "{name}");
        checked.push(name);
    }
    let texts = OPTIONS.iter().filter(|(_, what)| *what == "Text");
    let named = texts.map(|(name, _)| *name);
    let expected: Vec<&str> = named.filter(|name| !FREE_TEXTS.contains(name)).collect();
    assert_eq!(checked, expected, "every other text is one of a few");
}

fn names(members: &Value) -> BTreeSet<String> {
    let members = members.as_array().unwrap().iter();
    members
        .map(|member| member["name"].as_str().unwrap().to_owned())
        .collect()
}

macro_rules! set {
    ($($option:ident: $type:ident $(=> $rule:ident)?,)*) => {
        /// The plain options, and what each is.
        const OPTIONS: &[(&str, &str)] = &[$((stringify!($option), stringify!($type)),)*];

        /// The options with a number, or a text, for the one of this name.
        fn set(name: &str, number: f64, text: &str) -> ClientArguments {
            let mut arguments = ClientArguments {
                store: Some(StoreArgument::Object(Arc::new(MemoryStore::new()))),
                ..ClientArguments::default()
            };
            $(if stringify!($option).trim_end_matches("_seconds") == name {
                arguments.$option = value!($type, number, text);
            })*
            arguments
        }
    };
}

macro_rules! value {
    (Seconds, $number:ident, $text:ident) => {
        Some($number)
    };
    (Whole, $number:ident, $text:ident) => {
        Some($number as i64)
    };
    (Text, $number:ident, $text:ident) => {
        Some($text.to_owned())
    };
    ($other:ident, $number:ident, $text:ident) => {
        None // Neither a number nor a text: it has no rules.
    };
}

crate::plain_options!(set);

fn with(name: &str, number: f64) -> ClientArguments {
    set(name, number, "")
}

fn chosen(name: &str, choice: &str) -> ClientArguments {
    let arguments = set(name, 0.0, choice);
    if (name, choice) != ("privacy", "strict") {
        return arguments;
    }
    // What strict privacy needs beside.
    ClientArguments {
        pass_pool: Some(1),
        anonymous_proxy: Some(vec![Secret::new("http://127.0.0.1:1".to_owned())]),
        ..arguments
    }
}

fn code(arguments: ClientArguments) -> Option<String> {
    let built = arguments.parse().and_then(|builder| builder.build());
    built.err().map(|error| error.code().to_owned())
}

fn refusal() -> Option<String> {
    describe()["refused_with"].as_str().map(str::to_owned)
}
