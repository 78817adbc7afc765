//! Any text as frames over an open socket.
#![no_main]

libfuzzer_sys::fuzz_target!(|text: &str| secondme_avatar_simulation::arbitrary::Run::frames(text));
