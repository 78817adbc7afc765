//! The library beneath the Kotlin and Swift packages.

uniffi::setup_scaffolding!();
