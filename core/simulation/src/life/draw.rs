//! What the service and the network of a run are like, drawn by its seed.

use std::time::Duration;

use secondme_avatar_emulator::service::{
    Avatar, BarePing, ChatQuota, ClientText, CloseCode, DeadSocketSend, DeadToken, Echo, EchoId, EndMark,
    ExpiresIn, Extensions, FailureForm, FailureHttp, FailureShape, FailureStatus, FrameFields, FrameIds,
    HistoryCalls, IdForm, Key, MessageLength, Millis as ServiceMillis, Money, OlderSocket, OpeningLine,
    Origin, OtherClients, PingDrop, Pings, QuotaScope, RedeliveredName, Redelivery, RepeatedMessage,
    RepliesPerQuestion, RetryAfter, SecondInit, SecondSocket, SendAnswer, SendApiKey, SocketSilence,
    SocketUrl, SocketUrlLife, Streaming, TakeoverSilence, TokenLifetime, UserIdOf, VisitorIdForm, VoiceForm,
};
use secondme_avatar_protocol::{Config, Delivery, Door};

use crate::chance::Chance;
use crate::properties::Terms;
use crate::world::ORIGIN;
use crate::{Delay, Network, Settings};

/// An answer to an open question, and how often it is to come up among as many.
fn answer<T: Clone + Default>(chance: &mut Chance, all: &[T]) -> T {
    // Half of the runs have the page's plainest answer: with all questions answered at random there
    // would hardly ever be one in which the strongest form of a property holds.
    if chance.below(2) == 0 { T::default() } else { chance.of(all) }
}

/// The service of a run.
pub(super) fn settings(chance: &mut Chance) -> Settings {
    let lifetimes = [
        TokenLifetime::Never,
        TokenLifetime::Calls(4),
        TokenLifetime::Calls(30),
        TokenLifetime::Minutes(1),
        TokenLifetime::Minutes(7),
    ];
    let silences = [TakeoverSilence::UntilHandedBack, TakeoverSilence::Minutes(1), TakeoverSilence::Never];
    let second = Avatar {
        share_code: "second".to_owned(),
        id: 68,
        name: "Second".to_owned(),
        mind_id: "4n35f00i4ncq".to_owned(),
        owner_user_id: "owner2".to_owned(),
        ..Avatar::default()
    };
    let key = |name: &str, share_code: &str| Key {
        key: name.to_owned(),
        share_code: share_code.to_owned(),
        disabled: false,
    };
    Settings {
        keys: vec![Key::default(), key("sk-second", "second")],
        avatars: vec![Avatar::default(), second],
        ..Settings::default()
    }
    .failure_shape(chance.of(FailureShape::ALL))
    .failure_status(chance.of(FailureStatus::ALL))
    .retry_after(chance.of(RetryAfter::ALL))
    .token_lifetime(answer(chance, &lifetimes))
    .dead_token(chance.of(DeadToken::ALL))
    .quota_scope(answer(chance, QuotaScope::ALL))
    .takeover_silence(chance.of(&silences))
    .frame_fields(answer(chance, FrameFields::ALL))
    .pings(chance.of(Pings::ALL))
    .ping_drop(chance.of(PingDrop::ALL))
    .redelivery(answer(chance, Redelivery::ALL))
    .repeated_message(chance.of(RepeatedMessage::ALL))
    .dead_socket_send(chance.of(DeadSocketSend::ALL))
    .second_socket(chance.of(SecondSocket::ALL))
    .history_calls(answer(chance, HistoryCalls::ALL))
    .origin(chance.of(Origin::ALL))
    .id_form(chance.of(IdForm::ALL))
    .streaming(answer(chance, Streaming::ALL))
    .end_mark(chance.of(EndMark::ALL))
    .client_text(chance.of(ClientText::ALL))
    .history_page(chance.of(&[4, 50]))
    .reply_delay(ServiceMillis(chance.of(&[10, 900, 6_000])))
    .piece_delay(ServiceMillis(chance.of(&[1, 60, 700])))
}

