//! The survey against the emulator, whose switches it has to find.
#![allow(clippy::unwrap_used)] // In a test a panic is how a failure is reported.

mod at_chat;

use std::collections::{BTreeMap, BTreeSet};

use reqwest::Url;
use secondme_avatar::{Door, Visitor};
use secondme_avatar_emulator::service::*;
use secondme_avatar_emulator::{Emulator, Profile, Settings};
use serde_json::{Value, json};

use super::ask::Asker;
use super::clock::Clock;
use super::findings::Findings;
use super::report::Report;
use super::visitor_chat::Credentials;
use super::walk::Walk;
use super::wire::{self, NoVisit, Used, Wire};

/// What a survey of an emulator brought.
struct Surveyed {
    answers: BTreeMap<String, String>,
    file: String,
    used: Used,
    emulator: Emulator,
    most_calls_in_a_minute: usize,
}

async fn survey_at(door: Door, settings: Settings, seed: u64, budget: u32) -> Surveyed {
    let emulator = Emulator::builder().settings(settings).seed(seed).start().await.unwrap();
    let http = wire::client(true).unwrap();
    let clock = Clock::of_emulator(http.clone(), emulator.control_url());
    let base = if door == Door::VisitorChat { emulator.lab_base_url() } else { emulator.base_url() };
    let mut wire = Wire::new(http, Url::parse(base).unwrap(), clock);
    let mut findings = Findings::new(super::name_of(door));
    let mut report = Report::quiet();
    let visitor = Visitor::for_user("survey", "test").unwrap();
    let walk =
        Walk { wire: &mut wire, findings: &mut findings, report: &mut report, asker: &Asker::Always, budget };
    let outcome: Result<(), NoVisit> = if door == Door::VisitorChat {
        let (client_id, client_secret) = (emulator.client_id(), emulator.client_secret());
        let api_key = emulator.api_key().to_owned();
        let credentials = Credentials { client_id, client_secret, api_key };
        walk.run_visitor_chat(&credentials, visitor.id().as_str()).await
    } else {
        walk.run_open_api(emulator.api_key(), visitor.id().as_str()).await
    };
    outcome.unwrap();
    let missing: Vec<_> = super::switches(door).filter(|switch| !findings.has(switch)).collect();
    assert!(missing.is_empty(), "{missing:?} have no finding");
    let file = findings.file("other", &wire.secrets);
    let profile = Profile::parse(&file).unwrap();
    assert!(!file.contains("with a code"), "no code of the emulator's is a secret: {file}");
    assert!(!file.contains("brought no answer"), "each switch has its own reason: {file}");
    let answers = profile.answers().map(|(name, answer)| (name.to_owned(), answer.to_owned())).collect();
    let most_calls_in_a_minute = most_calls_in_a_minute(&emulator);
    Surveyed { answers, file, used: wire.used, emulator, most_calls_in_a_minute }
}

fn most_calls_in_a_minute(emulator: &Emulator) -> usize {
    let calls: Vec<u64> = emulator
        .journal()
        .iter()
        .map(|entry| json!(entry))
        .filter(|entry| entry["what"] == "request")
        .map(|entry| entry["atMs"].as_u64().unwrap())
        .collect();
    calls
        .iter()
        .map(|end| calls.iter().filter(|at| **at <= *end && **at + 60_000 > *end).count())
        .max()
        .unwrap()
}

