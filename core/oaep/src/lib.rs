//! RSA-OAEP decryption with SHA-256 as the hash and SHA-1 inside MGF1, on AWS-LC.
//!
//! Java's `RSA/ECB/OAEPWithSHA-256AndMGF1Padding` and others encrypt this way, and `aws-lc-rs`,
//! which serves the usual parameter sets, has no name for it. AWS-LC itself has. This crate holds
//! the few foreign calls, so that the crate which uses it can forbid `unsafe` altogether.
//!
//! AWS-LC blinds the private operation and checks the padding in constant time; this crate adds no
//! branch on what it finds.

#![deny(missing_docs, clippy::undocumented_unsafe_blocks)]

use std::ptr::{self, NonNull};

use aws_lc_sys as ffi;
use zeroize::Zeroizing;

/// The ciphertext did not open. Nothing more is said, so that nobody can ask it questions.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DecryptionFailed;

impl std::fmt::Display for DecryptionFailed {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("the ciphertext does not open with this key")
    }
}

impl std::error::Error for DecryptionFailed {}

/// Decrypts `ciphertext` with an RSA private key in PKCS#8 DER and an empty label.
///
/// # Errors
/// One opaque error for a key that is not RSA, a ciphertext of another length, wrong padding, and
/// everything else.
pub fn decrypt_sha256_mgf1_sha1(
    pkcs8: &[u8],
    ciphertext: &[u8],
) -> Result<Zeroizing<Vec<u8>>, DecryptionFailed> {
    let _silence = ForgetErrors;
    let key = PrivateKey::parse(pkcs8)?;
    let context = Context::new(&key)?;
    context.configure()?;
    context.decrypt(ciphertext, key.size())
}

/// Forgets why something failed, however the function is left: AWS-LC keeps reasons in a queue of
/// the thread, where the next caller would find them.
struct ForgetErrors;

impl Drop for ForgetErrors {
    fn drop(&mut self) {
        // SAFETY: takes no argument, and empties this thread's queue.
        unsafe { ffi::ERR_clear_error() };
    }
}

/// An `EVP_PKEY` that this crate owns.
struct PrivateKey(NonNull<ffi::EVP_PKEY>);

impl PrivateKey {
    fn parse(pkcs8: &[u8]) -> Result<Self, DecryptionFailed> {
        let mut reader = ffi::CBS {
            data: ptr::null(),
            len: 0,
        };
        // SAFETY: `reader` is a valid, writable CBS; it borrows `pkcs8`, which outlives both calls.
        let key = unsafe {
            ffi::CBS_init(&mut reader, pkcs8.as_ptr(), pkcs8.len());
            ffi::EVP_parse_private_key(&mut reader)
        };
        let key = Self(NonNull::new(key).ok_or(DecryptionFailed)?);
        // SAFETY: the pointer is a live EVP_PKEY, owned by `key`.
        let kind = unsafe { ffi::EVP_PKEY_id(key.0.as_ptr()) };
        if kind == ffi::EVP_PKEY_RSA && reader.len == 0 {
            Ok(key)
        } else {
            Err(DecryptionFailed)
        }
    }

    /// The modulus' length in bytes.
    fn size(&self) -> usize {
        // SAFETY: the pointer is a live EVP_PKEY, owned by `self`.
        let size = unsafe { ffi::EVP_PKEY_size(self.0.as_ptr()) };
        usize::try_from(size).unwrap_or(0)
    }
}

impl Drop for PrivateKey {
    fn drop(&mut self) {
        // SAFETY: `self` owns one reference and gives it up here, once. AWS-LC wipes the key.
        unsafe { ffi::EVP_PKEY_free(self.0.as_ptr()) };
    }
}

/// An `EVP_PKEY_CTX` for one decryption.
struct Context(NonNull<ffi::EVP_PKEY_CTX>);

impl Context {
    fn new(key: &PrivateKey) -> Result<Self, DecryptionFailed> {
        // SAFETY: the key is live; the context takes a reference of its own. No engine.
        let context = unsafe { ffi::EVP_PKEY_CTX_new(key.0.as_ptr(), ptr::null_mut()) };
        NonNull::new(context).map(Self).ok_or(DecryptionFailed)
    }

    fn configure(&self) -> Result<(), DecryptionFailed> {
        let context = self.0.as_ptr();
        // SAFETY: `context` is live for all calls; the digests are static constants of AWS-LC.
        let configured = unsafe {
            ffi::EVP_PKEY_decrypt_init(context) == 1
                && ffi::EVP_PKEY_CTX_set_rsa_padding(context, ffi::RSA_PKCS1_OAEP_PADDING) == 1
                && ffi::EVP_PKEY_CTX_set_rsa_oaep_md(context, ffi::EVP_sha256()) == 1
                && ffi::EVP_PKEY_CTX_set_rsa_mgf1_md(context, ffi::EVP_sha1()) == 1
        };
        configured.then_some(()).ok_or(DecryptionFailed)
    }

    fn decrypt(
        &self,
        ciphertext: &[u8],
        size: usize,
    ) -> Result<Zeroizing<Vec<u8>>, DecryptionFailed> {
        let mut plaintext = Zeroizing::new(vec![0; size]);
        let mut length = plaintext.len();
        // SAFETY: `plaintext` has `length` writable bytes and AWS-LC is told so; `ciphertext` is
        // readable for its length; `length` is written before the call returns.
        let opened = unsafe {
            ffi::EVP_PKEY_decrypt(
                self.0.as_ptr(),
                plaintext.as_mut_ptr(),
                &mut length,
                ciphertext.as_ptr(),
                ciphertext.len(),
            )
        };
        if opened != 1 {
            return Err(DecryptionFailed);
        }
        plaintext.truncate(length);
        Ok(plaintext)
    }
}

impl Drop for Context {
    fn drop(&mut self) {
        // SAFETY: `self` owns the context and gives it up here, once.
        unsafe { ffi::EVP_PKEY_CTX_free(self.0.as_ptr()) };
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn garbage_is_refused_and_does_not_crash() {
        for key in [&b""[..], b"\x30\x00", &[0xff; 700]] {
            assert_eq!(
                decrypt_sha256_mgf1_sha1(key, &[0; 256]),
                Err(DecryptionFailed)
            );
        }
    }
}
