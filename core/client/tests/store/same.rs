//! All stores give the same answers.

use secondme_avatar::{AvatarRef, Change, MemoryStore, Store};

use crate::place::Place;
use crate::support::{avatar, avatar_of, keep, message, record, settle, visitor};

/// SplitMix64.
struct Chance(u64);

impl Chance {
    fn below(&mut self, limit: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (mixed ^ (mixed >> 31)) % limit
    }

    fn change(&mut self) -> Change {
        let who = self.below(4);
        match self.below(5) {
            0 => Change::SaveRecord(record(who, self.below(1000))),
            1 => {
                let mut message = message(self.below(6));
                message.left = true;
                let named = visitor(who).name(format!("name {}", self.below(3)));
                Change::SaveMessage(named, message)
            }
            2 | 3 => keep(who, self.below(6)),
            _ => settle(who, self.below(6)),
        }
    }

    fn avatar(&mut self) -> AvatarRef {
        if self.below(4) == 0 { avatar_of("sk-other") } else { avatar() }
    }
}

#[test]
fn whatever_is_saved_and_asked_all_stores_answer_alike() {
    for seed in 0..40 {
        Place::each(|place| answers_as_memory_does(place, seed));
    }
}

fn answers_as_memory_does(place: &Place, seed: u64) {
    let (memory, mut store) = (MemoryStore::new(), place.open());
    let mut chance = Chance(seed);
    for step in 0..60 {
        let avatar = chance.avatar();
        match chance.below(10) {
            0..4 => {
                let changes: Vec<_> = (0..chance.below(5)).map(|_| chance.change()).collect();
                memory.save(&avatar, &changes).unwrap();
                store.save(&avatar, &changes).unwrap();
            }
            8 => {
                let visitor = visitor(chance.below(4));
                memory.forget(&[avatar], visitor.id()).unwrap();
                store.forget(&[avatar], visitor.id()).unwrap();
            }
            9 => {
                let visitor = visitor(chance.below(4));
                let rows = |store: &dyn Store| -> Vec<_> {
                    let rows = store.export(&avatar, visitor.id()).unwrap();
                    rows.into_iter().map(|row| (row.avatar, row.content)).collect()
                };
                assert_eq!(rows(&*store), rows(&memory), "seed {seed}, step {step}");
            }
            4 | 5 => {
                let visitor = visitor(chance.below(4));
                assert_eq!(
                    store.load(&avatar, visitor.id()).unwrap(),
                    memory.load(&avatar, visitor.id()).unwrap(),
                    "seed {seed}, step {step}"
                );
            }
            6 => assert_eq!(
                store.adopt(&avatar).unwrap(),
                memory.adopt(&avatar).unwrap(),
                "seed {seed}, step {step}"
            ),
            _ => {
                // A restart.
                drop(store);
                store = place.open();
            }
        }
    }
}
