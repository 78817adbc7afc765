//! The time line of a conversation: what it tells of a journal, and how it is drawn.
#![allow(clippy::unwrap_used)] // In a test a panic is how a failure is reported.

#[path = "trace/drawing.rs"]
mod drawing;
#[path = "trace/reading.rs"]
mod reading;
mod support;

use secondme_avatar_emulator::service::{Entry, Millis, Settings};
use secondme_avatar_emulator::trace::{self, Journal, LaneKind, SpanKind, Stretch, StretchKind, Timeline};
use support::chat::Chat;
use support::{ANN, BEN, SEND, Stage, scene};

fn played() -> Timeline {
    let (entries, session) = scene::played();
    trace::of_session(&entries, &session).unwrap()
}

/// When something was, in milliseconds after the beginning.
fn after(timeline: &Timeline, (from, to): (Millis, Millis)) -> (u64, u64) {
    ((from - timeline.start).0, (to - timeline.start).0)
}

/// The spans of a kind, with their labels.
fn spans(timeline: &Timeline, kind: SpanKind) -> Vec<(u64, u64, &str)> {
    let all = timeline.lanes.iter().flat_map(|lane| &lane.spans).filter(|span| span.kind == kind);
    all.map(|span| {
        let (from, to) = after(timeline, (span.from, span.to));
        (from, to, span.label.as_str())
    })
    .collect()
}

fn stretches(timeline: &Timeline, kind: StretchKind) -> Vec<(u64, u64, &str)> {
    let all: Vec<&Stretch> = timeline.stretches.iter().filter(|stretch| stretch.kind == kind).collect();
    all.iter()
        .map(|stretch| {
            let (from, to) = after(timeline, (stretch.from, stretch.to));
            (from, to, stretch.words.as_str())
        })
        .collect()
}

fn labels(timeline: &Timeline, lane: LaneKind) -> Vec<&str> {
    let lane = timeline.lanes.iter().find(|one| one.kind == lane);
    lane.map(|lane| lane.spans.iter().map(|span| span.label.as_str()).collect()).unwrap_or_default()
}

#[test]
fn what_was_waited_for_is_found_with_its_reasons() {
    let timeline = played();
    let kyoto = "for the first piece after “What did you see in Kyoto, and…”; fault reply: delay 2.5 s";
    let first = stretches(&timeline, StretchKind::FirstPiece);
    assert_eq!(first[0], (4_220, 7_420, kyoto));
    assert_eq!(timeline.longest_wait().unwrap().words, kyoto);
    assert_eq!(first.len(), 5, "{first:?}");
    assert!(first.iter().any(|(.., words)| *words == "for the owner’s answer to “Is that really you?”"));

    let lost = "no socket: cut by a fault without a close frame (1006), next handshake refused 429";
    assert_eq!(stretches(&timeline, StretchKind::NoSocket), [(11_280, 13_960, lost)]);
    let next = stretches(&timeline, StretchKind::NextPiece);
    assert!(next[0].2.contains("after 3 pieces; 2.7 s of it without a socket"), "{next:?}");
    let opening = "for the conversation to open, in 6 calls and handshakes";
    assert_eq!(stretches(&timeline, StretchKind::Opening), [(0, 320, opening)]);
    assert_eq!(timeline.stretches[0].words, "nothing was said");
    assert_eq!(timeline.stretches[0].length(), Millis::seconds(250));
}

