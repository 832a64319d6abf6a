//! Blinding factors, and what is done with them: fast, for keys of 2048, 3072 and 4096 bits.
//!
//! A factor is drawn, raised to 65537 and inverted. The inverse is what takes long, so many factors share
//! one: of the product of all of them, from which each has its own by three products (Montgomery's
//! trick). They are drawn independently of each other, and none is made from another.
//!
//! Everything that touches a factor takes a time that does not depend on it, but for the inverse. What is
//! inverted is the product with one more number that is drawn for it and used for nothing else: a number
//! that is as likely as any other, whatever the factors are.
//!
//! A blinded message is checked in place of the message: it shares with the modulus what the message
//! shares, because its factor shares nothing, and it may be known.
//!
//! Source: RFC 9474, section 4.2; Montgomery, "Speeding the Pollard and elliptic curve methods of
//! factorization", section 10.3.1 (many inverses by one).

use std::sync::Arc;

use zeroize::Zeroizing;

use super::blind_rsa::Blinding;
use super::inversion::{invert_known, is_coprime};
use super::montgomery::{Modulus, Number};
use crate::secret::rand_core::CryptoRng;
use crate::secret::Secret;

/// So many numbers are drawn until one is below the modulus. Each is so with a probability of a half
/// or more.
const MOST_DRAWS: usize = 128;

/// What blinds one message: a random number, raised to the public exponent, and its inverse.
///
/// It belongs to the key that made it, blinds one message, and is wiped when dropped. It has no `Debug`
/// and cannot be copied: two messages that are blinded by one factor can be linked.
pub struct Factor {
    arithmetic: Arc<dyn Arithmetic>,
    /// `r^e`, in Montgomery's form.
    power: Zeroizing<Vec<u64>>,
    /// As long as the modulus.
    inverse: Secret<Vec<u8>>,
}

impl Factor {
    pub(super) fn is_of(&self, arithmetic: &Arc<dyn Arithmetic>) -> bool {
        Arc::ptr_eq(&self.arithmetic, arithmetic)
    }

    /// Blinds a padded message. None: it shares a factor with the modulus, or is not below it.
    pub(super) fn blind(self, encoded: &[u8]) -> Option<Blinding> {
        Some(Blinding {
            blinded_message: self.arithmetic.blind(encoded, &self.power)?,
            inverse: self.inverse,
        })
    }

    /// For tests that compare factors without blinding.
    #[doc(hidden)]
    pub fn inverse(&self) -> &Secret<Vec<u8>> {
        &self.inverse
    }
}

/// Makes factors for `arithmetic`'s key; none, if they share a factor with the modulus: the key is broken.
pub(super) fn make_factors(
    arithmetic: &Arc<dyn Arithmetic>,
    count: usize,
    rng: &mut dyn CryptoRng,
) -> Vec<Factor> {
    let made = arithmetic.make_factors(count, rng).unwrap_or_default();
    made.into_iter()
        .map(|(power, inverse)| Factor {
            arithmetic: arithmetic.clone(),
            power,
            inverse,
        })
        .collect()
}

/// The arithmetic of one key, whatever its width.
pub(super) trait Arithmetic: Send + Sync {
    /// Powers in Montgomery's form, and inverses, of `count` random numbers.
    fn make_factors(&self, count: usize, rng: &mut dyn CryptoRng) -> Option<Vec<Made>>;

    /// A padded message times such a power.
    fn blind(&self, encoded: &[u8], power: &[u64]) -> Option<Vec<u8>>;

    /// Blinds a padded message with a factor that is made for it.
    fn blind_at_once(&self, encoded: &[u8], rng: &mut dyn CryptoRng) -> Option<Blinding>;

    /// A blind signature times the inverse of the factor.
    fn unblind(&self, blind_signature: &[u8], inverse: &[u8]) -> Option<Vec<u8>>;
}

/// `r^e` in Montgomery's form, and the inverse of `r` in bytes.
type Made = (Zeroizing<Vec<u64>>, Secret<Vec<u8>>);

/// The arithmetic for a modulus in big-endian bytes, odd and without leading zero bits; none, where its
/// width is not one of the usual three.
pub(super) fn arithmetic(modulus: &[u8]) -> Option<Arc<dyn Arithmetic>> {
    match modulus.len() * 8 {
        2048 => Some(Arc::new(Modulus::<35>::new(modulus))),
        3072 => Some(Arc::new(Modulus::<52>::new(modulus))),
        4096 => Some(Arc::new(Modulus::<69>::new(modulus))),
        _ => None,
    }
}

