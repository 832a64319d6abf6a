//! Settings that the environment holds, or files that it names: for what must not be a flag, which
//! every user of a machine can see.

mod listening;
mod numbers;

pub(crate) use listening::listen;
pub(crate) use numbers::{count, seconds, time};

use std::ffi::OsStr;
use std::path::Path;

use relaypass::given::{self, meant};
use relaypass::Secret;
use zeroize::Zeroizing;

/// What all variables of ours begin with.
const OURS: &str = "RELAYPASS_";
/// Everybody's, and read here.
const COLLECTOR: &str = "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT";

/// Makes of each variable what was meant: without blanks, line ends and quotes around, which files of
/// variables leave there, and not set if nothing is left.
///
/// To be called before there are threads, which might read the environment at the same time.
pub(crate) fn tidy_environment() {
    for (name, value) in std::env::vars_os() {
        let is_ours = name
            .to_str()
            .is_some_and(|name| name.starts_with(OURS) || name == COLLECTOR);
        let (true, Some(given)) = (is_ours, value.to_str()) else {
            continue;
        };
        match meant(given) {
            "" => std::env::remove_var(name),
            meant if meant != given => std::env::set_var(name, meant),
            _ => {}
        }
    }
}

/// The names of all variables that begin as ours do, but for those that Kubernetes makes of a Service whose name
/// begins so, too.
pub(crate) fn names_of_ours() -> Vec<String> {
    let of_service = |name: &str| {
        name.contains("_SERVICE_HOST")
            || name.contains("_SERVICE_PORT")
            || name.contains("_PORT_")
            || name.ends_with("_PORT")
    };
    let names = std::env::vars_os().filter_map(|(name, _)| name.into_string().ok());
    names
        .filter(|name| name.starts_with(OURS) && !of_service(name))
        .collect()
}

/// The setting `name` of the environment, or of the file that `name` with `_FILE` names.
pub(crate) fn secret(name: &str) -> Result<Option<Secret<String>>, String> {
    let file = format!("{name}_FILE");
    let text = match (std::env::var_os(name), std::env::var_os(&file)) {
        (Some(_), Some(_)) => return Err(format!("{name} and {file} are both set; keep one")),
        // Taken for one that is not set, a proxy or a key would be left out without a word.
        (Some(text), None) => text
            .into_string()
            .map_err(|_| format!("{name} holds bytes that are no text in UTF-8"))?,
        (None, Some(path)) => match meant(&secret_file(&file, &path)?) {
            "" => return Err(format!("{file}: the file that it names is empty")),
            text => text.to_owned(),
        },
        (None, None) => return Ok(None),
    };
    Ok(Some(Secret::new(text)))
}

/// The path is not repeated: who mistakes `NAME_FILE` for `NAME` has the secret in it.
fn secret_file(setting: &str, path: &OsStr) -> Result<Zeroizing<String>, String> {
    given::read_file(Path::new(path))
        .map_err(|error| format!("{setting}: the file that it names {error}"))
}

/// The file that a setting names.
pub(crate) fn read(setting: &str, path: &Path) -> Result<Zeroizing<String>, String> {
    let named = path.to_string_lossy();
    let name = meant(&named);
    let meant = Path::new(name);
    given::read_file(meant)
        // A name may begin or end with a blank. What is no file but a pipe is read once.
        .or_else(|error| match meant == path {
            true => Err(error),
            false => given::read_file(path),
        })
        .map_err(|error| match is_no_name(name) {
            true => {
                format!("{setting} takes the name of a file, and was given what belongs into it")
            }
            false => format!("{setting}: {named} {error}"),
        })
}

/// Whether this, which leads to no file, is a key, a certificate or a secret in place of a name: PEM, JSON, the
/// base64 of PEM, of DER or of JSON, or more than any name has. `{{` begins a template.
fn is_no_name(text: &str) -> bool {
    const LONGEST_NAME: usize = 200;
    text.contains("-----BEGIN")
        || text.contains(['\n', '"'])
        || text.starts_with('{') && !text.starts_with("{{")
        || ["LS0tLS1", "MII", "eyJ"]
            .iter()
            .any(|with| text.starts_with(with))
        || text.len() > LONGEST_NAME && !text.starts_with(['/', '.', '~', '$'])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_where_the_name_of_a_file_belongs_is_not_repeated() {
        for text in [
            "-----BEGIN PRIVATE KEY-----\ncanary",
            "{\"kty\": \"canary\"}",
            "canary\ncanary",
            "LS0tLS1CRUdJTcanary",
            "MIIEcanary",
            "eyJrdHkiOiJcanary",
            "KEY={\"kty\": \"canary\"}",
            &"canary".repeat(40),
        ] {
            let error = read("--tls-key", Path::new(text)).unwrap_err();
            assert!(
                error.contains("--tls-key takes the name of a file"),
                "{error}"
            );
            assert!(!error.contains("canary"), "{error}");
        }
        let long = format!("/{}", "folder/".repeat(40));
        for (text, words) in [
            ("${DIR}/server.pem", "Nothing has replaced the variable"),
            (
                "{{ folder }}/server.pem",
                "Nothing has replaced the variable",
            ),
            ("/not/there.pem\n", "cannot be read"),
            (&long, "cannot be read"),
        ] {
            let error = read("--tls-key", Path::new(text)).unwrap_err();
            assert!(error.contains(words) && error.contains(text), "{error}");
        }
    }
}
