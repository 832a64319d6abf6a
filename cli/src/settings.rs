//! Settings that the environment holds, or files that it names: for what must not be a flag, which
//! every user of a machine can see.

use std::path::Path;

use relaypass::Secret;

/// The setting `name` of the environment, or of the file that `name` with `_FILE` names.
pub(crate) fn secret(name: &str) -> Result<Option<Secret<String>>, String> {
    let file = format!("{name}_FILE");
    let given = std::env::var(name).ok().filter(|text| !text.is_empty());
    let text = match (given, std::env::var_os(&file)) {
        (Some(_), Some(_)) => return Err(format!("{name} and {file} are both set; keep one")),
        (Some(text), None) => text,
        (None, Some(path)) => read(&file, Path::new(&path))?.trim().to_owned(),
        (None, None) => return Ok(None),
    };
    Ok(Some(Secret::new(text)))
}

/// The file that a setting names.
pub(crate) fn read(setting: &str, path: &Path) -> Result<String, String> {
    std::fs::read_to_string(path)
        .map_err(|error| format!("{setting}: {} cannot be read: {error}", path.display()))
}
