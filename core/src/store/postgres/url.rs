//! A PostgreSQL URL: libpq's parameters, and a few of our own. No part of it is repeated in an
//! error, since any part may hold a piece of a password.

use std::net::IpAddr;
use std::time::Duration;

use tokio_postgres::config::{Host, SslMode, TargetSessionAttrs};
use tokio_postgres::Config;
use tokio_postgres_rustls::MakeRustlsConnect;

use super::parameters::Own;
use crate::error::{Error, Result};
use crate::tls;

const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
/// How long sent bytes may stay without an answer from the other side's network.
const TCP_USER_TIMEOUT: Duration = Duration::from_secs(10);

pub(super) struct Settings {
    pub(super) config: Config,
    pub(super) tls: MakeRustlsConnect,
    pub(super) tls_in_words: &'static str,
    pub(super) pool_size: usize,
    pub(super) create_table: bool,
}

pub(super) fn parse(url: &str) -> Result<Settings> {
    let (scheme, rest) = url.split_once("://").unwrap_or(("", url));
    if !["postgres", "postgresql"]
        .iter()
        .any(|known| scheme.eq_ignore_ascii_case(known))
    {
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
    // Whatever else stands in a bare password, a second `@` or a `#` before the parameters is of it.
    if place.matches('@').count() > 1 || place.contains('#') {
        return Err(wrong(
            "it has more than one `@`, or a `#`, before its parameters. In a user name or password, `@` \
             must be percent-encoded as %40, `/` as %2F, `?` as %3F and `#` as %23.",
        ));
    }
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
        tls: MakeRustlsConnect::new(tls::client_config(
            own.authorities.unwrap_or_else(tls::public_authorities),
        )),
        tls_in_words: match ssl_mode {
            SslMode::Disable => "sslmode=disable: without TLS",
            SslMode::Prefer => "sslmode=prefer: with TLS, verified, if the server offers it",
            _ => "sslmode=require: with TLS, certificate and name verified",
        },
        pool_size: own.pool_size,
        create_table: own.create_table,
    })
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

pub(super) fn wrong(what: &str) -> Error {
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
                "the parameter `colour` is unknown",
            ),
            (
                "postgres://u@h/d?sslcert=x",
                "the parameter `sslcert` is unknown",
            ),
            (
                "postgres://u@h/d?password=p&sslkey=x",
                "the parameter `sslkey` is unknown",
            ),
            (
                "postgres://u@h/d?host=",
                "the parameter `host` has no value",
            ),
            ("postgres://u@h/d?Colour=blue", "parameter 1 is unknown"),
            ("postgres://u@h/d?password=a&b=c", "parameter 2 is unknown"),
            ("postgres://u@h/d?schema=x", "options=-csearch_path"),
            ("postgres://u@h/d?ssl=true", "it is sslmode"),
            (
                "postgres://u@h/d?colour=blue",
                "There are create_table, pool_size",
            ),
            ("postgres://u:p@x@h/d", "%40"),
            ("postgres://u@d:p@h/d", "%40"),
            ("postgres://u:p@x@h", "%40"),
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
            "postgres://u:p@x/canary@h/d",
            "postgres://u:p@x#canary@h/d",
            "postgres://u:p@x?canary=1@h/d",
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
    fn what_libpq_takes_is_taken() {
        let config = parse("postgresql:///d?host=/tmp&user=postgres&sslmode=disable")
            .unwrap()
            .config;
        assert_eq!(config.get_user(), Some("postgres"));
        assert_eq!(config.get_dbname(), Some("d"));
        // A mail address as a name, elsewhere than before the host.
        parse("postgres://u@h/d?application_name=a@b").unwrap();
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