impl<const LIMBS: usize> Arithmetic for Modulus<LIMBS> {
    fn make_factors(&self, count: usize, rng: &mut dyn CryptoRng) -> Option<Vec<Made>> {
        let draws: Vec<_> = (0..count).map(|_| self.draw(rng)).collect::<Option<_>>()?;
        let mask = self.draw(rng)?;
        // The mask, then times the first, the second, and so on.
        let mut products = vec![mask];
        for draw in &draws {
            let product = self.multiply(products.last().expect("the mask"), draw);
            products.push(product);
        }
        let mut inverse = self.invert(&products.pop().expect("the mask"))?;
        let mut made = Vec::with_capacity(count);
        // `inverse` is that of the product up to this draw; no number in Montgomery's form, so that what
        // is made of it is none either.
        for (draw, before) in draws.iter().zip(&products).rev() {
            let of_draw = self.reduce(&self.multiply(before, &inverse));
            made.push((
                Zeroizing::new(self.power(draw).0.to_vec()),
                Secret::new(of_draw.to_be_bytes(self.size)),
            ));
            inverse = self.multiply(&inverse, draw);
        }
        Some(made)
    }

    fn blind(&self, encoded: &[u8], power: &[u64]) -> Option<Vec<u8>> {
        let encoded = Number::from_be_bytes(encoded);
        if !self.contains(&encoded) {
            return None;
        }
        let mut there = Number::zero();
        there.0.copy_from_slice(power);
        let blinded = self.reduce(&self.multiply(&encoded, &there));
        is_coprime(self, &blinded).then(|| blinded.to_be_bytes(self.size))
    }

    fn blind_at_once(&self, encoded: &[u8], rng: &mut dyn CryptoRng) -> Option<Blinding> {
        let encoded = Number::from_be_bytes(encoded);
        if !self.contains(&encoded) {
            return None;
        }
        let (draw, mask) = (self.draw(rng)?, self.draw(rng)?);
        // An inverse of the message, too, says that it shares no factor with the modulus.
        let message = self.enter(&encoded);
        let others = self.multiply(&mask, &message);
        let inverse = self.invert(&self.multiply(&others, &draw))?;
        let inverse = self.reduce(&self.multiply(&inverse, &others));
        let blinded = self.reduce(&self.multiply(&encoded, &self.power(&draw)));
        Some(Blinding {
            blinded_message: blinded.to_be_bytes(self.size),
            inverse: Secret::new(inverse.to_be_bytes(self.size)),
        })
    }

    fn unblind(&self, blind_signature: &[u8], inverse: &[u8]) -> Option<Vec<u8>> {
        if [blind_signature, inverse]
            .iter()
            .any(|number| number.len() != self.size)
        {
            return None;
        }
        let [signature, inverse] = [blind_signature, inverse].map(Number::from_be_bytes);
        if !self.contains(&signature) || !self.contains(&inverse) {
            return None;
        }
        let unblinded = self.reduce(&self.multiply(&self.enter(&signature), &inverse));
        Some(unblinded.to_be_bytes(self.size))
    }
}

impl<const LIMBS: usize> Modulus<LIMBS> {
    /// A random number below the modulus. It is taken as one in Montgomery's form: that is as random.
    ///
    /// How often it is drawn anew says nothing of the one that is taken.
    fn draw(&self, rng: &mut dyn CryptoRng) -> Option<Number<LIMBS>> {
        let mut bytes = Zeroizing::new(vec![0; self.size]);
        for _ in 0..MOST_DRAWS {
            rng.fill_bytes(&mut bytes);
            let number = Number::from_be_bytes(&bytes);
            if self.contains(&number) {
                return Some(number);
            }
        }
        None
    }

    /// `x^65537`, in Montgomery's form as `x` is.
    fn power(&self, x: &Number<LIMBS>) -> Number<LIMBS> {
        let mut power = self.square(x);
        for _ in 1..16 {
            power = self.square(&power);
        }
        self.multiply(&power, x)
    }

    /// The inverse, no longer in Montgomery's form, of a masked number that is.
    fn invert(&self, masked: &Number<LIMBS>) -> Option<Number<LIMBS>> {
        let inverse = self.enter(&invert_known(self, masked)?);
        // A wrong one would be found out when the pass is paid for. Here that takes one product.
        let one = self.reduce(&self.multiply(masked, &inverse));
        let is_one = one.0[0] == 1 && one.0[1..].iter().all(|limb| *limb == 0);
        is_one.then_some(inverse)
    }
}
