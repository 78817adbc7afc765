//! The same at the second door.

use super::*;

/// The switches that this door shares with the first.
const SHARED: [&str; 9] = [
    "close-code",
    "extensions",
    "money",
    "origin",
    "pings",
    "redelivery",
    "streaming",
    "end-mark",
    "takeover-silence",
];

async fn survey(settings: Settings, seed: u64) -> Surveyed {
    survey_at(Door::VisitorChat, settings, seed, u32::MAX).await
}

/// Every switch of this door with the answer that is set, by the names of the settings.
fn to_be_seen(settings: &Settings) -> BTreeMap<String, String> {
    use clap::Args as _;
    let written = json!(settings);
    let switches = secondme_avatar_emulator::SwitchArgs::augment_args(clap::Command::new("switches"));
    let names = switches.get_arguments().filter_map(|option| option.get_long());
    let names = names.filter(|name| name.starts_with("visitor-chat-") || SHARED.contains(name));
    let seen = names.filter(|name| !unseen(settings).contains(name));
    seen.map(|name| (name.to_owned(), written[name].as_str().unwrap().to_owned())).collect()
}

fn unseen(settings: &Settings) -> BTreeSet<&'static str> {
    let mut unseen = BTreeSet::from([
        "takeover-silence",
        "visitor-chat-quota",
        "visitor-chat-message-length",
        "visitor-chat-voice",
    ]);
    let hides_ids = settings.visitor_chat_frame_ids == FrameIds::Absent;
    // Without a number in the body there is nothing to compare the status with.
    if settings.visitor_chat_failure_form == FailureForm::Detail {
        unseen.insert("visitor-chat-failure-http");
    }
    // A wsId may be learnt from the address, or from the pong to a ping without one.
    let told = settings.visitor_chat_socket_url != SocketUrl::Opaque
        || (!hides_ids && settings.visitor_chat_bare_ping == BarePing::Pong);
    if !told {
        unseen.insert("pings");
    }
    let tells_id = settings.visitor_chat_send_answer == SendAnswer::MessageId;
    let has_no_id = settings.visitor_chat_echo_id == EchoId::Absent;
    if settings.visitor_chat_echo == Echo::Nothing || hides_ids || !(tells_id || has_no_id) {
        unseen.insert("visitor-chat-echo-id");
    }
    // The next socket belongs to another session: nothing comes again, unless it gets all frames of the visitor.
    let other_session = settings.visitor_chat_socket_url_life == SocketUrlLife::Once
        && settings.visitor_chat_second_init == SecondInit::New;
    let comes_again = match settings.redelivery {
        Redelivery::After5s => true,
        Redelivery::NextConnection => settings.visitor_chat_older_socket == OlderSocket::BothGet,
        Redelivery::Never => false,
    };
    if other_session && !comes_again {
        unseen.insert("redelivery");
    }
    let (closes_older, closes_silent) = (
        settings.visitor_chat_older_socket == OlderSocket::Closed,
        settings.visitor_chat_ping_drop != SocketSilence::Allowed,
    );
    let cuts = matches!(settings.close_code, CloseCode::Mixed | CloseCode::None);
    if !closes_older && (cuts || !closes_silent) {
        unseen.insert("close-code");
    }
    if settings.streaming == Streaming::Whole {
        unseen.insert("end-mark");
    }
    match settings.money {
        Money::Free => {}
        Money::Frame => unseen.extend(["streaming", "end-mark"]),
        Money::Refused => {
            unseen.extend(["streaming", "end-mark", "redelivery", "visitor-chat-send-answer"]);
            unseen.extend(["visitor-chat-frame-ids", "visitor-chat-echo", "visitor-chat-echo-id"]);
            if settings.visitor_chat_older_socket != OlderSocket::Closed {
                unseen.insert("visitor-chat-older-socket");
            }
        }
    }
    unseen
}

