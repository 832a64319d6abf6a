//! `relaypass keygen`.

use std::fs::{File, OpenOptions};
use std::io::Write;
use std::path::{Path, PathBuf};

use crate::CommandResult;

#[derive(clap::Args)]
pub(crate) struct Arguments {
    /// Size of the RSA key: 2048, 3072 or 4096
    #[arg(long, default_value_t = 2048)]
    bits: usize,
    /// Write both keys as JSON Web Keys instead of PEM
    #[arg(long)]
    jwk: bool,
    /// File for the private key, on Unix readable by you alone. It must not exist yet. Default:
    /// relaypass-private.pem (PKCS#8), or relaypass-private.jwk
    #[arg(long)]
    private: Option<PathBuf>,
    /// File for the public key. It must not exist yet. Default: relaypass-public.pem, or
    /// relaypass-public.jwk
    #[arg(long)]
    public: Option<PathBuf>,
}

impl Arguments {
    /// The file that was said, or the usual one for this half.
    fn file(&self, said: &Option<PathBuf>, half: &str) -> PathBuf {
        let ending = if self.jwk { "jwk" } else { "pem" };
        let usual = || PathBuf::from(format!("relaypass-{half}.{ending}"));
        said.clone().unwrap_or_else(usual)
    }
}

pub(crate) fn run(arguments: &Arguments) -> CommandResult {
    let key = relaypass::generate_key_pair(arguments.bits)?;
    // Both files are made before anything is written: half a pair helps nobody.
    let private_path = arguments.file(&arguments.private, "private");
    let public_path = arguments.file(&arguments.public, "public");
    let mut private = NewFile::create(&private_path, Readers::Owner)?;
    let mut public = NewFile::create(&public_path, Readers::Everybody)?;
    if arguments.jwk {
        private.write(key.to_jwk().expose())?;
        public.write(key.encryption_key().as_jwk())?;
    } else {
        private.write(key.to_pem().expose())?;
        public.write(key.encryption_key().as_pem())?;
    }
    private.keep();
    public.keep();
    println!(
        "Private key: {} (keep it secret; it opens claims)",
        private_path.display()
    );
    println!(
        "Public key:  {} (Persona gets it as the encryption key)",
        public_path.display()
    );
    Ok(())
}

/// Who may read a new file. Windows decides by the folder that it is in.
#[derive(Clone, Copy)]
enum Readers {
    Owner,
    Everybody,
}

/// A file that did not exist before, and does not afterwards unless it is kept. One that exists is
/// never overwritten: its key could never open its claims again.
struct NewFile<'a> {
    path: &'a Path,
    file: File,
    kept: bool,
}

impl<'a> NewFile<'a> {
    fn create(path: &'a Path, readers: Readers) -> Result<Self, String> {
        let mut options = OpenOptions::new();
        options.write(true).create_new(true);
        restrict(&mut options, readers);
        let file = options.open(path).map_err(|error| refused(path, &error))?;
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

#[cfg(unix)]
fn restrict(options: &mut OpenOptions, readers: Readers) {
    let mode = match readers {
        Readers::Owner => 0o600,
        Readers::Everybody => 0o644,
    };
    std::os::unix::fs::OpenOptionsExt::mode(options, mode);
}

#[cfg(not(unix))]
fn restrict(_: &mut OpenOptions, _: Readers) {}

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
        for jwk in [false, true] {
            let private = folder.join("private");
            let public = folder.join("public");
            let arguments = Arguments {
                bits: 2048,
                jwk,
                private: Some(private.clone()),
                public: Some(public.clone()),
            };
            std::fs::write(&public, "mine").unwrap();
            assert!(run(&arguments).is_err());
            assert!(!private.exists());
            assert_eq!(std::fs::read(&public).unwrap(), b"mine");
            std::fs::remove_file(&public).unwrap();
            run(&arguments).unwrap();
            let [private_text, public_text] =
                [&private, &public].map(|path| std::fs::read_to_string(path).unwrap());
            assert_eq!(private_text.starts_with('{'), jwk);
            let key = relaypass::DecryptionKey::parse(&private_text).unwrap();
            let sent = relaypass::EncryptionKey::parse(&public_text).unwrap();
            assert_eq!(&sent, key.encryption_key());
            assert!(run(&arguments).is_err());
            assert_eq!(std::fs::read_to_string(&private).unwrap(), private_text);
            std::fs::remove_file(&private).unwrap();
            std::fs::remove_file(&public).unwrap();
        }
        std::fs::remove_dir_all(&folder).unwrap();
    }
}
