//! The time that blinding takes does not depend on what is secret: instructions are counted.
//!
//! The test runs itself under callgrind, as `counts`, which does each piece of work with secrets of very
//! different shape. What is inverted or divided in a time that depends on it is the same each time, as it is
//! either known to all or, by the mask, as likely as any other.

use std::process::Command;

use super::emsa_pss;
use super::factor::Arithmetic;
use super::inversion::invert_known;
use super::montgomery::{Modulus, Number};
use super::script::Script;

const MARK: &str = "RELAYPASS_TEST_COUNTS";
/// How often each work is done before it counts: until the allocator has what it asks for at hand.
const WARM: usize = 3;

type Key = Modulus<35>;

/// What callgrind counts, and nothing else.
#[inline(never)]
fn counted_by_callgrind(work: &mut dyn FnMut()) {
    std::hint::black_box(work)();
}

#[test]
fn instructions_do_not_depend_on_secrets() {
    if Command::new("valgrind").arg("--version").output().is_err() {
        assert!(
            !std::env::var("REQUIRE_ALL").is_ok_and(|value| value == "1"),
            "valgrind is missing and REQUIRE_ALL is set"
        );
        eprintln!("SKIPPED: valgrind is not installed");
        return;
    }
    let name = format!("relaypass-counts-{}", std::process::id());
    let folder = std::env::temp_dir().join(name);
    std::fs::create_dir(&folder).unwrap();
    let output = Command::new("valgrind")
        .args([
            "--tool=callgrind",
            "--toggle-collect=*counted_by_callgrind*",
        ])
        // The same pattern again would take the place of the one above.
        .arg("--dump-after=*::counted_by_callgrind*")
        .arg(format!("--callgrind-out-file={}/out", folder.display()))
        .arg(std::env::current_exe().unwrap())
        .args(["--exact", "pass::constant_time::counts", "--nocapture"])
        .args(["--test-threads", "1"])
        .env(MARK, "1")
        .output()
        .unwrap();
    let complained = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{complained}");
    // One file for each time the function is left, numbered from 1.
    let count = |file: usize| {
        let file = folder.join(format!("out.{file}"));
        std::fs::read_to_string(file)
            .ok()
            .map(|text| instructions(&text))
    };
    let mut file = 0;
    for (work, shapes) in work_of_every_kind() {
        let mut counts = Vec::new();
        for _ in 0..shapes.len() {
            file += WARM + 1;
            counts.push(count(file).unwrap_or_else(|| panic!("{work}: {complained}")));
        }
        eprintln!("{work}: {counts:?} instructions");
        let is_constant = counts.iter().all(|count| *count == counts[0]);
        assert!(counts[0] > 1_000, "{work}: nothing was counted");
        match work {
            "control" => assert!(!is_constant, "what differs is not seen"),
            _ => assert!(is_constant, "{work} depends on what is secret"),
        }
    }
    std::fs::remove_dir_all(&folder).unwrap();
}

/// The instructions in a file of callgrind's, without those of the C library: how long the allocator looks
/// for room is no matter of secrets.
fn instructions(file: &str) -> u64 {
    let (mut sum, mut is_ours, mut is_of_call) = (0, false, false);
    let mut libraries = Vec::new();
    for line in file.lines() {
        let (of_callee, object) = match line.strip_prefix('c') {
            Some(line) => (true, line.strip_prefix("ob=")),
            None => (false, line.strip_prefix("ob=")),
        };
        if let Some(object) = object {
            // A number in brackets, and with its first mention the name.
            let (number, name) = object.split_once(' ').unwrap_or((object, ""));
            if ["/libc.", "/libc-", "/ld-linux"]
                .iter()
                .any(|library| name.contains(library))
            {
                libraries.push(number);
            }
            if !of_callee {
                is_ours = !libraries.contains(&number);
            }
        } else if line.starts_with("calls=") {
            is_of_call = true;
        } else if line.starts_with(|first: char| first.is_ascii_digit() || "+-*".contains(first)) {
            let cost = line
                .split_once(' ')
                .and_then(|(_, cost)| cost.parse::<u64>().ok());
            match std::mem::take(&mut is_of_call) {
                true => {} // What the call took counts where it was taken.
                false if is_ours => sum += cost.unwrap_or_else(|| panic!("not a cost: {line}")),
                false => {}
            }
        }
    }
    sum
}