/// The second door of a run's service, and what its clients are set to.
pub(super) fn visitor_chat(chance: &mut Chance, settings: &mut Settings, config: &mut Config) {
    config.door = Door::VisitorChat;
    settings.visitor_chat_token_lifetime = ServiceMillis(chance.of(&[604_800_000, 1_200_000, 120_000]));
    settings.visitor_chat_socket_url = chance.of(SocketUrl::ALL);
    settings.visitor_chat_socket_url_life = chance.of(SocketUrlLife::ALL);
    settings.visitor_chat_ping_drop = answer(chance, SocketSilence::ALL);
    settings.visitor_chat_bare_ping = chance.of(BarePing::ALL);
    settings.visitor_chat_second_init = chance.of(SecondInit::ALL);
    settings.visitor_chat_older_socket = chance.of(OlderSocket::ALL);
    settings.visitor_chat_echo = chance.of(Echo::ALL);
    settings.visitor_chat_echo_id = chance.of(EchoId::ALL);
    settings.visitor_chat_send_answer = chance.of(SendAnswer::ALL);
    settings.visitor_chat_frame_ids = answer(chance, FrameIds::ALL);
    settings.visitor_chat_failure_http = chance.of(FailureHttp::ALL);
    settings.visitor_chat_failure_form = chance.of(FailureForm::ALL);
    settings.visitor_chat_send_api_key = chance.of(SendApiKey::ALL);
    settings.visitor_chat_visitor_id = chance.of(VisitorIdForm::ALL);
    settings.visitor_chat_quota = answer(chance, ChatQuota::ALL);
    settings.visitor_chat_expires_in = chance.of(ExpiresIn::ALL);
    settings.visitor_chat_opening = chance.of(OpeningLine::ALL);
    // A service that ends what does not ping has to take the pings of a client that does not know its socket's name.
    if settings.visitor_chat_ping_drop != SocketSilence::Allowed {
        config.ping_unnamed = true;
        settings.visitor_chat_bare_ping = chance.of(&[BarePing::Pong, BarePing::Nothing]);
    } else {
        config.ping_unnamed = settings.visitor_chat_bare_ping != BarePing::Closed && chance.below(2) == 0;
    }
}

/// The answers to the questions that have been open since the lives above were first lived: these have a chance of their
/// own, and leave the others as they are.
pub(super) fn later(chance: &mut Chance, settings: &mut Settings) {
    settings.replies_per_question = answer(chance, RepliesPerQuestion::ALL);
    settings.other_clients = chance.of(OtherClients::ALL);
    // Where every message is refused, there is little to see.
    settings.money = if chance.below(8) == 0 { chance.of(Money::ALL) } else { Money::default() };
    settings.close_code = chance.of(CloseCode::ALL);
    settings.origins = chance.of(&[Vec::new(), vec![ORIGIN.to_owned()]]);
    settings.extensions = chance.of(Extensions::ALL);
    settings.visitor_chat_redelivered_ws_id = chance.of(RedeliveredName::ALL);
    settings.visitor_chat_user_id = chance.of(UserIdOf::ALL);
    settings.visitor_chat_voice = chance.of(VoiceForm::ALL);
    let lengths = [MessageLength::Any, MessageLength::Characters(2_000), MessageLength::Characters(10)];
    settings.visitor_chat_message_length =
        if chance.below(8) == 0 { chance.of(&lengths) } else { lengths[0] };
}

