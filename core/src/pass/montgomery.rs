//! Arithmetic modulo an RSA modulus of a fixed width, in constant time.
//!
//! A number is `LIMBS` limbs of 60 bits, the lowest first. Products of such limbs are 120 bits wide, so
//! a whole column of them is added up in 128 bits with one carry for each: where limbs have 64 bits, the
//! carries take longer than the products.
//!
//! `R` is 2 to the power of `60 * LIMBS`, at least 2⁴⁴ times the modulus. A product of two numbers below
//! twice the modulus is again below twice the modulus, so nothing is subtracted on the way; only
//! [`Modulus::reduce`] makes the result the one below the modulus.
//!
//! No branch and no index depends on a number; only on `LIMBS`.
//!
//! Source: Montgomery, "Modular multiplication without trial division"; Koç, Acar and Kaliski, "Analyzing
//! and comparing Montgomery multiplication algorithms", section 7 (FIPS: column by column); Walter,
//! "Montgomery exponentiation needs no final subtractions".

use subtle::{Choice, ConditionallySelectable};
use zeroize::{Zeroize, Zeroizing};

/// The bits of a limb.
pub(super) const LIMB_BITS: u32 = 60;
/// The bits of a limb, all set.
pub(super) const LIMB_MASK: u64 = (1 << LIMB_BITS) - 1;
/// So many products of a column are added up in one piece of straight code.
const UNROLLED: usize = 4;

/// A number of 60-bit limbs, the lowest first. It stays where it is, and is wiped when dropped.
pub(super) struct Number<const LIMBS: usize>(pub(super) Box<[u64; LIMBS]>);

impl<const LIMBS: usize> Number<LIMBS> {
    pub(super) fn zero() -> Self {
        Self(Box::new([0; LIMBS]))
    }

    /// The number in big-endian bytes, of which there are at most as many as fit.
    pub(super) fn from_be_bytes(bytes: &[u8]) -> Self {
        let mut number = Self::zero();
        let (mut pending, mut bits, mut limb) = (0u128, 0, 0);
        for &byte in bytes.iter().rev() {
            pending |= u128::from(byte) << bits;
            bits += 8;
            if bits >= LIMB_BITS {
                number.0[limb] = low_limb(pending);
                pending >>= LIMB_BITS;
                bits -= LIMB_BITS;
                limb += 1;
            }
        }
        if bits > 0 {
            number.0[limb] = low_limb(pending);
        }
        number
    }

    /// The lowest bytes of the number, big-endian.
    pub(super) fn to_be_bytes(&self, size: usize) -> Vec<u8> {
        let mut bytes = vec![0; size];
        let (mut pending, mut bits) = (0u128, 0);
        let mut limbs = self.0.iter();
        for byte in bytes.iter_mut().rev() {
            if bits < 8 {
                pending |= u128::from(limbs.next().copied().unwrap_or(0)) << bits;
                bits += LIMB_BITS;
            }
            *byte = pending as u8;
            pending >>= 8;
            bits -= 8;
        }
        bytes
    }
}

impl<const LIMBS: usize> Drop for Number<LIMBS> {
    fn drop(&mut self) {
        self.0.zeroize();
    }
}

/// An odd modulus whose highest bit is the highest of `size` bytes.
pub(super) struct Modulus<const LIMBS: usize> {
    pub(super) limbs: [u64; LIMBS],
    /// The inverse modulo 2⁶⁰.
    pub(super) inverse: u64,
    /// `R² mod N`: what brings a number into Montgomery's form.
    square_of_r: Number<LIMBS>,
    /// The length in bytes.
    pub(super) size: usize,
}

impl<const LIMBS: usize> Modulus<LIMBS> {
    /// The modulus in big-endian bytes: public, odd, without leading zero bits, and narrow enough for
    /// `R` to have 44 bits more.
    pub(super) fn new(bytes: &[u8]) -> Self {
        assert!(bytes.len() * 8 + 44 <= LIMBS * LIMB_BITS as usize);
        assert!(bytes[0] >= 0x80 && bytes[bytes.len() - 1] & 1 == 1);
        let limbs = *Number::<LIMBS>::from_be_bytes(bytes).0;
        // Newton's iteration doubles the number of right bits: 3, 6, 12, 24, 48, 96.
        let mut inverse = limbs[0];
        for _ in 0..5 {
            inverse = inverse.wrapping_mul(2u64.wrapping_sub(limbs[0].wrapping_mul(inverse)));
        }
        let mut modulus = Self {
            limbs,
            inverse: inverse & LIMB_MASK,
            square_of_r: Number::zero(),
            size: bytes.len(),
        };
        modulus.square_of_r = modulus.square_of_r();
        modulus
    }

