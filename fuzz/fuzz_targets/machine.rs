//! Sequences of inputs and commands, decoded from bytes.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    secondme_avatar_simulation::arbitrary::Run::of_bytes(bytes).live(400);
});
