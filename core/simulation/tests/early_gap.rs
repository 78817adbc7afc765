//! The first gap of a session, before any frame has been seen.

#![allow(clippy::unwrap_used)] // In a test a panic is how a failure is reported.

mod support;

use std::time::Duration;

use secondme_avatar_emulator::service::{HistoryCalls, OwnerAction};
use secondme_avatar_protocol::{Author, Command, Gap, Step};
use secondme_avatar_simulation::{Fate, Settings};

use support::{FIRST, live, reconnections};

/// A conversation in which nothing has been said; then the owner writes this often while the socket is down.
fn missed(messages: usize, settings: Settings) -> (Vec<String>, Vec<Gap>, Vec<String>) {
    let (mut world, ada) = live(settings);
    world.cut(ada);
    let said: Vec<String> = (0..messages).map(|number| format!("#{number}")).collect();
    for text in &said {
        let text = text.clone();
        world.owner(ada, |session_id| OwnerAction::Reply { session_id, text });
    }
    world.run_for(Duration::from_secs(60));
    let heard = world.of(ada).replies().iter().map(|(_, text)| (*text).to_owned()).collect();
    (heard, reconnections(&world, ada), said)
}

#[test]
fn more_than_a_page_of_it_is_all_handed_on_in_order() {
    for messages in [0, 1, 4, 5, 6, 23] {
        let (heard, gaps, said) = missed(messages, Settings::default().history_page(5));
        assert_eq!(heard, said);
        let frames = messages as u32;
        assert_eq!(gaps, [if frames == 0 { Gap::None } else { Gap::Filled { frames } }]);
    }
}

#[test]
fn where_the_service_cannot_be_asked_it_is_unknown() {
    for calls in [HistoryCalls::NotFound, HistoryCalls::Failure] {
        let (heard, gaps, _) = missed(3, Settings::default().history_calls(calls));
        assert!(heard.is_empty());
        assert_eq!(gaps, [Gap::Unknown]);
    }
}

#[test]
fn what_waits_for_a_gap_that_will_not_be_filled_is_handed_on_and_the_gap_is_unknown() {
    let (mut world, ada) = live(Settings::default());
    world.network.next(Step::QueryMessages, Fate::SilentBefore);
    world.cut(ada);
    world.run_for(Duration::from_secs(3));
    world.owner_says(ada, "after the gap");
    world.run_for(Duration::from_secs(1));
    assert!(world.of(ada).replies().is_empty(), "it waits for what came before it");
    let deadline = Duration::from_secs(5);
    let close = world.command(ada, Command::Close { conversation: FIRST, deadline, end_session: false });
    world.answer(ada, close).unwrap();
    assert_eq!(world.of(ada).replies(), [(Author::Owner, "after the gap")]);
    assert_eq!(reconnections(&world, ada), [Gap::Unknown]);
}
