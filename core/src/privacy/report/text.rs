//! A report as plain text.

use std::fmt;

use super::{PrivacyFinding, PrivacyReport, PrivacySeverity};

/// So many characters a line.
const WIDTH: usize = 100;

const HEAD: &str = "What can be linked as this client is configured, and by what it has seen. What is not listed was \
                    not looked for: it is no promise.";

const NOTHING: &str = "Nothing that relaypass offers.";

const FOOT: &str =
    "Figures: docs/privacy.md. Options are named as in Python; in Node, Kotlin and Swift \
                    anonymous_proxy is anonymousProxy, and for the gateway and the command \
                    RELAYPASS_ANONYMOUS_PROXY.";

impl fmt::Display for PrivacyReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        wrap(f, "", HEAD)?;
        let counts = PrivacySeverity::ALL.map(|severity| {
            let of_it = |finding: &&PrivacyFinding| finding.severity == severity;
            let count = self.findings.iter().filter(of_it).count();
            format!("{count} {}", severity.name())
        });
        let count = self.findings.len();
        writeln!(f, "{count} findings: {}.", counts.join(", "))?;
        for finding in &self.findings {
            write!(f, "\n{finding}")?;
        }
        writeln!(f)?;
        wrap(f, "", FOOT)
    }
}

impl fmt::Display for PrivacyFinding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{} {}", self.severity.name(), self.code.name())?;
        wrap(f, "  ", &format!("{} can link {}.", self.who, self.links))?;
        wrap(f, "  ", &format!("Why: {}", self.why))?;
        wrap(f, "  ", &format!("How sure: {}", self.evidence))?;
        wrap(
            f,
            "  ",
            &format!("What to change: {}", self.change.unwrap_or(NOTHING)),
        )
    }
}

/// Writes a paragraph; its further lines stand further in.
fn wrap(f: &mut fmt::Formatter<'_>, indent: &str, paragraph: &str) -> fmt::Result {
    let mut length = indent.len();
    write!(f, "{indent}")?;
    // A number and its percent sign stay together.
    let paragraph = paragraph.replace(" %", "\u{a0}%");
    for (index, word) in paragraph.split(' ').enumerate() {
        let needed = word.chars().count() + 1;
        let word = word.replace('\u{a0}', " ");
        if index > 0 && length + needed > WIDTH {
            write!(f, "\n{indent}{indent}{word}")?;
            length = 2 * indent.len() + needed;
        } else {
            let space = if index > 0 { " " } else { "" };
            write!(f, "{space}{word}")?;
            length += needed;
        }
    }
    writeln!(f)
}

/// `1 claim type`, `2 claim types`.
pub(super) fn counted(count: u64, what: &str) -> String {
    let what = match what {
        _ if count == 1 => what.to_owned(),
        "pass" => "passes".to_owned(),
        what => format!("{what}s"),
    };
    format!("{count} {what}")
}