/// What cannot be seen at all, and what these settings keep from being seen.
fn unseen(settings: &Settings) -> BTreeSet<&'static str> {
    let mut unseen = BTreeSet::from(["other-clients", "quota-scope", "retry-after", "takeover-silence"]);
    if settings.token_lifetime == TokenLifetime::Never {
        unseen.insert("token-lifetime");
    }
    if settings.frame_fields == FrameFields::Documented {
        unseen.extend(["streaming", "end-mark", "replies-per-question"]);
    } else if settings.streaming == Streaming::Whole {
        unseen.insert("end-mark");
    }
    // A silent socket is cut under both answers: only an older one that is closed tells them apart.
    let cuts = matches!(settings.close_code, CloseCode::Mixed | CloseCode::None);
    if cuts && settings.second_socket != SecondSocket::ClosesOlder {
        unseen.insert("close-code");
    }
    match settings.money {
        Money::Free => {}
        Money::Frame => unseen.extend(["streaming", "end-mark", "replies-per-question"]),
        Money::Refused => {
            unseen.extend(["frame-fields", "streaming", "end-mark", "client-text", "redelivery"]);
            unseen.extend(["repeated-message", "dead-socket-send", "replies-per-question"]);
            if settings.second_socket != SecondSocket::ClosesOlder {
                unseen.insert("second-socket");
            }
        }
    }
    unseen
}

/// Every switch of a door that can be seen, with the answer that is set.
fn to_be_seen_at(door: Door, settings: &Settings) -> BTreeMap<String, String> {
    use clap::Args as _;
    let written = json!(settings);
    let switches = secondme_avatar_emulator::SwitchArgs::augment_args(clap::Command::new("switches"));
    let names = switches.get_arguments().filter_map(|option| option.get_long());
    let unseen = if door == Door::VisitorChat { at_chat::unseen(settings) } else { unseen(settings) };
    let is_of_door = |name: &&str| match (name.starts_with("visitor-chat-"), door) {
        (is_of_chat, Door::VisitorChat) => is_of_chat || at_chat::SHARED.contains(name),
        (is_of_chat, Door::AvatarOpenApi) => !is_of_chat,
    };
    let names = names.filter(is_of_door).filter(|name| !unseen.contains(name));
    names.map(|name| (name.to_owned(), written[name].as_str().unwrap().to_owned())).collect()
}

#[tokio::test]
async fn it_finds_exactly_what_is_set_under_three_profiles() {
    let profiles = [
        Settings::default(),
        Settings::default()
            .failure_shape(FailureShape::SubCode)
            .failure_status(FailureStatus::Fitting)
            .dead_token(DeadToken::Code)
            .frame_fields(FrameFields::Documented)
            .pings(Pings::Nothing)
            .ping_drop(PingDrop::After20s)
            .redelivery(Redelivery::After5s)
            .repeated_message(RepeatedMessage::Two)
            .dead_socket_send(DeadSocketSend::Refused)
            .second_socket(SecondSocket::NewestGets)
            .history_calls(HistoryCalls::NotFound)
            .id_form(IdForm::Number)
            .client_text(ClientText::Content),
        Settings::default()
            .failure_shape(FailureShape::Msg)
            .token_lifetime(TokenLifetime::Calls(9))
            .ping_drop(PingDrop::After60s)
            .redelivery(Redelivery::NextConnection)
            .second_socket(SecondSocket::BothGet)
            .history_calls(HistoryCalls::Failure)
            .origin(Origin::Required)
            .end_mark(EndMark::Twice),
    ];
    finds_exactly_what_is_set(Door::AvatarOpenApi, profiles).await;
}

/// What the file may share with the traffic: names and codes of the wire, which say nothing about a run.
fn is_of_the_wire(text: &str) -> bool {
    let code = text.contains(['.', '_'])
        && text.bytes().all(|byte| byte.is_ascii_lowercase() || b"._".contains(&byte));
    code || ["client", "avatar survey", "apiKey", "sessionId"].contains(&text)
}

/// Every text and number in what was received and sent.
fn leaves(value: &Value, into: &mut BTreeSet<String>) {
    match value {
        Value::String(text) => drop(into.insert(text.clone())),
        Value::Number(number) => drop(into.insert(number.to_string())),
        Value::Array(list) => list.iter().for_each(|one| leaves(one, into)),
        Value::Object(fields) => fields.values().for_each(|one| leaves(one, into)),
        Value::Null | Value::Bool(_) => {}
    }
}

