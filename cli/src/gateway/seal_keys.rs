//! The keys under which everything stored is sealed.

use std::io::{ErrorKind, Write};
use std::path::{Path, PathBuf};

use base64::engine::general_purpose::STANDARD;
use base64::Engine as _;
use relaypass::given::{items, read_file, secret};
use relaypass::store::BuiltInStore;
use relaypass::{os_random, rand_core::Rng, IdempotencyKey, SealKey, Secret};
use zeroize::Zeroizing;

const NAME: &str = "RELAYPASS_SEAL_KEY";

/// The keys that the environment names.
pub(super) fn given() -> Result<Option<Vec<SealKey>>, String> {
    let Some(text) = crate::settings::secret(NAME)? else {
        return Ok(None);
    };
    parse_list(text.expose()).map(Some)
}

/// Commas, blanks or line ends stand between keys. An empty place between commas is a key that is missing.
fn parse_list(text: &str) -> Result<Vec<SealKey>, String> {
    let missing = |place| format!("{NAME}: key {place} of the list is empty");
    let mut keys = Vec::new();
    for item in items(text).map_err(missing)? {
        match parse(NAME, item) {
            Ok(key) => keys.push(key),
            // A whole line of a file of variables, or the like, has a reason of its own.
            Err(why) if secret(item).is_err() => return Err(why),
            Err(_) => {
                for key in item.split_whitespace() {
                    keys.push(parse(NAME, key)?);
                }
            }
        }
    }
    Ok(keys)
}

/// The file of a SQLite store, beside which its key is if the environment has none.
pub(super) fn database(store: &str) -> Option<PathBuf> {
    match BuiltInStore::open(store) {
        Ok(BuiltInStore::Sqlite(store)) => Some(store.path().to_owned()),
        // What is wrong with a URL, the gateway says.
        _ => None,
    }
}

/// The key in the file beside this database, which is made with a random one if there is neither.
/// Of several who make it at once, one wins.
pub(super) fn beside(database: &Path) -> Result<SealKey, String> {
    let mut path = database.as_os_str().to_owned();
    path.push(".seal-key");
    let path = Path::new(&path);
    if let Some(key) = read(path)? {
        return Ok(key);
    }
    if database.exists() {
        return Err(format!(
            "{} is missing, and what is in {} is sealed with the key in it: put it back, or set {NAME}",
            path.display(),
            database.display()
        ));
    }
    let mut bytes = Zeroizing::new([0; SealKey::LEN]);
    os_random().fill_bytes(&mut *bytes);
    let text = Secret::new(STANDARD.encode(*bytes));
    // Written whole under another name first: nobody reads half a key.
    let name = IdempotencyKey::random(&mut os_random());
    let draft = path.with_extension(format!("draft-{}", name.expose()));
    let made = write(&draft, text.expose()).and_then(|()| std::fs::hard_link(&draft, path));
    let _ = std::fs::remove_file(&draft);
    match made {
        Err(error) if error.kind() != ErrorKind::AlreadyExists => Err(format!(
            "{NAME} is not set, and a key cannot be written to {}: {error}",
            path.display()
        )),
        _ => {
            sync_folder(path);
            read(path)?.ok_or_else(|| format!("{} vanished", path.display()))
        }
    }
}

/// So that no database outlives its key when the power fails. Where folders cannot be synced, they
/// need not be.
fn sync_folder(path: &Path) {
    if let Some(folder) = path.parent() {
        let _ = std::fs::File::open(folder).and_then(|folder| folder.sync_all());
    }
}

fn read(path: &Path) -> Result<Option<SealKey>, String> {
    if let Ok(false) = path.try_exists() {
        return Ok(None);
    }
    let named = path.display().to_string();
    let text = read_file(path).map_err(|error| format!("{named} {error}"))?;
    parse(&named, &text).map(Some)
}

fn write(path: &Path, text: &str) -> std::io::Result<()> {
    let mut options = std::fs::OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let mut file = options.open(path)?;
    writeln!(file, "{text}")?;
    file.sync_all()
}

