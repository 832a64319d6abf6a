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