#[tokio::test]
async fn the_file_holds_no_secret_and_no_word_of_the_run() {
    let script =
        "rules: [{ when: any, then: [{ say: 'Kuckucksei ist Quittengelee' }, { hint: Pumpernickel }] }]";
    let doors = [Door::AvatarOpenApi, Door::AvatarOpenApi, Door::AvatarOpenApi, Door::VisitorChat];
    let runs = [
        Settings::default(),
        Settings::default().second_socket(SecondSocket::BothGet).repeated_message(RepeatedMessage::Two),
        Settings::default().failure_shape(FailureShape::SubCode).frame_fields(FrameFields::Documented),
        Settings::default()
            .visitor_chat_older_socket(OlderSocket::BothGet)
            .visitor_chat_send_answer(SendAnswer::MessageId)
            .visitor_chat_failure_form(FailureForm::Detail),
    ];
    for (door, settings) in doors.into_iter().zip(runs) {
        let script = secondme_avatar_emulator::brain::Script::parse(script).unwrap();
        let mut settings = settings.brain(script.into());
        settings.avatars[0].name = "Zwetschge".to_owned();
        settings.avatars[0].opening = "Zauberwort".to_owned();
        let found = survey_at(door, settings, 5, u32::MAX).await;
        let (mut said, mut framed) = (BTreeSet::new(), BTreeSet::new());
        for entry in found.emulator.journal() {
            let entry = json!(entry);
            for part in ["headers", "body", "frame", "path", "visitorId", "sessionId", "wsId"] {
                leaves(&entry[part], &mut said);
            }
            leaves(&entry["frame"], &mut framed);
        }
        // A word of the visitor's own is an English one, and may stand in a sentence of the survey's.
        let ours: BTreeSet<_> =
            "Hello! This is an automatic check of the connection One short sentence is enough as an answer."
                .split(' ')
                .collect();
        let words = framed.iter().flat_map(|text| text.split(' '));
        said.extend(words.filter(|word| !ours.contains(word) && !word.starts_with('(')).map(str::to_owned));
        // The journal has the beginnings of secrets: what has not even those has not the secrets either.
        let said: BTreeSet<_> = said.iter().map(|text| text.trim_end_matches('…').to_owned()).collect();
        let secrets: Vec<_> = said.iter().filter(|text| text.len() >= 5 && !is_of_the_wire(text)).collect();
        assert!(secrets.len() > 40, "{secrets:?}");
        // A reply comes in pieces, which may end within a word.
        let words =
            ["Kuckucksei", "Quittengelee", "Zauberwort", "Zwetschge", "Pumpernickel"].map(str::to_owned);
        let state = json!(found.emulator.state()).to_string();
        assert!(
            state.contains("Quittengelee") && said.contains("Pumpernickel") && said.contains("Zauberwort")
        );
        assert!(said.contains("Zwetschge") && said.iter().any(|text| text.contains("sk-em")));
        let emulator = &found.emulator;
        let apart = [
            emulator.api_key().to_owned(),
            emulator.address().to_string(),
            emulator.client_id(),
            emulator.client_secret(),
        ];
        for secret in secrets.into_iter().chain(&words).chain(&apart) {
            assert!(!found.file.contains(secret.as_str()), "{secret} in {}", found.file);
        }
    }
}

#[tokio::test]
async fn nothing_is_said_that_was_not_allowed() {
    for (budget, second) in
        [(0, SecondSocket::ClosesOlder), (1, SecondSocket::BothGet), (2, SecondSocket::BothGet)]
    {
        let found =
            survey_at(Door::AvatarOpenApi, Settings::default().second_socket(second), 1, budget).await;
        let sent = found.emulator.state().calls("message/send");
        assert!(sent <= u64::from(budget), "{sent} of {budget}");
        assert_eq!(found.used.messages, budget.min(sent as u32));
        assert_eq!(
            found.answers.contains_key("second-socket"),
            second == SecondSocket::ClosesOlder || budget > 1
        );
        assert!(found.file.contains("--budget allows no more"), "{}", found.file);
    }
}

/// Draws answers from a seed, by the generator of Knuth's MMIX.
struct Draw(u64);

