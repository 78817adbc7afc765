//! Opening: what it costs, who joins it, what it survives.

use std::time::Duration;

use secondme_avatar_protocol::{ConversationKey, EventKind, Outcome, State, Step};
use secondme_avatar_simulation::{ClientId, Settings, World};

const ROUND_TRIP: Duration = Duration::from_millis(20);
const FIRST: ConversationKey = ConversationKey::FIRST;

fn steps(world: &World, client: ClientId) -> Vec<Step> {
    world.asked.iter().filter(|asked| asked.client == client).map(|asked| asked.step).collect()
}

#[test]
fn a_cold_open_costs_four_round_trips_on_its_longest_path() {
    let mut world = World::new(Settings::default(), 1);
    let ada = world.client("ada");
    let began = world.now();
    world.opened(ada);
    assert_eq!(world.now().since(began), 4 * ROUND_TRIP);
    assert_eq!(
        steps(&world, ada),
        [
            Step::Authenticate,
            Step::InitChat,
            Step::ResolveAvatar,
            Step::CreateSocket,
            Step::CreateSession,
            Step::BindSession
        ]
    );
    assert!(world.of(ada).machine.is_connected());
}

#[test]
fn a_resumed_open_costs_two_round_trips() {
    let mut world = World::new(Settings::default(), 1);
    let ada = world.client("ada");
    world.opened(ada);
    let session = world.session(ada);

    let again = world.restart(ada);
    let began = world.now();
    let open = world.open(again);
    let Ok(Outcome::Opened { opening, resumed }) = world.answer(again, open) else { panic!("not open") };
    assert_eq!(world.now().since(began), 2 * ROUND_TRIP);
    assert!(resumed);
    assert_eq!(opening, "Hello! 👋");
    assert_eq!(steps(&world, again), [Step::CreateSocket]);
    assert_eq!(world.session(again), session);
    assert!(matches!(world.of(again).machine.state(FIRST), State::Live));
    assert!(matches!(world.of(again).kinds().next(), Some(EventKind::Opened { resumed: true, .. })));
}