#[test]
fn every_lane_has_what_happened() {
    let timeline = played();
    let calls = labels(&timeline, LaneKind::Calls);
    let opening = ["auth 200", "chat/init 200", "ws/create 200", "session/create 200", "chat/start 200"];
    assert_eq!(&calls[..5], opening);
    assert_eq!(calls.iter().filter(|call| **call == "message/send 200").count(), 5);
    assert_eq!(spans(&timeline, SpanKind::Call)[0], (0, 80, "auth 200"));

    assert_eq!(spans(&timeline, SpanKind::NoSocket), [(11_280, 13_960, "cut, no socket")]);
    assert_eq!(spans(&timeline, SpanKind::Refused)[0].2, "429");
    let sockets = spans(&timeline, SpanKind::Socket);
    assert_eq!((sockets[0].0, sockets[0].1, sockets[0].2), (240, 11_280, "socket, 1 ping"));
    assert_eq!(sockets[1].2, "socket, 18 pings");
    assert_eq!(spans(&timeline, SpanKind::Heartbeat).len(), 2 * 19);
    assert_eq!(
        spans(&timeline, SpanKind::Close).iter().map(|close| close.2).collect::<Vec<_>>(),
        ["", "left"]
    );

    // The pieces that the query brought count to the answer, and are no frames.
    let answers = spans(&timeline, SpanKind::Reply);
    assert_eq!(answers[2], (10_920, 14_040, "3.1 s"));
    assert_eq!(spans(&timeline, SpanKind::Stream)[2].2, "3 pieces");
    let owner = labels(&timeline, LaneKind::Owner);
    let (first, second) = ("reply “It is me now, in person”", "reply “It is. Back to my avatar in a …”");
    assert_eq!(owner, [first, "the owner has the conversation", second, "handback"]);
    assert_eq!(timeline.takeovers.len(), 1);
    assert_eq!(
        labels(&timeline, LaneKind::Faults),
        ["reply: delay 2.5 s", "frame-out: cut", "connect: status 429"]
    );
    let lifetimes = labels(&timeline, LaneKind::Lifetimes);
    assert_eq!(
        lifetimes[..4],
        ["quota window, 1 call", "token", "chat context 10 min", "socket address 1 min"]
    );
    let addresses = spans(&timeline, SpanKind::Lifetime);
    let used: Vec<_> =
        addresses.iter().filter(|life| life.2.starts_with("socket")).map(|life| life.1 - life.0).collect();
    assert_eq!(used, [80, 2_080, 80]);
}

#[test]
fn only_what_belongs_to_a_conversation_is_in_it() {
    let mut stage = Stage::new(Settings::default());
    let mut ann = stage.open(ANN);
    let ben = stage.open(BEN);
    stage.ask(&ann, "first session");
    let first = ann.session.clone();
    stage.new_session(&mut ann);
    stage.ask(&ann, "second session");
    stage.ask(&ben, "another visitor");
    let journal = Journal::of_entries(&stage.journal());
    let said = |timeline: &Timeline| {
        let questions = spans(timeline, SpanKind::Question);
        questions.iter().map(|question| question.2.to_owned()).collect::<Vec<_>>()
    };
    let one = journal.of_session(&first).unwrap();
    assert_eq!(said(&one), ["“first session”"]);
    assert_eq!(one.visitor.as_deref(), Some(ANN));
    // What both sessions use is in both: the token, the context, the socket.
    let calls = [
        "auth 200",
        "chat/init 200",
        "session/create 200",
        "chat/start 200",
        "ws/create 200",
        "message/send 200",
    ];
    assert_eq!(labels(&one, LaneKind::Calls), calls);
    let other = journal.of_session(&ann.session).unwrap();
    assert_eq!(said(&other), ["“second session”"]);
    let calls = [
        "auth 200",
        "chat/init 200",
        "ws/create 200",
        "session/create 200",
        "chat/start 200",
        "message/send 200",
    ];
    assert_eq!(labels(&other, LaneKind::Calls), calls);
    assert_eq!(said(&journal.of_visitor(ANN).unwrap()), ["“first session”", "“second session”"]);
    assert_eq!(said(&journal.of_visitor(BEN).unwrap()), ["“another visitor”"]);
    assert_eq!((journal.of_session("no"), journal.of_visitor("no")), (None, None));

    let listed = journal.conversations();
    let sessions: Vec<_> = listed.iter().filter_map(|one| one.session.clone()).collect();
    assert_eq!(sessions.len(), 3);
    assert!(listed.iter().all(|one| one.messages == 1 && one.longest_wait.is_some()), "{listed:?}");
}

