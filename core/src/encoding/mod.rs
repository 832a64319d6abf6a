//! Texts and bytes: base64, hexadecimal, PEM, and members of JSON objects. Knows nothing of Persona.

mod base64;
mod hex;
mod json;
mod marks;
pub(crate) mod pem;
mod percent;

pub(crate) use base64::{
    decode_base64_any, decode_base64url, decode_base64url_strict, encode_base64url,
};
pub(crate) use hex::{encode_hex, push_hex};
pub(crate) use json::{member, parse_object, parse_unique_object, take_text, wipe, Unreadable};
pub(crate) use marks::is_invisible;
pub(crate) use percent::percent_encode;
