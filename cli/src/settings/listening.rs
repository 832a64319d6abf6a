//! Where to listen.

use std::net::{IpAddr, SocketAddr};

use relaypass::given::{has_template, meant, stands_for_another};

/// Reads an address and a port.
///
/// # Errors
/// What is missing or too much, and what to write.
pub(crate) fn listen(text: &str) -> Result<SocketAddr, String> {
    const LIKE: &str = "such as 127.0.0.1:8480, or [::]:8480 for every address";
    let text = meant(text);
    if let Ok(address) = text.parse() {
        return Ok(address);
    }
    // `[::]:$PORT` is told by its port.
    if let Some(why) = stands_for_another(text) {
        return Err(format!("it {why}. It takes an address and a port, {LIKE}"));
    }
    let host = text.rsplit_once(':').map_or(text, |(host, _)| host);
    let why = if text.is_empty() {
        "it is empty"
    } else if text.contains("://") {
        "it is a URL"
    } else if text.bytes().all(|digit| digit.is_ascii_digit()) {
        "it is a port without an address"
    } else if host.starts_with(['$', '%']) || has_template(host) {
        "its address is a variable or a template that nothing has replaced"
    } else if host.is_empty() || host == "*" {
        "it names no address"
    } else if text.parse::<IpAddr>().is_ok() {
        // `::1:8480` is one as well.
        match text.contains(':') {
            true => "it is an IPv6 address without brackets and port",
            false => "it has no port",
        }
    } else if text.starts_with('[') && text.ends_with(']') {
        "it has no port"
    } else if text.contains('/') {
        "it has a path"
    } else if text.contains([',', ';']) || text.contains(char::is_whitespace) {
        "it is more than one address"
    } else if text.contains('%') {
        "the zone of an IPv6 address is given by its number, [fe80::1%2]:8480"
    } else if (host.strip_suffix(':')).is_some_and(|it| !it.is_empty() && !it.contains([':', '[']))
    {
        "it has a `:` too many before its port"
    } else if let Some(why) = why_no_port(text) {
        why
    } else if host.eq_ignore_ascii_case("localhost") {
        "localhost is a name, of 127.0.0.1 and of [::1]: say which"
    } else if host.contains(|sign: char| sign.is_ascii_alphabetic()) && !host.contains(':') {
        "it has a name, and addresses alone are listened on"
    } else {
        "its address is none"
    };
    Err(format!("{why}. It takes an address and a port, {LIKE}"))
}

fn why_no_port(text: &str) -> Option<&'static str> {
    let Some((host, port)) = text.rsplit_once(':') else {
        return Some("it has no port");
    };
    match port.parse::<u32>() {
        // What is no address either is told first.
        _ if host.contains(':') && !host.starts_with('[') => {
            Some("an IPv6 address stands in brackets")
        }
        _ if port.is_empty() => Some("it has no port after its `:`"),
        _ if !port.bytes().all(|digit| digit.is_ascii_digit()) => Some("its port is no number"),
        Ok(0..=65_535) => None,
        _ => Some("its port is above 65535"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_read_as_meant_or_refused_truly() {
        let mut wrong = Vec::new();
        let good = [
            ("127.0.0.1:8480", "127.0.0.1:8480"),
            ("127.0.0.1:0", "127.0.0.1:0"),
            ("0.0.0.0:8480", "0.0.0.0:8480"),
            ("[::]:8480", "[::]:8480"),
            ("[::1]:8480", "[::1]:8480"),
            ("[0:0:0:0:0:0:0:1]:8480", "[::1]:8480"),
            ("[fe80::1%2]:8480", "[fe80::1%2]:8480"),
            ("127.0.0.1:08480", "127.0.0.1:8480"),
            (" 127.0.0.1:8480\r\n", "127.0.0.1:8480"),
            ("\u{feff}127.0.0.1:8480", "127.0.0.1:8480"),
            ("\"127.0.0.1:8480\"", "127.0.0.1:8480"),
            ("“[::]:8480”", "[::]:8480"),
            ("127.0.0.1:8480\u{200b}", "127.0.0.1:8480"),
        ];
        for (given, meant) in good {
            match listen(given) {
                Ok(address) if address.to_string() == meant => {}
                other => wrong.push(format!("{given:?}: {other:?}")),
            }
        }
        let bad = [
            ("", "it is empty"),
            ("''", "it is empty"),
            ("8480", "a port without an address"),
            (":8480", "it names no address"),
            ("*:8480", "it names no address"),
            ("127.0.0.1", "it has no port"),
            ("0.0.0.0", "it has no port"),
            ("[::]", "it has no port"),
            ("localhost", "it has no port"),
            ("127.0.0.1:", "no port after its `:`"),
            ("[::]:", "no port after its `:`"),
            ("::", "without brackets and port"),
            ("::1", "without brackets and port"),
            ("::1:8480", "without brackets and port"),
            (":::8480", "stands in brackets"),
            ("fe80::1%eth0:8480", "by its number"),
            ("[fe80::1%eth0]:8480", "by its number"),
            ("localhost:8480", "say which"),
            ("LOCALHOST:8480", "say which"),
            ("gateway.example:8480", "it has a name"),
            ("my_host:8480", "it has a name"),
            ("127.0.0.1:65536", "above 65535"),
            ("127.0.0.1:99999999999", "above 65535"),
            ("127.0.0.1:-1", "port is no number"),
            ("127.0.0.1:http", "port is no number"),
            ("127.0.0.1:8480s", "port is no number"),
            ("127.0.0.1:８４８０", "port is no number"),
            ("127.0.0.1:$PORT", "port is no number"),
            ("127.0.0.1::8480", "a `:` too many"),
            ("localhost::8480", "a `:` too many"),
            ("$HOST:8480", "that nothing has replaced"),
            ("${HOST}:8480", "that nothing has replaced"),
            ("{{ host }}:8480", "that nothing has replaced"),
            ("%HOST%:8480", "that nothing has replaced"),
            ("$LISTEN", "that nothing has replaced"),
            (
                "RELAYPASS_LISTEN=127.0.0.1:8480",
                "the name of its variable",
            ),
            ("<address>", "a gap that was to be filled"),
            ("127.0.0.256:8480", "its address is none"),
            ("127.0.0:8480", "its address is none"),
            ("127.1:8480", "its address is none"),
            ("0177.0.0.1:8480", "its address is none"),
            ("[::g]:8480", "its address is none"),
            ("[127.0.0.1]:8480", "its address is none"),
            ("http://127.0.0.1:8480", "it is a URL"),
            ("tcp://0.0.0.0:8480", "it is a URL"),
            ("unix:///run/gateway.sock", "it is a URL"),
            ("/run/gateway.sock", "it has a path"),
            ("127.0.0.1:8480/", "it has a path"),
            ("0.0.0.0/0:8480", "it has a path"),
            ("127.0.0.1:8480,[::1]:8480", "more than one address"),
            ("127.0.0.1:8480;", "more than one address"),
            ("127.0.0.1 8480", "more than one address"),
            ("0.0.0.0:8480->8480", "port is no number"),
        ];
        for (given, words) in bad {
            match listen(given) {
                Err(why) if why.contains(words) && why.contains("such as 127.0.0.1:8480") => {}
                other => wrong.push(format!("{given:?}, to be refused ({words}): {other:?}")),
            }
        }
        assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    }
}
