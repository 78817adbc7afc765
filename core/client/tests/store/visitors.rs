//! The visitors that a store knows, how many, and which of several stores has whom.

use secondme_avatar::{Change, KnownVisitor, Record, Store, StoreCounts, Visitor};

use crate::place::{Place, each_store};
use crate::support::{avatar, avatar_of, keep, record, settle, visitor};

fn named(visitor: Visitor, resumable: bool) -> Record {
    let number = 1;
    let mut record = record(number, number);
    record.visitor_id = visitor.id().clone();
    record.visitor = Some(visitor);
    record.session = record.session.filter(|_| resumable);
    record
}

#[test]
fn the_visitors_come_as_they_were_last_named_the_last_one_saved_first() {
    each_store(|store| {
        let ada = visitor(1).name("Ada").channel("web").tag("ou_1");
        store.save(&avatar(), &[Change::SaveRecord(named(ada.clone().tag("older"), true))]).unwrap();
        store.save(&avatar(), &[Change::SaveRecord(named(visitor(2), false))]).unwrap();
        store.save(&avatar(), &[Change::SaveRecord(named(ada.clone(), true))]).unwrap();
        store.save(&avatar_of("sk-other"), &[Change::SaveRecord(named(visitor(3), true))]).unwrap();
        let bob = visitor(4).tag("ou_4");
        store
            .save(&avatar(), &[Change::SaveMessage(bob.clone(), crate::support::message(1)), keep(1, 2)])
            .unwrap();
        let expected = [
            KnownVisitor { visitor: ada, resumable: true },
            KnownVisitor { visitor: visitor(2), resumable: false },
            KnownVisitor { visitor: bob, resumable: false },
        ];
        assert_eq!(store.known(&avatar()).unwrap(), expected);
    });
}

#[test]
fn what_is_kept_is_counted_for_each_avatar() {
    each_store(|store| {
        assert_eq!(store.count(&avatar()).unwrap(), StoreCounts::default());
        let changes =
            [Change::SaveRecord(record(1, 1)), Change::SaveRecord(record(2, 1)), keep(1, 1), keep(1, 2)];
        store.save(&avatar(), &changes).unwrap();
        store.save(&avatar_of("sk-other"), &[keep(1, 1)]).unwrap();
        assert_eq!(store.count(&avatar()).unwrap(), StoreCounts { visitors: 2, messages: 2 });
        store.save(&avatar(), &[settle(1, 1), Change::SaveRecord(record(1, 2))]).unwrap();
        assert_eq!(store.count(&avatar()).unwrap(), StoreCounts { visitors: 2, messages: 1 });
    });
}

#[test]
fn the_store_that_opens_a_visitor_last_has_it_for_as_long_as_it_lives() {
    Place::each(|place| {
        let [older, newer] = [(); 2].map(|()| place.open());
        let ada = visitor(1).id().clone();
        let elsewhere = |store: &dyn Store| store.is_claimed_elsewhere(&avatar(), &ada).unwrap();
        assert!(!elsewhere(&*older), "it is not claimed");
        older.claim(&avatar(), &[ada.clone(), visitor(2).id().clone()]).unwrap();
        assert!(!elsewhere(&*older) && elsewhere(&*newer));
        newer.claim(&avatar(), std::slice::from_ref(&ada)).unwrap();
        assert!(elsewhere(&*older) && !elsewhere(&*newer));
        assert!(!older.is_claimed_elsewhere(&avatar(), visitor(2).id()).unwrap());
        assert!(!older.is_claimed_elsewhere(&avatar_of("sk-other"), &ada).unwrap());

        // What the older one knows of the visitor is of the past; what it knows of others is not.
        newer.save(&avatar(), &[Change::SaveRecord(record(1, 9))]).unwrap();
        older
            .save(
                &avatar(),
                &[Change::SaveRecord(record(1, 3)), Change::SaveRecord(record(2, 3)), keep(1, 1)],
            )
            .unwrap();
        assert_eq!(newer.load(&avatar(), &ada).unwrap(), Some(record(1, 9)));
        assert_eq!(newer.load(&avatar(), visitor(2).id()).unwrap(), Some(record(2, 3)));
        assert_eq!(
            newer.count(&avatar()).unwrap().messages,
            1,
            "a message is kept whichever process has the visitor"
        );

        newer.release(&avatar(), std::slice::from_ref(&ada)).unwrap();
        assert!(!elsewhere(&*older));
        newer.claim(&avatar(), std::slice::from_ref(&ada)).unwrap();
        older.release(&avatar(), std::slice::from_ref(&ada)).unwrap();
        assert!(elsewhere(&*older), "one gives up its own claim only");
        drop(newer);
        assert!(!elsewhere(&*older), "a process that is gone has no visitor");
    });
}

#[test]
fn a_process_that_was_killed_has_no_visitor_any_more() {
    Place::each(|place| {
        let store = place.open();
        let ada = visitor(1).id().clone();
        let mut other = place.start("claim", &[1]);
        assert_eq!(other.player.says_number(), Some(1));
        assert!(store.is_claimed_elsewhere(&avatar(), &ada).unwrap());
        place.kill(&mut other);
        assert!(!store.is_claimed_elsewhere(&avatar(), &ada).unwrap());
    });
}
