//! What calls answer, as records; the packages make their own types of them.

macro_rules! record {
    ($($item:tt)*) => {
        #[derive(uniffi::Record)]
        $($item)*
    };
}
pub(crate) use record;

relaypass::result_records!(record, u64);

pub type Count = u64;
pub type Nothing = ();
