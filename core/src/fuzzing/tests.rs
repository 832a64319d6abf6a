use std::collections::BTreeSet;

use super::*;
use crate::claim::{open_jwe, DecryptionKey, EncryptionKey};
use crate::encoding::encode_base64url;
use crate::pass::{Challenge, PrivacyPassToken, TokenKey};

/// Whether this is the crate as it is published, without `fuzz/`: then there is nothing to play.
pub(super) fn is_published() -> bool {
    let is_published = !fuzz().join("../Cargo.toml").exists();
    if is_published {
        eprintln!("SKIPPED: the seeds are in the repository alone");
    }
    is_published
}

fn names(folder: &Path) -> BTreeSet<String> {
    let found = std::fs::read_dir(folder).expect("a folder of the project");
    let stem = |path: PathBuf| {
        path.file_stem()
            .map(|stem| stem.to_string_lossy().into_owned())
    };
    found
        .filter_map(|entry| stem(entry.expect("it can be read").path()))
        .collect()
}

#[test]
fn every_target_plays_its_seeds_whole_cut_and_changed() {
    if is_published() {
        return;
    }
    for (name, play) in READERS {
        let mut played = 0;
        for entry in std::fs::read_dir(fuzz().join("seeds").join(name)).expect(name) {
            let seed = std::fs::read(entry.expect(name).path()).expect(name);
            play(&seed);
            play(&seed[..seed.len() / 2]);
            let mut changed = seed.clone();
            if let Some(byte) = changed.get_mut(seed.len() / 3) {
                *byte ^= 1;
            }
            play(&changed);
            played += 1;
        }
        assert!(played > 0, "{name} has no seeds");
        play(b"");
    }
}

#[test]
fn every_reader_is_a_target_and_has_its_seeds() {
    if is_published() {
        return;
    }
    let mut known: BTreeSet<String> = READERS.iter().map(|(name, _)| (*name).to_owned()).collect();
    // Those of the crates beside this one.
    known.extend(["gateway", "sandbox"].map(str::to_owned));
    assert_eq!(names(&fuzz().join("fuzz_targets")), known);
    assert_eq!(names(&fuzz().join("seeds")), known);
    let manifest = std::fs::read_to_string(fuzz().join("Cargo.toml")).expect("it is there");
    for name in known {
        assert!(
            manifest.contains(&format!("fuzz_targets/{name}.rs")),
            "{name}"
        );
    }
}

#[test]
#[should_panic = "a secret is repeated"]
fn a_reader_that_repeats_what_it_refuses_is_found() {
    let repeats = |text: &str| Err::<(), _>(Error::invalid_argument(format!("not {text}")));
    let _ = keeps_secrets("any text", repeats);
}

#[test]
#[should_panic = "a secret is repeated"]
fn a_reader_that_repeats_it_in_its_cause_is_found() {
    let repeats = |text: &str| {
        let error = Error::invalid_argument("no");
        Err::<(), _>(error.with_source(text.to_owned()))
    };
    let _ = keeps_secrets("", repeats);
}

fn seed(name: &str) -> Vec<u8> {
    std::fs::read(fuzz().join("seeds").join(name)).expect(name)
}

fn text(name: &str) -> String {
    String::from_utf8(seed(name)).expect("a text")
}

/// What a target begins with has to get past the door.
#[test]
fn the_seeds_are_what_they_are_called() {
    if is_published() {
        return;
    }
    for name in ["rsa_2048", "rsa_3072", "rsa_4096", "pss_2048"] {
        let der = seed(&format!("token_key/{name}"));
        assert!(
            TokenKey::decode(&encode_base64url(&der), "id").is_ok(),
            "{name}"
        );
    }
    for name in ["as_issued", "spelled_otherwise"] {
        let object = seed(&format!("challenge/{name}"));
        assert!(
            Challenge::decode(&encode_base64url(&object)).is_ok(),
            "{name}"
        );
    }
    let now = 1_795_000_000_000;
    assert!(PrivacyPassToken::parse(text("pass/encoded"), now).is_ok());
    let old = PrivacyPassToken::parse(text("pass/old"), now).expect_err("too old");
    assert_eq!(old.code(), "pass_expired");
    for name in [
        "pem/public",
        "pem/public_pkcs1",
        "pem/escaped",
        "pem/base64",
        "pem/one_line",
        "jwk/public",
        "jwk/around",
    ] {
        assert!(EncryptionKey::parse(&text(name)).is_ok(), "{name}");
    }
    for name in ["pem/private", "pem/private_pkcs1", "jwk/private"] {
        assert!(DecryptionKey::parse(&text(name)).is_ok(), "{name}");
    }
    assert!(open_jwe(&text("jwe/known"), &[7; 32]).is_some_and(|content| content.is_some()));
    assert!(open_jwe(&text("jwe/named"), &[7; 32]).is_some_and(|content| content.is_none()));
}