fn parse(setting: &str, text: &str) -> Result<SealKey, String> {
    SealKey::parse(text).map_err(|error| format!("{setting}: {}", error.message()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_is_made_once_and_found_again_and_never_replaced() {
        let folder = std::env::temp_dir().join(format!("relaypass-keys-{}", std::process::id()));
        std::fs::create_dir_all(&folder).unwrap();
        let database = folder.join("a.sqlite");
        let path = folder.join("a.sqlite.seal-key");
        let sealed = beside(&database)
            .unwrap()
            .seal(b"text", b"", &mut os_random());
        let found = beside(&database).unwrap();
        assert_eq!(&**found.open(&sealed, b"").unwrap(), b"text");
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt as _;
            let mode = std::fs::metadata(&path).unwrap().permissions().mode();
            assert_eq!(mode & 0o777, 0o600);
        }
        // As PowerShell writes it back.
        let utf_16 = std::fs::read_to_string(&path).unwrap();
        let units = utf_16.encode_utf16().flat_map(u16::to_le_bytes);
        std::fs::write(
            &path,
            [0xff, 0xfe].into_iter().chain(units).collect::<Vec<_>>(),
        )
        .unwrap();
        let found = beside(&database).unwrap();
        assert_eq!(&**found.open(&sealed, b"").unwrap(), b"text");
        std::fs::write(&path, "canary").unwrap();
        let error = beside(&database).err().unwrap();
        assert!(
            error.contains("32 bytes") && !error.contains("canary"),
            "{error}"
        );
        std::fs::write(&database, "").unwrap();
        std::fs::remove_file(&path).unwrap();
        let error = beside(&database).err().unwrap();
        assert!(error.contains("is missing"), "{error}");
        std::fs::remove_dir_all(folder).unwrap();
    }

    #[test]
    fn a_key_is_the_same_in_whatever_base64() {
        let bytes = [0xfb; SealKey::LEN];
        let standard = STANDARD.encode(bytes);
        let sealed = SealKey::new(bytes).seal(b"text", b"", &mut os_random());
        for text in [
            standard.clone(),
            standard.replace('=', ""),
            standard.replace('+', "-").replace('/', "_"),
            format!(" {standard}\r\n"),
        ] {
            let key = parse("it", &text).unwrap();
            assert_eq!(&**key.open(&sealed, b"").unwrap(), b"text", "{text}");
        }
        for (text, words) in [
            ("fb".repeat(32), "this is hexadecimal"),
            (standard[4..].to_owned(), "32 bytes in base64"),
            (String::new(), "32 bytes in base64"),
        ] {
            let error = parse("it", &text).err().unwrap();
            assert!(error.contains(words), "{error}");
        }
    }

    #[test]
    fn a_key_that_is_missing_in_the_list_is_not_left_out() {
        let key = STANDARD.encode([1; SealKey::LEN]);
        for (text, count) in [
            (key.clone(), 1),
            (format!("{key},"), 1),
            (format!("{key}, {key},\n"), 2),
            (format!("{key}\n{key}\n"), 2),
            (format!("{key} {key}"), 2),
            (format!("\"{key}\",\"{key}\""), 2),
            (format!("[\"{key}\", \"{key}\"]"), 2),
            (format!("'{key},{key}'"), 2),
        ] {
            assert_eq!(parse_list(&text).unwrap().len(), count, "{text:?}");
        }
        for (text, number) in [
            (format!(",{key}"), 1),
            (format!("{key},,{key}"), 2),
            (",".to_owned(), 1),
        ] {
            let error = parse_list(&text).err().unwrap();
            let words = format!("key {number} of the list is empty");
            assert!(error.contains(&words), "{error}");
        }
        for (text, words) in [
            (format!("{key};{key}"), "base64 does not have"),
            (format!("{key},x"), "no whole base64"),
            (format!("{key} x"), "no whole base64"),
            (format!("RELAYPASS_SEAL_KEY={key}"), "whole line"),
            (format!("export SEAL_KEY={key}"), "whole line"),
        ] {
            let error = parse_list(&text).err().unwrap();
            assert!(
                error.starts_with(NAME) && error.contains(words),
                "{text}: {error}"
            );
        }
    }

    #[test]
    fn the_database_is_the_one_in_the_url() {
        let of = |store| database(store).map(|path| path.display().to_string());
        assert!(of("sqlite:a/b.db").unwrap().ends_with("/a/b.db"));
        assert_eq!(of("sqlite:///a/b.db").unwrap(), "/a/b.db");
        assert_eq!(of(" 'sqlite:///a/b%20c.db'\n").unwrap(), "/a/b c.db");
        assert_eq!(of("sqlite:"), None);
        assert_eq!(of("postgres://h/d"), None);
        assert_eq!(of("memory:"), None);
    }
}