impl Draw {
    fn below(&mut self, bound: usize) -> usize {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) as usize % bound
    }

    fn of<T: Copy>(&mut self, all: &[T]) -> T {
        all[self.below(all.len())]
    }
}

fn drawn(seed: u64) -> Settings {
    let mut draw = Draw(seed);
    draw.below(2);
    let lifetimes = [
        TokenLifetime::Never,
        TokenLifetime::Calls(3 + draw.below(18) as u32),
        TokenLifetime::Minutes(1 + draw.below(2) as u32),
    ];
    let silences = [TakeoverSilence::UntilHandedBack, TakeoverSilence::Minutes(5), TakeoverSilence::Never];
    Settings::default()
        .failure_shape(draw.of(FailureShape::ALL))
        .failure_status(draw.of(FailureStatus::ALL))
        .retry_after(draw.of(RetryAfter::ALL))
        .token_lifetime(draw.of(&lifetimes))
        .dead_token(draw.of(DeadToken::ALL))
        .quota_scope(draw.of(QuotaScope::ALL))
        .takeover_silence(draw.of(&silences))
        .frame_fields(draw.of(FrameFields::ALL))
        .pings(draw.of(Pings::ALL))
        .ping_drop(draw.of(PingDrop::ALL))
        .redelivery(draw.of(Redelivery::ALL))
        .repeated_message(draw.of(RepeatedMessage::ALL))
        .dead_socket_send(draw.of(DeadSocketSend::ALL))
        .second_socket(draw.of(SecondSocket::ALL))
        .history_calls(draw.of(HistoryCalls::ALL))
        .origin(draw.of(Origin::ALL))
        .id_form(draw.of(IdForm::ALL))
        .streaming(draw.of(Streaming::ALL))
        .end_mark(draw.of(EndMark::ALL))
        .client_text(draw.of(ClientText::ALL))
        .extensions(draw.of(Extensions::ALL))
        .close_code(draw.of(CloseCode::ALL))
        // Seldom: without an allowance little is to be seen.
        .money(draw.of(&[Money::Free, Money::Free, Money::Free, Money::Free, Money::Frame, Money::Refused]))
}

/// What a survey of a random profile may use at most.
struct Most {
    authentications: u32,
    calls: u32,
    messages: u32,
}

#[tokio::test]
async fn it_names_every_switch_that_can_be_seen_under_twenty_random_profiles() {
    let most = Most { authentications: 6, calls: 60, messages: 5 };
    names_every_switch(Door::AvatarOpenApi, drawn, most, 280).await;
}

async fn finds_exactly_what_is_set(door: Door, profiles: [Settings; 3]) {
    for (seed, settings) in (1..).zip(profiles) {
        let found = survey_at(door, settings.clone(), seed, u32::MAX).await;
        assert_eq!(found.answers, to_be_seen_at(door, &settings), "{}", found.file);
    }
}

/// More than `least` switches are to be seen under twenty profiles, and all of them are.
async fn names_every_switch(door: Door, drawn: fn(u64) -> Settings, most: Most, least: usize) {
    let (mut seen, mut wrong) = (0, Vec::new());
    for seed in 1..=20 {
        let settings = drawn(seed);
        let found = survey_at(door, settings.clone(), seed, u32::MAX).await;
        let wanted = to_be_seen_at(door, &settings);
        seen += wanted.len();
        let names: BTreeSet<_> = wanted.keys().chain(found.answers.keys()).collect();
        for name in names {
            let (is, found) = (wanted.get(name), found.answers.get(name));
            if is != found {
                wrong.push(format!("seed {seed}: {name} is {is:?}, found {found:?}"));
            }
        }
        let Used { calls, authentications, messages, .. } = found.used;
        assert!(found.most_calls_in_a_minute <= 30, "half of the quota of 60");
        assert!(
            authentications <= most.authentications && calls <= most.calls && messages <= most.messages,
            "{:?}",
            found.used
        );
        found.emulator.stop().await;
    }
    assert!(wrong.is_empty(), "of {seen}:\n{}", wrong.join("\n"));
    assert!(seen > least, "only {seen} switches were to be seen");
}