/// Not a test: what the one above counts.
#[test]
fn counts() {
    if std::env::var_os(MARK).is_none() {
        return;
    }
    for (_, shapes) in work_of_every_kind() {
        for mut work in shapes {
            for _ in 0..=WARM {
                counted_by_callgrind(&mut *work);
            }
        }
    }
}

type Shapes = Vec<Box<dyn FnMut()>>;

/// Each piece of work, with every secret.
fn work_of_every_kind() -> Vec<(&'static str, Shapes)> {
    let of_each = |make: fn(Vec<u8>) -> Box<dyn FnMut()>| secrets().map(make).into();
    vec![
        ("making a factor", of_each(making)),
        ("blinding with it", of_each(blinding)),
        ("blinding at once", of_each(blinding_at_once)),
        ("unblinding", of_each(unblinding)),
        ("padding", of_each(padding)),
        ("control", of_each(control)),
    ]
}

/// Numbers of very different shape: few bits, nearly all bits, one end of the range and the other.
fn secrets() -> [Vec<u8>; 5] {
    let mut shapes = [0, 0, 0xff, 0xa5, 0x5a].map(|byte| vec![byte; 256]);
    shapes[0][255] = 1;
    shapes[1][100] = 0x80;
    shapes[2][0] = 0x7f;
    shapes[4][..64].fill(0);
    shapes
}

fn key() -> Key {
    // A prime: all numbers have inverses.
    let mut bytes = vec![0xff; 256];
    bytes[254..].copy_from_slice(&(u16::MAX - 1556).to_be_bytes());
    Key::new(&bytes)
}

/// The draw that makes the product of both the same, in Montgomery's form, whatever the other one is.
fn mask(key: &Key, other: &Number<35>) -> Vec<u8> {
    let wanted = Number::from_be_bytes(&[0x77; 256]);
    let inverse = key.enter(&key.enter(&invert_known(key, other).unwrap()));
    key.reduce(&key.multiply(&wanted, &inverse))
        .to_be_bytes(256)
}

fn making(secret: Vec<u8>) -> Box<dyn FnMut()> {
    let key = key();
    let mask = mask(&key, &Number::from_be_bytes(&secret));
    Box::new(move || {
        let made = key.make_factors(1, &mut Script::new(&[&secret, &mask]));
        assert!(made.is_some());
    })
}

fn blinding(secret: Vec<u8>) -> Box<dyn FnMut()> {
    let key = key();
    let power = key.reduce(&Number::from_be_bytes(&secret));
    // The blinded message is known, and the same each time.
    let plain = key.multiply(&power, &Number::from_be_bytes(&[1]));
    let inverse = key.enter(&invert_known(&key, &plain).unwrap());
    let encoded = key.reduce(&key.multiply(&Number::from_be_bytes(&[0x77; 256]), &inverse));
    let encoded = encoded.to_be_bytes(256);
    Box::new(move || {
        let blinded = key.blind(&encoded, &power.0[..]);
        assert_eq!(blinded, Some(vec![0x77; 256]));
    })
}

fn blinding_at_once(secret: Vec<u8>) -> Box<dyn FnMut()> {
    let key = key();
    // The message is secret, too.
    let encoded: Vec<u8> = secret.iter().map(|byte| byte ^ 0x42).collect();
    let message = key.enter(&Number::from_be_bytes(&encoded));
    let both = key.multiply(&message, &Number::from_be_bytes(&secret));
    let mask = mask(&key, &both);
    Box::new(move || {
        let blinding = key.blind_at_once(&encoded, &mut Script::new(&[&secret, &mask]));
        assert!(blinding.is_some());
    })
}

fn unblinding(secret: Vec<u8>) -> Box<dyn FnMut()> {
    let key = key();
    Box::new(move || assert!(key.unblind(&[0x33; 256], &secret).is_some()))
}

fn padding(secret: Vec<u8>) -> Box<dyn FnMut()> {
    let salt = *secret.first_chunk().unwrap();
    Box::new(move || assert_eq!(emsa_pss::encode(&secret[..98], &salt, 256).len(), 256))
}

/// An inverse of what is not masked.
fn control(secret: Vec<u8>) -> Box<dyn FnMut()> {
    let key = key();
    Box::new(move || assert!(invert_known(&key, &Number::from_be_bytes(&secret)).is_some()))
}
