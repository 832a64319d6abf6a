//! `relaypass keygen`.

use std::fs::OpenOptions;
use std::io::Write;
use std::os::unix::fs::OpenOptionsExt;
use std::path::PathBuf;

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
    write_new(&arguments.private, 0o600, key.to_pem().expose())?;
    write_new(&arguments.public, 0o644, key.encryption_key().as_pem())?;
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

/// Writes a file that must not exist: a key that is overwritten can never open its claims again.
fn write_new(path: &PathBuf, mode: u32, text: &str) -> Result<(), String> {
    OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(mode)
        .open(path)
        .and_then(|mut file| file.write_all(text.as_bytes()))
        .map_err(|error| format!("cannot write {}: {error}", path.display()))
}
