//! A PostgreSQL URL: libpq's parameters, and a few of our own. No part of it is repeated in an
//! error, since any part may hold a piece of a password.

use std::net::IpAddr;
use std::time::Duration;

use tokio_postgres::config::{Host, SslMode, TargetSessionAttrs};
use tokio_postgres::Config;
use tokio_postgres_rustls::MakeRustlsConnect;

use super::parameters::Own;
use crate::error::{Error, Result};
use crate::given::{has_template, why_in_one_line};
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
    // As in `options=-c search_path=relay`: what is meant is plain.
    let (place, query) = rest.split_once('?').unwrap_or((rest, ""));
    let query = query.replace(' ', "");
    if let Some(why) = why_in_one_line(place).or_else(|| why_in_one_line(&query)) {
        return Err(wrong(&format!("it {why}.")));
    }
    if let Some(why) = what_is_left_to_fill(rest) {
        return Err(wrong(why));
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
    check_place(place, &passed_on)?;

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

/// What the pages of databases write where something is to be filled in.
fn what_is_left_to_fill(rest: &str) -> Option<&'static str> {
    let place = rest.split('?').next().unwrap_or(rest);
    let credentials = place
        .rsplit_once('@')
        .map_or("", |(credentials, _)| credentials);
    let password = credentials
        .split_once(':')
        .map_or("", |(_, password)| password);
    if has_template(rest) {
        Some("it has a variable or a template in it that nothing has replaced.")
    } else if credentials.split(':').any(is_gap) {
        Some("it has a gap in its user or password that was to be filled, such as [YOUR-PASSWORD].")
    } else if !password.is_empty() && password.chars().all(|sign| matches!(sign, '*' | '•')) {
        Some("its password is masked: copy it from where it can be seen.")
    } else if place.len() > credentials.len() && place[credentials.len()..].contains('\\') {
        Some("it has a backslash after its user and password: `/` is written the other way.")
    } else if place.ends_with([',', ';', '"', '\'']) {
        Some("it ends with a comma, semicolon or quote, which is of the line that it stood in.")
    } else {
        None
    }
}

fn is_gap(part: &str) -> bool {
    let within = |open, close| part.starts_with(open) && part.ends_with(close);
    within('[', ']') || within('<', '>')
}

/// Checks hosts, ports and database, of which the driver reads some that nobody means.
fn check_place(place: &str, parameters: &[&str]) -> Result<()> {
    let (credentials, place) = place.split_once('@').unwrap_or(("", place));
    let (hosts, database) = place.split_once('/').unwrap_or((place, ""));
    if database.contains('/') {
        return Err(wrong(
            "it has a second `/` after its host: a `/` in a database's name is written as %2F.",
        ));
    }
    let has = |name: &str| {
        let mut names = parameters
            .iter()
            .filter_map(|parameter| parameter.split('=').next());
        names.any(|given| given == name)
    };
    for (name, is_before) in [
        ("user", !credentials.is_empty()),
        ("password", credentials.contains(':')),
        ("host", !hosts.is_empty()),
        ("dbname", !database.is_empty()),
    ] {
        if is_before && has(name) {
            return Err(wrong(&format!(
                "it has `{name}` twice, before its parameters and among them: leave one out."
            )));
        }
    }
    // The driver would have two ports for one host.
    if !hosts.is_empty() && has("port") {
        return Err(wrong(
            "its port stands behind its host, as in host:5432, and not among its parameters.",
        ));
    }
    for host in hosts.split(',').filter(|_| !hosts.is_empty()) {
        if host.is_empty() {
            return Err(wrong(
                "it has a comma too many among its hosts, or one is missing.",
            ));
        }
        let port = match host.rfind(']') {
            Some(end) => &host[end + 1..],
            None if host.matches(':').count() > 1 => return Err(wrong(
                "it has more than one `:` in its host: an IPv6 address stands in brackets, like \
                     [::1].",
            )),
            None => &host[host.find(':').unwrap_or(host.len())..],
        };
        check_port(port)?;
        if host.contains('$') {
            return Err(wrong(
                "it has a variable for its host that nothing has replaced.",
            ));
        }
    }
    Ok(())
}

/// A port with its colon, or nothing.
fn check_port(port: &str) -> Result<()> {
    match port.strip_prefix(':').map(str::parse::<u32>) {
        None => Ok(()),
        Some(Ok(1..=65_535)) => Ok(()),
        Some(Ok(_)) => Err(wrong("its port is not from 1 to 65535.")),
        Some(Err(_)) if port == ":" => Err(wrong("it has a `:` and no port after it.")),
        Some(Err(_)) => Err(wrong("its `port` is no number.")),
    }
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
mod tests;
