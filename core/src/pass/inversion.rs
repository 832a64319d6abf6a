//! Inverses and greatest common divisors modulo an RSA modulus, in a time that depends on the number.
//!
//! **Only for numbers that may be known**: a blinded message, which the signer gets, or a secret that is
//! multiplied with a random number which is used for nothing else. An inverse in constant time takes six
//! times as long.
//!
//! Bernstein's and Yang's division steps, 60 at a time on the lowest bits, as a matrix that is then
//! applied to the whole numbers; those get shorter on the way. As in `modinv64` of libsecp256k1, whose
//! explanation (`doc/safegcd_implementation.md`) names what is named here.
//!
//! Source: Bernstein and Yang, "Fast constant-time gcd computation and modular inversion".

use zeroize::Zeroizing;

use super::montgomery::{Modulus, Number, LIMB_BITS, LIMB_MASK};

/// What 60 division steps do: `(f, g)` becomes `(u f + v g, q f + r g) / 2⁶⁰`.
struct Steps {
    u: i64,
    v: i64,
    q: i64,
    r: i64,
}

/// Signed limbs of 60 bits: all but the highest are not negative.
type Signed<const LIMBS: usize> = Zeroizing<[i64; LIMBS]>;

/// The inverse of a number that may be known, below the modulus; none, if it shares a factor with it.
pub(super) fn invert_known<const LIMBS: usize>(
    modulus: &Modulus<LIMBS>,
    known: &Number<LIMBS>,
) -> Option<Number<LIMBS>> {
    // Times `known`, these are f and g modulo the modulus.
    let mut d: Signed<LIMBS> = Zeroizing::new([0; LIMBS]);
    let mut e: Signed<LIMBS> = Zeroizing::new([0; LIMBS]);
    e[0] = 1;
    let sign = divide(modulus, known, |steps| {
        apply_modulo(steps, &mut d, &mut e, modulus);
    })?;
    // Between -2N and N, then between -N and N, then below N.
    add_if_negative(&mut d, modulus);
    if sign < 0 {
        d.iter_mut().for_each(|limb| *limb = -*limb);
        carry(&mut d);
    }
    add_if_negative(&mut d, modulus);
    let mut inverse = Number::zero();
    for (limb, there) in inverse.0.iter_mut().zip(d.iter()) {
        *limb = *there as u64;
    }
    Some(inverse)
}

/// Whether a number that may be known shares no factor with the modulus.
pub(super) fn is_coprime<const LIMBS: usize>(
    modulus: &Modulus<LIMBS>,
    known: &Number<LIMBS>,
) -> bool {
    divide(modulus, known, |_| ()).is_some()
}

/// Divides until nothing is left, and says of which sign the 1 is that remains; none, if that is no 1.
fn divide<const LIMBS: usize>(
    modulus: &Modulus<LIMBS>,
    known: &Number<LIMBS>,
    mut apply_too: impl FnMut(&Steps),
) -> Option<i64> {
    let mut f: Signed<LIMBS> = Zeroizing::new(modulus.limbs.map(|limb| limb as i64));
    let mut g: Signed<LIMBS> = Zeroizing::new(known.0.map(|limb| limb as i64));
    let (mut eta, mut length) = (-1, LIMBS);
    loop {
        let low = |limbs: &Signed<LIMBS>| match length {
            1 => limbs[0] as u64,
            _ => limbs[0] as u64 | (limbs[1] as u64) << LIMB_BITS,
        };
        let steps;
        (eta, steps) = find_steps(eta, low(&f), low(&g));
        apply_too(&steps);
        apply(&steps, &mut f[..length], &mut g[..length]);
        if g[..length].iter().all(|limb| *limb == 0) {
            return one(&f[..length]);
        }
        // A highest limb that is but a sign goes into the one below.
        while length > 1 && is_sign(f[length - 1]) && is_sign(g[length - 1]) {
            length -= 1;
            f[length - 1] |= f[length] << LIMB_BITS;
            g[length - 1] |= g[length] << LIMB_BITS;
        }
    }
}

fn is_sign(limb: i64) -> bool {
    limb == limb >> 63
}

