//! Arbitrary sequences of inputs and commands; `make fuzz` looks for more of them.

use secondme_avatar_protocol::Door;
use secondme_avatar_simulation::arbitrary::Run;

#[test]
fn arbitrary_sequences_never_panic_and_answer_every_ticket_once() {
    Door::ALL.into_iter().for_each(live_through);
}

fn live_through(door: Door) {
    let mut record = None;
    let (mut answered, mut live, mut replied, mut closed) = (0, 0, 0, 0);
    for seed in 0..4_000 {
        let mut run = Run::new(door, seed, record.take());
        run.live(200);
        let came = run.came();
        answered += came.answered;
        live += came.live;
        replied += came.replied;
        closed += u32::from(came.closed);
        record = (seed % 3 == 0).then(|| run.record());
    }
    // It would prove little if nothing ever happened.
    let enough = match door {
        Door::AvatarOpenApi => answered > 30_000 && live > 5_000 && replied > 1_500 && closed > 500,
        Door::VisitorChat => answered > 30_000 && live > 2_000 && replied > 500 && closed > 500,
    };
    assert!(enough, "{door}: {answered} answered, {live} live, {replied} replied, {closed} closed");
}

#[test]
fn frames_and_answers_of_any_form_leave_no_command_waiting() {
    Run::frames(
        "{\"type\":\n{}\n{\"sender\":\"umm\",\"multipleData\":[{\"modal\":{\"answer\":\"Hi\"}}]}\n[1]",
    );
    Run::answers(b"\x01{\"code\":0}\0\x02{\"code\":\"open.api.rate.limited\"}\0\x0b<html>\0\x00{}");
}

#[test]
fn what_the_fuzzer_has_found_is_done_when_it_is_due() {
    let two_messages_in_doubt_until_the_same_moment =
        include_bytes!("../../../fuzz/corpus/machine/eca59d6b63d28223cdd0e2d82cc6da4abc3ba749");
    Run::of_bytes(two_messages_in_doubt_until_the_same_moment).live(400);
}
