fn main() {
    // On Windows Node's functions are looked up in the program that loads the addon (the feature `dyn-symbols`). All that
    // `napi_build` does there for mingw-w64 is to ask for a library of them.
    let told = |key: &str| std::env::var(key).unwrap_or_default();
    if (told("CARGO_CFG_TARGET_OS"), told("CARGO_CFG_TARGET_ENV")) != ("windows".into(), "gnu".into()) {
        napi_build::setup();
    }
}
