//! Answers on their way to Python: dictionaries, of which `relaypass/results.py` makes its classes.

use pyo3::prelude::*;
use pyo3::IntoPyObjectExt;
use relaypass::store::BoxFuture;

macro_rules! record {
    (
        $(#[$about:meta])*
        pub struct $record:ident {
            $(pub $member:ident: $type:ty,)*
        }
    ) => {
        $(#[$about])*
        pub(crate) struct $record {
            $(pub(crate) $member: $type,)*
        }

        impl<'py> pyo3::IntoPyObject<'py> for &$record {
            type Target = pyo3::types::PyDict;
            type Output = pyo3::Bound<'py, Self::Target>;
            type Error = pyo3::PyErr;

            fn into_pyobject(self, py: pyo3::Python<'py>) -> pyo3::PyResult<Self::Output> {
                use pyo3::types::PyDictMethods;
                let members = pyo3::types::PyDict::new(py);
                $(members.set_item(pyo3::intern!(py, stringify!($member)), &self.$member)?;)*
                Ok(members)
            }
        }
    };
}
pub(crate) use record;

relaypass::result_records!(record, u64);

pub(crate) type Count = u64;

/// `None`.
#[derive(IntoPyObjectRef)]
pub(crate) struct Nothing(pub(crate) Option<bool>);

impl From<()> for Nothing {
    fn from((): ()) -> Self {
        Self(None)
    }
}

/// What a call answers.
pub(crate) type Answer = Box<dyn ToPython>;

/// What is to be done for a call. Nothing is before it is polled, so that a call may be prepared
/// in one process and made in its child.
pub(crate) type Work = BoxFuture<'static, relaypass::Result<Answer>>;

/// What becomes an object of Python's.
pub(crate) trait ToPython: Send + Sync {
    fn to_python<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>>;
}

impl<T: Send + Sync> ToPython for T
where
    for<'a, 'py> &'a T: IntoPyObject<'py>,
{
    fn to_python<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        self.into_bound_py_any(py)
    }
}
