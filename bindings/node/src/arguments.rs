//! The options of a client, as JavaScript has them.

use std::convert::identity;

use napi_derive::napi;
use relaypass::{client_options, plain_options};

use crate::events::{listener, Tell};
use crate::store::{Bytes, HostStore};

relaypass::plain_types!(f64);

macro_rules! record {
    ($($item:tt)*) => {
        #[napi(object, object_to_js = false)]
        $($item)*
    };
}

plain_options!(client_options (record, HostStore => identity, Bytes, Tell => listener));