/// 1 or -1, if that is the number.
fn one(limbs: &[i64]) -> Option<i64> {
    let (highest, rest) = limbs.split_last()?;
    match rest.split_first() {
        None => (highest.abs() == 1).then_some(*highest),
        Some((1, rest)) => (*highest == 0 && rest.iter().all(|limb| *limb == 0)).then_some(1),
        Some((&lowest, rest)) => {
            let full = LIMB_MASK as i64;
            let is_minus_one =
                lowest == full && *highest == -1 && rest.iter().all(|limb| *limb == full);
            is_minus_one.then_some(-1)
        }
    }
}

/// 60 division steps on the lowest 64 bits of `f` and `g`; several at a time, where bits are zero.
fn find_steps(mut eta: i64, mut f: u64, mut g: u64) -> (i64, Steps) {
    let (mut u, mut v, mut q, mut r) = (1u64, 0u64, 0u64, 1u64);
    let mut left = i64::from(LIMB_BITS);
    loop {
        // A bit that is set where the steps end.
        let zeros = (g | u64::MAX << left).trailing_zeros();
        g >>= zeros;
        u <<= zeros;
        v <<= zeros;
        eta -= i64::from(zeros);
        left -= i64::from(zeros);
        if left == 0 {
            break;
        }
        // The multiple of f that makes the lowest bits of g zero: as many as are left, as there are
        // until the signs change again, and as the formula finds.
        let multiple;
        if eta < 0 {
            eta = -eta;
            (f, g) = (g, f.wrapping_neg());
            (u, q) = (q, u.wrapping_neg());
            (v, r) = (r, v.wrapping_neg());
            let bits = u64::MAX >> (64 - (eta + 1).min(left)) & 63;
            let inverse = f.wrapping_mul(f.wrapping_mul(f).wrapping_sub(2));
            multiple = inverse.wrapping_mul(g) & bits;
        } else {
            let bits = u64::MAX >> (64 - (eta + 1).min(left)) & 15;
            let inverse = f.wrapping_add((f.wrapping_add(1) & 4) << 1);
            multiple = inverse.wrapping_neg().wrapping_mul(g) & bits;
        }
        g = g.wrapping_add(f.wrapping_mul(multiple));
        q = q.wrapping_add(u.wrapping_mul(multiple));
        r = r.wrapping_add(v.wrapping_mul(multiple));
    }
    let [u, v, q, r] = [u, v, q, r].map(|entry| entry as i64);
    (eta, Steps { u, v, q, r })
}

/// Applies steps to `f` and `g`, whose lowest 60 bits become zero and go.
fn apply(steps: &Steps, f: &mut [i64], g: &mut [i64]) {
    let (mut in_f, mut in_g) = (0, 0);
    let last = f.len() - 1;
    for limb in 0..=last {
        in_f += product(steps.u, f[limb]) + product(steps.v, g[limb]);
        in_g += product(steps.q, f[limb]) + product(steps.r, g[limb]);
        if limb > 0 {
            f[limb - 1] = low_limb(in_f);
            g[limb - 1] = low_limb(in_g);
        }
        in_f >>= LIMB_BITS;
        in_g >>= LIMB_BITS;
    }
    f[last] = in_f as i64;
    g[last] = in_g as i64;
}

/// Applies steps to `d` and `e`, with such multiples of the modulus that the lowest 60 bits become zero.
/// Both stay between -2N and N.
fn apply_modulo<const LIMBS: usize>(
    steps: &Steps,
    d: &mut [i64; LIMBS],
    e: &mut [i64; LIMBS],
    modulus: &Modulus<LIMBS>,
) {
    let (sign_d, sign_e) = (d[LIMBS - 1] >> 63, e[LIMBS - 1] >> 63);
    let multiple = |x: i64, y: i64| {
        let low = product(x, d[0]) + product(y, e[0]);
        let whole = (x & sign_d) + (y & sign_e);
        let rest = modulus.inverse.wrapping_mul(low as u64);
        whole - (rest.wrapping_add(whole as u64) & LIMB_MASK) as i64
    };
    let (of_d, of_e) = (multiple(steps.u, steps.v), multiple(steps.q, steps.r));
    let (mut in_d, mut in_e) = (0, 0);
    for limb in 0..LIMBS {
        let n = modulus.limbs[limb] as i64;
        in_d += product(steps.u, d[limb]) + product(steps.v, e[limb]) + product(n, of_d);
        in_e += product(steps.q, d[limb]) + product(steps.r, e[limb]) + product(n, of_e);
        if limb > 0 {
            d[limb - 1] = low_limb(in_d);
            e[limb - 1] = low_limb(in_e);
        }
        in_d >>= LIMB_BITS;
        in_e >>= LIMB_BITS;
    }
    d[LIMBS - 1] = in_d as i64;
    e[LIMBS - 1] = in_e as i64;
}

