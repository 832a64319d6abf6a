//! `relaypass keygen`.

use std::fs::{File, OpenOptions};
use std::io::Write;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use crate::CommandResult;

#[derive(clap::Args)]
pub(crate) struct Arguments {
    /// Size of the RSA key: 2048, 3072 or 4096
    #[arg(long, default_value_t = 2048)]
    bits: usize,
    /// File for the private key (PKCS#8 PEM, readable by you alone). It must not exist yet
    #[arg(long, default_value = "relaypass-private.pem")]
    private: PathBuf,
    /// File for the public key (PEM). It must not exist yet
    #[arg(long, default_value = "relaypass-public.pem")]
    public: PathBuf,
}

pub(crate) fn run(arguments: &Arguments) -> CommandResult {
    let key = relaypass::generate_key_pair(arguments.bits)?;
    // Both files are made before anything is written: half a pair helps nobody.
    let mut private = NewFile::create(&arguments.private, 0o600)?;
    let mut public = NewFile::create(&arguments.public, 0o644)?;
    private.write(key.to_pem().expose())?;
    public.write(key.encryption_key().as_pem())?;
    private.keep();
    public.keep();
    println!(
        "Private key: {} (keep it secret; it opens claims)",
        arguments.private.display()
    );
    println!(
        "Public key:  {} (Persona gets it as the encryption key)",
        arguments.public.display()
    );
    Ok(())
}

/// A file that did not exist before, and does not afterwards unless it is kept. One that exists is
/// never overwritten: its key could never open its claims again.
struct NewFile<'a> {
    path: &'a Path,
    file: File,
    kept: bool,
}

impl<'a> NewFile<'a> {
    fn create(path: &'a Path, mode: u32) -> Result<Self, String> {
        let file = OpenOptions::new()
            .write(true)
            .create_new(true)
            .mode(mode)
            .open(path)
            .map_err(|error| refused(path, &error))?;
        Ok(Self {
            path,
            file,
            kept: false,
        })
    }

    fn write(&mut self, text: &str) -> Result<(), String> {
        self.file
            .write_all(text.as_bytes())
            .and_then(|()| self.file.sync_all())
            .map_err(|error| refused(self.path, &error))
    }

    fn keep(mut self) {
        self.kept = true;
    }
}

impl Drop for NewFile<'_> {
    fn drop(&mut self) {
        if !self.kept {
            // What cannot be removed either is empty or half a key, and its owner sees the error.
            let _ = std::fs::remove_file(self.path);
        }
    }
}

fn refused(path: &Path, error: &std::io::Error) -> String {
    format!("cannot write {}: {error}", path.display())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_is_never_overwritten_and_no_half_of_a_pair_is_left() {
        let folder = std::env::temp_dir().join(format!("relaypass-keygen-{}", std::process::id()));
        std::fs::create_dir(&folder).unwrap();
        let arguments = Arguments {
            bits: 2048,
            private: folder.join("private.pem"),
            public: folder.join("public.pem"),
        };
        std::fs::write(&arguments.public, "mine").unwrap();
        assert!(run(&arguments).is_err());
        assert!(!arguments.private.exists());
        assert_eq!(std::fs::read(&arguments.public).unwrap(), b"mine");
        std::fs::remove_file(&arguments.public).unwrap();
        run(&arguments).unwrap();
        let pem = std::fs::read_to_string(&arguments.private).unwrap();
        assert!(relaypass::DecryptionKey::from_pem(&pem).is_ok());
        assert!(run(&arguments).is_err());
        assert_eq!(std::fs::read_to_string(&arguments.private).unwrap(), pem);
        std::fs::remove_dir_all(&folder).unwrap();
    }
}
