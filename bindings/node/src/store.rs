//! A store in JavaScript, as the core's own.
//!
//! `node/src/store.ts` prepares the three methods: each is an `async` function, so that none throws
//! at once, and each answer has the type asked for, or is a text that says what was expected. What
//! the store throws travels as it is, and comes back to the caller as the cause of the error.
//!
//! The functions are *weak*: they keep no event loop alive. A call of the client does, through its
//! promise; work in the background does not, and ends with the process.

use napi::bindgen_prelude::{
    Buffer, FnArgs, FromNapiValue, JsValuesTupleIntoVec, Promise, ToNapiValue, TypeName,
    ValidateNapiValue,
};
use napi::threadsafe_function::ThreadsafeFunction;
use napi::{sys, Either, Status, ValueType};
use napi_derive::napi;
use relaypass::store::{Record, StoreError};
use relaypass::surface::{self, store_threw};

use crate::call::current_scope;

/// A method of the store: the arguments after the scope in which to call it, and the answer or what
/// was expected in its place.
type Method<A, T> = ThreadsafeFunction<A, Promise<Either<T, String>>, A, Status, false, true>;

type Scope = Option<u32>;
type LoadArguments = FnArgs<(Scope, String)>;
type SwapArguments = FnArgs<(Scope, String, Option<f64>, Option<StoreRecord>)>;
type ScanArguments = FnArgs<(Scope, String, Option<f64>, f64)>;

/// The three methods of a store in JavaScript.
#[napi(object, object_to_js = false)]
pub struct HostStore {
    pub load: Method<LoadArguments, Option<StoreRecord>>,
    pub compare_and_swap: Method<SwapArguments, bool>,
    pub scan: Method<ScanArguments, Vec<String>>,
}

impl surface::HostStore for HostStore {
    async fn load(&self, key: String) -> Result<Option<Record>, StoreError> {
        let found = ask("load", &self.load, (current_scope(), key).into()).await?;
        Ok(found.map(Record::from))
    }

    async fn compare_and_swap(
        &self,
        key: String,
        expected: Option<u64>,
        new: Option<Record>,
    ) -> Result<bool, StoreError> {
        let expected = expected.map(number);
        let arguments = (current_scope(), key, expected, new.map(StoreRecord::from));
        ask("compareAndSwap", &self.compare_and_swap, arguments.into()).await
    }

    async fn scan(
        &self,
        prefix: String,
        due_before: Option<u64>,
        limit: u64,
    ) -> Result<Vec<String>, StoreError> {
        let due_before = due_before.map(number);
        let arguments = (current_scope(), prefix, due_before, number(limit));
        ask("scan", &self.scan, arguments.into()).await
    }
}

/// Calls a method on the thread that it belongs to, and waits for its answer.
async fn ask<A, T>(name: &'static str, method: &Method<A, T>, arguments: A) -> Result<T, StoreError>
where
    A: JsValuesTupleIntoVec + Send,
    T: FromNapiValue + TypeName + ValidateNapiValue + Send,
{
    let answer = async { method.call_async_catch(arguments).await?.await };
    match answer.await {
        Ok(Either::A(answer)) => Ok(answer),
        Ok(Either::B(expected)) => Err(StoreError::new(format!(
            "The store's {name} must return {expected}, and returned something else."
        ))),
        Err(error) if error.status == Status::Closing => Err(StoreError::new(format!(
            "The store's {name} cannot be called: its thread is ending."
        ))),
        Err(error) => Err(store_threw(name, error)),
    }
}

// store.ts lets only whole numbers from 0 to 2^53 through, and nothing goes beyond.
type Number = f64;

macro_rules! record {
    ($($item:tt)*) => {
        #[napi(object, use_nullable = true)]
        $($item)*
    };
}

relaypass::store_record!(record, Number, Bytes);

/// JavaScript's numbers are exact up to 2^53, which no version, time or limit goes beyond.
fn number(integer: u64) -> f64 {
    integer as f64
}

/// Bytes that belong to one side only: copied out of JavaScript's memory on JavaScript's thread, so
/// that nothing which happens there later changes them.
pub struct Bytes(pub Vec<u8>);

impl From<Bytes> for Vec<u8> {
    fn from(bytes: Bytes) -> Self {
        bytes.0
    }
}

impl From<Vec<u8>> for Bytes {
    fn from(bytes: Vec<u8>) -> Self {
        Self(bytes)
    }
}

impl FromNapiValue for Bytes {
    unsafe fn from_napi_value(env: sys::napi_env, value: sys::napi_value) -> napi::Result<Self> {
        // SAFETY: `env` and `value` are what napi-rs called with, on their own thread. The slice
        // is gone before any JavaScript runs that could move or shrink its memory.
        let bytes = unsafe { <&[u8]>::from_napi_value(env, value)? };
        Ok(Self(bytes.to_vec()))
    }
}

impl ToNapiValue for Bytes {
    unsafe fn to_napi_value(env: sys::napi_env, bytes: Self) -> napi::Result<sys::napi_value> {
        // SAFETY: `env` is what napi-rs called with, on its own thread.
        unsafe { Buffer::to_napi_value(env, Buffer::from(bytes.0)) }
    }
}

impl TypeName for Bytes {
    fn type_name() -> &'static str {
        "Uint8Array"
    }

    fn value_type() -> ValueType {
        ValueType::Object
    }
}

impl ValidateNapiValue for Bytes {}