fn add_if_negative<const LIMBS: usize>(d: &mut [i64; LIMBS], modulus: &Modulus<LIMBS>) {
    if d[LIMBS - 1] < 0 {
        for (limb, n) in d.iter_mut().zip(&modulus.limbs) {
            *limb += *n as i64;
        }
        carry(d);
    }
}

/// Brings all limbs but the highest back to 60 bits.
fn carry<const LIMBS: usize>(d: &mut [i64; LIMBS]) {
    for limb in 1..LIMBS {
        d[limb] += d[limb - 1] >> LIMB_BITS;
        d[limb - 1] &= LIMB_MASK as i64;
    }
}

fn product(x: i64, y: i64) -> i128 {
    i128::from(x) * i128::from(y)
}

fn low_limb(sum: i128) -> i64 {
    (sum as u64 & LIMB_MASK) as i64
}

#[cfg(test)]
mod tests {
    use crypto_bigint::{BoxedUint, NonZero, Resize};
    use proptest::prelude::*;

    use super::*;

    fn inverts_as_crypto_bigint<const LIMBS: usize>(n: &[u8], x: &[u8]) {
        let modulus = Modulus::<LIMBS>::new(n);
        let number = |bytes: &[u8]| BoxedUint::from_be_slice(bytes, n.len() as u32 * 8).unwrap();
        let divisor = NonZero::new(number(n)).unwrap();
        let three = BoxedUint::from(3u64).resize(divisor.bits_precision());
        let random = number(x).rem(&divisor);
        let small = number(&x[..8]);
        let largest = divisor.wrapping_sub(BoxedUint::one());
        let one = number(&[1]);
        let zero = number(&[]);
        let half = divisor.shr(1);
        let tripled = random.mul_mod(&three, &divisor);
        for x in [random, small, largest, one, zero, half, tripled, three] {
            let limbs = Number::from_be_bytes(&x.to_be_bytes());
            let expected: Option<BoxedUint> = x.invert_mod(&divisor).into();
            let inverse = invert_known(&modulus, &limbs);
            let inverse = inverse.map(|inverse| inverse.to_be_bytes(n.len()));
            assert_eq!(
                inverse,
                expected.map(|there| there.to_be_bytes().into_vec())
            );
            assert_eq!(is_coprime(&modulus, &limbs), inverse.is_some());
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]

        #[test]
        fn inverses_are_those_of_crypto_bigint(
            mut n in proptest::collection::vec(any::<u8>(), 512),
            x in proptest::collection::vec(any::<u8>(), 512),
        ) {
            n[0] |= 0x80;
            n[256] |= 0x80;
            n[511] |= 1;
            n[255] |= 1;
            inverts_as_crypto_bigint::<35>(&n[256..], &x[256..]);
            inverts_as_crypto_bigint::<69>(&n, &x);
            inverts_as_crypto_bigint::<52>(&[&[0x80], &n[129..]].concat(), &x[128..]);
        }

        #[test]
        fn what_shares_a_factor_has_no_inverse(factor in 1u64..=u64::MAX, x in any::<u64>()) {
            // A multiple of `factor`, made odd and as long as it has to be.
            let factor = factor | 1;
            let number = |value: u64| BoxedUint::from(value).resize(2048);
            let rest = BoxedUint::one_with_precision(2048).shl(2047 - 32);
            let rest = rest.wrapping_div_vartime(&NonZero::new(number(factor)).unwrap());
            let mut n = rest.wrapping_mul(number(factor));
            while n.bit_width() < 2048 {
                n = n.shl(1);
            }
            let n = n.wrapping_add(number(factor)).to_be_bytes();
            if n[255] & 1 == 1 {
                inverts_as_crypto_bigint::<35>(&n, &number(x).to_be_bytes());
                let shared = number(factor).wrapping_mul(number(x | 1)).to_be_bytes();
                inverts_as_crypto_bigint::<35>(&n, &shared);
                let modulus = Modulus::<35>::new(&n);
                let is_alone = is_coprime(&modulus, &Number::from_be_bytes(&shared));
                prop_assert_eq!(is_alone, factor == 1);
            }
        }
    }
}
