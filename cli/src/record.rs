//! `avatar record`: stands between any client and the service, and writes down what passes.

mod address;
pub(crate) mod args;
mod body;
mod connection;
mod frames;
mod journal;
mod lines;
mod private;
mod proxy;
mod scenario;
mod tunnel;
mod upstream;

use std::fs::{File, OpenOptions};
use std::io::{self, Write as _};
use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use secondme_avatar::{Door, Environment};
use tokio::net::TcpListener;
use url::Url;

use self::address::Servers;
use self::args::{RecordArgs, RecordCommand};
use self::journal::{Journal, Summary};
pub(crate) use self::private::is_of_words;
use self::proxy::Recorder;
use self::upstream::{Dialer, Origin};
use crate::exit::{self, Failure};
use crate::style;
use crate::terminal::Stop;

/// Where the doors are.
const IN: &str = "/gate/in";
const LAB: &str = "/gate/lab";

/// How long it waits after a connection could not be accepted: too many files are open.
const ACCEPT_AGAIN: Duration = Duration::from_millis(100);

pub(crate) async fn run(args: RecordArgs) -> Result<(), Failure> {
    match args {
        RecordArgs { what: Some(RecordCommand::ToScenario(args)), .. } => scenario::run(&args),
        RecordArgs { upstream: Some(upstream), out: Some(out), listen, force, .. } => {
            record(&upstream, &out, listen, force).await
        }
        // clap asks for both.
        _ => Err(Failure::new(exit::USAGE, "--upstream and --out are needed")),
    }
}

async fn record(upstream: &str, out: &Path, listen: SocketAddr, force: bool) -> Result<(), Failure> {
    let mut stop = Stop::listen()?;
    let url = upstream::parse(upstream)?;
    let Some(origin) = Origin::of(&url) else {
        return Err(Failure::new(exit::USAGE, "--upstream names no host"));
    };
    let listener = TcpListener::bind(listen).await.map_err(|error| not_free(listen, &error))?;
    let address = listener.local_addr().map_err(|error| not_free(listen, &error))?;
    let dialer = Dialer::new();
    tokio::select! {
        reached = dialer.dial(&origin) => drop(reached.map_err(|error| unreachable(&origin, &error))?),
        stopped = stop.wait() => return Err(stopped),
    }
    // Last, so that no file is left behind by a command that was wrong.
    let file = create(out, force, "--out")?;
    let (journal, writing) = Journal::start(file, url.as_str())
        .map_err(|error| Failure::new(exit::FAILURE, format!("the recording cannot begin: {error}")))?;
    greet(&url, address, out)?;

    let warn = |text: &str| tell(&format!("{}note:{:#} {text}\n", style::PROBLEM, style::PROBLEM));
    let (servers, warn) = (Servers::new(origin), Box::new(warn));
    let recorder = Recorder { servers, dialer, journal: journal.clone(), address, warn };
    let recorder = Arc::new(recorder);
    let accept = async {
        loop {
            match listener.accept().await {
                Ok((stream, _)) => drop(tokio::spawn(Arc::clone(&recorder).serve(stream))),
                Err(_) => tokio::time::sleep(ACCEPT_AGAIN).await,
            }
        }
    };
    tokio::select! {
        () = accept => {}
        _ = stop.wait() => {}
    }
    let finished = tokio::task::spawn_blocking(move || writing.finish(&journal)).await;
    let summary =
        finished.map_err(|error| Failure::new(exit::FAILURE, format!("the recording broke off: {error}")))?;
    conclude(&summary, out)
}

/// Creates the file that an option names.
pub(crate) fn create(path: &Path, force: bool, option: &str) -> Result<File, Failure> {
    let mut options = OpenOptions::new();
    match force {
        true => options.write(true).create(true).truncate(true),
        false => options.write(true).create_new(true),
    };
    options.open(path).map_err(|error| match error.kind() {
        io::ErrorKind::AlreadyExists => {
            let failure = Failure::new(exit::USAGE, format!("{} exists already", path.display()));
            failure.advise(format!("Choose another name with {option}, or overwrite it with --force."))
        }
        _ => {
            let failure = Failure::new(exit::USAGE, format!("{} cannot be written: {error}", path.display()));
            failure.advise(format!("Give {option} a file in a folder that exists and that you may write to."))
        }
    })
}

fn not_free(listen: SocketAddr, error: &io::Error) -> Failure {
    let what = match error.kind() {
        io::ErrorKind::AddrInUse => format!("{listen} is in use by another program"),
        _ => format!("{listen} cannot be listened on: {error}"),
    };
    Failure::new(exit::USAGE, what)
        .advise("Choose another address with --listen, for example --listen 127.0.0.1:0 for any free port.")
}