#[tokio::test]
async fn it_finds_exactly_what_is_set_under_three_profiles() {
    let profiles = [
        Settings::default(),
        Settings::default()
            .visitor_chat_socket_url(SocketUrl::Opaque)
            .visitor_chat_socket_url_life(SocketUrlLife::Session)
            .visitor_chat_ping_drop(SocketSilence::After30s)
            .visitor_chat_bare_ping(BarePing::Nothing)
            .visitor_chat_older_socket(OlderSocket::Stays)
            .visitor_chat_echo(Echo::Content)
            .visitor_chat_send_answer(SendAnswer::MessageId)
            .visitor_chat_failure_form(FailureForm::ErrorCode)
            .visitor_chat_failure_http(FailureHttp::Ok)
            .redelivery(Redelivery::NextConnection),
        Settings::default()
            .visitor_chat_socket_url(SocketUrl::OtherHost)
            .visitor_chat_socket_url_life(SocketUrlLife::Many)
            .visitor_chat_ping_drop(SocketSilence::After60s)
            .visitor_chat_bare_ping(BarePing::Closed)
            .visitor_chat_second_init(SecondInit::New)
            .visitor_chat_older_socket(OlderSocket::BothGet)
            .visitor_chat_frame_ids(FrameIds::Absent)
            .visitor_chat_failure_form(FailureForm::Detail)
            .visitor_chat_send_api_key(SendApiKey::Optional)
            .visitor_chat_visitor_id(VisitorIdForm::PlatformUuid)
            .visitor_chat_expires_in(ExpiresIn::Text)
            .visitor_chat_opening(OpeningLine::Null)
            .origin(Origin::Required)
            .pings(Pings::Nothing)
            .redelivery(Redelivery::After5s),
    ];
    for (seed, settings) in (1..).zip(profiles) {
        let found = survey(settings.clone(), seed).await;
        assert_eq!(found.answers, to_be_seen(&settings), "{}", found.file);
    }
}

fn drawn_at_chat(seed: u64) -> Settings {
    let mut draw = Draw(seed ^ 0x5eed);
    draw.below(2);
    drawn(seed)
        // A switch of the first door, under which replies would come whole at both.
        .frame_fields(FrameFields::All)
        .visitor_chat_socket_url(draw.of(SocketUrl::ALL))
        .visitor_chat_socket_url_life(draw.of(SocketUrlLife::ALL))
        .visitor_chat_ping_drop(draw.of(SocketSilence::ALL))
        .visitor_chat_bare_ping(draw.of(BarePing::ALL))
        .visitor_chat_second_init(draw.of(SecondInit::ALL))
        .visitor_chat_older_socket(draw.of(OlderSocket::ALL))
        .visitor_chat_echo(draw.of(Echo::ALL))
        .visitor_chat_echo_id(draw.of(EchoId::ALL))
        .visitor_chat_send_answer(draw.of(SendAnswer::ALL))
        .visitor_chat_frame_ids(draw.of(FrameIds::ALL))
        .visitor_chat_failure_http(draw.of(FailureHttp::ALL))
        .visitor_chat_failure_form(draw.of(FailureForm::ALL))
        .visitor_chat_send_api_key(draw.of(SendApiKey::ALL))
        .visitor_chat_visitor_id(draw.of(VisitorIdForm::ALL))
        .visitor_chat_quota(draw.of(ChatQuota::ALL))
        .visitor_chat_expires_in(draw.of(ExpiresIn::ALL))
        .visitor_chat_opening(draw.of(OpeningLine::ALL))
        .visitor_chat_voice(draw.of(VoiceForm::ALL))
}

#[tokio::test]
async fn it_names_every_switch_that_can_be_seen_under_twenty_random_profiles() {
    let (mut seen, mut wrong) = (0, Vec::new());
    for seed in 1..=20 {
        let settings = drawn_at_chat(seed);
        let found = survey(settings.clone(), seed).await;
        let wanted = to_be_seen(&settings);
        seen += wanted.len();
        let names: BTreeSet<_> = wanted.keys().chain(found.answers.keys()).collect();
        for name in names {
            if wanted.get(name) != found.answers.get(name) {
                let (is, found) = (wanted.get(name), found.answers.get(name));
                wrong.push(format!("seed {seed}: {name} is {is:?}, found {found:?}"));
            }
        }
        let Used { calls, authentications, messages, .. } = found.used;
        assert!(found.most_calls_in_a_minute <= 30, "half of the quota of 60");
        assert!(authentications <= 1 && calls <= 22 && messages <= 3, "{:?}", found.used);
        found.emulator.stop().await;
    }
    assert!(wrong.is_empty(), "of {seen}:\n{}", wrong.join("\n"));
    assert!(seen > 350, "only {seen} switches were to be seen");
}
