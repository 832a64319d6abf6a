//! A PostgreSQL URL: libpq's parameters, and a few of our own. No part of it is repeated in an
//! error, since any part may hold a piece of a password.

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use percent_encoding::percent_decode_str;
use rustls::{ClientConfig, RootCertStore};
use rustls_pki_types::pem::PemObject;
use rustls_pki_types::CertificateDer;
use tokio_postgres::config::{Host, SslMode, TargetSessionAttrs};
use tokio_postgres::Config;
use tokio_postgres_rustls::MakeRustlsConnect;

use crate::error::{Error, Result};

const DEFAULT_POOL_SIZE: usize = 10;
const LARGEST_POOL: usize = 1000;
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
/// How long sent bytes may stay without an answer from the other side's network.
const TCP_USER_TIMEOUT: Duration = Duration::from_secs(10);

/// What the driver understands by itself, beside our own.
const PASSED_ON: [&str; 16] = [
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
];

pub(super) struct Settings {
    pub(super) config: Config,
    pub(super) tls: MakeRustlsConnect,
    pub(super) tls_in_words: &'static str,
    pub(super) pool_size: usize,
    pub(super) create_table: bool,
}

pub(super) fn parse(url: &str) -> Result<Settings> {
    let (scheme, rest) = url.split_once("://").unwrap_or(("", url));
    if !matches!(scheme, "postgres" | "postgresql") {
        return Err(wrong("it must begin with postgres:// or postgresql://."));
    }
    // The driver takes everything before the first `@` for user and password.
    if let Some((credentials, _)) = rest.split_once('@') {
        if credentials.contains(['/', '?', '#']) {
            return Err(wrong(
                "the characters `/`, `?`, `#` and `@` in user, password and parameters must be \
                 percent-encoded.",
            ));
        }
    }
    let (place, query) = rest.split_once('?').unwrap_or((rest, ""));
    let (own, passed_on) = Own::parse(query)?;

    let mut config: Config = format!("postgres://{place}?{}", passed_on.join("&"))
        .parse()
        .map_err(|cause: tokio_postgres::Error| {
            let detail = std::error::Error::source(&cause).map(ToString::to_string);
            wrong(&format!("{}.", detail.as_deref().unwrap_or("unreadable")))
        })?;
    if config.get_hosts().is_empty() && config.get_hostaddrs().is_empty() {
        return Err(wrong("it names no host."));
    }
    if config.get_connect_timeout().is_none() {
        config.connect_timeout(CONNECT_TIMEOUT);
    }
    if config.get_tcp_user_timeout().is_none() {
        config.tcp_user_timeout(TCP_USER_TIMEOUT);
    }
    if config.get_application_name().is_none() {
        config.application_name("relaypass");
    }
    if config.get_hosts().len() > 1 && config.get_target_session_attrs() == TargetSessionAttrs::Any
    {
        config.target_session_attrs(TargetSessionAttrs::ReadWrite);
    }
    let ssl_mode = own.ssl_mode.unwrap_or(if is_on_this_machine(&config) {
        SslMode::Disable
    } else {
        SslMode::Require
    });
    config.ssl_mode(ssl_mode);
    Ok(Settings {
        config,
        tls: MakeRustlsConnect::new(tls(own.authorities)?),
        tls_in_words: match ssl_mode {
            SslMode::Disable => "sslmode=disable: without TLS",
            SslMode::Prefer => "sslmode=prefer: with TLS, verified, if the server offers it",
            _ => "sslmode=require: with TLS, certificate and name verified",
        },
        pool_size: own.pool_size,
        create_table: own.create_table,
    })
}

/// The parameters that the driver does not know, or would understand in another way.
struct Own {
    ssl_mode: Option<SslMode>,
    authorities: Option<RootCertStore>,
    pool_size: usize,
    create_table: bool,
}

impl Own {
    fn parse(query: &str) -> Result<(Self, Vec<&str>)> {
        let mut own = Self {
            ssl_mode: None,
            authorities: None,
            pool_size: DEFAULT_POOL_SIZE,
            create_table: false,
        };
        let mut passed_on = Vec::new();
        let parameters = query.split('&').filter(|parameter| !parameter.is_empty());
        for (index, parameter) in parameters.enumerate() {
            let (name, value) = parameter.split_once('=').unwrap_or((parameter, ""));
            let decoded = percent_decode_str(value)
                .decode_utf8()
                .map_err(|_| wrong("a parameter is not UTF-8."))?;
            match (name, &*decoded) {
                ("sslmode", "disable") => own.ssl_mode = Some(SslMode::Disable),
                ("sslmode", "prefer") => own.ssl_mode = Some(SslMode::Prefer),
                ("sslmode", "require" | "verify-ca" | "verify-full") => {
                    own.ssl_mode = Some(SslMode::Require);
                }
                ("sslmode", _) => {
                    return Err(wrong(
                        "sslmode must be disable, prefer, require, verify-ca or verify-full.",
                    ));
                }
                ("sslrootcert", file) => own.authorities = Some(authorities(file)?),
                ("pool_size", size) => {
                    own.pool_size = size
                        .parse()
                        .ok()
                        .filter(|size| (1..=LARGEST_POOL).contains(size))
                        .ok_or_else(|| wrong("pool_size must be a number from 1 to 1000."))?;
                }
                ("create_table", "true") => own.create_table = true,
                ("create_table", "false") => own.create_table = false,
                ("create_table", _) => return Err(wrong("create_table must be true or false.")),
                (name, _) if PASSED_ON.contains(&name) && !value.is_empty() => {
                    passed_on.push(parameter);
                }
                _ => {
                    return Err(wrong(&format!(
                        "parameter {} is unknown or has no value; there are create_table, \
                         pool_size, sslmode, sslrootcert, {}.",
                        index + 1,
                        PASSED_ON.join(", ")
                    )));
                }
            }
        }
        Ok((own, passed_on))
    }
}

