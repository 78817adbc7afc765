//! `avatar survey`: asks a service the questions about it that nothing published answers, and writes the answers
//! into a file that `avatar emulator --profile` plays.
//!
//! It speaks the wire itself. The library would smooth over the very differences that are looked for here.

mod ask;
mod clock;
mod findings;
mod frames;
mod open_api;
mod report;
mod secrets;
mod sockets;
mod visitor_chat;
mod walk;
mod wire;

#[cfg(test)]
mod tests;

use std::path::{Path, PathBuf};

use reqwest::Url;
use secondme_avatar::{AvatarClient, BaseUrl, Door, Environment, Visitor};

use self::ask::Asker;
use self::clock::Clock;
use self::findings::{Findings, HEAD};
use self::report::Report;
use self::secrets::Secrets;
use self::visitor_chat::Credentials;
use self::walk::{Question, Walk};
use self::wire::{NoVisit, Refusal, Trouble, Wire};
use crate::args::SurveyArgs;
use crate::exit::{self, Failure};
use crate::service;
use crate::terminal::Stop;
use crate::visitor::person;

/// The environment of a base URL that is not the vendor's. Which one it is may be private.
const OTHER: &str = "other";

/// Where the control API of an emulator is.
const CONTROL: &str = "/_emulator";

pub(crate) async fn run(args: SurveyArgs) -> Result<(), Failure> {
    let mut stop = Stop::listen()?;
    let credentials = credentials(args.door)?;
    let (base, environment) = base_of(args.door, args.base_url.as_deref())?;
    check(&credentials.api_key, &base)?;
    writable(&args.out)?;
    let mut wire = wire_to(&base, args.fast).await?;
    let visitor = match person() {
        Some(person) => Visitor::for_user("survey", &person),
        None => Visitor::random("survey"),
    };
    let visitor = visitor.map_err(secondme_avatar::Error::from)?;

    let mut findings = Findings::new(name_of(args.door));
    let mut report = Report::new();
    report.line(&announcement(&args, environment, &base));
    let asker = if args.yes { Asker::Always } else { Asker::Person };
    let budget = args.budget.unwrap_or(u32::MAX);
    let walk = Walk { wire: &mut wire, findings: &mut findings, report: &mut report, asker: &asker, budget };
    let walked = async {
        match args.door {
            Door::VisitorChat => walk.run_visitor_chat(&credentials, visitor.id().as_str()).await,
            Door::AvatarOpenApi => walk.run_open_api(&credentials.api_key, visitor.id().as_str()).await,
        }
    };
    let outcome = tokio::select! {
        outcome = walked => outcome.map_err(|error| refused(&error, &wire.secrets)),
        stopped = stop.wait() => Err(stopped),
    };
    if findings.all().is_empty() {
        // There is nothing to write.
        return outcome;
    }
    let missing: Vec<_> =
        switches(args.door).map(|switch| (switch, "The survey ended before this question.")).collect();
    findings.leave_out(&missing);
    write(&args.out, &findings.file(environment, &wire.secrets))?;
    report.line(&report::summary(&findings, wire.used, &args.out.display().to_string()));
    outcome
}

fn name_of(door: Door) -> &'static str {
    match door {
        Door::VisitorChat => visitor_chat::DOOR,
        Door::AvatarOpenApi => open_api::DOOR,
    }
}

fn questions(door: Door) -> Vec<&'static Question> {
    match door {
        Door::VisitorChat => visitor_chat::questions().collect(),
        Door::AvatarOpenApi => open_api::questions().collect(),
    }
}

/// Every switch that the file is to have.
fn switches(door: Door) -> impl Iterator<Item = &'static str> {
    let others = match door {
        Door::VisitorChat => visitor_chat::OTHERS,
        Door::AvatarOpenApi => open_api::OTHERS,
    };
    let asked = questions(door).into_iter().flat_map(|question| question.switches);
    asked.chain(others).copied()
}

/// What the environment says about who one is.
fn credentials(door: Door) -> Result<Credentials, Failure> {
    let api_key = service::api_key()?;
    let of_app = |name: &str| {
        let value = std::env::var(name).ok().filter(|value| !value.is_empty());
        value.ok_or_else(|| {
            Failure::new(exit::KEY, format!("{name} is not set"))
                .advise("Visitor Chat is for apps that are registered with SecondMe: set SECONDME_CLIENT_ID and\nSECONDME_CLIENT_SECRET to those of yours, beside SECONDME_API_KEY.")
        })
    };
    let (client_id, client_secret) = match door {
        Door::VisitorChat => (of_app("SECONDME_CLIENT_ID")?, of_app("SECONDME_CLIENT_SECRET")?),
        Door::AvatarOpenApi => (String::new(), String::new()),
    };
    Ok(Credentials { client_id, client_secret, api_key })
}

