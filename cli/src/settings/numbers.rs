//! Numbers: plain ones, without a unit.

use std::time::Duration;

use relaypass::given::meant;

/// Reads a time in seconds.
///
/// # Errors
/// What stands there that is of no number, and what to write.
pub(crate) fn seconds(text: &str) -> Result<f64, String> {
    const LIKE: &str = "it takes seconds as a plain number, such as 10 or 0.5";
    let text = meant(text);
    let plain = |sign: char| sign.is_ascii_digit() || ".+-eE".contains(sign);
    match text.parse::<f64>() {
        Ok(number) if text.chars().all(plain) && number.is_finite() => Ok(number),
        _ => Err(format!("{}: {LIKE}", what_is_wrong(text, true))),
    }
}

/// Reads a whole number.
///
/// # Errors
/// As [`seconds`].
pub(crate) fn count<T: TryFrom<u64>>(text: &str) -> Result<T, String> {
    const LIKE: &str = "it takes a whole number in digits, such as 64";
    let text = meant(text);
    let digits = text.strip_prefix('+').unwrap_or(text);
    let is_whole = !digits.is_empty() && digits.bytes().all(|digit| digit.is_ascii_digit());
    if !is_whole {
        return Err(format!("{}: {LIKE}", what_is_wrong(text, false)));
    }
    let number = digits.parse::<u64>().ok();
    number
        .and_then(|number| T::try_from(number).ok())
        .ok_or_else(|| "it is too large".to_owned())
}

/// A time above 0 and not beyond all use.
pub(crate) fn time(flag: &str, seconds: f64) -> Result<Duration, String> {
    Duration::try_from_secs_f64(seconds)
        .ok()
        .filter(|time| *time > Duration::ZERO && *time <= Duration::from_secs(3600))
        .ok_or_else(|| format!("{flag} must be more than 0 and at most 3600 seconds"))
}

fn what_is_wrong(text: &str, may_be_broken: bool) -> &'static str {
    let starts_with_digit = text.starts_with(|sign: char| sign.is_ascii_digit());
    let below = text.strip_prefix('-').filter(|text| !text.starts_with('-'));
    if text.is_empty() {
        "it is empty"
    } else if text.starts_with("0x") || text.starts_with("0X") {
        "it is hexadecimal"
    } else if !may_be_broken && below.is_some_and(|below| below.parse::<f64>().is_ok()) {
        "it is below 0"
    } else if !may_be_broken && text.parse::<f64>().is_ok_and(f64::is_finite) {
        "it is no whole number"
    } else if text
        .chars()
        .any(|sign| sign.is_numeric() && !sign.is_ascii())
    {
        "it has other digits than 0 to 9"
    } else if text.parse::<f64>().is_ok_and(|number| !number.is_finite()) {
        "it is no number that there is"
    } else if starts_with_digit
        && text
            .chars()
            .all(|sign| sign.is_ascii_digit() || ",._' ".contains(sign))
    {
        "it has something between its digits, or two points"
    } else if text.contains(':') {
        "it is a time of the clock"
    } else if starts_with_digit || text.starts_with('P') {
        "it has a unit, or something else behind its digits"
    } else {
        "it is no number"
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn seconds_are_read_as_meant_or_refused_truly() {
        for (given, meant) in [
            ("10", 10.0),
            ("0", 0.0),
            ("0.5", 0.5),
            (".5", 0.5),
            ("5.", 5.0),
            ("+10", 10.0),
            ("-1", -1.0),
            ("1e3", 1000.0),
            ("1E1", 10.0),
            ("010", 10.0),
            (" 10\r\n", 10.0),
            ("\"10\"", 10.0),
            ("“0.5”", 0.5),
            ("\u{feff}10", 10.0),
            ("10\u{a0}", 10.0),
        ] {
            assert_eq!(seconds(given), Ok(meant), "{given:?}");
        }
        for (given, words) in [
            ("", "it is empty"),
            ("\"\"", "it is empty"),
            ("10s", "it has a unit"),
            ("10 s", "it has a unit"),
            ("10sec", "it has a unit"),
            ("500ms", "it has a unit"),
            ("1m", "it has a unit"),
            ("1m30s", "it has a unit"),
            ("2h", "it has a unit"),
            ("PT10S", "it has a unit"),
            ("P1D", "it has a unit"),
            ("10%", "it has a unit"),
            ("10;", "it has a unit"),
            ("10 # seconds", "it has a unit"),
            ("0,5", "something between its digits"),
            ("1,000", "something between its digits"),
            ("1_000", "something between its digits"),
            ("1 000", "something between its digits"),
            ("1'000", "something between its digits"),
            ("1.000.000", "two points"),
            ("10,", "something between its digits"),
            ("00:10", "a time of the clock"),
            ("0x10", "it is hexadecimal"),
            ("0X1F", "it is hexadecimal"),
            ("１０", "other digits than 0 to 9"),
            ("١٠", "other digits than 0 to 9"),
            ("½", "other digits than 0 to 9"),
            ("inf", "no number that there is"),
            ("NaN", "no number that there is"),
            ("1e999", "no number that there is"),
            ("ten", "it is no number"),
            ("never", "it is no number"),
            ("true", "it is no number"),
            ("-", "it is no number"),
            ("--10", "it is no number"),
            ("−10", "it is no number"),
            ("~10", "it is no number"),
            ("$TIMEOUT", "it is no number"),
            ("TIMEOUT=10", "it is no number"),
        ] {
            let why = seconds(given).unwrap_err();
            assert!(
                why.starts_with(words) || why.contains(words),
                "{given:?}: {why}"
            );
            assert!(why.contains("such as 10 or 0.5"), "{given:?}: {why}");
        }
    }

    #[test]
    fn counts_are_read_as_meant_or_refused_truly() {
        for (given, meant) in [
            ("64", 64),
            ("0", 0),
            ("+64", 64),
            ("0064", 64),
            (" 64\r\n", 64),
            ("'64'", 64),
            ("\u{feff}64\u{200b}", 64),
            ("4294967295", u32::MAX),
        ] {
            assert_eq!(count::<u32>(given), Ok(meant), "{given:?}");
        }
        for (given, words) in [
            ("", "it is empty"),
            ("-1", "it is below 0"),
            ("-0.5", "it is below 0"),
            ("1.5", "no whole number"),
            ("10.0", "no whole number"),
            ("1e3", "no whole number"),
            ("64k", "it has a unit"),
            ("64K", "it has a unit"),
            ("64KiB", "it has a unit"),
            ("64 kB", "it has a unit"),
            ("1M", "it has a unit"),
            ("3 times", "it has a unit"),
            ("65,536", "something between its digits"),
            ("65_536", "something between its digits"),
            ("65 536", "something between its digits"),
            ("65.536.000", "something between its digits"),
            ("0x10", "it is hexadecimal"),
            ("１０", "other digits than 0 to 9"),
            ("inf", "no number that there is"),
            ("many", "it is no number"),
            ("unlimited", "it is no number"),
            ("false", "it is no number"),
            ("--1", "it is no number"),
            ("4294967296", "it is too large"),
            ("99999999999999999999", "it is too large"),
        ] {
            let why = count::<u32>(given).unwrap_err();
            assert!(why.contains(words), "{given:?}: {why}");
        }
    }
}