    /// `x * y / R`. With both below `2N`, so is the result.
    pub(super) fn multiply(&self, x: &Number<LIMBS>, y: &Number<LIMBS>) -> Number<LIMBS> {
        self.by_columns(
            |sum, last| add_products(sum, &x.0[..=last], &y.0[..=last]),
            |sum, first| add_products(sum, &x.0[first..], &y.0[first..]),
        )
    }

    /// `x * x / R`. Of two equal products one is made, with a factor twice as large.
    pub(super) fn square(&self, x: &Number<LIMBS>) -> Number<LIMBS> {
        let doubled = Zeroizing::new(x.0.map(|limb| limb << 1));
        self.by_columns(
            |sum, last| {
                let pairs = last.div_ceil(2);
                add_products(sum, &x.0[..pairs], &doubled[last + 1 - pairs..=last]);
                if last.is_multiple_of(2) {
                    *sum += product(x.0[pairs], x.0[pairs]);
                }
            },
            |sum, first| {
                let pairs = (LIMBS - first) / 2;
                add_products(sum, &x.0[first..first + pairs], &doubled[LIMBS - pairs..]);
                if !(LIMBS - first).is_multiple_of(2) {
                    *sum += product(x.0[first + pairs], x.0[first + pairs]);
                }
            },
        )
    }

    /// Brings a number into Montgomery's form: `x * R mod N`, below `2N`.
    pub(super) fn enter(&self, x: &Number<LIMBS>) -> Number<LIMBS> {
        self.multiply(x, &self.square_of_r)
    }

    /// The same number below `N`, of one below `2N`.
    pub(super) fn reduce(&self, x: &Number<LIMBS>) -> Number<LIMBS> {
        let mut reduced = Number::zero();
        let borrow = self.subtract(x, &mut reduced);
        for (limb, there) in reduced.0.iter_mut().zip(&*x.0) {
            limb.conditional_assign(there, borrow);
        }
        reduced
    }

    /// Whether a number is below the modulus.
    pub(super) fn contains(&self, x: &Number<LIMBS>) -> bool {
        self.subtract(x, &mut Number::zero()).into()
    }

    /// `x - N`; the answer is whether that is negative.
    fn subtract(&self, x: &Number<LIMBS>, difference: &mut Number<LIMBS>) -> Choice {
        let mut borrow = 0;
        for ((limb, x), n) in difference.0.iter_mut().zip(&*x.0).zip(&self.limbs) {
            let less = x.wrapping_sub(*n).wrapping_sub(borrow);
            *limb = less & LIMB_MASK;
            borrow = less >> 63;
        }
        Choice::from(borrow as u8)
    }

    /// Montgomery's reduction of what is added to each column: to the lower ones the products of limbs
    /// from 0 up to a last one, to the higher ones those from a first one up to the highest.
    #[inline(always)]
    fn by_columns(
        &self,
        add_lower: impl Fn(&mut u128, usize),
        add_higher: impl Fn(&mut u128, usize),
    ) -> Number<LIMBS> {
        let mut out = Number::zero();
        // The multiples of the modulus that make the lower columns zero.
        let mut multiples = Zeroizing::new([0; LIMBS]);
        let negated_inverse = self.inverse.wrapping_neg();
        let mut sum = 0;
        for last in 0..LIMBS {
            add_lower(&mut sum, last);
            add_products(&mut sum, &multiples[..last], &self.limbs[1..=last]);
            multiples[last] = (sum as u64).wrapping_mul(negated_inverse) & LIMB_MASK;
            sum += product(multiples[last], self.limbs[0]);
            sum >>= LIMB_BITS;
        }
        for first in 1..LIMBS {
            add_higher(&mut sum, first);
            add_products(&mut sum, &multiples[first..], &self.limbs[first..]);
            out.0[first - 1] = low_limb(sum);
            sum >>= LIMB_BITS;
        }
        out.0[LIMBS - 1] = low_limb(sum);
        out
    }

    /// `R² mod N`, from `R mod N`, by doubling and squaring.
    fn square_of_r(&self) -> Number<LIMBS> {
        // 2 to the power of the modulus' bits, less the modulus, is below it.
        let mut number = Number::zero();
        number.0[self.size * 8 / LIMB_BITS as usize] = 1 << (self.size * 8 % LIMB_BITS as usize);
        let mut number = self.reduce(&number);
        let power = LIMBS as u32 * LIMB_BITS;
        for _ in self.size as u32 * 8..power {
            number = self.double(&number);
        }
        // 1 in Montgomery's form, that is. And this, 2 to the power of `power`.
        for bit in (0..u32::BITS - power.leading_zeros()).rev() {
            number = self.square(&number);
            if power >> bit & 1 == 1 {
                number = self.double(&self.reduce(&number));
            }
        }
        number
    }

