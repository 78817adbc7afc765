//! Several processes in virtual time: what dies, and what the page about many processes says.

#![allow(clippy::unwrap_used, clippy::print_stdout)]

mod support;

use std::time::Duration;

use secondme_avatar_emulator::service::RepeatedMessage;
use secondme_avatar_protocol::{Command, Config, MessageId, Text, limits};
use secondme_avatar_simulation::cluster::{Figures, Plan, Redis, run};
use secondme_avatar_simulation::{ClientId, Settings, World};

use support::FIRST;

/// Of a busy day, with a process that is killed every 10 s.
fn stormy(seed: u64, repeated: RepeatedMessage) -> Figures {
    let mut plan = Plan {
        visitors: 80,
        thinks: Duration::from_secs(10),
        away: Duration::from_secs(60),
        kills: Some(Duration::from_secs(10)),
        lasts: Duration::from_secs(120),
        seed,
        ..Plan::default()
    };
    plan.service.repeated_message = repeated;
    run(&plan)
}

#[test]
fn whatever_dies_each_question_is_heard_once_in_order_and_answered() {
    for (seed, repeated) in [(1, RepeatedMessage::One), (2, RepeatedMessage::Two)] {
        let figures = stormy(seed, repeated);
        println!("{figures:?}");
        assert!(figures.kills >= 15 && figures.moves > 100, "{figures:?}");
        assert_eq!((figures.lost, figures.twice, figures.out_of_order), (0, 0, 0), "{figures:?}");
        assert_eq!(figures.failed, Vec::<String>::new());
        assert_eq!(figures.answered, figures.asked);
    }
}

#[test]
fn an_answer_that_was_half_said_when_its_process_died_is_the_answer() {
    let mut settings = Settings::default().piece_delay(Duration::from_secs(1).into());
    settings.repeated_message = RepeatedMessage::Two;
    let mut world = World::new(settings, 1);
    let ada = world.client("ada");
    world.opened(ada);
    let id = MessageId::of(7, world.now());
    let ask = |world: &mut World, client: ClientId, is_given_again: bool| {
        let (deadline, first_piece) = (limits::ASK_DEADLINE, limits::FIRST_PIECE);
        let (collect, pieces, text) = (None, true, Text::from("Hello"));
        let ask = Command::Ask { conversation: FIRST, text, deadline, first_piece, collect, pieces };
        let id = id.clone();
        let given = world.with_machine(client, |machine, now| match is_given_again {
            true => machine.command_again(now, id, ask),
            false => machine.command_under(now, id, ask),
        });
        given.unwrap()
    };
    ask(&mut world, ada, false);
    world.run_until(|world| !world.of(ada).log.pieces.is_empty());
    // The record is written.
    world.run_for(Duration::from_millis(100));
    world.kill(ada);
    world.run_for(Duration::from_secs(9));
    let next = world.succeed(ada, Config::default());
    world.open(next);
    let asked = ask(&mut world, next, true);
    assert_eq!(world.reply(next, asked), "You said: Hello");
    world.run_for(Duration::from_secs(60));
    let state = world.state();
    let said = state.sessions.iter().flat_map(|session| &session.messages);
    assert_eq!(said.filter(|message| message.text == "Hello").count(), 1);
}

/// What one, three and five gateways were seen to need for a question, of Redis's commands and of letters, without those of
/// processes that do nothing: `make cluster-demo PLAN=load`, see `docs/scaling.md`.
const SEEN: [(usize, f64, f64); 3] = [(1, 22.0, 0.0), (3, 117.0, 9.5), (5, 166.0, 14.2)];

#[test]
fn the_model_of_redis_is_near_to_what_was_measured() {
    for (processes, commands, letters) in SEEN {
        let plan = Plan {
            processes,
            visitors: 40,
            thinks: Duration::from_secs(1),
            questions: 20,
            away: Duration::from_secs(3600),
            lasts: Duration::from_secs(60),
            newcomers: 1200,
            ..Plan::default()
        };
        let figures = run(&plan);
        let each = |many: u64| many as f64 / figures.asked as f64;
        println!("{processes}: {:.1} commands, {:.1} letters", each(figures.commands), each(figures.letters));
        let near = |seen: f64, model: f64| (model - seen).abs() <= seen / 10.0 + 0.5;
        assert!(
            near(commands, each(figures.commands)) && near(letters, each(figures.letters)),
            "{processes}"
        );
    }
}

const SIZES: [(usize, usize); 4] = [(1, 120), (5, 60), (5, 120), (5, 240)];

fn row(processes: usize, visitors: usize, figures: &Figures) -> String {
    let seconds = figures.time.as_secs_f64();
    format!(
        "| {processes} | {visitors} | {:.0}, {} | {} | {:.2} | {:.1}, and {:.0} of processes that do nothing | {:.1} s, {:.1} s |",
        figures.sockets,
        figures.most_sockets,
        figures.authentications,
        figures.asked as f64 / seconds,
        figures.commands as f64 / seconds,
        Redis::idle(processes),
        figures.wait.as_secs_f64(),
        figures.longest_wait.as_secs_f64(),
    )
}

#[test]
fn the_page_about_many_processes_has_these_figures_and_they_are_proportional_to_visitors() {
    let page =
        std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/scaling.md")).unwrap();
    let runs = SIZES.map(|(processes, visitors)| {
        (processes, visitors, run(&Plan { processes, visitors, ..Plan::default() }))
    });
    let rows: Vec<String> =
        runs.iter().map(|(processes, visitors, figures)| row(*processes, *visitors, figures)).collect();
    println!("{}", rows.join("\n"));
    for row in rows {
        assert!(page.contains(&row), "docs/scaling.md lacks this row, which the simulation gives: {row}");
    }
    let per_visitor = |(_, visitors, figures): &(usize, usize, Figures)| {
        let (seconds, visitors) = (figures.time.as_secs_f64(), *visitors as f64);
        [figures.sockets, figures.asked as f64 / seconds, figures.commands as f64 / seconds]
            .map(|all| all / visitors)
    };
    let [small, large] = [&runs[1], &runs[3]].map(per_visitor);
    for (small, large) in small.into_iter().zip(large) {
        assert!((small - large).abs() < small / 10.0, "{small} of each of 60, {large} of each of 240");
    }
}