fn unreachable(origin: &Origin, error: &io::Error) -> Failure {
    let message = format!("{} cannot be reached: {}", origin.as_header(), proxy::root(error));
    Failure::new(exit::UNREACHABLE, message).advise(
        "Check the address in --upstream, the network, and HTTPS_PROXY if there is one. `avatar doctor` says more.\n\
         Nothing was sent to it.",
    )
}

fn greet(url: &Url, address: SocketAddr, out: &Path) -> Result<(), Failure> {
    let base = format!("http://{address}{}", url.path().trim_end_matches('/'));
    let (strong, note) = (style::AVATAR, style::NOTE);
    let mut text = format!("Recording into {}. Ctrl-C ends it.\n\n", out.display());
    text.push_str(&format!("  base URL  {strong}{base}{strong:#}\n"));
    if let Some(other) = other_base(&base, url) {
        text.push_str(&format!("            {other}\n"));
    }
    text.push_str(&format!("  service   {url}\n\n"));
    text.push_str(&format!("{note}Point your client at the base URL, for example:{note:#}\n"));
    text.push_str(&format!("  SECONDME_BASE_URL={base} avatar chat\n"));
    if !address.ip().is_loopback() {
        text.push_str("\nOther machines can reach it. What they send to it, the API key among it, travels in the open.\n");
    }
    let mut out = anstream::stdout().lock();
    out.write_all(text.as_bytes()).and_then(|()| out.flush()).map_err(|_| Failure::output_closed())
}

/// The base URL of the door that `--upstream` does not name, if it is at the same host.
fn other_base(base: &str, upstream: &Url) -> Option<String> {
    let (host, door) = match base.strip_suffix(IN) {
        Some(host) => (host, Door::VisitorChat),
        None => (base.strip_suffix(LAB)?, Door::AvatarOpenApi),
    };
    let of = |door: Door| Environment::ALL.iter().filter_map(move |one| Url::parse(one.url(door)).ok());
    let is_vendors =
        [Door::AvatarOpenApi, Door::VisitorChat].into_iter().flat_map(of).any(|it| it == *upstream);
    let is_there = of(door).any(|it| it.origin() == upstream.origin());
    if is_vendors && !is_there {
        return Some("(Visitor Chat is at another host: `--upstream gateway` records both doors)".to_owned());
    }
    Some(match door {
        Door::VisitorChat => format!("{host}{LAB} for Visitor Chat"),
        Door::AvatarOpenApi => format!("{host}{IN} for the Avatar Open API"),
    })
}

fn conclude(summary: &Summary, out: &Path) -> Result<(), Failure> {
    let Summary { requests, answers, sockets, from_client, from_service, unreadable, replaced, lost, failed } =
        summary;
    let mut text = format!(
        "\n{requests} calls, {answers} of them answered; {sockets} sockets, {from_client} frames to the service and {from_service} from it.\n"
    );
    let private::Replaced { texts, ids, addresses, numbers, times, names } = replaced;
    text.push_str(&format!(
        "Replaced: {texts} texts, {ids} ids and secrets, {addresses} addresses, {numbers} numbers, {names} names; {times} points in time shifted.\n"
    ));
    if *unreadable > 0 {
        text.push_str(&format!(
            "{unreadable} frames are in it without their content, because the service compressed them unasked.\n"
        ));
    }
    if *lost > 0 {
        text.push_str(&format!("{lost} entries are missing, because the disk was too slow for them.\n"));
    }
    text.push_str(&format!(
        "\n  {}\n\nMake a scenario of it:\n  avatar record to-scenario {}\n",
        out.display(),
        out.display()
    ));
    tell(&text);
    match failed {
        None => Ok(()),
        Some(error) => {
            let failure = Failure::new(exit::FAILURE, format!("{} is not whole: {error}", out.display()));
            Err(failure.advise("The exchange was not disturbed. Make room on the disk, and record again."))
        }
    }
}

/// Writes to stderr. If it is closed, there is no reader.
fn tell(text: &str) {
    let _ = anstream::stderr().lock().write_all(text.as_bytes());
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_other_door_is_named_where_it_is_at_the_same_host() {
        let other =
            |base: &str, upstream: &str| other_base(base, &Url::parse(upstream).unwrap()).unwrap_or_default();
        let here = "http://127.0.0.1:8300/gate/in";
        for upstream in [
            here,
            Environment::Gateway.url(Door::AvatarOpenApi),
            Environment::PreRelease.url(Door::AvatarOpenApi),
        ] {
            assert_eq!(other(here, upstream), "http://127.0.0.1:8300/gate/lab for Visitor Chat");
        }
        assert!(other(here, Environment::Production.url(Door::AvatarOpenApi)).contains("--upstream gateway"));
        let lab = Environment::Gateway.url(Door::VisitorChat);
        assert_eq!(
            other("http://127.0.0.1:8300/gate/lab", lab),
            "http://127.0.0.1:8300/gate/in for the Avatar Open API"
        );
        assert_eq!(other("http://127.0.0.1:8300", "https://example.org"), "");
    }
}
