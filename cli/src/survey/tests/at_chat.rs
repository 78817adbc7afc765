//! What is set and seen at the second door.

use super::*;

/// The switches that this door shares with the first.
pub(super) const SHARED: [&str; 9] = [
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

pub(super) fn unseen(settings: &Settings) -> BTreeSet<&'static str> {
    let mut unseen = BTreeSet::from([
        "takeover-silence",
        "visitor-chat-quota",
        "visitor-chat-message-length",
        "visitor-chat-redelivered-ws-id",
        "visitor-chat-user-id",
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
    finds_exactly_what_is_set(Door::VisitorChat, profiles).await;
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
        .visitor_chat_redelivered_ws_id(draw.of(RedeliveredName::ALL))
        .visitor_chat_user_id(draw.of(UserIdOf::ALL))
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
    let most = Most { authentications: 1, calls: 22, messages: 3 };
    names_every_switch(Door::VisitorChat, drawn_at_chat, most, 350).await;
}