    /// `2x mod N`, of a number below `N`.
    fn double(&self, x: &Number<LIMBS>) -> Number<LIMBS> {
        let mut doubled = Number::zero();
        let mut carry = 0;
        for (limb, x) in doubled.0.iter_mut().zip(&*x.0) {
            *limb = (x << 1 | carry) & LIMB_MASK;
            carry = x >> (LIMB_BITS - 1);
        }
        self.reduce(&doubled)
    }
}

/// Adds `x[0] * y[n - 1] + … + x[n - 1] * y[0]`.
///
/// The sum of a column stays below 2¹²⁸ for up to 127 limbs: two products of 120 bits for each.
#[inline(always)]
fn add_products(sum: &mut u128, x: &[u64], y: &[u64]) {
    let (x, x_rest) = x.as_chunks::<UNROLLED>();
    let (y_rest, y) = y.as_rchunks::<UNROLLED>();
    for (x, y) in x.iter().zip(y.iter().rev()) {
        for place in 0..UNROLLED {
            *sum += product(x[place], y[UNROLLED - 1 - place]);
        }
    }
    for (x, y) in x_rest.iter().zip(y_rest.iter().rev()) {
        *sum += product(*x, *y);
    }
}

fn product(x: u64, y: u64) -> u128 {
    u128::from(x) * u128::from(y)
}

fn low_limb(sum: u128) -> u64 {
    sum as u64 & LIMB_MASK
}

#[cfg(test)]
mod tests {
    use crypto_bigint::{BoxedUint, NonZero};
    use proptest::prelude::*;

    use super::*;

    /// Odd, without leading zero bits; sometimes the largest or the smallest there is.
    fn modulus(size: usize) -> impl Strategy<Value = Vec<u8>> {
        let random = proptest::collection::vec(any::<u8>(), size);
        let extreme = prop_oneof![Just(vec![0xff; size]), Just(vec![0; size])];
        prop_oneof![4 => random, 1 => extreme].prop_map(move |mut bytes| {
            bytes[0] |= 0x80;
            bytes[size - 1] |= 1;
            bytes
        })
    }

    fn number(bytes: &[u8]) -> BoxedUint {
        BoxedUint::from_be_slice(bytes, bytes.len() as u32 * 8).unwrap()
    }

    fn bytes(number: &BoxedUint) -> Vec<u8> {
        number.to_be_bytes().into_vec()
    }

    fn multiplies_as_crypto_bigint<const LIMBS: usize>(n: &[u8], x: &[u8], y: &[u8]) {
        let modulus = Modulus::<LIMBS>::new(n);
        let divisor = NonZero::new(number(n)).unwrap();
        let less_one = divisor.wrapping_sub(BoxedUint::one());
        let zero = BoxedUint::zero_with_precision(divisor.bits_precision());
        for [x, y] in [
            [number(x).rem(&divisor), number(y).rem(&divisor)],
            [less_one.clone(), number(y).rem(&divisor)],
            [less_one.clone(), less_one.clone()],
            [zero, less_one.clone()],
        ] {
            let [limbs_x, limbs_y] = [&x, &y].map(|number| Number::from_be_bytes(&bytes(number)));
            assert_eq!(limbs_x.to_be_bytes(n.len()), bytes(&x));
            let form = modulus.enter(&limbs_x);
            let product = modulus.reduce(&modulus.multiply(&form, &limbs_y));
            let expected = bytes(&x.mul_mod(&y, &divisor));
            assert_eq!(product.to_be_bytes(n.len()), expected);
            let square = modulus.square(&form);
            assert_eq!(*square.0, *modulus.multiply(&form, &form).0);
            assert!(modulus.contains(&limbs_x));
        }
        assert!(!modulus.contains(&Number(Box::new(modulus.limbs))));
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]

        #[test]
        fn products_are_those_of_crypto_bigint(
            n in modulus(256), x in proptest::collection::vec(any::<u8>(), 256),
            y in proptest::collection::vec(any::<u8>(), 256),
        ) {
            multiplies_as_crypto_bigint::<35>(&n, &x, &y);
        }

        #[test]
        fn longer_products_are_those_of_crypto_bigint(
            n in modulus(512), x in proptest::collection::vec(any::<u8>(), 512),
            y in proptest::collection::vec(any::<u8>(), 512),
        ) {
            multiplies_as_crypto_bigint::<69>(&n, &x, &y);
            multiplies_as_crypto_bigint::<52>(&[&[0x80], &n[129..]].concat(), &x[128..], &y[128..]);
        }
    }
}
