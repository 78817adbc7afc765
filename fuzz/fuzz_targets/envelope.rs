//! Any bytes as answers to the calls.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| secondme_avatar_simulation::arbitrary::Run::answers(bytes));
