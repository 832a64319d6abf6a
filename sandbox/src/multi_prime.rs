//! RSA with eight primes (RFC 8017 section 3.2). The public key looks like any other. The private
//! operation takes a small part of the time that two primes take, and so does making a key: tests
//! sign thousands of passes, and make many keys.
//!
//! Not for anything that must stay secret: factors of 256 bits are within reach of factoring, and
//! the private operation has no protection against timing and faults.

use crypto_bigint::modular::{BoxedMontyForm, BoxedMontyParams};
use crypto_bigint::rand_core::UnwrapErr;
use crypto_bigint::{BoxedUint, ConcatenatingMul as _, NonZero, Odd, Resize as _};
use crypto_primes::hazmat::{SetBits, SmallFactorsSieveFactory};
use crypto_primes::{is_prime, sieve_and_find, Flavor};
use getrandom::SysRng;

const PRIMES: u32 = 8;
/// e, big-endian.
pub(crate) const PUBLIC_EXPONENT: [u8; 3] = [1, 0, 1];
const E: u64 = 65537;

pub(crate) struct PrivateKey {
    /// Big-endian, without leading zeros.
    modulus: Vec<u8>,
    factors: Vec<Factor>,
}

/// A prime, and what the Chinese remainder theorem needs with it (RFC 8017 section 3.2: r_i, d_i
/// and t_i).
struct Factor {
    /// r_i
    prime: BoxedMontyParams,
    /// d_i: the inverse of e modulo r_i - 1.
    exponent: BoxedUint,
    /// R_i: the product of the primes before this one.
    before: BoxedUint,
    /// t_i: its inverse modulo r_i.
    coefficient: BoxedMontyForm,
}

impl PrivateKey {
    /// A key with a modulus of exactly `bits` bits; 2048, 3072 or 4096.
    pub(crate) fn generate(bits: u32) -> Self {
        let mut primes: Vec<BoxedUint> = (0..PRIMES).map(|_| random_prime(bits / PRIMES)).collect();
        loop {
            if let Some(key) = Self::of(&primes, bits) {
                return key;
            }
            // The product of eight primes of an eighth of the length may be some bits short: the
            // smallest one is drawn anew.
            primes.sort();
            primes[0] = random_prime(bits / PRIMES);
        }
    }

    /// `None` if these primes make no key of `bits` bits.
    fn of(primes: &[BoxedUint], bits: u32) -> Option<Self> {
        let mut factors: Vec<Factor> = Vec::with_capacity(primes.len());
        let mut product = BoxedUint::one_with_precision(bits);
        for prime in primes {
            let params = BoxedMontyParams::new_vartime(Option::from(Odd::new(prime.clone()))?);
            let before = BoxedMontyForm::new(remainder(&product, prime), &params);
            factors.push(Factor {
                exponent: private_exponent(prime)?,
                before: product.clone(),
                // None if the prime was there before.
                coefficient: Option::from(before.invert())?,
                prime: params,
            });
            product = product.concatenating_mul(prime).resize_unchecked(bits);
        }
        (product.bit_width() == bits).then(|| Self {
            modulus: product.to_be_bytes().into_vec(),
            factors,
        })
    }

    /// Big-endian, without leading zeros.
    pub(crate) fn modulus(&self) -> &[u8] {
        &self.modulus
    }

    /// The message to the power of d modulo n (RFC 8017 section 5.1.2): both big-endian, and as long
    /// as the modulus. The message must be below the modulus.
    pub(crate) fn private_operation(&self, message: &[u8]) -> Vec<u8> {
        let bits = u32::try_from(self.modulus.len() * 8).expect("a modulus has some thousand bits");
        let message = BoxedUint::from_be_slice(message, bits)
            .expect("the message was checked against the modulus");
        let mut signature = BoxedUint::zero_with_precision(bits);
        for factor in &self.factors {
            let prime = factor.prime.modulus().as_ref();
            let residue = |number| BoxedMontyForm::new(remainder(number, prime), &factor.prime);
            let power = residue(&message).pow(&factor.exponent);
            // What is still missing, in units of the product of the primes before.
            let missing = (&power - &residue(&signature)) * &factor.coefficient;
            let missing = missing.retrieve().concatenating_mul(&factor.before);
            signature = signature.wrapping_add(missing.resize_unchecked(bits));
        }
        signature.to_be_bytes().into_vec()
    }
}

/// A number modulo a shorter one, in the shorter one's length.
fn remainder(number: &BoxedUint, modulus: &BoxedUint) -> BoxedUint {
    let wide = modulus.resize_unchecked(number.bits_precision());
    let wide = Option::<NonZero<_>>::from(NonZero::new(wide)).expect("a prime is not zero");
    (number % wide).resize_unchecked(modulus.bits_precision())
}

/// The inverse of e modulo the prime less one, or `None` if there is none.
fn private_exponent(prime: &BoxedUint) -> Option<BoxedUint> {
    let modulus = prime.wrapping_sub(BoxedUint::one_with_precision(prime.bits_precision()));
    let e = BoxedUint::from(E).resize_unchecked(prime.bits_precision());
    Option::from(e.invert_mod(&Option::<NonZero<_>>::from(NonZero::new(modulus))?))
}

fn random_prime(bits: u32) -> BoxedUint {
    // With its two highest bits set, the product of eight is not much too short.
    let candidates = SmallFactorsSieveFactory::new(Flavor::Any, bits, SetBits::TwoMsb)
        .expect("primes of hundreds of bits exist");
    sieve_and_find(&mut UnwrapErr(SysRng), candidates, |_, candidate| {
        is_prime(Flavor::Any, candidate)
    })
    .expect("the operating system gives random bytes")
    .expect("there is no last candidate")
}

#[cfg(test)]
mod tests {
    use rsa::hazmat::rsa_encrypt;
    use rsa::PublicKey;

    use super::*;

    #[test]
    fn the_public_operation_of_another_library_undoes_the_private_one() {
        for bits in [2048, 3072, 4096] {
            let key = PrivateKey::generate(bits);
            let number = |bytes: &[u8]| BoxedUint::from_be_slice(bytes, bits).unwrap();
            let public = PublicKey::new(number(key.modulus()), BoxedUint::from(E)).unwrap();
            assert_eq!(number(key.modulus()).bit_width(), bits);

            let mut largest = key.modulus().to_vec();
            *largest.last_mut().unwrap() -= 1;
            let mut zero = vec![0; largest.len()];
            for message in [&zero.clone(), &largest, &vec![0x5a; zero.len()]] {
                let signature = key.private_operation(message);
                assert_eq!(signature.len(), message.len());
                let back = rsa_encrypt(&public, &number(&signature)).unwrap();
                assert_eq!(back, number(message));
            }
            *zero.last_mut().unwrap() = 1;
            assert_eq!(key.private_operation(&zero), zero);
        }
    }

    #[test]
    fn a_prime_that_comes_twice_and_a_product_that_is_too_short_make_no_key() {
        let primes: Vec<BoxedUint> = (0..PRIMES).map(|_| random_prime(256)).collect();
        let twice = [&primes[..7], &primes[..1]].concat();
        assert!(PrivateKey::of(&twice, 2048).is_none());
        let short: Vec<BoxedUint> = [&primes[..7], &[random_prime(192)]].concat();
        assert!(PrivateKey::of(&short, 2048).is_none());
    }
}
