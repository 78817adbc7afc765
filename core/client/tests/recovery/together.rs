//! One visitor open in two processes at once.

use std::time::Duration;

use secondme_avatar::{Error, EventKind, Events};

use crate::support::{Stage, client_of, next, visitor};

async fn lost(events: &Events) -> (Duration, Error) {
    next(events, |event| match event.kind {
        EventKind::Disconnected { retry_in, cause, .. } => Some((retry_in, cause)),
        _ => None,
    })
    .await
}

#[tokio::test]
async fn two_clients_with_one_visitor_notice_it_and_keep_away_from_each_other() {
    let stage = Stage::new().await;
    let other = client_of(&stage.emulator);
    let events = stage.client.events();
    let others = other.events();
    let one = stage.open("ada").await;
    let two = other.open(visitor("ada")).await.unwrap();
    // Each takes the visitor's only socket from the other, until one of them sees what goes on.
    let (mut losses, mut noticed) = (0, None);
    while noticed.is_none() && losses < 8 {
        let (wait, cause) = tokio::select! {
            lost = lost(&events) => lost,
            lost = lost(&others) => lost,
        };
        assert!(cause.to_string().contains("a newer socket of this visitor has connected"), "{cause}");
        losses += 1;
        if cause.to_string().contains("another process has this visitor open") {
            noticed = Some(wait);
        }
    }
    let wait = noticed.expect("it is noticed");
    assert!(losses <= 4 && wait >= Duration::from_millis(2_500), "{losses} losses, then {wait:?}");
    drop((one, two));
}