/// What it will do, and what that costs.
fn announcement(args: &SurveyArgs, environment: &str, base: &Url) -> String {
    let place = match environment {
        OTHER => service::host(base.as_str()),
        name => format!("SecondMe ({name})"),
    };
    let questions = questions(args.door);
    let messages: u32 = questions.iter().map(|question| question.messages).sum();
    let messages = messages.min(args.budget.unwrap_or(u32::MAX));
    let (door, others, first) = match args.door {
        Door::VisitorChat => ("Visitor Chat", visitor_chat::OTHER_CALLS, "1 fetches a token"),
        Door::AvatarOpenApi => (
            "the Avatar Open API",
            open_api::OTHER_CALLS,
            "1 is an authentication, of 60 that the key has in a minute",
        ),
    };
    let calls = others + questions.iter().map(|question| question.calls).sum::<u32>();
    let sockets: u32 = questions.iter().map(|question| question.sockets).sum();
    let wait: u64 = questions.iter().map(|question| question.wait).sum();
    let time = match args.fast {
        true => "a few seconds, because the emulator's clock is moved on".to_owned(),
        false => format!("3 to {} minutes, most of it waiting", wait.div_ceil(60)),
    };
    format!(
        "A survey of {place} through {door}: {} questions that nothing published answers.\n\n  \
         calls      about {calls}, 30 a minute at most; {first}\n  \
         sockets    up to {sockets}, one or two at a time\n  \
         messages   up to {messages}, in one conversation; the avatar's owner can read them\n  \
         time       {time}\n\n\
         Ctrl-C stops it at any time; what is known by then is written to {}.\n",
        switches(args.door).count(),
        args.out.display()
    )
}

/// The base URL by name or as a URL, and the environment's name.
fn base_of(door: Door, given: Option<&str>) -> Result<(Url, &'static str), Failure> {
    let from_env = || std::env::var("SECONDME_BASE_URL").ok().filter(|base| !base.is_empty());
    let given = given.map(str::to_owned).or_else(from_env);
    let environment = match &given {
        Some(given) => given.parse::<Environment>().ok(),
        None => Some(Environment::default()),
    };
    let written = match (environment, given) {
        (Some(environment), _) => environment.url(door).to_owned(),
        // The library's own rules for a base URL, with its own words.
        (None, given) => given.unwrap_or_default().parse::<BaseUrl>()?.to_string(),
    };
    let is_there = |one: &&Environment| one.url(door) == written.trim_end_matches('/');
    let name = Environment::ALL.iter().find(is_there).map_or(OTHER, |one| one.name());
    let url =
        Url::parse(&written).map_err(|_| Failure::new(exit::USAGE, "the base URL is not a valid URL"))?;
    Ok((url, name))
}

/// Refuses what the library would refuse: a key that can be none, and a base URL without encryption.
fn check(key: &str, base: &Url) -> Result<(), Failure> {
    let builder = AvatarClient::builder(key)
        .map_err(|error| Failure::new(exit::KEY, format!("SECONDME_API_KEY: {error}")))?;
    builder.base_url(base.as_str().parse()?).build()?;
    Ok(())
}

async fn wire_to(base: &Url, fast: bool) -> Result<Wire, Failure> {
    let trouble = |trouble: Trouble| Failure::new(exit::FAILURE, trouble.as_str());
    let loopback = base
        .host_str()
        .is_some_and(|host| host == "localhost" || host.starts_with("127.") || host == "[::1]");
    let http = wire::client(loopback).map_err(trouble)?;
    let clock = match fast {
        false => Clock::real(),
        true => {
            let control = format!("{}{CONTROL}", base.origin().ascii_serialization());
            let state = http.get(format!("{control}/settings")).send().await;
            if !loopback || !state.is_ok_and(|answer| answer.status().is_success()) {
                return Err(Failure::new(exit::USAGE, "--fast needs an emulator on this machine: it moves its clock on")
                    .advise("Start one with `avatar emulator`, and give its base URL with --base-url or SECONDME_BASE_URL."));
            }
            Clock::of_emulator(http.clone(), &control)
        }
    };
    Ok(Wire::new(http, base.clone(), clock))
}

/// Why the conversation that it asks in could not be opened.
fn refused(error: &NoVisit, secrets: &Secrets) -> Failure {
    match error {
        NoVisit::Refused(step, refusal) => {
            let said = secrets.without(&refusal.shown());
            let failure = Failure::new(code_of(step, refusal), format!("{step}: {said}"));
            failure.advise("`avatar doctor` says what is wrong, and what to do about it.")
        }
        NoVisit::Trouble(trouble) => Failure::new(exit::UNREACHABLE, trouble.as_str())
            .advise("`avatar doctor` says what is wrong, and what to do about it."),
    }
}

fn code_of(step: &str, refusal: &Refusal) -> u8 {
    match () {
        () if refusal.is_for_the_quota() => exit::QUOTA,
        () if matches!(step, "authenticate" | "fetch_token") => exit::KEY,
        () => exit::FAILURE,
    }
}

/// Refuses to write over a file that is no survey, before anything is asked.
fn writable(path: &Path) -> Result<(), Failure> {
    let failed = |why: String| {
        let advice = "Choose another file with --out.";
        Failure::new(exit::USAGE, format!("{} cannot be written: {why}", path.display())).advise(advice)
    };
    match std::fs::read_to_string(path) {
        Ok(text) if text.is_empty() || text.starts_with(HEAD) => {}
        Ok(_) => return Err(failed("it is there, and is no earlier survey".to_owned())),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {}
        Err(error) => return Err(failed(error.to_string())),
    }
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    match folder.is_dir() {
        true => Ok(()),
        false => Err(failed(format!("there is no folder {}", folder.display()))),
    }
}

/// Writes the whole file or none of it.
fn write(path: &Path, text: &str) -> Result<(), Failure> {
    let mut beside = path.as_os_str().to_owned();
    beside.push(".part");
    let beside = PathBuf::from(beside);
    let written = std::fs::write(&beside, text).and_then(|()| std::fs::rename(&beside, path));
    written.map_err(|error| {
        Failure::new(exit::FAILURE, format!("{} cannot be written: {error}", path.display()))
    })
}
