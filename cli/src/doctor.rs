//! `avatar doctor`: takes every step to the service, and says what is wrong and what to do.

mod findings;
mod gateway;
mod heartbeat;
mod report;

use std::io::Write as _;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use secondme_avatar::{AvatarClient, BaseUrl, CallReport, Conversation, Error, Visitor};
use secondme_avatar_emulator::Emulator;

use self::report::{Examination, StepReport};
use crate::args::DoctorArgs;
use crate::exit::{self, Failure};
use crate::service::Service;
use crate::terminal::Stop;
use crate::visitor::person;

/// The default time limit of the whole examination.
const TIMEOUT: Duration = Duration::from_secs(15);

pub(crate) async fn run(args: DoctorArgs) -> Result<(), Failure> {
    let mut stop = Stop::listen()?;
    let mut examination = Examination::new(args.latency);
    let failure = tokio::select! {
        outcome = examine(&args, &mut examination) => outcome.err(),
        stopped = stop.wait() => return Err(stopped),
    };
    let printed = match args.json {
        true => examination.json(failure.is_none()).to_string() + "\n",
        false => examination.text(failure.is_none()),
    };
    // If stdout is closed, there is no reader to report it to.
    anstream::stdout().write_all(printed.as_bytes()).map_err(|_| Failure::output_closed())?;
    match failure {
        None => Ok(()),
        // The JSON contains the failure.
        Some(failure) if args.json => Err(Failure::stopped(failure.code())),
        Some(failure) => Err(failure),
    }
}

/// Takes the steps. The examination keeps the results, even after a failure.
async fn examine(args: &DoctorArgs, examination: &mut Examination) -> Result<(), Failure> {
    let calls = Arc::new(Mutex::new(Vec::new()));
    let timeout = args.timeout.unwrap_or(TIMEOUT);
    let configured = configure(args, timeout, Arc::clone(&calls)).await;
    let described = configured.as_ref().err().map(Failure::describe);
    examination.add(StepReport::instant("configuration", described));
    let (client, base, place, emulator) = configured?;
    examination.place = place;
    examination.findings.extend(client.proxy().map(findings::of_proxy));
    let visitor = match person() {
        Some(person) => Visitor::for_user("doctor", &person),
        None => Visitor::random("doctor"),
    };
    let visitor = visitor.map_err(Error::from)?.name("avatar doctor");

    let events = client.events();
    examination.started = Instant::now();
    let opened = client.open(visitor).await;
    examination.opened(opened.is_ok());
    let outcome = match &opened {
        Ok(chat) => match talk(args, chat, timeout, examination).await {
            Ok(()) => heartbeat::watch(&client, &events, examination).await,
            failed => failed,
        },
        Err(error) => Err(error.clone()),
    };
    let told: Vec<CallReport> = calls.lock().unwrap_or_else(PoisonError::into_inner).clone();
    examination.calls(&told, outcome.as_ref().err());
    examination.findings.extend(findings::of_clock(&told));
    if let Err(error) = &outcome {
        examination.findings.extend(heartbeat::losses(&events).await);
        examination.findings.extend(gateway::look(&base, args.door, error).await);
    }
    if let Ok(chat) = &opened {
        // Leaves no session behind, if the service lets a visitor end one.
        let _ = chat.end().await;
    }
    client.close().await;
    if let Some(emulator) = emulator {
        emulator.stop().await;
    }
    outcome.map_err(Failure::from)
}

async fn configure(
    args: &DoctorArgs,
    timeout: Duration,
    calls: Arc<Mutex<Vec<CallReport>>>,
) -> Result<(AvatarClient, BaseUrl, String, Option<Emulator>), Failure> {
    if args.message.as_ref().is_some_and(|text| text.trim().is_empty()) {
        return Err(Failure::new(exit::USAGE, "--message is empty: write what is to be said"));
    }
    let service = match args.emulator {
        true => {
            let options = Emulator::builder().latency(args.latency.unwrap_or_default());
            Service::emulated(options, args.door).await
        }
        false => Service::remote(args.base_url.as_deref(), args.door),
    };
    let Service { builder, base, place, emulator } = service?;
    let builder = builder.language("cli").open_deadline(timeout);
    let watch = move |call: &CallReport| {
        calls.lock().unwrap_or_else(PoisonError::into_inner).push(call.clone());
    };
    Ok((builder.on_call(watch).build()?, base, place, emulator))
}

/// Sends a message if asked to, and waits for the reply.
async fn talk(
    args: &DoctorArgs,
    chat: &Conversation,
    timeout: Duration,
    examination: &mut Examination,
) -> Result<(), Error> {
    let Some(text) = &args.message else {
        return Ok(());
    };
    let asked = Instant::now();
    let reply = chat.ask(text.as_str()).deadline(timeout).first_piece_deadline(timeout).await;
    examination.replied(asked, reply.as_ref().err());
    reply.map(drop)
}
