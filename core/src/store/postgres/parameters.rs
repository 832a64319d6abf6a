//! The parameters of a PostgreSQL URL: which there are, which of them are ours, and what is said of others.

use std::path::Path;

use percent_encoding::percent_decode_str;
use rustls::RootCertStore;
use tokio_postgres::config::SslMode;

use super::url::wrong;
use crate::error::{Error, Result};
use crate::given::one_of;
use crate::{given, tls};

const DEFAULT_POOL_SIZE: usize = 10;
const LARGEST_POOL: usize = 1000;

/// What the driver understands by itself, beside our own.
const PASSED_ON: [&str; 17] = [
    "application_name",
    "channel_binding",
    "connect_timeout",
    "dbname",
    "host",
    "hostaddr",
    "keepalives",
    "keepalives_idle",
    "keepalives_interval",
    "keepalives_retries",
    "load_balance_hosts",
    "options",
    "password",
    "port",
    "target_session_attrs",
    "tcp_user_timeout",
    "user",
];

/// Our own, beside those.
const OWN: [&str; 4] = ["create_table", "pool_size", "sslmode", "sslrootcert"];

/// What libpq and others take, and this store does not. They are named in a refusal whatever stands
/// before them: none of them is a piece of a password.
const KNOWN_ELSEWHERE: [&str; 36] = [
    "applicationname",
    "charset",
    "client_encoding",
    "connection_limit",
    "connecttimeout",
    "currentschema",
    "fallback_application_name",
    "gssencmode",
    "krbsrvname",
    "max_connections",
    "max_protocol_version",
    "min_protocol_version",
    "passfile",
    "pgbouncer",
    "pool_max_conns",
    "pool_timeout",
    "replication",
    "require_auth",
    "requirepeer",
    "schema",
    "search_path",
    "service",
    "ssl",
    "ssl_max_protocol_version",
    "ssl_min_protocol_version",
    "sslaccept",
    "sslcert",
    "sslcertmode",
    "sslcrl",
    "sslkey",
    "sslnegotiation",
    "sslpassword",
    "sslsni",
    "statement_cache_size",
    "timezone",
    "uselibpqcompat",
];

/// The parameters that the driver does not know, or would understand in another way.
pub(super) struct Own {
    pub(super) ssl_mode: Option<SslMode>,
    pub(super) authorities: Option<RootCertStore>,
    pub(super) pool_size: usize,
    pub(super) create_table: bool,
}

impl Own {
    pub(super) fn parse(query: &str) -> Result<(Self, Vec<&str>)> {
        let mut own = Self {
            ssl_mode: None,
            authorities: None,
            pool_size: DEFAULT_POOL_SIZE,
            create_table: false,
        };
        let mut passed_on = Vec::new();
        // A bare password may hold what looks like the beginning of parameters.
        let mut after_password = query.contains('@');
        let parameters = query.split('&').filter(|parameter| !parameter.is_empty());
        let mut names = Vec::new();
        for (index, parameter) in parameters.enumerate() {
            let (name, value) = parameter.split_once('=').unwrap_or((parameter, ""));
            if names.contains(&name) && is_known(name) {
                return Err(wrong(&format!("the parameter `{name}` is there twice.")));
            }
            names.push(name);
            let decoded = percent_decode_str(value)
                .decode_utf8()
                .map_err(|_| wrong("a parameter is not UTF-8."))?;
            match (name, &*decoded) {
                ("sslmode", mode) => own.ssl_mode = Some(ssl_mode(mode)?),
                ("sslrootcert", file) if !file.is_empty() => {
                    own.authorities = Some(authorities(file)?)
                }
                ("pool_size", size) => {
                    own.pool_size = size
                        .parse()
                        .ok()
                        .filter(|size| (1..=LARGEST_POOL).contains(size))
                        .ok_or_else(|| wrong("pool_size must be a number from 1 to 1000."))?;
                }
                ("create_table", flag) => {
                    let flags = [("true", true), ("false", false)];
                    let known = one_of("", flag, &flags);
                    own.create_table =
                        known.map_err(|_| wrong("create_table must be true or false."))?;
                }
                ("port", port) if matches!(port.parse(), Ok(0) | Ok(65_536..=u32::MAX)) => {
                    return Err(wrong("its port is not from 1 to 65535."));
                }
                (name, _) if PASSED_ON.contains(&name) && !value.is_empty() => {
                    passed_on.push(parameter);
                }
                (name, _) => return Err(unknown(name, index + 1, after_password)),
            }
            // A password with a bare `&` ends in the next parameter.
            after_password |= name == "password";
        }
        Ok((own, passed_on))
    }
}

fn ssl_mode(text: &str) -> Result<SslMode> {
    let modes = [
        ("disable", SslMode::Disable),
        ("prefer", SslMode::Prefer),
        ("require", SslMode::Require),
        ("verify-ca", SslMode::Require),
        ("verify-full", SslMode::Require),
    ];
    one_of("", text, &modes)
        .map_err(|_| wrong("sslmode must be disable, prefer, require, verify-ca or verify-full."))
}

/// Whether this store takes it.
fn is_known(name: &str) -> bool {
    OWN.contains(&name) || PASSED_ON.contains(&name)
}

/// Names the parameter that is at fault, unless it may be a piece of a password.
fn unknown(name: &str, number: usize, after_password: bool) -> Error {
    let is_a_word = name
        .bytes()
        .all(|letter| letter.is_ascii_lowercase() || letter == b'_');
    let lower = name.to_ascii_lowercase();
    let is_somewhere = is_known(&lower) || KNOWN_ELSEWHERE.contains(&lower.as_str());
    let named = match is_somewhere || (is_a_word && !after_password && !name.is_empty()) {
        true => format!("the parameter `{lower}`"),
        false => format!("parameter {number}"),
    };
    let fault = match lower.as_str() {
        known if is_known(known) && known != name => "is written in small letters",
        known if is_known(known) => "has no value",
        "schema" | "search_path" | "currentschema" => {
            "is unknown: it is options=-csearch_path%3Dname here"
        }
        "ssl" => "is unknown: it is sslmode here",
        _ => "is unknown",
    };
    wrong(&format!(
        "{named} {fault}. There are create_table, pool_size, sslmode, sslrootcert, {}.",
        PASSED_ON.join(", ")
    ))
}

fn authorities(file: &str) -> Result<RootCertStore> {
    if file == "system" {
        return Err(wrong(
            "sslrootcert takes the name of a file. Leave it out: the public authorities are trusted \
             without it.",
        ));
    }
    let text = given::read_file(Path::new(file));
    let text = text.map_err(|cause| wrong(&format!("the file of sslrootcert {cause}.")))?;
    let mut roots = RootCertStore::empty();
    tls::trust(&mut roots, &text, "the file of sslrootcert")
        .map_err(|error| wrong(error.message()))?;
    Ok(roots)
}
