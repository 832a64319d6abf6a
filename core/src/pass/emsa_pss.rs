//! The padding of PSS: EMSA-PSS with SHA-384, MGF1 with SHA-384, and a salt as long as the hash.
//!
//! AWS-LC pads and signs in one step, with a private key. Who blinds needs the padding alone.
//!
//! Source: RFC 8017, sections 9.1.1 (encode) and B.2.1 (MGF1).

use aws_lc_rs::digest::{Context, SHA384, SHA384_OUTPUT_LEN};

/// The salt, in bytes: as long as the hash.
pub(super) const SALT_LEN: usize = SHA384_OUTPUT_LEN;

/// Encodes `message` for a modulus of `size` whole bytes, none of whose bits is a leading zero.
pub(super) fn encode(message: &[u8], salt: &[u8; SALT_LEN], size: usize) -> Vec<u8> {
    let hash = sha384(&[&[0; 8], &sha384(&[message]), salt]);
    // DB = PS || 0x01 || salt, masked; then H and 0xbc.
    let mut encoded = vec![0; size];
    let (masked, rest) = encoded.split_at_mut(size - SHA384_OUTPUT_LEN - 1);
    let (padding, salted) = masked.split_at_mut(masked.len() - SALT_LEN);
    *padding.last_mut().expect("a key of 2048 bits has room") = 1;
    salted.copy_from_slice(salt);
    mask(masked, &hash);
    // One bit less than the modulus has: the number is below it.
    masked[0] &= 0x7f;
    rest[..SHA384_OUTPUT_LEN].copy_from_slice(&hash);
    rest[SHA384_OUTPUT_LEN] = 0xbc;
    encoded
}

/// Adds the mask that MGF1 makes of `seed`.
fn mask(bytes: &mut [u8], seed: &[u8]) {
    for (counter, block) in (0u32..).zip(bytes.chunks_mut(SHA384_OUTPUT_LEN)) {
        let hash = sha384(&[seed, &counter.to_be_bytes()]);
        block
            .iter_mut()
            .zip(hash)
            .for_each(|(byte, mask)| *byte ^= mask);
    }
}

fn sha384(parts: &[&[u8]]) -> [u8; SHA384_OUTPUT_LEN] {
    let mut context = Context::new(&SHA384);
    parts.iter().for_each(|part| context.update(part));
    let hash = context.finish();
    hash.as_ref().try_into().expect("SHA-384 has 48 bytes")
}