#[test]
fn a_conversation_of_visitor_chat_is_one_as_well() {
    let mut stage = Stage::new(Settings::default());
    let chat: Chat = stage.chat("ann");
    let other = stage.chat("ben");
    stage.pass(Millis::seconds(1));
    stage.chat_send(&chat, "Hello");
    stage.chat_send(&other, "not mine");
    stage.pass(Millis::seconds(2));
    stage.chat_owner_says(&chat, "It is me");
    let timeline = trace::of_session(&stage.journal(), &chat.session).unwrap();
    let calls = ["oauth/token 200", "visitor-chat/init 200", "visitor-chat/send 200"];
    assert_eq!(labels(&timeline, LaneKind::Calls), calls);
    assert_eq!(labels(&timeline, LaneKind::FramesOut), ["echo", "2 pieces", "owner"]);
    assert_eq!(spans(&timeline, SpanKind::Question)[0].2, "“Hello”");
    assert_eq!(spans(&timeline, SpanKind::Waiting)[0].2, "10 ms");
}

#[test]
fn what_failed_and_what_never_came_is_said() {
    let mut stage = Stage::new(Settings::default());
    let ann = stage.open(ANN);
    stage.fault(r#"{"at": "message/send", "do": {"status": 503}}"#);
    let message = stage.message(&ann, "Again?");
    stage.post(&ann, SEND, &message);
    stage.pass(Millis(1_500));
    stage.fault(r#"{"at": "message/send", "do": "hang-before"}"#);
    stage.post(&ann, SEND, &message);
    stage.pass(Millis::seconds(10));
    stage.fault(r#"{"at": "reply", "do": "drop"}"#);
    stage.post(&ann, SEND, &message);
    stage.pass(Millis::seconds(4));
    stage.ping(&ann);
    let timeline = trace::of_session(&stage.journal(), &ann.session).unwrap();
    let failed = spans(&timeline, SpanKind::FailedCall);
    assert_eq!(failed, [(0, 0, "message/send 503"), (1_500, 11_500, "message/send no answer")]);
    let retry = "until message/send was made again: 503";
    assert_eq!(stretches(&timeline, StretchKind::Retry), [(0, 1_500, retry)]);
    let hung = stretches(&timeline, StretchKind::Call)[0];
    let words = "for an answer to message/send that never came, until it was made again; fault message/send: hang-before";
    assert_eq!(hung, (1_500, 11_500, words));
    assert_eq!(spans(&timeline, SpanKind::Question)[0].2, "“Again?” (sent 3 times)");
    let unanswered = stretches(&timeline, StretchKind::FirstPiece)[0];
    assert_eq!((unanswered.0, unanswered.1), (0, 15_500));
    assert!(
        unanswered.2.starts_with("for the first piece after “Again?”, which had not come by the end"),
        "{unanswered:?}"
    );
}

#[test]
fn a_takeover_ends_by_itself_or_by_a_script() {
    let minutes = secondme_avatar_emulator::service::TakeoverSilence::Minutes(30);
    let mut stage = Stage::new(Settings::default().takeover_silence(minutes));
    let ann = stage.open(ANN);
    stage.take_over(&ann);
    stage.pass_alive(&ann, Millis::minutes(40));
    let timeline = trace::of_session(&stage.journal(), &ann.session).unwrap();
    assert_eq!(labels(&timeline, LaneKind::Owner), ["takeover", "the owner has the conversation", "lapse"]);
    assert_eq!(spans(&timeline, SpanKind::Takeover)[0].1, 30 * 60_000);
}

#[test]
fn a_journal_without_its_beginning_is_understood() {
    let (entries, session) = scene::played();
    for skip in 1..entries.len() {
        let rest: Vec<Entry> = entries[skip..].to_vec();
        if let Some(timeline) = trace::of_session(&rest, &session) {
            assert!(timeline.start <= timeline.end);
            assert!(timeline.lanes.iter().flat_map(|lane| &lane.spans).all(|span| span.from <= span.to));
        }
    }
    let in_the_middle = entries.iter().position(spans_of_reply).unwrap() + 1;
    let timeline = trace::of_session(&entries[in_the_middle..], &session).unwrap();
    assert_eq!(spans(&timeline, SpanKind::Socket)[0].0, 0);
    assert!(trace::of_session(&[], &session).is_none());
    let one = trace::of_session(&entries[in_the_middle..=in_the_middle], &session).unwrap();
    assert_eq!((one.length(), one.stretches.len()), (Millis::ZERO, 0));
}

fn spans_of_reply(entry: &Entry) -> bool {
    serde_json::json!(entry)["frame"]["sender"] == "umm"
}
