//! What the language bindings share. It is no API: bindings and core are always of one version.

pub mod clock;
pub mod logs;
