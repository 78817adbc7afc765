//! What is left of a secret in the memory of the process.
#![cfg(target_os = "linux")]
#![allow(clippy::unwrap_used)]

use std::fs::File;
use std::os::unix::fs::FileExt;

use secondme_avatar_protocol::{ApiKey, Secret};

const LENGTH: usize = 4000;

/// A secret that is written nowhere else: neither the program nor a copy made here holds it.
fn secret(salt: u8) -> String {
    let mut text = String::with_capacity(LENGTH);
    text.push_str("sk-");
    text.extend((0..LENGTH - 3).map(|at| char::from(letter(salt, at))));
    text
}

fn letter(salt: u8, at: usize) -> u8 {
    b'a' + u8::try_from((at * at + at / 7 + usize::from(salt)) % 26).unwrap()
}

/// How often a run of 64 letters out of the secret's middle stands in writable memory.
fn found(salt: u8) -> usize {
    let memory = File::open("/proc/self/mem").unwrap();
    let maps = std::fs::read_to_string("/proc/self/maps").unwrap();
    let mut count = 0;
    for line in maps.lines().filter(|line| line.contains(" rw-p ")) {
        let (from, to) = line.split_once(' ').unwrap().0.split_once('-').unwrap();
        let (from, to) = (u64::from_str_radix(from, 16).unwrap(), u64::from_str_radix(to, 16).unwrap());
        let mut bytes = vec![0; usize::try_from(to - from).unwrap()];
        if memory.read_exact_at(&mut bytes, from).is_ok() {
            let is_there = |window: &[u8]| (0..64).all(|at| window[at] == letter(salt, 2000 + at));
            count += bytes.windows(64).filter(|window| is_there(window)).count();
        }
        bytes.fill(0);
    }
    count
}

#[test]
fn nothing_is_left_of_a_secret_when_it_is_dropped() {
    let token = Secret::from(secret(1));
    let copy = token.clone();
    drop(token);
    assert!(found(1) > 0, "the search finds a secret that is held: {copy:?}");
    drop(copy);
    assert_eq!(found(1), 0);

    let mut text = secret(2);
    let key: ApiKey = text.parse().unwrap();
    zeroize::Zeroize::zeroize(&mut text);
    assert!(found(2) > 0, "the search finds a key that is held: {key:?}");
    drop(key);
    assert_eq!(found(2), 0);
}
