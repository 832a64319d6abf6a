//! The options of a client, as the packages have them.

use std::sync::Arc;

use relaypass::{client_options, plain_options};

use crate::answer::record;
use crate::events::{listener, HostListener};
use crate::store::{HostStore, StoreAdapter};

relaypass::plain_types!(i64);

plain_options!(client_options (
    record,
    Arc<dyn HostStore> => StoreAdapter,
    Vec<u8>,
    Arc<dyn HostListener> => listener
));
