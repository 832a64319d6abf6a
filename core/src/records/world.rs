//! Time and chance, so that tests can script them.

use std::convert::Infallible;
use std::time::Duration;

use tokio::time::Instant;

use crate::future::BoxFuture;
use crate::http::now_ms;
use crate::secret::os_random;
use crate::secret::rand_core::{Rng, TryCryptoRng, TryRng};

/// The clock and the dice.
pub(crate) trait World: Send + Sync {
    /// Milliseconds since the epoch, UTC.
    fn now_ms(&self) -> u64;

    /// Time that never goes back, from an arbitrary start.
    fn elapsed(&self) -> Duration;

    fn sleep(&self, pause: Duration) -> BoxFuture<'_, ()>;

    /// When a call ends that takes this long from now. None: a store is waited for in any case.
    fn deadline(&self, after: Duration) -> Option<Instant>;

    fn fill_random(&self, bytes: &mut [u8]);
}

/// The clock of this machine and the randomness of its operating system.
pub(crate) struct RealWorld {
    start: Instant,
}

impl RealWorld {
    pub(crate) fn new() -> Self {
        Self {
            start: Instant::now(),
        }
    }
}

impl World for RealWorld {
    fn now_ms(&self) -> u64 {
        now_ms()
    }

    fn elapsed(&self) -> Duration {
        self.start.elapsed()
    }

    fn sleep(&self, pause: Duration) -> BoxFuture<'_, ()> {
        Box::pin(tokio::time::sleep(pause))
    }

    fn deadline(&self, after: Duration) -> Option<Instant> {
        Instant::now().checked_add(after)
    }

    fn fill_random(&self, bytes: &mut [u8]) {
        os_random().fill_bytes(bytes);
    }
}

/// A world's dice, as a random number generator.
pub(crate) struct WorldRandom<'a>(pub(crate) &'a dyn World);

impl TryRng for WorldRandom<'_> {
    type Error = Infallible;

    fn try_next_u32(&mut self) -> Result<u32, Infallible> {
        let mut bytes = [0; 4];
        self.0.fill_random(&mut bytes);
        Ok(u32::from_le_bytes(bytes))
    }

    fn try_next_u64(&mut self) -> Result<u64, Infallible> {
        let mut bytes = [0; 8];
        self.0.fill_random(&mut bytes);
        Ok(u64::from_le_bytes(bytes))
    }

    fn try_fill_bytes(&mut self, bytes: &mut [u8]) -> Result<(), Infallible> {
        self.0.fill_random(bytes);
        Ok(())
    }
}

impl TryCryptoRng for WorldRandom<'_> {}
