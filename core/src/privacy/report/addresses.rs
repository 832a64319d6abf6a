//! Where calls leave from.

use super::facts::{Facts, Purchases, WayOut};
use super::figures::{measured, Row, OWN_PROXY};
use super::{PrivacyCode, PrivacyFinding, PrivacySeverity};

const GIVE_ANOTHER: &str =
    "Set anonymous_proxy to a way out that many others use, such as Tor's (socks5h://…), and \
                            leave identified_proxy out or name another one there.";

pub(super) fn one_address(facts: &Facts) -> Option<PrivacyFinding> {
    let configured = &facts.configured;
    let why = match configured.anonymous {
        _ if !configured.is_one_way => return None,
        WayOut::Direct => {
            "Both lanes leave from this machine's own address: the calls that must not name you \
             come from where the call with your API key comes from."
        }
        WayOut::Proxy if configured.ways > 1 => {
            "One of the proxies of the calls that must not name you is on the same host as that of the call \
             with your API key: Persona sees those that are given it come from the same place, unless the \
             proxy takes care that they do not."
        }
        WayOut::Proxy => {
            "Both lanes leave through a proxy on the same host: Persona sees the calls that must not \
             name you and the call with your API key come from the same place, unless the proxy takes \
             care that they do not."
        }
        WayOut::Transport => {
            "Both lanes leave by the same transport: Persona sees the calls that must not name you and \
             the call with your API key come from the same place, unless the transport takes care that \
             they do not."
        }
    };
    Some(PrivacyFinding {
        code: PrivacyCode::OneAddress,
        severity: PrivacySeverity::High,
        who: "Persona",
        links: "each relay with your API key",
        why: why.to_owned(),
        evidence: measured("", &Row::of(configured).customers(), configured),
        change: Some(GIVE_ANOTHER),
    })
}

pub(super) fn own_address(facts: &Facts) -> Option<PrivacyFinding> {
    let configured = &facts.configured;
    (configured.is_direct() && !configured.is_one_way).then(|| PrivacyFinding {
        code: PrivacyCode::OwnAddress,
        severity: PrivacySeverity::High,
        who: "Persona",
        links: "your relays with each other, and so with your API key",
        why: "The calls that must not name you leave from this machine's own address. All your \
              relays come from one place, and your signatures fit them and nobody else's."
            .to_owned(),
        evidence: format!(
            "Measured for anonymous calls from a second address of one's own: {}.",
            OWN_PROXY.customers()
        ),
        change: Some(GIVE_ANOTHER),
    })
}

pub(super) fn proxy_crowd(facts: &Facts) -> Option<PrivacyFinding> {
    let configured = &facts.configured;
    let users = match configured.ways {
        ..=1 => format!(
            "relaypass cannot see who else uses the {} of the calls that must not name you. One that only \
             you use is an address of your own.",
            configured.anonymous.name()
        ),
        several => format!(
            "relaypass cannot see who else uses the {several} proxies of the calls that must not name you. One \
             that only you use is an address of your own."
        ),
    };
    let beside_the_key = match (configured.ways, &configured.purchases) {
        (..=1, _) => "",
        (_, Purchases::InCommonHours) => {
            " A process that buys what another one has fetched the challenge for fetches it, too, right before, by one \
             that is drawn: by time Persona may join that exit to your API key."
        }
        (_, Purchases::ForVerifications { window, is_bound, .. })
            if *is_bound || window.is_zero() =>
        {
            " Challenges leave by the proxy of their relay, and are signed at once: by time Persona may join each \
             of these exits to your API key."
        }
        _ => {
            " A challenge that is fetched for a purchase alone leaves always by the same one, and is signed at once: \
             by time Persona may join that exit to your API key."
        }
    };
    let one_only = match configured.ways {
        ..=1 => "",
        _ => " A list of proxies was not measured.",
    };
    (!configured.is_direct()).then(|| PrivacyFinding {
        code: PrivacyCode::ProxyCrowd,
        severity: PrivacySeverity::Medium,
        who: "Persona",
        links:
            "your relays with each other, and so with your API key, if nobody else uses this way \
                out",
        why: users + beside_the_key,
        evidence: format!(
            "Measured through a proxy that only one customer uses: {}.{one_only}",
            OWN_PROXY.customers()
        ),
        change: Some("Make sure that many others use the same exits, as they do Tor's."),
    })
}
