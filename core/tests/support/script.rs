//! Randomness that is known, for tests.

use std::collections::VecDeque;
use std::convert::Infallible;

use rand_core::{TryCryptoRng, TryRng};

/// Gives these bytes, one after the other, and nothing more.
pub struct Script(VecDeque<u8>);

impl Script {
    pub fn new(parts: &[&[u8]]) -> Self {
        Self(parts.concat().into())
    }
}

impl TryRng for Script {
    type Error = Infallible;

    fn try_next_u32(&mut self) -> Result<u32, Infallible> {
        unreachable!("bytes are asked for")
    }

    fn try_next_u64(&mut self) -> Result<u64, Infallible> {
        unreachable!("bytes are asked for")
    }

    fn try_fill_bytes(&mut self, bytes: &mut [u8]) -> Result<(), Infallible> {
        for byte in bytes {
            *byte = self.0.pop_front().expect("the script is long enough");
        }
        Ok(())
    }
}

impl TryCryptoRng for Script {}
