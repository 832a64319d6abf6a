//! The options of a client, as the packages have them.

use std::sync::Arc;

use relaypass::{client_options, plain_options};

use crate::answer::record;
use crate::events::{listener, HostListener};
use crate::store::{HostStore, StoreAdapter};

pub(crate) type Text = String;
pub(crate) type SecretText = String;
pub(crate) type SecretTexts = Vec<String>;
pub(crate) type Flag = bool;
pub(crate) type Seconds = f64;
pub(crate) type Whole = i64;

plain_options!(client_options (
    record,
    Arc<dyn HostStore> => StoreAdapter,
    Vec<u8>,
    Arc<dyn HostListener> => listener
));
