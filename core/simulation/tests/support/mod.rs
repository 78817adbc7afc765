//! What the tests of the pair have in common.

#![allow(dead_code, reason = "each test file uses its own part")]

use std::time::Duration;

use secondme_avatar_protocol::{ConversationKey, EventKind, Outcome, State, Step};
use secondme_avatar_simulation::{ClientId, Settings, World};

pub(crate) const FIRST: ConversationKey = ConversationKey::FIRST;
pub(crate) const SECOND: ConversationKey = ConversationKey(1);
/// Of the network as it is where a test says nothing else.
pub(crate) const ROUND_TRIP: Duration = Duration::from_millis(20);

/// A world with one client whose conversation is open.
pub(crate) fn live(settings: Settings) -> (World, ClientId) {
    let mut world = World::new(settings, 1);
    let ada = world.client("ada");
    world.opened(ada);
    (world, ada)
}

/// The steps that a client asked for, in order.
pub(crate) fn steps(world: &World, client: ClientId) -> Vec<Step> {
    world.asked.iter().filter(|asked| asked.client == client).map(|asked| asked.step).collect()
}

/// How often a client asked for a step.
pub(crate) fn times(world: &World, client: ClientId, step: Step) -> usize {
    steps(world, client).iter().filter(|asked| **asked == step).count()
}

/// A whole conversation: it opens, talks, loses its link, talks again, and closes. It must go like
/// this whatever the service is like.
pub(crate) fn converse(settings: Settings) -> (World, ClientId) {
    let (mut world, ada) = live(settings);
    for text in ["one", "two"] {
        let ask = world.ask(ada, text);
        assert_eq!(world.reply(ada, ask), format!("You said: {text}"));
    }
    let send = world.send(ada, "three");
    assert!(matches!(world.answer(ada, send), Ok(Outcome::Sent(_))));
    world.run_for(Duration::from_secs(30));
    world.cut(ada);
    world.run_for(Duration::from_secs(60));
    assert_eq!(world.of(ada).machine.state(FIRST), State::Live);
    let ask = world.ask(ada, "four");
    assert_eq!(world.reply(ada, ask), "You said: four");
    world.run_for(Duration::from_secs(10));
    let replies: Vec<_> = world.of(ada).replies().into_iter().map(|(_, text)| text.to_owned()).collect();
    assert_eq!(replies, ["one", "two", "three", "four"].map(|text| format!("You said: {text}")));
    let close = world.close(ada, false);
    assert!(matches!(world.answer(ada, close), Ok(Outcome::Closed)));
    (world, ada)
}

pub(crate) fn reconnections(world: &World, client: ClientId) -> Vec<secondme_avatar_protocol::Gap> {
    let gap = |kind: &EventKind| match kind {
        EventKind::Reconnected { gap } => Some(*gap),
        _ => None,
    };
    world.of(client).kinds().filter_map(gap).collect()
}
