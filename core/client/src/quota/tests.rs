//! Several processes share a quota by the real script in a real Redis, while the test decides what time it is, what is
//! lost on the way, and who dies.

#[allow(dead_code, reason = "the tests of the store use more of it")]
#[path = "../../tests/store/redis_server.rs"]
mod redis_server;
mod world;

use std::time::Duration;

use self::world::{LIMIT, World};

const MINUTE: Duration = Duration::from_secs(60);

/// What `redis_server` needs.
mod support {
    use std::path::{Path, PathBuf};
    use std::sync::atomic::{AtomicU32, Ordering};

    pub(crate) struct Folder(PathBuf);

    impl Folder {
        pub(crate) fn new() -> Self {
            static COUNT: AtomicU32 = AtomicU32::new(0);
            let number = COUNT.fetch_add(1, Ordering::Relaxed);
            let path = std::env::temp_dir().join(format!("secondme-quota-{}-{number}", std::process::id()));
            std::fs::create_dir_all(&path).unwrap();
            Self(path)
        }

        pub(crate) fn path(&self) -> &Path {
            &self.0
        }

        pub(crate) fn file(&self, name: &str) -> PathBuf {
            self.0.join(name)
        }
    }

    impl Drop for Folder {
        fn drop(&mut self) {
            let _ = std::fs::remove_dir_all(&self.0);
        }
    }
}

#[test]
fn all_processes_together_have_the_whole_quota_and_no_more() {
    let Some(mut world) = World::new(1, 3) else { return };
    world.want(30);
    // The first that asks has the first minute.
    world.run(2 * MINUTE);
    let first = world.served();
    world.run(3 * MINUTE);
    world.check();
    let served: Vec<_> = world.served().iter().zip(first).map(|(all, first)| all - first).collect();
    let all: usize = served.iter().sum();
    // A place is free again when its call has been back for a minute.
    assert!(all >= 3 * LIMIT - LIMIT / 4, "{served:?}");
    let (least, most) = (served.iter().min().unwrap(), served.iter().max().unwrap());
    assert!(most - least <= LIMIT / 6, "each waiting process has as many: {served:?}");
}

#[test]
fn a_process_that_wants_little_waits_behind_no_queue_of_another_one() {
    let Some(mut world) = World::new(2, 2) else { return };
    world.want_of(0, 500);
    world.run(3 * MINUTE);
    world.join(1);
    let before = world.served()[1];
    // As soon as a place is free.
    let waited = world.run_until(|world| world.served()[1] > before);
    assert!(waited <= MINUTE + Duration::from_secs(11), "{waited:?}");
    world.check();
    world.join(1);
    let waited = world.run_until(|world| world.served()[1] > before + 1);
    assert!(waited <= Duration::from_secs(30), "{waited:?}");
}

#[test]
fn without_redis_each_goes_on_with_its_share_and_together_they_never_have_more() {
    let Some(mut world) = World::new(3, 3) else { return };
    world.want(30);
    world.run(3 * MINUTE);
    world.cut_all();
    world.run(2 * MINUTE);
    let before: usize = world.served().iter().sum();
    world.run(5 * MINUTE);
    let alone = world.served().iter().sum::<usize>() - before;
    assert!((4 * LIMIT / 2..=5 * LIMIT / 2).contains(&alone), "half of the quota without Redis: {alone}");
    // And not for ever, for the others could count on that this process is gone.
    world.run(5 * MINUTE);
    let before: usize = world.served().iter().sum();
    world.run(2 * MINUTE);
    assert_eq!(world.served().iter().sum::<usize>(), before);
    world.mend_all();
    world.run(3 * MINUTE);
    let after = world.served().iter().sum::<usize>() - before;
    assert!(after >= 2 * LIMIT, "{after}");
    world.check();
}

#[test]
fn one_that_is_cut_off_and_those_that_are_not_have_no_more_together() {
    let Some(mut world) = World::new(4, 3) else { return };
    world.want(30);
    world.run(2 * MINUTE);
    for round in 0..3 {
        world.cut(round % 3);
        world.run((1 + 2 * u32::try_from(round).unwrap()) * MINUTE);
        world.mend(round % 3);
        world.run(MINUTE / 2);
    }
    world.run(2 * MINUTE);
    world.check();
}

#[test]
fn those_that_come_back_as_their_shares_begin_have_no_more_together() {
    let Some(mut world) = World::new(7, 3) else { return };
    world.want(30);
    world.slow(Duration::from_secs(2));
    for round in 0..40 {
        world.run(MINUTE);
        world.cut_all();
        world.run(Duration::from_millis(76_000 + 200 * round));
        world.mend_all();
    }
    world.run(MINUTE);
    world.check();
}

#[test]
fn a_redis_that_has_lost_everything_lets_nothing_through_that_was_counted_before() {
    let Some(mut world) = World::new(5, 3) else { return };
    world.want(30);
    world.run(2 * MINUTE);
    world.lose_everything();
    let before: usize = world.served().iter().sum();
    world.run(4 * MINUTE);
    world.check();
    let after = world.served().iter().sum::<usize>() - before;
    assert!(after >= LIMIT, "{after}");
}

#[test]
fn whatever_is_lost_and_whichever_process_dies_no_minute_has_more_than_the_quota() {
    // Many more of them: SEEDS=1000.
    let seeds = std::env::var("SEEDS").map_or(2, |seeds| seeds.parse().unwrap());
    for seed in 0..seeds {
        let Some(mut world) = World::new(100 + seed, 2 + usize::try_from(seed % 4).unwrap()) else { return };
        world.want(15);
        world.harm();
        world.run(15 * MINUTE);
        world.check();
    }
}

#[test]
fn the_service_s_refusal_holds_all_processes() {
    let Some(mut world) = World::new(6, 2) else { return };
    world.refuse(0, MINUTE);
    world.run(Duration::from_secs(3));
    world.want(5);
    world.run(MINUTE / 2);
    assert_eq!(world.served(), [0, 0]);
    world.run(MINUTE);
    assert_eq!(world.served().iter().sum::<usize>(), LIMIT);
}
