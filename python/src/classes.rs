//! The classes and functions of the package that is written in Python, which it registers when it is imported.
//!
//! Nothing here imports them. A package that is imported again, as tools that reload code do, has new classes and
//! registers those: its `except` clauses then name the classes of what is raised.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};

use pyo3::exceptions::PyRuntimeError;
use pyo3::prelude::*;
use pyo3::types::PyDict;

static REGISTERED: Mutex<BTreeMap<String, Py<PyAny>>> = Mutex::new(BTreeMap::new());

/// The class or the function that is registered under this name.
pub(crate) fn get<'py>(py: Python<'py>, name: &str) -> PyResult<Bound<'py, PyAny>> {
    let registered = REGISTERED.lock().unwrap_or_else(PoisonError::into_inner);
    let missing = || PyRuntimeError::new_err("import `secondme_avatar`, not its native module alone");
    registered.get(name).map(|class| class.bind(py).clone()).ok_or_else(missing)
}

/// Registers classes and functions, each under its name. One that is registered again takes the earlier one's place.
#[pyfunction]
#[pyo3(signature = (**classes))]
pub(crate) fn register(classes: Option<&Bound<'_, PyDict>>) -> PyResult<()> {
    for (name, class) in classes.into_iter().flatten() {
        let name: String = name.extract()?;
        let earlier = REGISTERED.lock().unwrap_or_else(PoisonError::into_inner).insert(name, class.unbind());
        drop(earlier);
    }
    Ok(())
}
