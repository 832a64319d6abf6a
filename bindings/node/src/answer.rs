//! What calls answer, as records; `node/src/results.ts` makes the frozen objects of them.

use napi_derive::napi;

macro_rules! record {
    ($($item:tt)*) => {
        #[napi(object, object_from_js = false, use_nullable = true)]
        $($item)*
    };
}
pub(crate) use record;

// JavaScript's numbers are exact up to 2^53, which none of these goes beyond.
relaypass::result_records!(record, f64);

/// How many.
#[napi(transparent, object_from_js = false)]
pub struct Count(f64);

impl From<u64> for Count {
    fn from(count: u64) -> Self {
        Self(count as f64)
    }
}

/// `true`: a promise of `null` was cancelled.
#[napi(transparent, object_from_js = false)]
pub struct Nothing(bool);

impl From<()> for Nothing {
    fn from((): ()) -> Self {
        Self(true)
    }
}
