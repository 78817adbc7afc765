//! What there is only where processes share a store.

use std::fmt;
use std::marker::PhantomData;

/// An `Option` of what one process needs for others. Only those that share a Redis need it: without the feature the
/// compiler knows that there is nothing, and leaves out all that would be done with it.
pub(crate) struct IfShared<T> {
    #[cfg(feature = "redis")]
    value: Option<T>,
    of: PhantomData<T>,
}

#[cfg_attr(not(feature = "redis"), allow(clippy::unused_self, clippy::needless_pass_by_ref_mut))]
impl<T> IfShared<T> {
    pub(crate) fn is_some(&self) -> bool {
        self.as_ref().is_some()
    }

    pub(crate) fn is_none(&self) -> bool {
        self.as_ref().is_none()
    }

    pub(crate) fn as_ref(&self) -> Option<&T> {
        #[cfg(feature = "redis")]
        return self.value.as_ref();
        #[cfg(not(feature = "redis"))]
        None
    }

    pub(crate) fn as_mut(&mut self) -> Option<&mut T> {
        #[cfg(feature = "redis")]
        return self.value.as_mut();
        #[cfg(not(feature = "redis"))]
        None
    }

    pub(crate) fn take(&mut self) -> Option<T> {
        #[cfg(feature = "redis")]
        return self.value.take();
        #[cfg(not(feature = "redis"))]
        None
    }
}

impl<T> Default for IfShared<T> {
    fn default() -> Self {
        None.into()
    }
}

impl<T> From<Option<T>> for IfShared<T> {
    #[cfg_attr(not(feature = "redis"), allow(unused_variables))]
    fn from(value: Option<T>) -> Self {
        Self {
            #[cfg(feature = "redis")]
            value,
            of: PhantomData,
        }
    }
}

impl<T: fmt::Debug> fmt::Debug for IfShared<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.as_ref().fmt(f)
    }
}