fn authorities(file: &str) -> Result<RootCertStore> {
    let certificates: std::result::Result<Vec<_>, _> = match CertificateDer::pem_file_iter(file) {
        Ok(certificates) => certificates.collect(),
        Err(cause) => Err(cause),
    };
    let certificates = certificates
        .map_err(|cause| wrong("the file of sslrootcert cannot be read.").with_source(cause))?;
    let mut roots = RootCertStore::empty();
    let (taken, _) = roots.add_parsable_certificates(certificates);
    if taken == 0 {
        return Err(wrong(
            "the file of sslrootcert holds no certificate in PEM.",
        ));
    }
    Ok(roots)
}

fn tls(authorities: Option<RootCertStore>) -> Result<ClientConfig> {
    let roots = authorities.unwrap_or_else(|| RootCertStore {
        roots: webpki_roots::TLS_SERVER_ROOTS.to_vec(),
    });
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .expect("aws-lc-rs offers the protocol versions of rustls")
        .with_root_certificates(roots)
        .with_no_client_auth();
    Ok(config)
}

fn is_on_this_machine(config: &Config) -> bool {
    let addresses = config.get_hostaddrs();
    if !addresses.is_empty() {
        return addresses.iter().all(IpAddr::is_loopback);
    }
    config.get_hosts().iter().all(|host| match host {
        Host::Tcp(name) if name == "localhost" => true,
        Host::Tcp(name) => name
            .parse()
            .is_ok_and(|address: IpAddr| address.is_loopback()),
        #[cfg(unix)]
        Host::Unix(_) => true,
    })
}

fn wrong(what: &str) -> Error {
    Error::invalid_argument(format!("The PostgreSQL URL cannot be used: {what}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refused(url: &str) -> String {
        let error = parse(url).err().expect(url);
        assert_eq!(error.code(), "invalid_argument");
        error.to_string()
    }

    fn ssl_mode(url: &str) -> SslMode {
        parse(url).unwrap().config.get_ssl_mode()
    }

    #[test]
    fn a_server_elsewhere_is_verified_unless_the_url_says_otherwise() {
        assert_eq!(ssl_mode("postgres://u:p@db.example/d"), SslMode::Require);
        for mode in ["require", "verify-ca", "verify-full"] {
            let url = format!("postgresql://u@db/d?sslmode={mode}");
            assert_eq!(ssl_mode(&url), SslMode::Require);
        }
        assert_eq!(
            ssl_mode("postgres://u@db/d?sslmode=prefer"),
            SslMode::Prefer
        );
        assert_eq!(
            ssl_mode("postgres://u@db/d?sslmode=disable"),
            SslMode::Disable
        );
        assert_eq!(ssl_mode("postgres://u@localhost,db/d"), SslMode::Require);
        assert_eq!(
            ssl_mode("postgres://u@localhost/d?hostaddr=192.0.2.1"),
            SslMode::Require
        );
        for here in ["localhost", "127.0.0.1", "[::1]", "%2Frun%2Fpostgresql"] {
            let url = format!("postgres://u@{here}:5432/d");
            assert_eq!(ssl_mode(&url), SslMode::Disable);
        }
    }

    #[test]
    fn a_refusal_says_what_is_wrong() {
        for (url, words) in [
            ("mysql://u@h/d", "begin with"),
            ("postgres:///d", "no host"),
            ("postgres://u@h/d?sslmode=allow", "sslmode"),
            ("postgres://u@h/d?pool_size=0", "pool_size"),
            ("postgres://u@h/d?pool_size=many", "pool_size"),
            ("postgres://u@h/d?create_table=1", "create_table"),
            ("postgres://u@h/d?sslrootcert=/no/such/file", "sslrootcert"),
            ("postgres://u@h:port/d", "`port`"),
            ("postgres://u@h/d?connect_timeout=soon", "connect_timeout"),
            (
                "postgres://u@h/d?application_name=a&colour=blue",
                "parameter 2",
            ),
            ("postgres://h/d?application_name=a@b", "percent-encoded"),
        ] {
            let text = refused(url);
            assert!(text.contains(words), "{url}: {text}");
        }
    }

    #[test]
    fn no_refusal_repeats_a_password() {
        for url in [
            "postgres://u:canary@h/d?sslmode=x",
            "postgres://u:ca?canary@h/d",
            "postgres://u:c/canary@h/d",
            "postgres://u:p@canary@h:1x/d",
            "postgres://u@h/d?password=p&canary",
            "postgres://u@h/d?password=p&canary=1",
            "postgres://u@h/d?password=canary&port=x",
            "postgres://u@h/d?port=canary",
            "postgres://u:canary@h:canary/d",
            "postgres://u:%ffcanary@[h/d",
            "canary",
        ] {
            let error = parse(url).err().expect(url);
            assert!(!format!("{error} {error:?}").contains("canary"), "{url}");
        }
    }

    #[test]
    fn what_the_url_says_wins_over_our_own_choices() {
        let settings = parse(
            "postgres://u:p%40@h/d?pool_size=3&create_table=true&connect_timeout=7\
             &application_name=mine",
        )
        .unwrap();
        assert_eq!(settings.pool_size, 3);
        assert!(settings.create_table);
        let config = settings.config;
        assert_eq!(config.get_password(), Some(&b"p@"[..]));
        assert_eq!(config.get_connect_timeout(), Some(&Duration::from_secs(7)));
        assert_eq!(config.get_application_name(), Some("mine"));
    }
}
