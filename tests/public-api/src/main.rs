//! Prints the public API of core, an item a line, from two files that rustdoc wrote in JSON: of the crate
//! with all of its features, and without. `run` beside it is who calls this.

use std::collections::BTreeSet;
use std::error::Error;
use std::process::ExitCode;
use std::{env, fs};

use public_api::{Builder, PublicItem};
use serde_json::Value;

const HEAD: &str = "\
# What is public in the crate `relaypass` with all of its features, an item a line.
# `tests/public-api/run write` writes it, and `make lint` fails while it says something else.
#
# `{ private fields }`: outside of the crate, no such struct can be made by its fields.
# `required`: who implements the trait must write this method.
# `Send`, `Sync`, `Unpin`, `UnwindSafe` and `RefUnwindSafe` are named only for types that are not,
# or not always, with a `!`, or with what it takes.
";
const FEATURES_HEAD: &str = "\
# What of this is not there without features.
";

/// Those that nearly every type has.
const USUAL: [&str; 5] = [
    "core::marker::Send",
    "core::marker::Sync",
    "core::marker::Unpin",
    "core::panic::unwind_safe::RefUnwindSafe",
    "core::panic::unwind_safe::UnwindSafe",
];

/// Those that only the compiler and its own library can name.
const INTERNAL: [&str; 3] = [
    "core::marker::Freeze",
    "core::marker::StructuralPartialEq",
    "core::marker::UnsafeUnpin",
];

fn main() -> ExitCode {
    match listing(&env::args().skip(1).collect::<Vec<_>>()) {
        Ok(listing) => {
            print!("{listing}");
            ExitCode::SUCCESS
        }
        Err(error) => {
            eprintln!("{error}");
            ExitCode::FAILURE
        }
    }
}

fn listing(files: &[String]) -> Result<String, Box<dyn Error>> {
    let [with_features, featureless] = files else {
        return Err("relaypass-public-api WITH-FEATURES.json FEATURELESS.json".into());
    };
    let everything = public_lines(with_features)?;
    let featureless = public_lines(featureless)?;

    // Cargo gives all crates of a program the features that any of them asks for.
    let gone = without(&featureless, &everything);
    if !gone.is_empty() {
        return Err(format!(
            "a feature may only add, and takes away:\n{}",
            gone.join("\n")
        )
        .into());
    }
    let of_features = without(&everything, &featureless);
    Ok(format!(
        "{HEAD}{}\n\n{FEATURES_HEAD}{}\n",
        everything.join("\n"),
        of_features.join("\n")
    ))
}

/// The lines that are not among the others.
fn without(lines: &[String], others: &[String]) -> Vec<String> {
    let others: BTreeSet<&String> = others.iter().collect();
    lines
        .iter()
        .filter(|it| !others.contains(it))
        .cloned()
        .collect()
}

/// The public items that a file of rustdoc tells of, each once, grouped by what they belong to.
fn public_lines(json: &str) -> Result<Vec<String>, Box<dyn Error>> {
    let told: Value = serde_json::from_slice(&fs::read(json)?)?;
    let api = Builder::from_rustdoc_json(json)
        .omit_blanket_impls(true)
        .build()
        .map_err(|error| format!("{json}, of format {}: {error}", told["format_version"]))?;
    let public: BTreeSet<u64> = api.items().map(|item| item.id().0.into()).collect();
    let mut seen = BTreeSet::new();
    Ok(api
        .items()
        .filter(|item| !is_of_hidden_trait(item, &told, &public))
        .map(|item| format!("{item}{}", unsaid(item, &told)))
        .filter(|line| !is_left_out(line) && seen.insert(line.clone()))
        .collect())
}

/// What breaks others when it changes, and is not in the item as it is printed.
fn unsaid(item: &PublicItem, told: &Value) -> &'static str {
    let inner = &told["index"][item.id().0.to_string()]["inner"];
    if inner["function"]["has_body"] == false {
        " required"
    } else if inner["struct"]["kind"]["plain"]["has_stripped_fields"] == true {
        " { private fields }"
    } else {
        ""
    }
}

/// Whether it is how something implements a trait of core that is not public itself.
fn is_of_hidden_trait(item: &PublicItem, told: &Value, public: &BTreeSet<u64>) -> bool {
    let hides = |id: u32| {
        let of = &told["index"][id.to_string()]["inner"]["impl"]["trait"]["id"];
        let is_public = of.as_u64().is_some_and(|it| public.contains(&it));
        told["paths"][of.to_string()]["crate_id"] == 0 && !is_public
    };
    hides(item.id().0) || item.parent_id().is_some_and(|parent| hides(parent.0))
}

/// Whether a line says of a type what nearly every type is, or what only the compiler names.
fn is_left_out(line: &str) -> bool {
    let implements =
        |name: &str| line.starts_with("impl") && line.contains(&format!("{name} for "));
    INTERNAL.iter().any(|it| implements(it))
        || !line.contains(" where ") && USUAL.iter().any(|it| implements(&format!(" {it}")))
}