/// The answers of both doors.
fn answers_of_both(settings: &Settings) -> [(&'static str, String); 6] {
    let origins = if settings.origins.is_empty() { "all" } else { "some" };
    [
        ("replies to a question", settings.replies_per_question.to_string()),
        ("other clients", settings.other_clients.to_string()),
        ("money", settings.money.to_string()),
        ("close code", settings.close_code.to_string()),
        ("origins", origins.to_owned()),
        ("extensions", settings.extensions.to_string()),
    ]
}

/// The answers that a service gives, by question.
pub(super) fn answers(settings: &Settings) -> Vec<(&'static str, String)> {
    let own = [
        ("failure shape", settings.failure_shape.to_string()),
        ("failure status", settings.failure_status.to_string()),
        ("retry after", settings.retry_after.to_string()),
        ("token lifetime", settings.token_lifetime.to_string()),
        ("dead token", settings.dead_token.to_string()),
        ("quota scope", settings.quota_scope.to_string()),
        ("takeover silence", settings.takeover_silence.to_string()),
        ("frame fields", settings.frame_fields.to_string()),
        ("pings", settings.pings.to_string()),
        ("ping drop", settings.ping_drop.to_string()),
        ("redelivery", settings.redelivery.to_string()),
        ("repeated message", settings.repeated_message.to_string()),
        ("dead socket send", settings.dead_socket_send.to_string()),
        ("second socket", settings.second_socket.to_string()),
        ("history calls", settings.history_calls.to_string()),
        ("origin", settings.origin.to_string()),
        ("id form", settings.id_form.to_string()),
        ("streaming", settings.streaming.to_string()),
        ("end mark", settings.end_mark.to_string()),
        ("client text", settings.client_text.to_string()),
    ];
    own.into_iter().chain(answers_of_both(settings)).collect()
}

/// The answers that its second door gives, by question.
pub(super) fn answers_of_visitor_chat(settings: &Settings) -> Vec<(&'static str, String)> {
    let own = [
        ("socket url", settings.visitor_chat_socket_url.to_string()),
        ("socket url's life", settings.visitor_chat_socket_url_life.to_string()),
        ("drop without pings", settings.visitor_chat_ping_drop.to_string()),
        ("ping without a name", settings.visitor_chat_bare_ping.to_string()),
        ("second init", settings.visitor_chat_second_init.to_string()),
        ("older socket", settings.visitor_chat_older_socket.to_string()),
        ("echo", settings.visitor_chat_echo.to_string()),
        ("echo's id", settings.visitor_chat_echo_id.to_string()),
        ("answer to a send", settings.visitor_chat_send_answer.to_string()),
        ("ids of frames", settings.visitor_chat_frame_ids.to_string()),
        ("name on what comes again", settings.visitor_chat_redelivered_ws_id.to_string()),
        ("user id of", settings.visitor_chat_user_id.to_string()),
        ("failure's status", settings.visitor_chat_failure_http.to_string()),
        ("failure's form", settings.visitor_chat_failure_form.to_string()),
        ("key in a send", settings.visitor_chat_send_api_key.to_string()),
        ("visitor's id", settings.visitor_chat_visitor_id.to_string()),
        ("quota of a chat", settings.visitor_chat_quota.to_string()),
        ("expires in", settings.visitor_chat_expires_in.to_string()),
        ("opening line", settings.visitor_chat_opening.to_string()),
        ("form of a voice", settings.visitor_chat_voice.to_string()),
        ("message length", settings.visitor_chat_message_length.to_string()),
        ("takeover silence", settings.takeover_silence.to_string()),
        ("redelivery", settings.redelivery.to_string()),
        ("origin", settings.origin.to_string()),
        ("streaming", settings.streaming.to_string()),
        ("end mark", settings.end_mark.to_string()),
    ];
    own.into_iter().chain(answers_of_both(settings)).collect()
}

/// The terms of a run, and how its clients are configured.
pub(super) fn terms(chance: &mut Chance, settings: &mut Settings) -> (Terms, Config) {
    let delivery = chance.of(&[Delivery::Checked, Delivery::AtMostOnce, Delivery::AtLeastOnce]);
    // In some runs the key has few calls, and the client knows; in some others use it as well.
    let (quota, own_quota) = chance.of(&[(60, true), (60, true), (5, true), (60, false)]);
    settings.quota_per_minute = if own_quota { quota as u32 } else { 12 };
    let terms = Terms {
        door: Door::AvatarOpenApi,
        settings: settings.clone(),
        delivery,
        reorders: chance.below(8) == 0,
        doubles: chance.below(3) == 0,
        owner: chance.below(2) == 0,
        own_quota,
        quota,
        restarts: chance.below(2) == 0,
    };
    (terms, Config { delivery, acknowledge: chance.below(4) > 0, connect_permits: true, ..Config::default() })
}

/// How many slots so many visitors share, and how long they may owe nothing before they pause.
pub(super) fn slots(chance: &mut Chance, visitors: u64) -> (Option<usize>, Option<Duration>) {
    let slots = (chance.below(3) == 0).then(|| 1 + chance.below(visitors - 1) as usize);
    let idle_after = (chance.below(4) == 0).then(|| chance.millis(&[300_000, 600_000]));
    (slots, idle_after)
}

/// The weather of the next while.
pub(super) fn weather(chance: &mut Chance, terms: &Terms, network: &mut Network) {
    let mut some = |most: u64| if chance.below(2) == 0 { 0 } else { chance.below(most) as u32 };
    network.lost_before = some(80);
    network.lost_after = some(80);
    network.silent = some(40);
    network.refused = some(60);
    network.garbled = some(60);
    network.late = some(40);
    network.half_opened = some(8);
    network.disk_full = some(200);
    network.doubled = if terms.doubles { some(150) } else { 0 };
    network.reordered = if terms.reorders { some(100) } else { 0 };
    network.found_dead_after = Some(chance.millis(&[20_000, 60_000, 150_000]));
    let (least, most) = chance.of(&[(1, 1), (5, 60), (1, 400), (100, 2_500)]);
    network.delay = Delay::Between(Duration::from_millis(least), Duration::from_millis(most));
}
